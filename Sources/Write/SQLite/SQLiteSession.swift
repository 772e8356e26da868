import Configuration
import Files
import Foundation
import Records
import Synchronization

/// Databases at work: each has one connection, which staging and commits share under a lock.
final class SQLiteSession: SinkSession {
  private let folder: String
  private let target: SQLiteTarget?
  /// Whose commits these are, in `sluice_commits`.
  private let owner: String
  private let databases = Mutex<[String: SQLiteDatabase]>([:])

  init(folder: String, _ target: SQLiteTarget?, owner: String) {
    self.folder = folder
    self.target = target
    self.owner = owner
  }

  private func database(_ name: String) -> SQLiteDatabase {
    databases.withLock { databases in
      if let known = databases[name] { return known }
      let new = SQLiteDatabase.at(DefinitionPath.absolute(name, in: folder), named: name)
      databases[name] = new
      return new
    }
  }

  private func own() throws -> (SQLiteTarget, SQLiteDatabase) {
    guard let target else { throw WriteError(action: "write to", path: "the database", reason: "the definition names none") }
    return (target, database(target.database))
  }

  func open(_ slot: OutputSlot, _ schema: Schema, at position: SinkPosition) throws -> any SinkWriter {
    let (target, database) = try own()
    return try SQLiteWriter(database, target, owner, staging: slot.name, schema, at: position)
  }

  func prepare(_ writers: [any SinkWriter]) throws {
    for writer in writers { try writer.flush() }
  }

  func inspect(_ slot: OutputSlot, at position: SinkPosition) throws -> OutputFinding {
    if position == .start { return .whole }
    let (_, database) = try own()
    return try database.useExisting { try Self.find($0, slot.name, rows: Int(position.token) ?? .max) } ?? .missing
  }

  private static func find(_ connection: SQLiteConnection, _ staging: String, rows: Int) throws -> OutputFinding {
    guard try connection.hasTable(staging) else { return .missing }
    let number = try rowNumber(connection.columns(of: staging))
    let last = try connection.count("SELECT coalesce(max(\(number)), 0) FROM \(SQLiteConnection.quoted(staging))")
    return last >= rows ? .whole : .short
  }

  /// The name of a row's number in a table that has these columns (sqlite.org/rowidtable.html).
  ///
  /// - Throws: ``WriteError`` where the columns have taken all three names.
  static func rowNumber(_ columns: [String]) throws -> String {
    let taken = Set(columns.map { $0.lowercased() })
    guard let name = ["rowid", "_rowid_", "oid"].first(where: { !taken.contains($0) }) else {
      throw WriteError(action: "write to", path: "a table", reason: "its fields are called rowid, _rowid_ and oid; rename one of them")
    }
    return name
  }

  func settle() throws {
    let (_, database) = try own()
    try database.useExisting { try SQLiteCommits.forgetAll(of: owner, $0) }
  }

  func abandon(_ slot: OutputSlot) throws {
    let (_, database) = try own()
    try database.useExisting { try $0.dropTable(slot.name) }
  }

  // MARK: Committing

  func inspect(_ committable: Committable) throws -> OutputFinding {
    let token = try self.token(committable)
    return try database(token.target.database).useExisting { connection in
      if try SQLiteCommits.has(token.commit, connection) { return .committed }
      return try Self.find(connection, token.staging, rows: token.rows)
    } ?? .missing
  }

  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal] {
    var refusals: [CommitRefusal] = []
    let work = try forgotten.map { ($0, try token($0), isForgotten: true) } + committables.map { ($0, try token($0), isForgotten: false) }
    for (name, group) in Dictionary(grouping: work, by: \.1.target.database) {
      let database = database(name)
      // A committable that the ledger has forgotten needs no database that is gone.
      guard !group.allSatisfy(\.isForgotten) || FileManager.default.fileExists(atPath: database.path) else { continue }
      try database.use { connection in
        try FailPoint.tableCommit.pass(.before)
        try connection.transaction {
          for (committable, token, isForgotten) in group {
            if isForgotten {
              try SQLiteCommits.forget(token.commit, connection)
            } else if let reason = try Self.take(token, connection) {
              refusals.append(CommitRefusal(committable, reason: reason))
            }
          }
        }
        try FailPoint.tableCommit.pass(.after)
      }
    }
    return refusals
  }

  /// Does one commit inside a transaction of several, unless its staged rows are not all there: recovery then finds that and writes them again.
  ///
  /// - Returns: the reason why the table does not take the rows; nil where it does. Refused rows are gone then.
  private static func take(_ token: SQLiteToken, _ connection: SQLiteConnection) throws -> String? {
    try connection.run("SAVEPOINT sluice")
    do {
      if try SQLiteCommits.note(token.commit, token.owner, connection) {
        guard try find(connection, token.staging, rows: token.rows) == .whole else {
          throw WriteError(
            action: "commit to", path: "\(token.target.database): \(token.target.table)",
            reason: "rows are missing that were staged for it; resume writes them again")
        }
        try move(token, connection)
      }
      try connection.run("RELEASE sluice")
      return nil
    } catch let failure as SQLiteConnection.Failure where failure.isRefusal {
      try connection.run("ROLLBACK TO sluice; RELEASE sluice")
      try connection.dropTable(token.staging)
      return "the table \(token.target.table) does not take its rows: \(failure.message)"
    }
  }

  private func token(_ committable: Committable) throws -> SQLiteToken {
    do {
      return try JSONDecoder().decode(SQLiteToken.self, from: Data(committable.token.utf8))
    } catch {
      throw WriteError(action: "commit to", path: committable.target, reason: "what the ledger says of it can't be read")
    }
  }

  /// Puts staged rows into the table.
  private static func move(_ token: SQLiteToken, _ connection: SQLiteConnection) throws {
    let (staging, table) = (SQLiteConnection.quoted(token.staging), SQLiteConnection.quoted(token.target.table))
    let fields = try connection.rows("SELECT name, type, \"notnull\" FROM pragma_table_info(?)", token.staging)
    if try !connection.hasTable(token.target.table) {
      guard token.target.mode == .merge else { return try connection.run("ALTER TABLE \(staging) RENAME TO \(table)") }
      let columns = fields.map { field in
        "\(SQLiteConnection.quoted(field[0] ?? "")) \(field[1] ?? "")\(field[2] == "1" ? " NOT NULL" : "")"
      }
      let key = token.target.key.map(SQLiteConnection.quoted).joined(separator: ", ")
      try connection.run("CREATE TABLE \(table) (\(columns.joined(separator: ", ")), PRIMARY KEY (\(key)))")
    }
    let names = fields.map { SQLiteConnection.quoted($0[0] ?? "") }
    let list = names.joined(separator: ", ")
    let number = try rowNumber(fields.compactMap { $0[0] })
    var conflict = ""
    // Where all fields are the key, a row that is there already stays as it is, and counts as no change.
    var leavesKnownRows = false
    if token.target.mode == .merge {
      let key = Set(token.target.key.map(SQLiteConnection.quoted))
      let others = names.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
      leavesKnownRows = others.isEmpty
      conflict =
        " ON CONFLICT (\(token.target.key.map(SQLiteConnection.quoted).joined(separator: ", "))) DO "
        + (leavesKnownRows ? "NOTHING" : "UPDATE SET \(others)")
    }
    if token.target.mode == .replace { try connection.run("DELETE FROM \(table)") }
    // OR ABORT, since a table may say ON CONFLICT IGNORE. The condition parts the query from ON, which could begin a join's
    // (sqlite.org/lang_upsert.html).
    try connection.run("INSERT OR ABORT INTO \(table) (\(list)) SELECT \(list) FROM \(staging) WHERE true ORDER BY \(number)\(conflict)")
    let took = try connection.count("SELECT changes()")
    if took < token.rows, !leavesKnownRows {
      throw SQLiteConnection.Failure(
        code: SQLiteConnection.Failure.constraint, message: "a trigger of the table ignores \(token.rows - took) of them")
    }
    try connection.dropTable(token.staging)
  }
}

/// The table `sluice_commits`: which committables a database has taken, until the ledger has forgotten them.
private enum SQLiteCommits {
  static func has(_ commit: String, _ connection: SQLiteConnection) throws -> Bool {
    guard try connection.hasTable("sluice_commits") else { return false }
    return try connection.count("SELECT count(*) FROM sluice_commits WHERE id = ?", commit) > 0
  }

  /// Notes a commit; false where it was noted before.
  static func note(_ commit: String, _ owner: String, _ connection: SQLiteConnection) throws -> Bool {
    try connection.run(
      "CREATE TABLE IF NOT EXISTS sluice_commits (id TEXT PRIMARY KEY, owner TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID")
    if try has(commit, connection) { return false }
    try connection.execute("INSERT INTO sluice_commits VALUES (?, ?, datetime('now'))", commit, owner)
    return true
  }

  static func forgetAll(of owner: String, _ connection: SQLiteConnection) throws {
    guard try connection.hasTable("sluice_commits"),
      try connection.count("SELECT count(*) FROM sluice_commits WHERE owner = ?", owner) > 0
    else { return }
    try connection.execute("DELETE FROM sluice_commits WHERE owner = ?", owner)
  }

  static func forget(_ commit: String, _ connection: SQLiteConnection) throws {
    guard try connection.hasTable("sluice_commits") else { return }
    try connection.execute("DELETE FROM sluice_commits WHERE id = ?", commit)
  }
}
