import Files
import Records

/// The move of one output's rows into their table, inside the commit's transaction.
struct SQLiteLoad {
  private let token: TableToken
  private let connection: SQLiteConnection
  private let table: String
  private var target: TableTarget { token.target }

  init(_ token: TableToken, _ connection: SQLiteConnection) {
    self.token = token
    self.connection = connection
    table = SQLiteConnection.quoted(token.target.table)
  }

  /// Moves the rows.
  ///
  /// - Returns: the rows that the table refuses, by the numbers of their records; then the transaction has to forget the others.
  func perform(_ rows: RowSource) throws -> [RowRefusal] {
    let known = try prepareTable()
    if target.mode == .replace { try connection.run("DELETE FROM \(table)") }
    if token.replacesItem, let item = token.item {
      try connection.execute("DELETE FROM \(table) WHERE \(SQLiteConnection.quoted(TableTarget.itemColumn)) = ?", item)
    }
    guard rows.rowCount > 0 else { return [] }
    let columns = token.columns.map { target.onNewColumn != .ignore || known.has($0.name) }
    let feed = rows.rowCount >= SQLiteRowFeed.least ? try self.feed(columns) : nil
    return try move(rows, feed, try Single(insert: statement(columns), columns, token, connection))
  }

  /// The statement that takes blocks of rows; nil where rows have to be taken one by one.
  private func feed(_ columns: [Bool]) throws -> SQLiteRowFeed? {
    guard let feed = try SQLiteRowFeed(connection, columnCount: columns.count, statement(columns, isForBlocks: true)) else { return nil }
    if target.hasProvenance {
      try feed.bind(token.item ?? "", at: 1)
      try feed.bind(token.run, at: 2)
    }
    return feed
  }

  /// The statement that takes one row.
  private struct Single {
    let insert: SQLiteConnection.Statement
    /// The number of each value's mark; nil for a value that is left out.
    let places: [Int32?]

    init(insert sql: String, _ columns: [Bool], _ token: TableToken, _ connection: SQLiteConnection) throws {
      insert = try SQLiteConnection.Statement(connection, sql)
      var place = 0
      places = columns.map { isTaken -> Int32? in
        if isTaken { place += 1 }
        return isTaken ? Int32(place) : nil
      }
      if token.target.hasProvenance {
        try insert.bind(token.item ?? "", at: place + 1)
        try insert.bind(token.run, at: place + 2)
      }
    }
  }

  private func move(_ rows: RowSource, _ feed: SQLiteRowFeed?, _ single: Single) throws -> [RowRefusal] {
    var refused: [RowRefusal] = []
    var ignored = 0
    for place in rows.places where place.rowCount > 0 {
      try FailPoint.tableInsert.pass(.before)
      let block = try rows.block(place)
      if let taken = try feed?.insert(block) {
        ignored += block.rowCount - taken
        continue
      }
      for row in 0..<block.rowCount {
        do {
          let bytes = block.start(row)..<block.end(row)
          ignored += 1 - (try single.insert.insert(block.rows + bytes.lowerBound, bytes.count, single.places))
        } catch let failure as SQLiteConnection.Failure where failure.isConstraint && connection.isInTransaction {
          // The row alone is taken back (sqlite.org/lang_conflict.html, ABORT).
          refused.append(RowRefusal(record: place.firstRecord + block.record(row), reason: failure.message))
          if refused.count >= RowHunt.most { return refused }
        }
      }
    }
    // Where all fields are the key, a row that is there already stays as it is, and counts as no change.
    if ignored > 0, target.mode != .merge || hasOthers {
      throw SQLiteConnection.Failure(
        code: SQLiteConnection.Failure.constraint, message: "a trigger of the table ignores \(ignored) of them")
    }
    return refused
  }

  /// Whether rows have fields beside the key.
  private var hasOthers: Bool { token.columns.contains { !target.key.contains($0.name) } || target.hasProvenance }

  /// An INSERT of one row, or of the rows of a block.
  private func statement(_ taken: [Bool], isForBlocks: Bool = false) -> String {
    var names = zip(token.columns, taken).filter(\.1).map { SQLiteConnection.quoted($0.0.name) }
    if target.hasProvenance { names += [TableTarget.itemColumn, TableTarget.runColumn].map(SQLiteConnection.quoted) }
    var conflict = ""
    if target.mode == .merge {
      let key = target.key.map(SQLiteConnection.quoted)
      let others = names.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
      conflict = " ON CONFLICT (\(key.joined(separator: ", "))) DO " + (others.isEmpty ? "NOTHING" : "UPDATE SET \(others)")
    }
    var source = "VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))"
    if isForBlocks {
      let values = taken.indices.filter { taken[$0] }.map { "c\($0)" } + (target.hasProvenance ? ["?1", "?2"] : [])
      // Without WHERE, ON CONFLICT would be read as a join's ON.
      source = "SELECT \(values.joined(separator: ", ")) FROM \(SQLiteRowFeed.table) WHERE true"
    }
    // OR ABORT, since a table may say ON CONFLICT IGNORE.
    return "INSERT OR ABORT INTO \(table) (\(names.joined(separator: ", "))) \(source)\(conflict)"
  }

  /// Makes the table, or the columns that it lacks.
  private func prepareTable() throws -> SQLiteTable {
    let provenance = target.hasProvenance ? [(TableTarget.itemColumn, "TEXT"), (TableTarget.runColumn, "INTEGER")] : []
    func described() throws -> SQLiteTable {
      guard let known = try SQLiteTable.read(target.table, connection) else {
        throw SQLiteConnection.Failure(code: SQLiteConnection.Failure.error, message: "the table is not where it was made")
      }
      return known
    }
    guard try connection.kind(of: target.table) != nil else {
      var columns = token.columns.map { "\(SQLiteConnection.quoted($0.name)) \($0.type)\($0.isNotNull ? " NOT NULL" : "")" }
      columns += provenance.map { "\(SQLiteConnection.quoted($0.0)) \($0.1) NOT NULL" }
      if target.mode == .merge {
        columns.append("PRIMARY KEY (\(target.key.map(SQLiteConnection.quoted).joined(separator: ", ")))")
      }
      try connection.run("CREATE TABLE \(table) (\(columns.joined(separator: ", ")))")
      if target.hasProvenance {
        let index = SQLiteConnection.quoted(target.table + TableTarget.itemColumn)
        try connection.run("CREATE INDEX \(index) ON \(table) (\(SQLiteConnection.quoted(TableTarget.itemColumn)))")
      }
      return try described()
    }
    let known = try described()
    guard target.onNewColumn == .add else { return known }
    for (name, type) in token.columns.map({ ($0.name, $0.type) }) + provenance where !known.has(name) {
      try connection.run("ALTER TABLE \(table) ADD COLUMN \(SQLiteConnection.quoted(name)) \(type)")
    }
    return try described()
  }
}
