#if canImport(CPostgreSQL)
  import Foundation
  import Synchronization

  @testable import Write

  /// A PostgreSQL server of this process, on a Unix socket in a temporary folder. It ends with the process.
  final class PostgreSQLServer: Sendable {
    struct Missing: Error, CustomStringConvertible {
      let description: String
    }

    /// The server that all suites share; it is started for the first that asks.
    static let shared: Result<PostgreSQLServer, any Error> = Result { try PostgreSQLServer() }

    /// Whether this machine has a server. Scripts/test installs one.
    static var isThere: Bool { folder != nil }

    private static var folder: String? {
      let root = "/usr/lib/postgresql"
      return ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
        .map { "\(root)/\($0)/bin" }.last { FileManager.default.isExecutableFile(atPath: $0 + "/postgres") }
    }

    /// The folder of the socket, and of the data.
    let root: String
    private let script: Process

    /// The server refuses to be root, so root starts it as Debian's user for it. The script ends it with this process.
    private static let commands = """
      set -e
      as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$root" "$@"; else "$@"; fi; }
      [ "$(id -u)" != 0 ] || chown postgres "$root"
      cd "$root"
      as "$bin/initdb" -D "$root/data" -U tests -A trust -E UTF8 --locale=C.UTF-8 -N > "$root/log" 2>&1
      as "$bin/postgres" -D "$root/data" -k "$root" -c listen_addresses= -c max_connections=40 >> "$root/log" 2>&1 &
      server=$!
      # The first line of this file is the server's own number; a shell's background commands take no interrupts.
      trap 'kill -INT $(head -1 "$root/data/postmaster.pid") 2>/dev/null; wait $server; rm -rf "$root"' EXIT
      trap 'exit 0' TERM
      while [ -e "/proc/$parent/exe" ] && kill -0 $server 2>/dev/null; do sleep 0.2; done
      """

    private init() throws {
      guard let bin = Self.folder else { throw Missing(description: "there is no PostgreSQL server on this machine") }
      root = "/tmp/sluice-pg-\(UUID().uuidString.prefix(8))"
      try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      script = Process()
      script.executableURL = URL(fileURLWithPath: "/bin/bash")
      script.arguments = ["-c", Self.commands]
      script.environment = ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "root": root, "bin": bin, "parent": "\(getpid())"]
      // The server must not hold the pipes of a test process that dies.
      (script.standardInput, script.standardOutput, script.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice, FileHandle.nullDevice
      )
      try script.run()
      let end = Date() + 60
      while Date() < end {
        if (try? PostgreSQLConnection(PostgreSQLAddress(address("postgres")), settings: [])) != nil { return }
        Thread.sleep(forTimeInterval: 0.1)
      }
      throw Missing(description: "the server does not start: \((try? String(contentsOfFile: root + "/log", encoding: .utf8)) ?? "")")
    }

    /// The address of a database.
    func address(_ database: String) -> String { "postgres://tests@/\(database)?host=\(root)" }

    /// Makes an empty database.
    func database(_ name: String) throws -> PostgreSQLConnection {
      let connection = try PostgreSQLConnection(PostgreSQLAddress(address("postgres")), settings: [])
      try connection.run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
      try connection.run("CREATE DATABASE \(name)")
      return try PostgreSQLConnection(PostgreSQLAddress(address(name)), settings: [])
    }
  }
#endif
