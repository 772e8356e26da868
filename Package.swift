// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// Whether a library is built in: its header is there, and nobody says in the environment to do without.
func has(_ library: String, header: String) -> Bool {
  ProcessInfo.processInfo.environment["SLUICE_WITHOUT_\(library)"] == nil
    && FileManager.default.fileExists(atPath: "/usr/include/" + header)
}

// ISA-L inflates 2.8 times as fast as zlib. It is not to be had everywhere, so zlib serves where its header is missing.
let hasISAL = has("ISAL", header: "isa-l/igzip_lib.h")
// Where a component's own library is missing, the component is left out and says so.
let hasZstd = has("ZSTD", header: "zstd.h")
let hasArchive = has("ARCHIVE", header: "archive.h")
let hasPostgreSQL = has("POSTGRESQL", header: "postgresql/libpq-fe.h")
let codecLibraries: [Target.Dependency] =
  ["CZlib"] + (hasISAL ? ["CISAL"] : []) + (hasZstd ? ["CZstd"] : []) + (hasArchive ? ["CArchive"] : [])

// Failpoints are in debug builds, and in those that are made with -Xswiftc -DFAILPOINTS.
let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .define("FAILPOINTS", .when(configuration: .debug)),
  // Channels and pools are generic and in another module than what they are made for: else they look up types as they run.
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

let package = Package(
  name: "sluice",
  products: [.executable(name: "sluice", targets: ["sluice"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    .target(name: "CByteScan"),
    .target(name: "CFiles"),
    .target(name: "CFloatText"),
    .target(name: "CProcess"),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CRegex", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CDigest", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    module("Records", ["CByteScan", "CFloatText"]),
    module("Configuration", ["Records", .product(name: "Yams", package: "Yams")]),
    module("Supervision", exclude: ["README.md"]),
    module("Processes", ["CProcess", "Configuration", "Records"]),
    module("Files", ["CFiles", "CZlib"] + (hasISAL ? ["CISAL"] : [])),
    module("Ledger", ["Files", .product(name: "GRDB", package: "GRDB.swift")], exclude: ["README.md"]),
    module("Fetch", ["Configuration", "CCurl", "CDigest", "Files", "Records", "Supervision"]),
    module("Decompress", ["Configuration", "Records"] + codecLibraries),
    module("Parse", ["Configuration", "Processes", "Records", "CByteScan"]),
    module("Transform", ["Configuration", "Parse", "Processes", "Records", "CByteScan", "CDigest", "CRegex", "CFloatText"]),
    module(
      "Write",
      ["Configuration", "Decompress", "Files", "Records", "CByteScan", "CFiles", "CSQLite"] + (hasPostgreSQL ? ["CPostgreSQL"] : [])
        + (hasZstd ? ["CZstd"] : [])),
    module(
      "Definition",
      [
        "Configuration", "Supervision", "Fetch", "Decompress", "Parse", "Transform", "Write", "Records", "Processes",
      ]),
    module("Isolation", ["Configuration", "CProcess", "Files", "Processes", "Supervision"], exclude: ["README.md"]),
    module(
      "Dataflow",
      [
        "Configuration", "CProcess", "Decompress", "Definition", "Fetch", "Files", "Isolation", "Ledger", "Parse", "Processes", "Records",
        "Supervision", "Transform", "Write",
      ], exclude: ["README.md"]),
    module(
      "Planning",
      [
        "Configuration", "Dataflow", "Decompress", "Definition", "Fetch", "Files", "Ledger", "Parse", "Records", "Supervision", "Transform",
        "Write",
      ], exclude: ["README.md"]),
    module(
      "Runs",
      [
        "Configuration", "Dataflow", "Definition", "Fetch", "Files", "Isolation", "Ledger", "Parse", "Planning", "Records", "Supervision",
        "Transform", "Write",
      ], exclude: ["README.md"]),
    module(
      "Operations",
      [
        "Configuration", "Dataflow", "Decompress", "Definition", "Fetch", "Files", "Ledger", "Parse", "Planning", "Processes", "Records",
        "Runs", "Supervision", "Transform", "Write",
      ]),
    .executableTarget(
      name: "sluice",
      dependencies: [
        "Configuration", "Dataflow", "Definition", "Files", "Isolation", "Ledger", "Operations", "Planning", "Runs", "Supervision",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    .target(name: "Differential", dependencies: ["Parse", "Records", "Write"], path: "Tests/Differential", swiftSettings: swiftSettings),
    .executableTarget(
      name: "loops", dependencies: ["Parse", "Records", "Transform", "Write"], path: "Tests/Loops",
      exclude: ["instructions.py", "instructions.json"],
      swiftSettings: swiftSettings),
    .executableTarget(name: "fuzz", dependencies: ["Differential"], path: "Tests/Fuzz", swiftSettings: swiftSettings),
    .testTarget(name: "SupervisionTests", dependencies: ["Supervision"], swiftSettings: swiftSettings),
    .testTarget(
      name: "RecordTests",
      dependencies: ["Differential", "Records", "Parse", "Transform", "Write", "Configuration", "Definition", "Dataflow", "Planning"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CodecTests", dependencies: ["Configuration", "Decompress", "Records"], swiftSettings: swiftSettings),
    .testTarget(
      name: "SinkTests", dependencies: ["Configuration", "Dataflow", "Definition", "Files", "Parse", "Records", "Write"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "LedgerTests", dependencies: ["Files", "Ledger", .product(name: "GRDB", package: "GRDB.swift")], swiftSettings: swiftSettings),
    .testTarget(
      name: "StepTests",
      dependencies: ["Configuration", "Dataflow", "Definition", "Fetch", "Parse", "Planning", "Records", "Transform"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "SluiceTests", dependencies: ["sluice", "Configuration", "Definition", "Fetch", "Records", "Supervision"],
      exclude: ["Servers", "Programs"], swiftSettings: swiftSettings),
  ] + (hasISAL ? [.systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])])] : [])
    + (hasArchive ? [.systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])])] : [])
    + (hasZstd ? [.systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])])] : [])
    + (hasPostgreSQL ? [.systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])])] : []),
  cxxLanguageStandard: .cxx17
)
