import Foundation
import Testing

/// A PostgreSQL server in a process of its own (`Servers/postgres.py`), which ends with this one.
///
/// `@unchecked Sendable`: all that it holds is constant but for the pipes, and a test that kills the server has it to itself.
final class LivePostgreSQL: @unchecked Sendable {
  /// The server that tests share; each takes a database of its own.
  static let shared: Result<LivePostgreSQL, any Error> = Result { try LivePostgreSQL() }

  /// Whether this machine has a server; Scripts/test installs one.
  static var isThere: Bool {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []).contains {
      FileManager.default.isExecutableFile(atPath: "/usr/lib/postgresql/\($0)/bin/postgres")
    }
  }

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let address: String

  init() throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", Workshop.servers + "/postgres.py"]
    (process.standardInput, process.standardOutput, process.standardError) = (input, output, FileHandle.nullDevice)
    try process.run()
    address = Self.line(output)
    try #require(address.hasPrefix("postgres://"), "the server did not start")
  }

  deinit { try? input.fileHandleForWriting.close() }

  private static func line(_ pipe: Pipe) -> String {
    var line = Data()
    while let byte = try? pipe.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte != Data("\n".utf8) { line += byte }
    return String(decoding: line, as: UTF8.self)
  }

  private func tell(_ word: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data("\(word)\n".utf8))
    #expect(Self.line(output) == "done")
  }

  /// Kills the server as a loss of power would.
  func kill() throws { try tell("kill") }
  func start() throws { try tell("start") }

  /// The address of a database.
  func url(_ database: String) -> String { address + database }

  /// Makes an empty database.
  func make(_ shop: Workshop) throws -> String {
    let name = "d" + UUID().uuidString.lowercased().replacing("-", with: "")
    _ = try query(shop, "CREATE DATABASE \(name)", "postgres")
    return name
  }

  /// The rows of a query, a line each.
  @discardableResult
  func query(_ shop: Workshop, _ sql: String, _ database: String) throws -> String {
    let outcome = try shop.run("/usr/bin/env", ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url(database)])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return outcome.stdout.trimmingCharacters(in: .newlines)
  }
}
