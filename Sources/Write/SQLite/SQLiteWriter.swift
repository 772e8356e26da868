import Files
import Foundation
import Records
import Synchronization

/// Puts an output's rows into its staging table.
final class SQLiteWriter: SinkWriter {
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
  /// The staging table's name for a row's number.
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
        try connection.dropTable(staging)
        try connection.run("CREATE TABLE \(SQLiteConnection.quoted(staging)) (\(columns.joined(separator: ", ")))")
      } else {
        try Self.cut(connection, staging, number, to: rows)
      }
    }
  }

  private static func cut(_ connection: SQLiteConnection, _ staging: String, _ number: String, to rows: Int) throws {
    try connection.run("DELETE FROM \(SQLiteConnection.quoted(staging)) WHERE \(number) > \(rows)")
  }

  private static func type(_ type: ValueType) -> String {
    switch type {
    case .bigint: "INTEGER"
    case .double: "REAL"
    case .boolean: "BOOLEAN"
    case .decimal(let precision, 0) where precision <= SQLiteRows.integerDigits: "INTEGER"
    case .decimal, .text, .json, .timestamp, .date, .time: "TEXT"
    case .bytes: "BLOB"
    }
  }

  /// Checks that the table takes such rows, as far as its columns tell.
  ///
  /// - Throws: ``WriteError`` where it does not.
  static func check(_ connection: SQLiteConnection, _ target: SQLiteTarget, _ schema: Schema, _ database: String) throws {
    func no(_ reason: String) -> WriteError { WriteError(action: "write to", path: "\(database): \(target.table)", reason: reason) }
    if let name = target.key.first(where: { schema.position(of: $0) == nil }) {
      throw no("write.key names “\(name)”, and the output has \(Excerpt.list(schema.fields.map(\.name)))")
    }
    guard !schema.fields.isEmpty else { throw no("the output has no fields, and a table needs one") }
    guard let kind = try connection.kind(of: target.table) else { return }
    guard kind == "table" else { throw no("“\(target.table)” is no table there: it is called \(kind == "index" ? "an" : "a") \(kind)") }
    // SQLite's names have no case (of ASCII letters).
    let columns = try connection.columns(of: target.table)
    let known = Set(columns.map { $0.lowercased() })
    if let field = schema.fields.first(where: { !known.contains($0.name.lowercased()) }) {
      throw no(
        "the table has no column “\(field.name)”; it has \(Excerpt.list(columns)). Add it to the table, or leave the field away with a drop or select step"
      )
    }
    guard target.mode == .merge else { return }
    let key = Set(target.key.map { $0.lowercased() })
    func isKey(_ columns: [String]) -> Bool { Set(columns.map { $0.lowercased() }) == key }
    var isUnique = isKey(try connection.names("SELECT name FROM pragma_table_info(?) WHERE pk > 0", target.table))
    for index in try connection.names("SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial", target.table)
    where !isUnique {
      isUnique = isKey(try connection.names("SELECT name FROM pragma_index_info(?)", index))
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

  func append(_ chunk: SinkChunk) throws -> [RowRefusal] {
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
      while let block = SQLiteBlock(chunk.bytes, at: at) {
        try FailPoint.tableInsert.pass(.before)
        try insert.insert(block)
        at += block.length
        count += block.rowCount
      }
      let added = count
      state.withLock { $0.rows += added }
    }
    return []
  }

  /// Ends the transaction that staged rows wait in.
  func flush() throws { try database.use { _ in } }

  func truncate(to position: SinkPosition) throws {
    let rows = Int(position.token) ?? 0
    try database.use { try Self.cut($0, staging, number, to: rows) }
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
      try $0.dropTable(staging)
    }
  }
}
