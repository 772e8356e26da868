#if canImport(CPostgreSQL)
  import Files
  import Foundation
  import Records
  import Synchronization

  /// A PostgreSQL database that takes outputs. It connects when it has to, and again where the server went away.
  final class PostgreSQLDatabase: TableDatabase {
    /// How long statements may take and locks be waited for; nil for the server's own settings.
    struct Timeouts: Sendable {
      var lock: Duration?
      var statement: Duration?
    }

    private let address: PostgreSQLAddress
    private let timeouts: Timeouts
    private let connection = Mutex<PostgreSQLConnection?>(nil)
    /// Outputs of this process whose rows are sent as they come, by their commits. Two sinks may write to one table.
    private static let streams = Mutex<[String: PostgreSQLStream]>([:])
    init(_ address: PostgreSQLAddress, _ timeouts: Timeouts) {
      self.address = address
      self.timeouts = timeouts
    }

    /// Calls `body` with the connection, alone at a time. After an error the next call connects anew: whatever the connection was in the middle of
    /// ends with it.
    ///
    /// - Throws: ``WriteError`` in the place of the server's errors.
    func use<T>(_ body: (PostgreSQLConnection) throws -> T) throws -> T {
      try connection.withLock { connection in
        do {
          let open = try connection ?? PostgreSQLConnection(address, settings: settings)
          connection = open
          return try body(open)
        } catch let failure as PostgreSQLConnection.Failure {
          connection = nil
          throw error(failure)
        } catch {
          connection = nil
          throw error
        }
      }
    }

    private var settings: [(name: String, value: String)] {
      func milliseconds(_ duration: Duration) -> String {
        "\(duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000)"
      }
      return [("DateStyle", "ISO"), ("standard_conforming_strings", "on")]
        + (timeouts.lock.map { [("lock_timeout", milliseconds($0))] } ?? [])
        + (timeouts.statement.map { [("statement_timeout", milliseconds($0))] } ?? [])
    }

    private func error(_ failure: PostgreSQLConnection.Failure) -> WriteError {
      let remedy =
        switch failure.state {
        case "53100": "; make room, then resume"
        case "55P03": "; another session holds the table: end it, or make write.lock_timeout longer"
        case "57014": "; make write.statement_timeout longer, or leave it away"
        case "42501": "; grant it to the user"
        case "": failure.isConnectionLost ? "; is the server there? Then resume" : ""
        default: ""
        }
      return WriteError(action: "write to", path: address.shown, reason: failure.message + remedy, isTransient: failure.isTransient)
    }

    // MARK: Streams

    func stream(_ token: TableToken) -> (any TableStream)? {
      // The user's limit is one for statements that work, and not for one that waits for the next rows.
      guard token.target.mode == .append, timeouts.statement == nil else { return nil }
      return Self.streams.withLock { streams in
        streams = streams.filter { $0.value.isOpen }
        guard !streams.values.contains(where: \.isExclusive),
          let new = try? PostgreSQLStream(
            token, PostgreSQLConnection(address, settings: settings + [("statement_timeout", "0")]), isAlone: streams.isEmpty)
        else { return nil }
        streams[token.commit] = new
        return new
      }
    }

    // MARK: Commits

    func describe(_ table: String) throws -> PostgreSQLTable? { try use { try PostgreSQLTable.read(table, $0) } }

    func holds(_ token: TableToken) throws -> Bool {
      try use { connection in
        let notes = PostgreSQLTable.beside(token.target.table, "sluice_commits")
        guard try Self.exists(notes, connection) else { return false }
        // A transaction of a process that died may be ending yet: a row of the same name waits for it, a look would not.
        try connection.run("BEGIN")
        let isNew = try Self.note(token, notes, connection)
        try connection.run("ROLLBACK")
        return !isNew
      }
    }

    private static func exists(_ table: String, _ connection: PostgreSQLConnection) throws -> Bool {
      try connection.rows("SELECT to_regclass($1)", table).first?[0] != nil
    }

    /// Notes a commit; false where it was noted before.
    static func note(_ token: TableToken, _ notes: String, _ connection: PostgreSQLConnection) throws -> Bool {
      try connection.run(
        "INSERT INTO \(notes) (id, owner) VALUES (\(PostgreSQLConnection.literal(token.commit)), \(PostgreSQLConnection.literal(token.owner))) ON CONFLICT (id) DO NOTHING"
      ) == 1
    }

    func forgetAll(of owner: String) throws {
      try use { connection in
        // Each schema that tables of the pipeline are in may have notes.
        let places = try connection.rows(
          "SELECT quote_ident(n.nspname) || '.sluice_commits' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'sluice_commits' AND c.relkind = 'r' AND has_table_privilege(c.oid, 'DELETE')"
        )
        for place in places.compactMap({ $0[0] }) {
          try connection.run("DELETE FROM \(place) WHERE owner = \(PostgreSQLConnection.literal(owner))")
        }
      }
    }

    func commit(_ outputs: [TableOutput], forgetting forgotten: [TableToken]) throws -> [CommitRefusal] {
      let outputs = try outputs.filter { output in
        guard let stream = Self.streams.withLock({ $0.removeValue(forKey: output.token.commit) }) else { return true }
        return try !stream.commit()
      }
      if outputs.isEmpty, forgotten.isEmpty { return [] }
      // A stream may hold what these outputs wait for, and is committed after them.
      if !outputs.isEmpty {
        Self.streams.withLock { streams in for stream in streams.values where stream.isExclusive { stream.abandon() } }
      }
      return try use { connection in
        try Self.makeNotes((outputs.map(\.token) + forgotten).map(\.target.table), connection)
        try FailPoint.tableStage.pass(.before)
        try Self.begin(connection)
        var refusals: [CommitRefusal] = []
        for (table, tokens) in Dictionary(grouping: forgotten, by: \.target.table) {
          let ids = tokens.map { PostgreSQLConnection.literal($0.commit) }.joined(separator: ", ")
          try connection.run("DELETE FROM \(PostgreSQLTable.beside(table, "sluice_commits")) WHERE id IN (\(ids))")
        }
        var tables: [String: PostgreSQLTable] = [:]
        for output in outputs {
          if let refusal = try Self.take(output, &tables, connection) { refusals.append(refusal) }
        }
        try FailPoint.tableStage.pass(.after)
        try FailPoint.tableCommit.pass(.before)
        try connection.run("COMMIT")
        try FailPoint.tableCommit.pass(.after)
        return refusals
      }
    }

    /// Begins a transaction whose end is on the server's disk, and in which each statement checks all constraints.
    static func begin(_ connection: PostgreSQLConnection) throws {
      try connection.run(
        """
        BEGIN; SET CONSTRAINTS ALL IMMEDIATE;
        SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'
        """)
    }

    /// Makes the table of notes beside each table, where it is not there.
    static func makeNotes(_ tables: [String], _ connection: PostgreSQLConnection) throws {
      for notes in Set(tables.map { PostgreSQLTable.beside($0, "sluice_commits") }) where try !exists(notes, connection) {
        do {
          try connection.run(
            "CREATE TABLE IF NOT EXISTS \(notes) (id text PRIMARY KEY, owner text NOT NULL, at timestamp with time zone NOT NULL DEFAULT now())"
          )
        } catch {
          // Another process made it at the same time (IF NOT EXISTS does not lock the name).
          if !["23505", "42P07", "42710"].contains(error.state) { throw error }
        }
      }
    }

    /// Takes one output's rows, inside a transaction of several.
    ///
    /// - Parameter tables: the descriptions of tables that were read in the transaction.
    private static func take(
      _ output: TableOutput, _ tables: inout [String: PostgreSQLTable], _ connection: PostgreSQLConnection
    ) throws -> CommitRefusal? {
      let token = output.token
      try connection.run("SAVEPOINT sluice")
      do {
        guard try note(token, PostgreSQLTable.beside(token.target.table, "sluice_commits"), connection) else { return nil }
        let load = try PostgreSQLLoad(token, output.rows(), connection)
        let (known, refused) = try load.perform(tables[token.target.table])
        guard refused.isEmpty else {
          try connection.run("ROLLBACK TO sluice")
          return CommitRefusal(output.committable, token, refused)
        }
        try connection.run("RELEASE sluice")
        tables[token.target.table] = known
        return nil
      } catch let failure as PostgreSQLConnection.Failure where failure.isRefusal {
        try connection.run("ROLLBACK TO sluice")
        return CommitRefusal(output.committable, reason: "the table \(token.target.table) does not take its rows: \(failure.message)")
      }
    }
  }
#endif
