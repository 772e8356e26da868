import Configuration
import Records

/// A table as SQLite describes it. Names have no case of ASCII letters.
struct SQLiteTable {
  /// The kind of thing that has the name: `table`, `view` or `index`.
  let kind: String
  /// The columns that can be written to, in their order.
  let columns: [String]
  /// The columns of each unique index that an upsert can use, and of the primary key, in lower case.
  let uniqueKeys: [Set<String>]

  func has(_ column: String) -> Bool { columns.contains { $0.lowercased() == column.lowercased() } }

  /// Reads a table's description; nil where the name is free.
  static func read(_ table: String, _ connection: SQLiteConnection) throws -> SQLiteTable? {
    guard let kind = try connection.kind(of: table) else { return nil }
    func lower(_ names: [String]) -> Set<String> { Set(names.map { $0.lowercased() }) }
    var keys = [lower(try connection.names("SELECT name FROM pragma_table_info(?) WHERE pk > 0", table))]
    for index in try connection.names("SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial", table) {
      keys.append(lower(try connection.names("SELECT name FROM pragma_index_info(?)", index)))
    }
    return SQLiteTable(kind: kind, columns: try connection.columns(of: table), uniqueKeys: keys)
  }

  /// The type of a column that is made for a field.
  static func type(_ type: ValueType) -> String {
    switch type {
    case .bigint: "INTEGER"
    case .double: "REAL"
    case .boolean: "BOOLEAN"
    case .bytes: "BLOB"
    case .decimal(let precision, 0) where precision <= SQLiteRows.integerDigits: "INTEGER"
    case .text, .json, .timestamp, .date, .time, .decimal: "TEXT"
    }
  }

  /// The columns of encoded rows.
  static func columns(_ schema: Schema, key: [String]) -> [TableColumn] {
    schema.fields.map {
      TableColumn(name: $0.name, type: type($0.type), made: type($0.type), isNotNull: !$0.nullable || key.contains($0.name))
    }
  }

  /// Checks whether a table takes rows of a schema, as far as its description tells.
  ///
  /// - Parameter known: the table; nil where there is none yet.
  /// - Returns: the reason why it does not, with the remedy; nil where it does.
  static func problem(_ known: SQLiteTable?, _ target: TableTarget, _ schema: Schema) -> String? {
    if let name = target.key.first(where: { schema.position(of: $0) == nil }) {
      return "write.key names “\(name)”, and the output has \(Excerpt.list(schema.fields.map(\.name)))"
    }
    guard !schema.fields.isEmpty else { return "the output has no fields, and a table needs one" }
    guard let known else { return nil }
    guard known.kind == "table" else {
      return "“\(target.table)” is no table there: it is called \(known.kind == "index" ? "an" : "a") \(known.kind)"
    }
    if target.onNewColumn == .fail, let field = schema.fields.first(where: { !known.has($0.name) }) {
      return
        "the table has no column “\(field.name)”; it has \(Excerpt.list(known.columns)). Add it to the table, or write on_new_column: add or ignore, or leave the field away with a drop or select step"
    }
    if target.hasProvenance, target.onNewColumn != .add,
      let name = [TableTarget.itemColumn, TableTarget.runColumn].first(where: { !known.has($0) })
    {
      return
        "the table has no column “\(name)”, which provenance fills: ALTER TABLE \(SQLiteConnection.quoted(target.table)) ADD COLUMN \(name)"
    }
    if target.mode == .merge, !known.uniqueKeys.contains(Set(target.key.map { $0.lowercased() })) {
      let list = target.key.map(SQLiteConnection.quoted).joined(separator: ", ")
      return
        "merge needs a unique index on the key: CREATE UNIQUE INDEX \(target.table)_key ON \(SQLiteConnection.quoted(target.table)) (\(list))"
    }
    return nil
  }
}
