import Foundation
import Testing

@testable import Write

@Suite("Sinks")
struct SinkTests {
  /// The records of all visible files of a folder, output after output.
  @Sendable private static func files(_ folder: String) throws -> [String]? {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/out")) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    if names.isEmpty { return nil }
    return names.flatMap { name in
      String(decoding: FileManager.default.contents(atPath: folder + "/out/" + name) ?? Data(), as: UTF8.self)
        .split(separator: "\n").map(String.init)
    }
  }

  @Sendable private static func table(_ folder: String) throws -> [String]? {
    guard FileManager.default.fileExists(atPath: folder + "/out.db") else { return nil }
    let connection = try SQLiteConnection(folder + "/out.db")
    guard try connection.hasTable("t") else { return nil }
    return try connection.rows("SELECT json_object('n', n, 's', s) FROM t ORDER BY n").compactMap { $0.first ?? nil }
  }

  private static let suites: [String: SinkConformance] = [
    "file, each item": SinkConformance(write: "path: 'out/{item.stem}.jsonl'", contents: files),
    "file, one": SinkConformance(write: "path: out/all.jsonl", contents: files),
    "sqlite, append": SinkConformance(write: "table: t, database: out.db", contents: table),
    "sqlite, replace": SinkConformance(write: "table: t, database: out.db, mode: replace", contents: table),
    "sqlite, merge": SinkConformance(write: "table: t, database: 'sqlite:out.db', mode: merge, key: [n]", contents: table),
  ]

  @Test("every sink keeps what a sink has to", arguments: suites.keys.sorted())
  func conformance(_ name: String) throws {
    let suite = try #require(Self.suites[name])
    for (check, found) in try suite.failures() { Issue.record("\(name): \(check): \(found.joined(separator: "; "))") }
  }

  @Test("each check finds what is broken on purpose", arguments: SinkFault.allCases)
  func checksFindWhatIsBroken(_ fault: SinkFault) throws {
    var suite = SinkConformance(write: "path: 'out/{item.stem}.jsonl'", contents: Self.files)
    suite.breaking = { BrokenSink($0, fault) }
    let failures = try suite.failures()
    #expect(failures[fault.check] != nil, "\(fault): found are \(failures)")
  }
}
