import Configuration
import Files
import Foundation
import Records
import Synchronization

/// Records as rows of a table of an SQLite database.
///
/// Rows are staged in a table of their own, which a checkpoint puts on the disk. The commit is one transaction: it notes the committable in
/// `sluice_commits`, moves or merges the rows, and drops the staging table. So a commit that is done again finds that it was done.
package struct SQLiteSink: Sink {
  /// What becomes of the rows that the table has.
  enum Mode: String, Sendable, CaseIterable, Codable { case append, replace, merge }

  package static let page = ComponentPage(
    .sink, "sqlite", "Writes rows into a table of an SQLite database, exactly once.", abilities: ["resumes", "exactly once"],
    endings: ["db", "sqlite", "sqlite3"],
    keys: [
      Key("table", .text, "The table that records go into; it is made of the output's fields where there is none."),
      Key("database", .text, "The database's file, relative to the definition; it is made where there is none. sqlite:PATH says the same."),
      Key(
        "mode", .choice(Mode.allCases.map(\.rawValue)),
        "append (default): each item's rows are added as the item is done. replace: the rows of all items take the place of what the table holds, as the run is done. merge: each item's rows take the place of those with the same key."
      ),
      Key("key", .list(.text), "The fields that tell rows apart, for merge. Their values can't be NULL."),
    ], place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders-*.csv.gz}
      write: {table: orders, database: orders.db, mode: merge, key: [id]}
      """,
    errors: [.cannotWrite],
    guarantees: [
      "A reader sees whole items (append, merge) or the whole run (replace), and never a part of one.",
      "Killed at any instant, a run goes on inside its items, and no row is missing or doubled.",
      "Of several rows with one key in an item the last one counts.",
    ],
    limits: [
      "SQLite takes one writer at a time: items are written one after another, and other writers wait for a checkpoint (5 s or 32 MB).",
      "With append, a source that has changed is a new item: its rows are added to those of before. merge or replace does away with them.",
      "The table must have the output's fields. For merge it must have a unique index on the key.",
      "A row that breaks a constraint of the table fails its item.",
    ])

  package static func takes(_ write: Value) -> Bool { write["table"] != nil }

  private let table: String
  private let database: String
  private let mode: Mode
  private let key: [String]

  package init(_ write: Value, _ reader: inout DefinitionReader) {
    table = write["table"]?.text ?? ""
    let path = write["database"]?.text ?? ""
    database = path.hasPrefix("sqlite:") ? String(path.dropFirst("sqlite:".count)) : path
    mode = write["mode"]?.text.flatMap(Mode.init) ?? .append
    key = write["key"]?.elements.compactMap(\.text) ?? []
    func refuse(_ key: String, _ words: String, _ code: ErrorCode = .invalidSetting) {
      reader.report((write[key] ?? write).position.diagnostic(words, code))
    }
    if write["database"] == nil { refuse("table", "a table needs database, the SQLite file that it is in", .missingKey) }
    if let scheme = database.range(of: "://") {
      refuse("database", "“\(database[..<scheme.lowerBound])” is no database that can be written; there is sqlite, a file's path")
    } else if write["database"] != nil, database.isEmpty || database.hasSuffix("/") {
      refuse("database", "write.database is a file, and this is none")
    }
    let lower = table.lowercased()
    if table.isEmpty || lower.hasPrefix("sqlite_") || lower.hasPrefix("sluice_") {
      refuse("table", "a table's name is not empty, and begins with neither sqlite_ nor sluice_")
    }
    if mode == .merge, key.isEmpty { refuse("mode", "merge needs key, the fields that tell rows apart", .missingKey) }
    if mode != .merge, !key.isEmpty { refuse("key", "key is for mode merge, and the mode is \(mode.rawValue)") }
  }

  package var grouping: OutputGrouping { mode == .replace ? .run : .item }
  package var isSerial: Bool { true }
  package var encoder: any RecordEncoder { SQLiteRows(key: key) }
  package var sampleEncoder: any RecordEncoder { JSONLinesEncoder() }

  package func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot {
    slot(Self.stagingName([context.folder, context.pipeline, table, words.item?.key ?? "run \(words.run)"]))
  }

  package func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot {
    self.slot(Self.stagingName([slot.name, "replay \(number)"]))
  }

  private func slot(_ name: String) -> OutputSlot { OutputSlot(name: name, shown: "\(database): \(table)") }

  /// A table's name that no other output has: FNV-1a (Fowler, Noll and Vo) of what tells outputs apart, in 64 bits.
  private static func stagingName(_ parts: [String]) -> String {
    let bytes = parts.joined(separator: "\0").utf8
    let hash = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return "sluice_staging_" + String(hash, radix: 16)
  }

  package static func committer(in folder: String) -> any Committer { SQLiteSession(folder: folder, nil, owner: "") }

  package func start(_ context: SinkContext) -> any SinkSession {
    SQLiteSession(
      folder: context.folder, SQLiteTarget(database: database, table: table, mode: mode, key: key),
      owner: "\(context.folder): \(context.pipeline)")
  }
}

/// A table, and how rows get into it: what a committable has to say.
struct SQLiteTarget: Codable, Hashable {
  var database: String
  var table: String
  var mode: SQLiteSink.Mode
  var key: [String]
}

/// A committable's token.
private struct SQLiteToken: Codable {
  var target: SQLiteTarget
  var staging: String
  /// Tells this commit from all others.
  var commit: String
  var owner: String
  var rows: Int
}

/// Databases at work: each has one connection, which staging and commits share under a lock.
private final class SQLiteSession: SinkSession {
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
      let new = SQLiteDatabase(name, path: name.hasPrefix("/") ? name : folder + "/" + name)
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
    guard FileManager.default.fileExists(atPath: database.path) else { return .missing }
    return try database.use { try Self.find($0, slot.name, rows: Int(position.token) ?? .max) }
  }

  private static func find(_ connection: SQLiteConnection, _ staging: String, rows: Int) throws -> OutputFinding {
    guard try connection.hasTable(staging) else { return .missing }
    let number = try rowNumber(connection.rows("SELECT name FROM pragma_table_info(?)", staging).compactMap { $0.first ?? nil })
    let last = try connection.count("SELECT coalesce(max(\(number)), 0) FROM \(SQLiteConnection.quoted(staging))")
    return last >= rows ? .whole : .short
  }

  /// What a row's number is called in a table that has these columns (sqlite.org/rowidtable.html).
  static func rowNumber(_ columns: [String]) throws -> String {
    let taken = Set(columns.map { $0.lowercased() })
    guard let name = ["rowid", "_rowid_", "oid"].first(where: { !taken.contains($0) }) else {
      throw WriteError(action: "write to", path: "a table", reason: "its fields are called rowid, _rowid_ and oid; rename one of them")
    }
    return name
  }

  func settle() throws {
    let (_, database) = try own()
    guard FileManager.default.fileExists(atPath: database.path) else { return }
    try database.use { try SQLiteCommits.forgetAll(of: owner, $0) }
  }

  func abandon(_ slot: OutputSlot) throws {
    let (_, database) = try own()
    guard FileManager.default.fileExists(atPath: database.path) else { return }
    try database.use { try $0.run("DROP TABLE IF EXISTS \(SQLiteConnection.quoted(slot.name))") }
  }

  // MARK: Committing

  func inspect(_ committable: Committable) throws -> OutputFinding {
    let token = try self.token(committable)
    let database = database(token.target.database)
    guard FileManager.default.fileExists(atPath: database.path) else { return .missing }
    return try database.use { connection in
      if try SQLiteCommits.has(token.commit, connection) { return .committed }
      return try Self.find(connection, token.staging, rows: token.rows)
    }
  }

  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal] {
    var refusals: [CommitRefusal] = []
    for (name, group) in Dictionary(grouping: try (forgotten + committables).map { ($0, try token($0)) }, by: \.1.target.database) {
      let database = database(name)
      // What is forgotten needs no database that is gone.
      guard group.contains(where: { committables.contains($0.0) }) || FileManager.default.fileExists(atPath: database.path) else {
        continue
      }
      try database.use { connection in
        try FailPoint.tableCommit.pass(.before)
        try connection.transaction {
          for (committable, token) in group {
            if forgotten.contains(committable) {
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

  /// Does one commit inside a transaction of several.
  ///
  /// - Returns: why the table does not take the rows, where it does not. They are gone then.
  private static func take(_ token: SQLiteToken, _ connection: SQLiteConnection) throws -> String? {
    try connection.run("SAVEPOINT sluice")
    do {
      if try SQLiteCommits.note(token.commit, token.owner, connection) { try move(token, connection) }
      try connection.run("RELEASE sluice")
      return nil
    } catch let failure as SQLiteConnection.Failure where failure.isConstraint {
      try connection.run("ROLLBACK TO sluice; RELEASE sluice")
      try connection.run("DROP TABLE IF EXISTS \(SQLiteConnection.quoted(token.staging))")
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
    if token.target.mode == .merge {
      let key = Set(token.target.key.map(SQLiteConnection.quoted))
      let others = names.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
      conflict =
        " ON CONFLICT (\(token.target.key.map(SQLiteConnection.quoted).joined(separator: ", "))) DO "
        + (others.isEmpty ? "NOTHING" : "UPDATE SET \(others)")
    }
    if token.target.mode == .replace { try connection.run("DELETE FROM \(table)") }
    // The condition parts the query from ON, which could begin a join's (sqlite.org/lang_upsert.html).
    try connection.run("INSERT INTO \(table) (\(list)) SELECT \(list) FROM \(staging) WHERE true ORDER BY \(number)\(conflict)")
    try connection.run("DROP TABLE \(staging)")
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

/// One database file. Staged rows wait in a transaction of the connection; whatever else is done with it ends that first.
final class SQLiteDatabase: Sendable {
  let name: String
  let path: String
  private let connection = Mutex<SQLiteConnection?>(nil)

  init(_ name: String, path: String) {
    self.name = name
    self.path = path
  }

  /// What a use of the connection does about the transaction that staged rows wait in.
  enum Staging { case ends, goesOn, leavesAlone }

  /// - Throws: ``WriteError`` in the place of what SQLite said.
  func use<T>(staging: Staging = .ends, _ body: (SQLiteConnection) throws -> T) throws -> T {
    try connection.withLock { connection in
      do {
        let open: SQLiteConnection
        if let known = connection {
          open = known
        } else {
          try SystemCall.createFolders((path as NSString).deletingLastPathComponent)
          open = try SQLiteConnection(path)
          connection = open
        }
        switch staging {
        case .ends: if open.isInTransaction { try Self.endStaging(open) }
        case .goesOn: if !open.isInTransaction { try open.run("BEGIN IMMEDIATE") }
        case .leavesAlone: break
        }
        return try body(open)
      } catch let failure as SQLiteConnection.Failure where !failure.isConstraint {
        throw WriteError(action: "write to", path: name, reason: Self.words(failure))
      } catch let failure as SystemFailure {
        throw WriteError(action: "write to", path: name, code: failure.code)
      }
    }
  }

  private static func endStaging(_ connection: SQLiteConnection) throws {
    try FailPoint.tableStage.pass(.before)
    try connection.run("COMMIT")
    try FailPoint.tableStage.pass(.after)
  }

  private static func words(_ failure: SQLiteConnection.Failure) -> String {
    switch failure.code & 0xFF {
    case 13: failure.message + SystemFailure(code: ENOSPC).remedy
    case 5, 6: failure.message + "; another process holds it: try again"
    case 8, 14: failure.message + "; is it writable, and its folder?"
    case 26: failure.message + "; give write.database another name"
    default: failure.message
    }
  }
}

/// An output's rows on their way into its staging table.
private final class SQLiteWriter: SinkWriter {
  private let database: SQLiteDatabase
  private let target: SQLiteTarget
  private let owner: String
  private let staging: String
  private struct State {
    /// Rows in the staging table, which are numbered from 1.
    var rows: Int
    /// - Note: statements belong to the database's connection and are touched under its lock alone.
    var insert: Box?
  }
  /// `@unchecked Sendable`: the statement is only used under the database's lock.
  private struct Box: @unchecked Sendable { let statement: SQLiteConnection.Statement }
  private let state: Mutex<State>
  private let sql: String
  /// What the staging table calls a row's number.
  private let number: String

  init(
    _ database: SQLiteDatabase, _ target: SQLiteTarget, _ owner: String, staging: String, _ schema: Schema, at position: SinkPosition
  ) throws {
    self.database = database
    self.target = target
    self.owner = owner
    self.staging = staging
    let names = schema.fields.map { SQLiteConnection.quoted($0.name) }
    number = try SQLiteSession.rowNumber(schema.fields.map(\.name))
    sql =
      "INSERT INTO \(SQLiteConnection.quoted(staging)) (\(names.joined(separator: ", "))) VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))"
    let rows = Int(position.token) ?? 0
    state = Mutex(State(rows: rows))
    let number = number
    try database.use(staging: .goesOn) { connection in
      try Self.check(connection, target, schema, database.name)
      if position == .start {
        let columns = schema.fields.map { "\(SQLiteConnection.quoted($0.name)) \(Self.type($0.type))\($0.nullable ? "" : " NOT NULL")" }
        try connection.run("DROP TABLE IF EXISTS \(SQLiteConnection.quoted(staging))")
        try connection.run("CREATE TABLE \(SQLiteConnection.quoted(staging)) (\(columns.joined(separator: ", ")))")
      } else {
        try connection.run("DELETE FROM \(SQLiteConnection.quoted(staging)) WHERE \(number) > \(rows)")
      }
    }
  }

  private static func type(_ type: ValueType) -> String {
    switch type {
    case .bigint: "INTEGER"
    case .double: "REAL"
    case .boolean: "BOOLEAN"
    case .text, .json, .timestamp, .date: "TEXT"
    }
  }

  /// Whether the table takes such rows, as far as its columns tell.
  private static func check(_ connection: SQLiteConnection, _ target: SQLiteTarget, _ schema: Schema, _ database: String) throws {
    func no(_ reason: String) -> WriteError { WriteError(action: "write to", path: "\(database): \(target.table)", reason: reason) }
    if let name = target.key.first(where: { schema.position(of: $0) == nil }) {
      throw no("write.key names “\(name)”, and the output has \(Excerpt.list(schema.fields.map(\.name)))")
    }
    guard !schema.fields.isEmpty else { throw no("the output has no fields, and a table needs one") }
    guard try connection.hasTable(target.table) else { return }
    // SQLite's names have no case (of ASCII letters).
    let columns = try connection.rows("SELECT name FROM pragma_table_info(?)", target.table).compactMap { $0.first ?? nil }
    let known = Set(columns.map { $0.lowercased() })
    if let field = schema.fields.first(where: { !known.contains($0.name.lowercased()) }) {
      throw no(
        "the table has no column “\(field.name)”; it has \(Excerpt.list(columns)). Add it to the table, or leave the field away with a drop or select step"
      )
    }
    guard target.mode == .merge else { return }
    let key = Set(target.key.map { $0.lowercased() })
    let indexes = try connection.rows("SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial", target.table)
      .compactMap { $0.first ?? nil }
    var isUnique =
      try Set(
        connection.rows("SELECT name FROM pragma_table_info(?) WHERE pk > 0", target.table).compactMap { $0.first??.lowercased() }) == key
    for index in indexes where !isUnique {
      isUnique = try Set(connection.rows("SELECT name FROM pragma_index_info(?)", index).compactMap { $0.first??.lowercased() }) == key
    }
    if !isUnique {
      let list = target.key.map(SQLiteConnection.quoted).joined(separator: ", ")
      throw no(
        "merge needs a unique index on the key: CREATE UNIQUE INDEX \(target.table)_key ON \(SQLiteConnection.quoted(target.table)) (\(list))"
      )
    }
  }

  var position: SinkPosition {
    let rows = state.withLock { $0.rows }
    return rows == 0 ? .start : SinkPosition("\(rows)")
  }
  var isEmpty: Bool { state.withLock { $0.rows == 0 } }
  var canTruncate: Bool { true }

  func append(_ bytes: ByteBuffer, checksum: Checksum) throws {
    try database.use(staging: .goesOn) { connection in
      let insert: SQLiteConnection.Statement
      if let known = state.withLock({ $0.insert }) {
        insert = known.statement
      } else {
        insert = try SQLiteConnection.Statement(connection, sql)
        let box = Box(statement: insert)
        state.withLock { $0.insert = box }
      }
      var at = 0
      var count = 0
      while let block = SQLiteBlock(bytes, at: at) {
        try FailPoint.tableInsert.pass(.before)
        try insert.insert(block)
        at += block.length
        count += block.rowCount
      }
      let added = count
      state.withLock { $0.rows += added }
    }
  }

  /// Ends the transaction that staged rows wait in.
  func flush() throws { try database.use { _ in } }

  func truncate(to position: SinkPosition) throws {
    let rows = Int(position.token) ?? 0
    try database.use { try $0.run("DELETE FROM \(SQLiteConnection.quoted(staging)) WHERE \(number) > \(rows)") }
    state.withLock { $0.rows = rows }
  }

  func release() throws { try database.use(staging: .leavesAlone) { _ in state.withLock { $0.insert = nil } } }

  // A statement ends under the lock of its connection.
  deinit { try? release() }

  var committable: Committable? {
    let token = SQLiteToken(
      target: target, staging: staging, commit: UUID().uuidString, owner: owner, rows: state.withLock { $0.rows })
    guard let data = try? JSONEncoder().encode(token) else { return nil }
    return Committable(
      sink: SQLiteSink.name, name: "\(target.database): \(staging)", target: "\(target.database): \(target.table)",
      token: String(decoding: data, as: UTF8.self))
  }

  func discard() throws {
    try database.use {
      state.withLock { $0.insert = nil }
      try $0.run("DROP TABLE IF EXISTS \(SQLiteConnection.quoted(staging))")
    }
  }
}
