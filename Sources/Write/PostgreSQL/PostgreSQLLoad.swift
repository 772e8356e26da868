#if canImport(CPostgreSQL)
  import Files
  import Records

  /// The move of one output's rows into their table, inside the commit's transaction.
  ///
  /// Rows go straight into the table by COPY where they only are to be added and have its types. Else they go into a temporary table first, and from
  /// there into the table: for a merge, for columns of provenance, and where a text has to become a type that only the server can read.
  struct PostgreSQLLoad {
    private let token: TableToken
    private let rows: RowSource
    private let connection: PostgreSQLConnection
    private let table: String
    private var target: TableTarget { token.target }

    init(_ token: TableToken, _ rows: RowSource, _ connection: PostgreSQLConnection) {
      self.token = token
      self.rows = rows
      self.connection = connection
      table = PostgreSQLTable.quoted(token.target.table)
    }

    /// Moves the rows.
    ///
    /// - Parameter described: the table, where it was described in the transaction.
    /// - Returns: the table, and the rows that it refuses, by the numbers of their records; then the transaction has to forget the others.
    func perform(_ described: PostgreSQLTable?) throws -> (table: PostgreSQLTable, refused: [RowRefusal]) {
      let known = try prepareTable(described)
      if target.mode == .replace { try connection.run("DELETE FROM \(table)") }
      if token.replacesItem, let item = token.item {
        try connection.run(
          "DELETE FROM \(table) WHERE \(PostgreSQLConnection.quoted(TableTarget.itemColumn)) = \(PostgreSQLConnection.literal(item))")
      }
      guard rows.rowCount > 0 else { return (known, []) }
      return (known, try goesStraight(into: known) ? copyAll() : moveAll(known))
    }

    // MARK: The table

    /// Makes the table, or the columns that it lacks, and describes it as it then is.
    func prepareTable(_ described: PostgreSQLTable?) throws -> PostgreSQLTable {
      let provenance = target.hasProvenance ? [(TableTarget.itemColumn, "text"), (TableTarget.runColumn, "bigint")] : []
      if let known = try described ?? PostgreSQLTable.read(target.table, connection) {
        let missing =
          token.columns.filter { known.column($0.name) == nil }.map { ($0.name, $0.made) }
          + provenance.filter { known.column($0.0) == nil }
        if target.onNewColumn != .add || missing.isEmpty { return known }
        let added = missing.map { "ADD COLUMN IF NOT EXISTS \(PostgreSQLConnection.quoted($0.0)) \($0.1)" }
        try connection.run("ALTER TABLE \(table) \(added.joined(separator: ", "))")
      } else {
        var columns = token.columns.map { "\(PostgreSQLConnection.quoted($0.name)) \($0.made)\($0.isNotNull ? " NOT NULL" : "")" }
        columns += provenance.map { "\(PostgreSQLConnection.quoted($0.0)) \($0.1) NOT NULL" }
        if target.mode == .merge {
          columns.append("PRIMARY KEY (\(target.key.map(PostgreSQLConnection.quoted).joined(separator: ", ")))")
        }
        try connection.run("CREATE TABLE \(table) (\(columns.joined(separator: ", ")))")
        if target.hasProvenance { try connection.run("CREATE INDEX ON \(table) (\(PostgreSQLConnection.quoted(TableTarget.itemColumn)))") }
      }
      guard let made = try PostgreSQLTable.read(target.table, connection) else {
        throw PostgreSQLConnection.Failure(state: "42P01", message: "the table is not where it was made; is its schema on the search path?")
      }
      return made
    }

    /// Whether rows can be sent into the table as they are spelled.
    func goesStraight(into known: PostgreSQLTable) -> Bool {
      target.mode != .merge && !target.hasProvenance
        && token.columns.allSatisfy { column in known.column(column.name).map { !column.isCast && $0.wire == column.type } ?? false }
    }

    /// The statement that rows follow which go straight into the table.
    var copyStatement: String { "COPY \(table) (\(names)) FROM STDIN (FORMAT binary)" }

    private var names: String { token.columns.map { PostgreSQLConnection.quoted($0.name) }.joined(separator: ", ") }

    // MARK: Straight into the table

    private func copyAll() throws -> [RowRefusal] {
      let bare = PostgreSQLTable.bareName(target.table)
      return try hunt { range in
        let (end, took) = try copy(range, into: bare, copyStatement)
        return (end, took)
      }
    }

    /// Sends rows.
    ///
    /// - Returns: the row behind the last that was sent, which may come before the range's end where the server had something to say; and
    ///   how many the server took.
    private func copy(_ range: Range<Int>, into bare: String, _ sql: String) throws -> (end: Int, took: Int) {
      var sent = range.lowerBound
      let took = try connection.copy(into: bare, sql) { send in
        try FailPoint.tableInsert.pass(.before)
        var place = rows.place(ofRow: range.lowerBound)
        while sent < range.upperBound, place < rows.places.count {
          let at = rows.places[place]
          let block = try rows.block(at)
          let first = max(0, range.lowerBound - at.firstRow)
          let last = min(at.rowCount, range.upperBound - at.firstRow)
          let start = block.start(first)
          let goesOn = last > first ? try send(block.rows + start, block.end(last - 1) - start) : true
          sent = at.firstRow + last
          place += 1
          if !goesOn { break }
        }
      }
      return (sent, took)
    }

    // MARK: By a temporary table

    private func moveAll(_ known: PostgreSQLTable) throws -> [RowRefusal] {
      let staging = "sluice_rows"
      let number = "_sluice_row"
      let columns = token.columns.map { "\(PostgreSQLConnection.quoted($0.name)) \($0.type)" }.joined(separator: ", ")
      try connection.run(
        """
        DROP TABLE IF EXISTS pg_temp.\(staging);
        CREATE TEMPORARY TABLE \(staging) (\(number) bigint GENERATED ALWAYS AS IDENTITY (CACHE 10000), \(columns)) ON COMMIT DROP
        """)
      var next = 0
      while next < rows.rowCount {
        next = try copy(
          next..<rows.rowCount, into: staging, "COPY pg_temp.\(staging) (\(names)) FROM STDIN (FORMAT binary)"
        ).end
      }
      // The numbers begin at 1 in the order of the rows.
      var hasIndex = false
      var hasDoubles = false
      return try hunt { range in
        let isAll = range.count == rows.rowCount
        if !isAll, !hasIndex {
          try connection.run(
            "RELEASE sluice_rows; CREATE INDEX ON pg_temp.\(staging) (\(number)); ANALYZE pg_temp.\(staging); SAVEPOINT sluice_rows")
          hasIndex = true
        }
        let condition = isAll ? "" : " WHERE \(number) BETWEEN \(range.lowerBound + 1) AND \(range.upperBound)"
        func move() throws -> Int { try connection.run(insert(known, "pg_temp.\(staging)", number, condition, hasDoubles)) }
        do {
          return (range.upperBound, try move())
        } catch let failure as PostgreSQLConnection.Failure where failure.state == "21000" && !hasDoubles {
          // Several rows have one key: the last of them counts.
          hasDoubles = true
          try connection.run("ROLLBACK TO sluice_rows")
          return (range.upperBound, try move())
        }
      }
    }

    private func insert(_ known: PostgreSQLTable, _ staging: String, _ number: String, _ condition: String, _ hasDoubles: Bool) -> String {
      var names = token.columns.map { PostgreSQLConnection.quoted($0.name) }
      var values = token.columns.map { column in
        let name = PostgreSQLConnection.quoted(column.name)
        guard let type = known.column(column.name)?.type, column.isCast || column.type == "text" else { return name }
        return type == "text" ? name : "\(name)::\(type)"
      }
      if target.hasProvenance {
        names += [TableTarget.itemColumn, TableTarget.runColumn].map(PostgreSQLConnection.quoted)
        values += [PostgreSQLConnection.literal(token.item ?? ""), PostgreSQLConnection.literal(token.run)]
      }
      let list = names.joined(separator: ", ")
      let into = "INSERT INTO \(table) (\(list)) OVERRIDING SYSTEM VALUE"
      guard target.mode == .merge else {
        return "\(into) SELECT \(values.joined(separator: ", ")) FROM \(staging)\(condition)"
      }
      let key = target.key.map(PostgreSQLConnection.quoted)
      let others = names.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
      let keys = key.joined(separator: ", ")
      let conflict = "ON CONFLICT (\(keys)) DO \(others.isEmpty ? "NOTHING" : "UPDATE SET \(others)")"
      let (first, order) = hasDoubles ? ("DISTINCT ON (\(keys)) ", " ORDER BY \(keys), \(number) DESC") : ("", "")
      return "\(into) SELECT \(first)\(values.joined(separator: ", ")) FROM \(staging)\(condition)\(order) \(conflict)"
    }

    // MARK: Refused rows

    /// Calls `move` for ranges of rows until the table has all that it takes.
    ///
    /// - Parameter move: moves rows; returns the row behind the last, and how many the table says that it took.
    private func hunt(_ move: (Range<Int>) throws -> (end: Int, took: Int)) throws -> [RowRefusal] {
      var hunt = RowHunt(count: rows.rowCount)
      while let range = hunt.range() {
        try connection.run("SAVEPOINT sluice_rows")
        do {
          let (end, took) = try move(range)
          // Of a merge, rows with one key count once.
          if target.mode != .merge, took < end - range.lowerBound {
            throw PostgreSQLConnection.Failure(
              state: "44000", message: "a trigger or rule of the table leaves \(end - range.lowerBound - took) of them out")
          }
          try connection.run("RELEASE sluice_rows")
          hunt.note(.took(upTo: end), range)
        } catch let failure as PostgreSQLConnection.Failure where failure.isOfRows {
          try connection.run("ROLLBACK TO sluice_rows; RELEASE sluice_rows")
          hunt.note(
            .refused(row: failure.row.map { range.lowerBound + $0 - 1 }, reason: failure.message, field: failure.column), range)
        }
      }
      return try hunt.refused.map { RowRefusal(record: try rows.record(ofRow: $0.row), field: $0.field, reason: $0.reason) }
    }
  }
#endif
