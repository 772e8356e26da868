import CSQLite
import Records

/// A statement that takes the rows of a block at a time.
///
/// SQLite reads the block as a table, `sluice_rows`. It knows that name on this connection alone, and while the feed is there.
final class SQLiteRowFeed {
  /// The name of the table that the statement reads.
  static let table = "sluice_rows"
  /// The fewest rows of an output that are worth a feed.
  #if FAILPOINTS
    // Small, so that tests of small items come to feeds.
    static let least = 8
  #else
    static let least = 256
  #endif

  private let connection: SQLiteConnection
  private var statement: SQLiteConnection.Statement?
  /// The connection's until `deinit` drops the table: no other feed is made before, since a commit takes one output after another.
  private let feed: UnsafeMutablePointer<sluice_row_feed>

  /// Prepares a statement.
  ///
  /// - Parameters:
  ///   - columnCount: how many values a row has.
  ///   - sql: the statement; the values are the columns c0, c1 and so on of the table.
  /// - Returns: nil where the database has a table with the name of the feed's.
  init?(_ connection: SQLiteConnection, columnCount: Int, _ sql: String) throws {
    guard try connection.kind(of: Self.table) == nil else { return nil }
    let columns = (0..<columnCount).map { "c\($0)" }.joined(separator: ", ")
    var made: UnsafeMutablePointer<sluice_row_feed>?
    let code = sluice_sqlite_make_rows(connection.handle, "CREATE TABLE \(Self.table) (\(columns))", &made)
    guard code == SQLITE_OK, let made else { throw connection.failure(code) }
    self.connection = connection
    feed = made
    statement = try SQLiteConnection.Statement(connection, sql)
  }

  deinit {
    // The statement goes first: it reads the table.
    statement = nil
    sluice_sqlite_drop_rows(connection.handle)
  }

  func bind(_ text: String, at place: Int) throws { try statement?.bind(text, at: place) }

  /// Takes the rows of a block.
  ///
  /// - Returns: how many rows were added or changed; nil where one breaks a constraint, and none is taken.
  func insert(_ block: RowBlock) throws -> Int? {
    // The block's memory, all of which `RowBlock` has found to be there, outlives this call; the statement is reset before its end.
    feed.pointee.ends = block.ends.assumingMemoryBound(to: UInt8.self)
    feed.pointee.rows = block.rows
    feed.pointee.row_count = Int64(block.rowCount)
    feed.pointee.length = Int64(block.end(block.rowCount - 1))
    defer { feed.pointee.row_count = 0 }
    // A statement that fails may leave rows: a trigger's RAISE(FAIL) says so.
    try connection.run("SAVEPOINT sluice_block")
    do {
      _ = try statement?.step()
      let changed = connection.changes
      try connection.run("RELEASE sluice_block")
      return changed
    } catch let failure as SQLiteConnection.Failure {
      if feed.pointee.is_damaged != 0 { throw SQLiteConnection.Statement.damaged }
      // A trigger's RAISE(ROLLBACK) ends the transaction.
      guard failure.isConstraint, connection.isInTransaction else { throw failure }
      try connection.run("ROLLBACK TO sluice_block; RELEASE sluice_block")
      return nil
    }
  }
}
