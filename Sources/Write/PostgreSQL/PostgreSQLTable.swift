#if canImport(CPostgreSQL)
  import Foundation
  import Records

  /// A table as the server describes it.
  struct PostgreSQLTable: Sendable, Equatable {
    struct Column: Sendable, Equatable {
      var name: String
      /// The type in full: `numeric(12,2)`.
      var type: String
      /// The type that its values have on the way, without limits, and below a domain: `numeric`.
      var wire: String
      /// The bound of a text's length, or precision and scale of a numeric, as the server packs them; -1 for none.
      var modifier: Int
      var isNotNull: Bool
      /// Whether a row may leave it out though it is NOT NULL.
      var hasDefault: Bool
      var isGenerated: Bool
    }
    var kind: String
    var columns: [Column]
    /// The columns of each unique index that an upsert can use.
    var uniqueKeys: [Set<String>]
    /// Whether transactions that add rows may have to wait for one another: for a key, or for what a trigger does.
    var mayConflict: Bool

    func column(_ name: String) -> Column? { columns.first { $0.name == name } }

    /// Schema and name, each in quotes.
    static func quoted(_ table: String) -> String { parts(table).map(PostgreSQLConnection.quoted).joined(separator: ".") }

    /// The table's name without its schema.
    static func bareName(_ table: String) -> String { parts(table).last ?? table }

    /// The schema that a table's name begins with; nil where it names none.
    static func schema(_ table: String) -> String? {
      let parts = parts(table)
      return parts.count == 2 ? parts[0] : nil
    }

    /// The name, in quotes, of another table beside one: in its schema, where its name has one.
    static func beside(_ table: String, _ name: String) -> String {
      (parts(table).dropLast() + [name]).map(PostgreSQLConnection.quoted).joined(separator: ".")
    }

    private static func parts(_ table: String) -> [String] { table.split(separator: ".", maxSplits: 1).map(String.init) }

    /// Reads a table's description; nil where there is none of the name.
    static func read(_ table: String, _ connection: PostgreSQLConnection) throws(PostgreSQLConnection.Failure) -> PostgreSQLTable? {
      guard
        let found = try connection.rows(
          """
          SELECT oid, relkind, EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND (indisunique OR indisexclusion))
            OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
          FROM pg_class c WHERE oid = to_regclass($1)
          """, quoted(table)
        ).first,
        let id = found[0], let kind = found[1]
      else { return nil }
      let columns = try connection.rows(
        """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(b.oid, NULL),
          CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, a.attnotnull OR t.typnotnull,
          a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL, a.attgenerated <> '', b.typtype
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
        WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
        """, id
      ).map { row in
        let wire = row[7] == "e" ? "text" : PostgreSQLType.wire(row[2] ?? "")
        return Column(
          name: row[0] ?? "", type: row[1] ?? "", wire: wire, modifier: row[3].flatMap { Int($0) } ?? -1, isNotNull: row[4] == "t",
          hasDefault: row[5] == "t", isGenerated: row[6] == "t")
      }
      let keys = try connection.rows(
        """
        SELECT i.indexrelid, a.attname FROM pg_index i
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
        WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        """, id)
      let unique = Dictionary(grouping: keys) { $0[0] ?? "" }.values.map { Set($0.compactMap { $0[1] }) }
      return PostgreSQLTable(kind: kind, columns: columns, uniqueKeys: unique, mayConflict: found[2] == "t")
    }

    /// Checks whether the table takes rows of a schema, as far as its description tells.
    ///
    /// - Returns: the reason why it does not, with the remedy; nil where it does.
    func problem(_ target: TableTarget, _ schema: Schema) -> String? {
      guard kind == "r" || kind == "p" else {
        return "“\(target.table)” is no table there: write.table names a view or a thing of another kind"
      }
      let names = columns.map(\.name)
      for field in schema.fields {
        guard let column = column(field.name) else {
          if target.onNewColumn != .fail { continue }
          return
            "the table has no column “\(field.name)”; it has \(Excerpt.list(names)). Add it, or write on_new_column: add or ignore, or leave the field away with a drop or select step"
        }
        if column.isGenerated { return "the column “\(field.name)” is computed by the table; leave the field away with a drop step" }
        if PostgreSQLType.coding(field.type, column.wire) == nil {
          return
            "the column “\(field.name)” is \(column.type), and the field is \(field.type.rawValue); change one of them, or make the field text"
        }
      }
      let provenance = target.hasProvenance ? [TableTarget.itemColumn, TableTarget.runColumn] : []
      if target.onNewColumn != .add, let name = provenance.first(where: { column($0) == nil }) {
        return
          "the table has no column “\(name)”, which provenance fills: ALTER TABLE \(Self.quoted(target.table)) ADD COLUMN \(name) \(name == TableTarget.itemColumn ? "text" : "bigint")"
      }
      let given = Set(schema.fields.map(\.name) + provenance)
      if let column = columns.first(where: { $0.isNotNull && !$0.hasDefault && !$0.isGenerated && !given.contains($0.name) }) {
        return "the column “\(column.name)” is NOT NULL without a default, and the output has no such field"
      }
      if target.mode == .merge, !uniqueKeys.contains(Set(target.key)) {
        let list = target.key.map(PostgreSQLConnection.quoted).joined(separator: ", ")
        return "merge needs a unique index on the key: CREATE UNIQUE INDEX ON \(Self.quoted(target.table)) (\(list))"
      }
      return nil
    }
  }

  /// The types of fields and columns, and how values go from one to the other.
  enum PostgreSQLType {
    /// The spelling of a value in COPY's binary form.
    enum Coding: Sendable, Equatable {
      case int2, int4, int8, float4, float8, boolean, time, instant, date, numeric, text, json, jsonb, uuid, bytes
      /// As text, which the server converts to the column's type.
      case cast
    }

    /// The type of a column that is made for a field.
    static func own(_ type: ValueType) -> String {
      switch type {
      case .bigint: "bigint"
      case .double: "double precision"
      case .boolean: "boolean"
      case .text: "text"
      case .timestamp: "timestamp with time zone"
      case .date: "date"
      case .json: "jsonb"
      case .decimal(let precision, let scale): "numeric(\(precision),\(scale))"
      case .time: "time without time zone"
      case .bytes: "bytea"
      }
    }

    /// A type's name on the way, where several have one form.
    static func wire(_ type: String) -> String {
      if type.hasPrefix("numeric(") { return "numeric" }
      return ["character varying", "character", "name", "citext"].contains(type) ? "text" : type
    }

    /// The spelling of a field's values for a column whose type on the way is `wire`; nil where they don't go together.
    static func coding(_ field: ValueType, _ wire: String) -> Coding? {
      switch (field, wire) {
      case (.bigint, "smallint"): .int2
      case (.bigint, "integer"): .int4
      case (.bigint, "bigint"): .int8
      case (.bigint, "numeric"), (.double, "numeric"), (.decimal, "numeric"): .numeric
      case (.time, "time without time zone"): .time
      case (.bytes, "bytea"): .bytes
      // Bytes are no text, and a double is no exact number.
      case (.bytes, _), (.decimal, "double precision"), (.decimal, "real"): nil
      case (.bigint, "double precision"), (.double, "double precision"): .float8
      case (.double, "real"): .float4
      case (.boolean, "boolean"): .boolean
      case (.timestamp, "timestamp with time zone"), (.timestamp, "timestamp without time zone"): .instant
      case (.date, "date"): .date
      case (.json, "json"), (.text, "json"): .json
      case (.json, "jsonb"), (.text, "jsonb"): .jsonb
      case (_, "text"): .text
      case (.text, "uuid"): .uuid
      case (.text, "numeric"): .numeric
      case (.text, _): .cast
      default: nil
      }
    }
  }
#endif
