import Files
import Foundation
import Synchronization

/// One database file, which takes outputs: several in one transaction.
final class SQLiteDatabase: TableDatabase {
  let name: String
  let path: String
  private let connection = Mutex<SQLiteConnection?>(nil)
  private let patience: Duration

  private init(_ name: String, path: String, _ patience: Duration) {
    self.name = name
    self.path = path
    self.patience = patience
  }

  private struct Weak { weak var database: SQLiteDatabase? }
  private static let open = Mutex<[String: Weak]>([:])

  /// The database of a file. All sinks of the process share it while one of them works: SQLite takes one writer at a time, and two connections
  /// would wait for each other.
  ///
  /// - Parameter patience: how long another process's transaction is waited for.
  static func at(_ path: String, named name: String, patience: Duration) -> SQLiteDatabase {
    let place = OutputPlace.canonical(path)
    return open.withLock { open in
      if let known = open[place]?.database { return known }
      let new = SQLiteDatabase(name, path: path, patience)
      open = open.filter { $0.value.database != nil }
      open[place] = Weak(database: new)
      return new
    }
  }

  /// Calls `body` with the connection, alone at a time.
  ///
  /// - Throws: ``WriteError`` in the place of SQLite's and the system's errors.
  func use<T>(_ body: (SQLiteConnection) throws -> T) throws -> T {
    try connection.withLock { connection in
      do {
        let open: SQLiteConnection
        if let known = connection {
          open = known
        } else {
          try SystemCall.createFolders((path as NSString).deletingLastPathComponent)
          open = try SQLiteConnection(path, patience: patience)
          connection = open
        }
        return try body(open)
      } catch let failure as SQLiteConnection.Failure {
        throw WriteError(action: "write to", path: name, reason: Self.words(failure), isTransient: failure.isBusy)
      } catch let failure as SystemFailure {
        throw WriteError(action: "write to", path: name, code: failure.code)
      }
    }
  }

  /// Calls `body` where the database is there; else returns nil, and does not make it.
  func useExisting<T>(_ body: (SQLiteConnection) throws -> T) throws -> T? {
    FileManager.default.fileExists(atPath: path) ? try use(body) : nil
  }

  /// SQLite's words for a failure, with the remedy.
  static func words(_ failure: SQLiteConnection.Failure) -> String {
    switch failure.code & 0xFF {
    case 13: failure.message + SystemFailure(code: ENOSPC).remedy
    case 5, 6: failure.message + "; another process holds it: try again"
    case 8, 14: failure.message + "; is it writable, and its folder?"
    case 26: failure.message + "; give write.database another name"
    default: failure.message
    }
  }

  // MARK: Commits

  /// The table `sluice_commits`: which committables the database has taken, until the ledger has forgotten them.
  private static let notes = "sluice_commits"

  /// None: an open transaction would keep other processes from writing for as long as the item takes.
  func stream(_ token: TableToken) -> (any TableStream)? { nil }

  func holds(_ token: TableToken) throws -> Bool {
    try useExisting { connection in
      guard try connection.hasTable(Self.notes) else { return false }
      return try connection.count("SELECT count(*) FROM \(Self.notes) WHERE id = ?", token.commit) > 0
    } ?? false
  }

  func forgetAll(of owner: String) throws {
    try useExisting { connection in
      guard try connection.hasTable(Self.notes),
        try connection.count("SELECT count(*) FROM \(Self.notes) WHERE owner = ?", owner) > 0
      else { return }
      try connection.execute("DELETE FROM \(Self.notes) WHERE owner = ?", owner)
    }
  }

  func commit(_ outputs: [TableOutput], forgetting forgotten: [TableToken]) throws -> [CommitRefusal] {
    // A committable that the ledger has forgotten needs no database that is gone.
    if outputs.isEmpty, forgotten.isEmpty || !FileManager.default.fileExists(atPath: path) { return [] }
    return try use { connection in
      var refusals: [CommitRefusal] = []
      try FailPoint.tableStage.pass(.before)
      try connection.transaction {
        try connection.run(
          "CREATE TABLE IF NOT EXISTS \(Self.notes) (id TEXT PRIMARY KEY, owner TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID")
        for token in forgotten { try connection.execute("DELETE FROM \(Self.notes) WHERE id = ?", token.commit) }
        for output in outputs {
          if let refusal = try Self.take(output, connection) { refusals.append(refusal) }
        }
        try FailPoint.tableStage.pass(.after)
        try FailPoint.tableCommit.pass(.before)
      }
      try FailPoint.tableCommit.pass(.after)
      return refusals
    }
  }

  /// Takes one output's rows, inside a transaction of several.
  private static func take(_ output: TableOutput, _ connection: SQLiteConnection) throws -> CommitRefusal? {
    let token = output.token
    try connection.run("SAVEPOINT sluice")
    do {
      if try connection.count("SELECT count(*) FROM \(notes) WHERE id = ?", token.commit) == 0 {
        try connection.execute("INSERT INTO \(notes) VALUES (?, ?, datetime('now'))", token.commit, token.owner)
        let refused = try SQLiteLoad(token, connection).perform(output.rows())
        if !refused.isEmpty {
          try connection.run("ROLLBACK TO sluice; RELEASE sluice")
          return CommitRefusal(output.committable, token, refused)
        }
      }
      try connection.run("RELEASE sluice")
      return nil
    } catch let failure as SQLiteConnection.Failure where failure.isRefusal {
      try connection.run("ROLLBACK TO sluice; RELEASE sluice")
      return CommitRefusal(output.committable, reason: "the table \(token.target.table) does not take its rows: \(failure.message)")
    }
  }
}
