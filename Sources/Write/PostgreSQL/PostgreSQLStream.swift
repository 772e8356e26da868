#if canImport(CPostgreSQL)
  import Files
  import Records
  import Synchronization

  /// A large output's rows on their way into the table while they are still made, in the transaction that its commit then only ends.
  ///
  /// The output's part has the rows too. So whatever happens to the stream, the commit falls back to the part, and nothing rests on the stream but
  /// time: the server takes the rows beside parsing, and not after it.
  final class PostgreSQLStream: TableStream {
    /// Whether the transaction may hold what other outputs of the table have to wait for: a key of a unique index, or the table itself.
    let isExclusive: Bool
    private struct State {
      /// Nil once the stream is given up or committed.
      var connection: PostgreSQLConnection?
      var sent = 0
      var used = ContinuousClock.now
    }
    private let state: Mutex<State>
    /// The longest time without rows: a transaction that waits keeps the server from cleaning up.
    private static let patience = Duration.seconds(10)

    /// Begins a transaction with a note of the commit, and a COPY.
    ///
    /// - Parameter isAlone: whether no other stream is open.
    /// - Returns: nil where the rows can't go straight into the table.
    init?(_ token: TableToken, _ connection: PostgreSQLConnection, isAlone: Bool) throws {
      let known = try PostgreSQLTable.read(token.target.table, connection)
      isExclusive = known?.mayConflict ?? true
      guard isAlone || !isExclusive else { return nil }
      try PostgreSQLDatabase.makeNotes([token.target.table], connection)
      try PostgreSQLDatabase.begin(connection)
      guard try PostgreSQLDatabase.note(token, PostgreSQLTable.beside(token.target.table, "sluice_commits"), connection) else { return nil }
      let load = PostgreSQLLoad(token, try RowSource([]), connection)
      guard load.goesStraight(into: try load.prepareTable(known)) else { return nil }
      try connection.beginCopy(into: PostgreSQLTable.bareName(token.target.table), load.copyStatement)
      state = Mutex(State(connection: connection))
      watch()
    }

    private func watch() {
      Task.detached { [weak self] in
        while self?.endIfIdle() == false { try? await Task.sleep(for: Self.patience / 2) }
      }
    }

    /// Gives the stream up where no rows came for long; true where it is over.
    private func endIfIdle() -> Bool {
      state.withLock { state in
        if ContinuousClock.now - state.used > Self.patience { state.connection = nil }
        return state.connection == nil
      }
    }

    var isOpen: Bool { state.withLock { $0.connection != nil } }

    func send(_ block: RowBlock) {
      state.withLock { state in
        guard let connection = state.connection, block.rowCount > 0 else { return }
        do {
          let goesOn = try connection.sendRows(block.rows, block.end(block.rowCount - 1))
          state.sent += block.rowCount
          // The server tells its reason when the rows are sent again, from the part.
          if !goesOn { state.connection = nil }
        } catch {
          state.connection = nil
        }
        state.used = .now
      }
    }

    func abandon() { state.withLock { $0.connection = nil } }

    /// Commits the rows; false where that has to be done from the part.
    func commit() throws -> Bool {
      try state.withLock { state in
        guard let connection = state.connection else { return false }
        state.connection = nil
        try FailPoint.tableStage.pass(.before)
        do {
          guard try connection.endCopy() == state.sent else { return false }
          try FailPoint.tableStage.pass(.after)
          try FailPoint.tableCommit.pass(.before)
          try connection.run("COMMIT")
        } catch is PostgreSQLConnection.Failure {
          // Where the connection went away at the commit, the note of it tells whether it was done.
          return false
        }
        try FailPoint.tableCommit.pass(.after)
        return true
      }
    }
  }
#endif
