#if canImport(CPostgreSQL)
  import Foundation

  @testable import Write

  /// A PostgreSQL server in a process of its own (`SluiceTests/Servers/postgres.py`), which ends with this one.
  final class PostgreSQLServer: Sendable {
    struct Missing: Error, CustomStringConvertible {
      let description: String
    }

    /// The server that all suites share; it is started for the first that asks.
    static let shared: Result<PostgreSQLServer, any Error> = Result { try PostgreSQLServer() }

    /// Whether this machine has a server. Scripts/test installs one.
    static var isThere: Bool {
      let root = "/usr/lib/postgresql"
      return ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).contains {
        FileManager.default.isExecutableFile(atPath: "\(root)/\($0)/bin/postgres")
      }
    }

    /// The server's address, without a database.
    private let root: String
    private let script = Process()
    /// The script ends the server once nothing has its other end any more.
    private let input = Pipe()

    private init() throws {
      let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
      let output = Pipe()
      script.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      script.arguments = ["python3", tests + "/SluiceTests/Servers/postgres.py"]
      (script.standardInput, script.standardOutput, script.standardError) = (input, output, FileHandle.nullDevice)
      try script.run()
      let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
      guard line.hasPrefix("postgres://") else { throw Missing(description: "the server does not start") }
      root = line.trimmingCharacters(in: .newlines)
    }

    /// The address of a database.
    func address(_ database: String) -> String { root + database }

    /// Makes an empty database.
    func database(_ name: String) throws -> PostgreSQLConnection {
      let connection = try PostgreSQLConnection(PostgreSQLAddress(address("postgres")), settings: [])
      try connection.run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
      try connection.run("CREATE DATABASE \(name)")
      return try PostgreSQLConnection(PostgreSQLAddress(address(name)), settings: [])
    }
  }
#endif
