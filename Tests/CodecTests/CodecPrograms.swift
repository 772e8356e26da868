import Foundation
import Testing

@testable import Decompress

/// Other programs that write and read the codecs' formats.
struct CodecPrograms {
  /// Shell commands that compress standard input, each by other settings.
  var encoders: [String]
  /// One that takes the compression off.
  var decoder: String

  static let all: [String: CodecPrograms] = [
    "gzip": CodecPrograms(encoders: ["gzip -6", "gzip -1", "gzip -9"], decoder: "gzip -dc"),
    "zlib": CodecPrograms(
      encoders: (1...3).map { "python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read(), \($0 * 3)))'" },
      decoder: "python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))'"),
    "zstd": CodecPrograms(encoders: ["zstd -3 -c", "zstd -19 --long=27 -c", "zstd -1 -c"], decoder: "zstd -dc"),
  ]

  /// Runs a shell's command on bytes; nil where it fails.
  static func run(_ command: String, _ input: [UInt8]) throws -> [UInt8]? {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sluice-codec-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(input).write(to: folder.appending(path: "in"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.currentDirectoryURL = folder
    process.arguments = ["-c", "{ \(command); } < in > out 2> err"]
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    ended.wait()
    guard process.terminationStatus == 0 else { return nil }
    return Array(try Data(contentsOf: folder.appending(path: "out")))
  }

  /// Contents that differ in how they compress.
  private static let contents: [(name: String, bytes: [UInt8])] = {
    var seed: UInt64 = 17
    func random() -> UInt8 {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: seed >> 33)
    }
    let lines = (0..<60_000).map { "\($0),\($0 * 7919 % 10_007),name \($0 % 97)\n" }.joined()
    return [
      ("text", Array((0..<40).map { "\($0),name \($0 % 7)\n" }.joined().utf8)), ("nothing", []),
      ("bytes without order", (0..<2000).map { _ in random() }), ("a long text", Array(lines.utf8)),
    ]
  }()

  func samples() throws -> [CodecSample] {
    try Self.contents.enumerated().map { i, content in
      let command = encoders[i % encoders.count]
      let stream = try #require(try Self.run(command, content.bytes), "\(command)")
      return CodecSample(name: "\(content.name) by \(command.prefix(12))", content: content.bytes, stream: stream)
    }
  }

  func bomb() throws -> [UInt8] { try #require(try Self.run("head -c 40000000 /dev/zero | \(encoders[0])", [])) }
}

extension CodecConformance {
  /// The suite for a codec, with the programs of another codec's name where it is one of that on purpose.
  static func of(_ codec: any Codec.Type, programs name: String? = nil) throws -> CodecConformance {
    let name = name ?? codec.name
    let programs = try #require(CodecPrograms.all[name], "CodecPrograms has no line for \(name)")
    return CodecConformance(codec: codec, samples: try programs.samples(), bomb: try programs.bomb()) {
      try CodecPrograms.run(programs.decoder, $0)
    }
  }
}
