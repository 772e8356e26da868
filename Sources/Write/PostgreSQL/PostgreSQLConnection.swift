#if canImport(CPostgreSQL)
  import CPostgreSQL
  import Foundation
  import Records

  /// A connection to a PostgreSQL database. One thread uses it at a time, and its calls block.
  ///
  /// `@unchecked Sendable`: it is only touched under its session's lock.
  final class PostgreSQLConnection: @unchecked Sendable {
    /// An error of the server or of libpq.
    struct Failure: Error {
      /// The SQLSTATE (PostgreSQL, appendix A); empty where the connection is the trouble.
      var state = ""
      /// The server's words, with its detail.
      var message: String
      /// The row, from 1, of a COPY at which the server stopped, and the column; nil where it does not say.
      var row: Int?
      var column: String?
      var isConnectionLost = false

      /// Whether a row is at fault: its data (22), a constraint (23), a check of a view (44), or a trigger's complaint.
      var isOfRows: Bool { ["22", "23", "44"].contains(state.prefix(2)) || state == "P0001" }
      /// Whether the same may succeed a little later: the server stops or starts, or another session holds what this one needs.
      var isTransient: Bool {
        isConnectionLost || ["08", "40"].contains(state.prefix(2)) || ["53300", "55P03", "57P01", "57P02", "57P03"].contains(state)
      }
      /// Whether the table will never take the statement: it is not as it was, or this user may not write to it.
      var isRefusal: Bool { isOfRows || state.hasPrefix("42") || state == "0A000" }
    }

    private let handle: OpaquePointer
    /// The table that rows are sent to, as the server's messages call it.
    private var copied = ""

    /// Connects, and makes the session's settings those that the sink needs.
    init(_ address: PostgreSQLAddress, settings: [(name: String, value: String)]) throws(Failure) {
      // The address has the last word before these, and PG* variables have it behind them.
      let parameters = [
        ("fallback_application_name", "sluice"), ("connect_timeout", "20"), ("keepalives_idle", "30"), ("dbname", address.url),
        ("client_encoding", "UTF8"),
      ]
      var names: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.0)) } + [nil]
      var values: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.1)) } + [nil]
      defer { for text in names + values { free(UnsafeMutablePointer(mutating: text)) } }
      guard let handle = PQconnectdbParams(&names, &values, 1) else { throw Failure(message: "out of memory") }
      self.handle = handle
      guard PQstatus(handle) == CONNECTION_OK else {
        let message = Self.words(PQerrorMessage(handle))
        throw Failure(message: message, isConnectionLost: Self.mayPass(message))
      }
      // Notices are the server's talk with people at a terminal.
      PQsetNoticeReceiver(handle, { _, _ in }, nil)
      for (name, value) in settings { _ = try rows("SELECT set_config($1, $2, false)", name, value) }
    }

    /// Whether the reason of a failed connection may pass: all but a wrong password, user or database, which libpq gives no SQLSTATE for.
    private static func mayPass(_ message: String) -> Bool {
      !["authentication", "password", "does not exist", "permission", "no pg_hba.conf entry", "certificate", "SSL"]
        .contains(where: message.contains)
    }

    deinit { PQfinish(handle) }

    private static func words(_ text: UnsafePointer<CChar>?) -> String {
      let lines = text.map { String(cString: $0).split(separator: "\n") } ?? []
      return lines.map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "; ")
    }

    private func failure(_ result: OpaquePointer?) -> Failure {
      func field(_ code: Character) -> String? {
        PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
      }
      var failure = Failure(state: field("C") ?? "", message: field("M") ?? Self.words(PQerrorMessage(handle)))
      if let detail = field("D") { failure.message += "; " + detail.replacingOccurrences(of: "\n", with: "; ") }
      failure.column = field("c")
      failure.isConnectionLost = PQstatus(handle) == CONNECTION_BAD
      failure.row = Self.row(inContext: field("W") ?? "", of: copied)
      return failure
    }

    /// The row that a context of COPY names: `COPY orders, line 3, column total: "x"`, in any language.
    static func row(inContext context: String, of table: String) -> Int? {
      let head = "COPY \(table), "
      guard let line = context.split(separator: "\n").last(where: { $0.hasPrefix(head) }) else { return nil }
      return Int(line.dropFirst(head.count).drop { !$0.isNumber }.prefix { $0.isNumber })
    }

    // MARK: Statements

    /// Executes statements that give no rows that are wanted.
    ///
    /// - Returns: how many rows the last one affected.
    @discardableResult
    func run(_ sql: String) throws(Failure) -> Int {
      let result = PQexec(handle, sql)
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return Int(String(cString: PQcmdTuples(result))) ?? 0
      default: throw failure(result)
      }
    }

    /// The rows of a query, as text; NULL is nil.
    func rows(_ sql: String, _ arguments: String?...) throws(Failure) -> [[String?]] {
      let values: [UnsafePointer<CChar>?] = arguments.map { $0.flatMap { UnsafePointer(strdup($0)) } }
      defer { for text in values { free(UnsafeMutablePointer(mutating: text)) } }
      let result = PQexecParams(handle, sql, Int32(values.count), nil, values, nil, nil, 0)
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK: break
      default: throw failure(result)
      }
      return (0..<PQntuples(result)).map { row in
        (0..<PQnfields(result)).map { column in
          PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
        }
      }
    }

    /// Whether a transaction is open on the server.
    var isInTransaction: Bool { ![PQTRANS_IDLE, PQTRANS_UNKNOWN].contains(PQtransactionStatus(handle)) }

    // MARK: COPY

    private static let head: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    private static let end: [UInt8] = [0xFF, 0xFF]

    /// Sends rows by `COPY … FROM STDIN (FORMAT binary)`.
    ///
    /// - Parameters:
    ///   - table: the table's name without its schema.
    ///   - sql: the statement, or several of which it is the last.
    ///   - body: sends the rows by the function that it gets, which returns false where the server wants no more.
    /// - Returns: how many rows the server took.
    func copy(into table: String, _ sql: String, _ body: (_ send: (UnsafePointer<UInt8>, Int) throws -> Bool) throws -> Void) throws -> Int
    {
      try beginCopy(into: table, sql)
      do {
        try body { try self.sendRows($0, $1) }
      } catch {
        // The server forgets the rows, and says so.
        if PQstatus(handle) == CONNECTION_OK {
          PQputCopyEnd(handle, "the rows can't be read")
          while let result = PQgetResult(handle) { PQclear(result) }
        }
        throw error
      }
      return try endCopy()
    }

    /// Begins a COPY; ``endCopy()`` has to follow, or the connection's end.
    func beginCopy(into table: String, _ sql: String) throws(Failure) {
      copied = table
      let begun = PQexec(handle, sql)
      defer { PQclear(begun) }
      guard PQresultStatus(begun) == PGRES_COPY_IN else { throw failure(begun) }
      try put(Self.head)
    }

    /// Sends whole rows of a COPY.
    ///
    /// - Returns: false where the server wants no more, which ``endCopy()`` then tells the reason of.
    func sendRows(_ start: UnsafePointer<UInt8>, _ count: Int) throws(Failure) -> Bool {
      try put(start, count)
      return !hasAnswer
    }

    /// Ends a COPY.
    ///
    /// - Returns: how many rows the server took.
    func endCopy() throws(Failure) -> Int {
      try put(Self.end)
      guard PQputCopyEnd(handle, nil) == 1 else { throw failure(nil) }
      var count = 0
      var found: Failure?
      while let result = PQgetResult(handle) {
        if PQresultStatus(result) == PGRES_COMMAND_OK {
          count = Int(String(cString: PQcmdTuples(result))) ?? 0
        } else if found == nil {
          found = failure(result)
        }
        PQclear(result)
        if PQstatus(handle) == CONNECTION_BAD { break }
      }
      if let found { throw found }
      return count
    }

    private func put(_ bytes: [UInt8]) throws(Failure) {
      let buffer = ByteBuffer(capacity: bytes.count)
      buffer.append(bytes)
      try put(buffer.bytes, buffer.count)
    }

    private func put(_ start: UnsafePointer<UInt8>, _ count: Int) throws(Failure) {
      var done = 0
      while done < count {
        let piece = min(count - done, 1 << 20)
        let code = (start + done).withMemoryRebound(to: CChar.self, capacity: piece) { PQputCopyData(handle, $0, Int32(piece)) }
        guard code == 1 else { throw failure(nil) }
        done += piece
      }
    }

    /// Whether the server has answered before the end of the rows: it found one that it does not take.
    private var hasAnswer: Bool {
      var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
      return poll(&descriptor, 1, 0) > 0
    }

    /// A name as SQL has it in quotes.
    static func quoted(_ name: String) -> String {
      "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// A text as SQL has it, whatever `standard_conforming_strings` says.
    static func literal(_ text: String) -> String {
      let doubled = text.replacingOccurrences(of: "'", with: "''")
      return doubled.contains("\\") ? " E'" + doubled.replacingOccurrences(of: "\\", with: "\\\\") + "'" : "'" + doubled + "'"
    }
  }
#endif
