#if canImport(CPostgreSQL)
  import Records
  import Synchronization

  /// The target's columns, which the session reads as it starts and the encoders then spell rows for.
  ///
  /// A sink is a value that is read from a definition, before anything is known of its server. Its copies share this.
  final class PostgreSQLLayout: Sendable {
    private let table = Mutex<PostgreSQLTable?>(nil)
    private let rule: NewColumnRule
    private let key: Set<String>

    init(_ rule: NewColumnRule, key: [String]) {
      self.rule = rule
      self.key = Set(key)
    }

    /// The way of a field's values into the table.
    struct Plan: Sendable {
      var coding: PostgreSQLType.Coding
      /// As ``PostgreSQLTable/Column/modifier``.
      var modifier = -1
      /// The reason why the value can't be NULL; nil where it can.
      var notNull: String?
      var column: TableColumn
      /// The column's type, for messages.
      var shown: String
    }

    /// Takes a table's description; nil where there is no table yet.
    func set(_ known: PostgreSQLTable?) { table.withLock { $0 = known } }

    /// The plans of a schema's fields, in order; nil for a field that is left out.
    func plans(_ fields: [Field]) -> [Plan?] {
      let known = table.withLock { $0 }
      return fields.map { field in
        let column = known?.column(field.name)
        if known != nil, column == nil, rule == .ignore { return nil }
        let own = PostgreSQLType.own(field.type)
        let wire = column?.wire ?? PostgreSQLType.wire(own)
        let coding = PostgreSQLType.coding(field.type, wire) ?? .cast
        var plan = Plan(
          coding: coding, modifier: column?.modifier ?? -1,
          column: TableColumn(
            name: field.name, type: coding == .cast ? "text" : wire, isCast: coding == .cast,
            made: own, isNotNull: !field.nullable || key.contains(field.name)),
          shown: column?.type ?? own)
        if key.contains(field.name) {
          plan.notNull = "it is NULL, and write.key names it"
        } else if column?.isNotNull == true {
          plan.notNull = "it is NULL, and the table's column is NOT NULL"
        }
        return plan
      }
    }

    /// The description as it was read.
    var known: PostgreSQLTable? { table.withLock { $0 } }
  }
#endif
