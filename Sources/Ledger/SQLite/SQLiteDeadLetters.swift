import Files
import Foundation
import GRDB

/// The ledger's dead letters.
extension SQLiteLedger {
  static func insert(_ db: Database, _ letters: some Sequence<DeadLetter>) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO dead_letters (run, pipeline, item, item_id, stage, record, line, offset, field, code, reason, attempts, at, raw,
        previous, next) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try FailPoint.ledgerDeadLetters.pass(.before)
    for letter in letters {
      var values = Binding(statement)
      try values.bind(letter.run.value)
      try values.bind(letter.pipeline)
      try values.bind(letter.item)
      try values.bind(letter.itemID?.value)
      try values.bind(letter.stage)
      try values.bind(letter.record)
      try values.bind(letter.line)
      try values.bind(letter.offset)
      try values.bind(letter.field)
      try values.bind(letter.code)
      try values.bind(letter.reason)
      try values.bind(letter.attempts)
      try values.bind(letter.at.timeIntervalSince1970)
      try values.bind(Data(letter.raw))
      try values.bind(letter.previous.map { Data($0) })
      try values.bind(letter.next.map { Data($0) })
      try statement.execute()
    }
    // The statement is kept, and a record may be long.
    Binding.clear(statement)
  }

  /// The values of a statement's next execution, bound in their order and copied by SQLite.
  ///
  /// GRDB's arguments box each value, which for millions of letters takes as long as what SQLite does.
  private struct Binding {
    private let statement: Statement
    private var place: CInt = 0

    init(_ statement: Statement) {
      Self.clear(statement)
      self.statement = statement
    }

    /// Takes what is bound out. From then on GRDB executes the statement with whatever is bound.
    ///
    /// GRDB traps where the statement's last execution failed. None has: what fails leaves by an error, and GRDB takes the
    /// statement out of its cache.
    static func clear(_ statement: Statement) { statement.setUncheckedArguments(StatementArguments()) }

    mutating func bind(_ value: some StatementBinding) throws {
      place += 1
      let code = value.bind(to: statement.sqliteStatement, at: place)
      guard code == 0 else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }
  }

  func deadLetters(_ filter: DeadLetterFilter, _ body: @escaping @Sendable (DeadLetter) throws -> Void) async throws {
    try await read(isRepeatable: false) { db in
      let rows = try Row.fetchCursor(
        db, sql: "SELECT * FROM dead_letters \(DeadLetterFilter.clause) ORDER BY item, record, id", arguments: filter.arguments)
      while let row = try rows.next() { try body(DeadLetter(row)) }
    }
  }

  func deadLetterCounts(
    _ filter: DeadLetterFilter
  ) async throws -> [(item: String, stage: String, code: String, isResolved: Bool, count: Int)] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT item, stage, code, resolved, count(*) AS n FROM dead_letters \(DeadLetterFilter.clause)
          GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
          """, arguments: filter.arguments
      ).map { (try $0.value("item"), try $0.value("stage"), try $0.value("code"), try $0.value("resolved"), try $0.count("n")) }
    }
  }

  func deadLetterReasons(_ filter: DeadLetterFilter, examples: Int) async throws -> [ReasonGroup] {
    try await read { db in
      let groups = try Row.fetchAll(
        db,
        sql: """
          SELECT stage, code, field, count(*) AS n FROM dead_letters \(DeadLetterFilter.clause)
          GROUP BY 1, 2, 3 ORDER BY n DESC, 1, 2, 3
          """, arguments: filter.arguments)
      return try groups.map { group in
        let (stage, code, field): (String, String, String?) = (
          try group.value("stage"), try group.value("code"), try group.value(orNil: "field")
        )
        let found = try Row.fetchAll(
          db,
          sql: """
            SELECT * FROM dead_letters \(DeadLetterFilter.clause) AND stage = ?10 AND code = ?11 AND field IS ?12 ORDER BY id LIMIT ?13
            """,
          arguments: filter.arguments + [stage, code, field, examples])
        return ReasonGroup(
          stage: stage, code: code, field: field, count: try group.count("n"), examples: try found.map { try DeadLetter($0) })
      }
    }
  }

  func attempts(ofDeadLetter id: Int64) async throws -> [(attempt: Int, at: Date, code: String, reason: String)] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM dead_letter_attempts WHERE letter = ? ORDER BY attempt", arguments: [id]).map {
        (try $0.count("attempt"), try $0.date("at"), try $0.value("code"), try $0.value("reason"))
      }
    }
  }

  func hadDeadLetter(_ id: Int64) async throws -> Bool {
    try await read { db in
      let last = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'dead_letters'") ?? 0
      return (1...max(1, last)).contains(id) && last > 0
    }
  }

  func drop(_ filter: DeadLetterFilter) async throws -> Int {
    try await write(.ledgerDeadLetters) { db in
      try db.execute(sql: "DELETE FROM dead_letters \(DeadLetterFilter.clause)", arguments: filter.arguments)
      return db.changesCount
    }
  }

  // MARK: Replays

  func replayGroups(_ filter: DeadLetterFilter) async throws -> [ReplayGroup] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT d.item, d.item_id, d.n, items.header, runs.schema
          FROM (SELECT item, item_id, max(run) AS run, count(*) AS n FROM dead_letters \(DeadLetterFilter.clause) GROUP BY item, item_id) d
          LEFT JOIN items ON items.id = d.item_id LEFT JOIN runs ON runs.id = d.run ORDER BY items.ordinal, d.item
          """, arguments: filter.arguments
      ).map { row in
        ReplayGroup(
          item: try row.value("item"), itemID: try row.value(orNil: "item_id", as: Int64.self).map(ItemID.init),
          count: try row.count("n"), header: try row.value(orNil: "header"), schema: try row.value(orNil: "schema"))
      }
    }
  }

  func deadLetters(_ filter: DeadLetterFilter, of item: String, after last: DeadLetter?, limit: Int) async throws -> [DeadLetter] {
    var filter = filter
    filter.item = item
    let arguments = filter.arguments + [last?.record ?? -1, last?.id ?? -1, limit]
    return try await read { db in
      try Row.fetchAll(
        db,
        sql: "SELECT * FROM dead_letters \(DeadLetterFilter.clause) AND (record, id) > (?10, ?11) ORDER BY record, id LIMIT ?12",
        arguments: arguments
      ).map { try DeadLetter($0) }
    }
  }

  func nextReplay() async throws -> Int {
    try await read { try Int.fetchOne($0, sql: "SELECT coalesce(max(id), 0) + 1 FROM replays") ?? 1 }
  }

  func replayed(
    _ number: Int, pipeline: String, _ outcome: ReplayOutcome, _ commits: [PendingCommit]
  ) async throws {
    try await write(.ledgerReplay) { db in
      try db.execute(
        sql: "INSERT INTO replays (id, pipeline, at, passed, failed) VALUES (?, ?, ?, ?, ?)",
        arguments: [number, pipeline, Date().timeIntervalSince1970, outcome.passed.count, outcome.failed.count])
      let keep = try db.cachedStatement(
        sql: """
          INSERT INTO dead_letter_attempts (letter, attempt, at, code, reason)
          SELECT id, attempts, at, code, reason FROM dead_letters WHERE id = ?
          """)
      let resolve = try db.cachedStatement(sql: "UPDATE dead_letters SET resolved = 1, replay = ? WHERE id = ?")
      for id in outcome.passed { try resolve.execute(arguments: [number, id]) }
      let again = try db.cachedStatement(
        sql: "UPDATE dead_letters SET attempts = attempts + 1, at = ?, field = ?, code = ?, reason = ? WHERE id = ?")
      for letter in outcome.failed {
        try keep.execute(arguments: [letter.id])
        try again.execute(arguments: [Date().timeIntervalSince1970, letter.field, letter.code, letter.reason, letter.id])
      }
      for commit in commits {
        // Only a file can be taken away again where a newer output holds the same records.
        if let output = commit.output {
          try db.execute(
            sql: "INSERT INTO replay_outputs (path, pipeline, item) VALUES (?, ?, ?)",
            arguments: [output.path, pipeline, commit.item?.value])
        }
        try Self.insert(db, commit)
      }
    }
  }
}

extension DeadLetterFilter {
  /// The condition of a query for it, whose arguments are ``arguments``.
  fileprivate static let clause = """
    WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR run = ?2) AND (?3 IS NULL OR pipeline = ?3)
    AND (?4 IS NULL OR item = ?4) AND (?5 IS NULL OR stage = ?5) AND (?6 IS NULL OR code = ?6)
    AND (?7 IS NULL OR instr(lower(reason), lower(?7)) > 0) AND (?8 IS NULL OR resolved = ?8)
    AND (?9 IS NULL OR (record IS NOT NULL) = ?9)
    """

  fileprivate var arguments: StatementArguments { [id, run, pipeline, item, stage, code, reason, isResolved, isRecord] }
}
