import CSQLite
import Files
import Foundation

/// A connection to an SQLite database, and its statements; one thread uses it at a time.
///
/// `@unchecked Sendable`: it is only touched under its session's lock.
final class SQLiteConnection: @unchecked Sendable {
  /// An error of SQLite: its extended code and its words.
  struct Failure: Error {
    let code: Int32
    let message: String
    /// The code of rows that break a constraint.
    static let constraint = SQLITE_CONSTRAINT
    /// The code of statements that are wrong.
    static let error = SQLITE_ERROR

    /// Whether the table will never take the rows: they break a constraint, or it is not the table that the statement is for.
    var isRefusal: Bool { isConstraint || code & 0xFF == SQLITE_ERROR }
    /// Whether another process holds the database.
    var isBusy: Bool { [SQLITE_BUSY, SQLITE_LOCKED].contains(code & 0xFF) }
    /// Whether the table does not take the rows themselves.
    var isConstraint: Bool { code & 0xFF == SQLITE_CONSTRAINT || code & 0xFF == SQLITE_MISMATCH }
  }

  let path: String
  let handle: OpaquePointer

  /// Opens the database, and makes it where there is none.
  ///
  /// - Parameter patience: how long another process's transaction is waited for.
  convenience init(_ path: String, patience: Duration = .seconds(30)) throws {
    let milliseconds = patience.components.seconds * 1000 + patience.components.attoseconds / 1_000_000_000_000_000
    try self.init(path, opening: path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, patience: Int32(clamping: milliseconds))
    // Rows that the ledger is told of must survive a loss of power, and appending needs few pages in memory: 32 MB.
    try run("PRAGMA synchronous = \(FailPoint.tableSync.isSkipped ? "OFF" : "FULL"); PRAGMA cache_size = -32000")
  }

  /// Opens a database that is there, to be read alone.
  ///
  /// - Parameter parameters: further parameters of the address (sqlite.org/uri.html), each after an `&`.
  convenience init(reading path: String, _ parameters: String = "") throws {
    let name = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
    try self.init(path, opening: "file:\(name)?mode=ro\(parameters)", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, patience: 2000)
  }

  private init(_ path: String, opening name: String, _ flags: Int32, patience: Int32) throws {
    self.path = path
    var handle: OpaquePointer?
    let code = sqlite3_open_v2(name, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
    guard code == SQLITE_OK, let handle else {
      let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(handle)
      throw Failure(code: code, message: message)
    }
    self.handle = handle
    sqlite3_busy_timeout(handle, patience)
  }

  deinit { sqlite3_close_v2(handle) }

  func failure(_ code: Int32) -> Failure { Failure(code: code, message: String(cString: sqlite3_errmsg(handle))) }

  /// Runs statements that give no rows.
  func run(_ sql: String) throws {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(code) }
  }

  /// How many rows the last INSERT, UPDATE or DELETE has added, changed or removed; triggers do not count.
  var changes: Int { Int(sqlite3_changes64(handle)) }

  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Does `body` as one transaction, all or nothing of which is on the disk when it returns.
  func transaction(_ body: () throws -> Void) throws {
    try run("BEGIN IMMEDIATE")
    do {
      try body()
      try run("COMMIT")
    } catch {
      if isInTransaction { try? run("ROLLBACK") }
      throw error
    }
  }

  /// The rows of a query, as text; NULL is nil.
  func rows(_ sql: String, _ arguments: String...) throws -> [[String?]] {
    let statement = try Statement(self, sql, arguments)
    var rows: [[String?]] = []
    while try statement.step() { rows.append(statement.texts) }
    return rows
  }

  func count(_ sql: String, _ arguments: String...) throws -> Int {
    let statement = try Statement(self, sql, arguments)
    guard try statement.step() else { return 0 }
    return statement.texts.first?.flatMap { Int($0) } ?? 0
  }

  func execute(_ sql: String, _ arguments: String...) throws {
    let statement = try Statement(self, sql, arguments)
    while try statement.step() {}
  }

  /// The kind of thing that a name stands for, `table`, `view` or `index`; nil where it is free. Names are compared as SQLite does, without the
  /// case of ASCII letters.
  func kind(of name: String) throws -> String? { try names("SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE", name).first }

  func hasTable(_ name: String) throws -> Bool {
    try kind(of: name) == "table"
  }

  /// The first column of a query's rows, but for NULLs.
  func names(_ sql: String, _ argument: String) throws -> [String] { try rows(sql, argument).compactMap { $0.first ?? nil } }

  /// The columns of a table, in their order.
  func columns(of table: String) throws -> [String] { try names("SELECT name FROM pragma_table_info(?)", table) }

  func dropTable(_ name: String) throws { try run("DROP TABLE IF EXISTS \(Self.quoted(name))") }

  /// A name as SQL has it in quotes.
  static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// A prepared statement; it ends with its owner.
  final class Statement {
    private let connection: SQLiteConnection
    private let handle: OpaquePointer

    init(_ connection: SQLiteConnection, _ sql: String, _ arguments: [String] = []) throws {
      self.connection = connection
      var handle: OpaquePointer?
      let code = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
      guard code == SQLITE_OK, let handle else { throw connection.failure(code) }
      self.handle = handle
      for (place, argument) in arguments.enumerated() { try bind(argument, at: place + 1) }
    }

    deinit { sqlite3_finalize(handle) }

    /// Whether there is a row.
    func step() throws -> Bool {
      switch sqlite3_step(handle) {
      case SQLITE_ROW: return true
      case SQLITE_DONE:
        sqlite3_reset(handle)
        return false
      case let code:
        let failure = connection.failure(code)
        sqlite3_reset(handle)
        throw failure
      }
    }

    func bind(_ text: String, at place: Int) throws {
      // -1 asks for the text up to its zero; the last argument, SQLITE_TRANSIENT, that SQLite copies it.
      let code = sqlite3_bind_text(handle, Int32(place), text, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
      guard code == SQLITE_OK else { throw connection.failure(code) }
    }

    var texts: [String?] {
      (0..<sqlite3_column_count(handle)).map { column in sqlite3_column_text(handle, column).map { String(cString: $0) } }
    }

    /// Executes the statement, an INSERT, for a row of ``SQLiteRows``.
    ///
    /// - Parameter places: the number of each value's mark in the statement; nil for a value that is left out.
    /// - Returns: how many rows were added or changed: 1, or 0 where a trigger or the statement itself leaves the row out.
    func insert(_ row: UnsafePointer<UInt8>, _ length: Int, _ places: [Int32?]) throws -> Int {
      var at = UnsafeRawPointer(row)
      let end = at + length
      for place in places {
        guard at < end, let kind = SQLiteRows.Kind(rawValue: at.load(as: UInt8.self)) else { throw Self.damaged }
        switch kind {
        case .null:
          if let place { sqlite3_bind_null(handle, place) }
        case .integer:
          guard end - at >= 9 else { throw Self.damaged }
          if let place { sqlite3_bind_int64(handle, place, at.loadUnaligned(fromByteOffset: 1, as: Int64.self)) }
        case .double:
          guard end - at >= 9 else { throw Self.damaged }
          if let place { sqlite3_bind_double(handle, place, at.loadUnaligned(fromByteOffset: 1, as: Double.self)) }
        case .text, .blob:
          guard end - at >= 5 else { throw Self.damaged }
          let count = Int(at.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
          guard end - at >= 5 + count else { throw Self.damaged }
          // The row's memory outlives its step.
          if let place {
            let start = (at + 5).assumingMemoryBound(to: UInt8.self)
            if kind == .blob {
              sqlite3_bind_blob64(handle, place, start, UInt64(count), nil)
            } else {
              sluice_sqlite_bind_text(handle, place, start, UInt64(count))
            }
          }
          at += 5 + count
          continue
        }
        at += kind == .null ? 1 : 9
      }
      let code = sqlite3_step(handle)
      if code != SQLITE_DONE {
        let failure = connection.failure(code)
        sqlite3_reset(handle)
        throw failure
      }
      sqlite3_reset(handle)
      return connection.changes
    }

    static var damaged: WriteError { WriteError(action: "read", path: "rows", reason: "they are damaged; resume writes them again") }
  }
}
