import Foundation
import GRDB

/// The durable state of the pipelines of one state folder: runs, items, checkpoints, dead letters.
///
/// A SQLite database (WAL, synchronous=FULL): when a call has returned, what it wrote survives a crash of the machine.
/// Each call is one transaction, on a thread of the database's own.
public struct Ledger: Sendable {
  private let database: DatabaseQueue
  public let path: String

  /// Opens the ledger in `folder`, made where it is missing, and brings its tables to the present version.
  public static func open(folder: String) throws(LedgerError) -> Ledger {
    let path = folder + "/ledger.sqlite"
    return try wrap(path) {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      var configuration = Configuration()
      configuration.busyMode = .timeout(10)
      configuration.prepareDatabase { db in
        try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
      }
      let database = try DatabaseQueue(path: path, configuration: configuration)
      try refuseNewer(database)
      try Migrations.all.migrate(database)
      return Ledger(database: database, path: path)
    }
  }

  /// Opens the ledger without writing a byte; nil where there is none, or one that was killed before it had its tables.
  public static func openReadOnly(folder: String) throws(LedgerError) -> Ledger? {
    let path = folder + "/ledger.sqlite"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try wrap(path) {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(10)
      // Without its -wal file a database in WAL mode can be read only as one that nobody writes.
      let isIdle = !FileManager.default.fileExists(atPath: path + "-wal")
      let name = isIdle ? "file:\(path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path)?immutable=1" : path
      let database = try DatabaseQueue(path: name, configuration: configuration)
      try refuseNewer(database)
      guard try database.read({ try $0.tableExists("runs") }) else { return nil }
      return Ledger(database: database, path: path)
    }
  }

  private static func refuseNewer(_ database: DatabaseQueue) throws {
    let isNewer = try database.read { try Migrations.all.hasBeenSuperseded($0) }
    if isNewer { throw Reason("it was written by a newer sluice; use that one, or another --state") }
  }

  private struct Reason: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  private static func wrap<T>(_ path: String, _ body: () throws -> T) throws(LedgerError) -> T {
    do {
      return try body()
    } catch {
      throw LedgerError(path: path, reason: (error as? DatabaseError)?.message ?? (error as NSError).localizedFailureReason ?? "\(error)")
    }
  }

  private func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do {
      return try await database.write(body)
    } catch let error as DatabaseError {
      throw LedgerError(path: path, reason: error.message ?? "\(error)")
    }
  }

  private func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do {
      return try await database.read(body)
    } catch let error as DatabaseError {
      throw LedgerError(path: path, reason: error.message ?? "\(error)")
    }
  }

  // MARK: Runs

  /// What a new run is entered with.
  public struct NewRun: Sendable {
    public var definition: String
    public var definitionPath: String
    public var variables: [String: String]
    public var schema: String?

    public init(definition: String, definitionPath: String, variables: [String: String], schema: String?) {
      self.definition = definition
      self.definitionPath = definitionPath
      self.variables = variables
      self.schema = schema
    }
  }

  /// Enters a new run with its items, or opens `continuing` again with those that it will work on, in order.
  ///
  /// One transaction: a run without its items would look finished to whoever resumes it.
  public func begin(
    _ new: NewRun, continuing: RunID?, pipeline: String, definitionHash: String, _ items: [PlannedItem]
  ) async throws -> (run: RunID, items: [ItemID]) {
    let variables = String(decoding: (try? JSONEncoder().encode(new.variables)) ?? Data("{}".utf8), as: UTF8.self)
    return try await write { db in
      let run: RunID
      if let continuing {
        run = continuing
        try db.execute(sql: "UPDATE runs SET status = 'running', ended_at = NULL, error = NULL WHERE id = ?", arguments: [run.value])
      } else {
        try db.execute(
          sql: """
            INSERT INTO runs (pipeline, status, started_at, definition, definition_path, variables, schema)
            VALUES (?, 'running', ?, ?, ?, ?, ?)
            """,
          arguments: [pipeline, Date().timeIntervalSince1970, new.definition, new.definitionPath, variables, new.schema])
        run = RunID(db.lastInsertedRowID)
      }
      return (run, try Self.enter(db, run, pipeline: pipeline, definitionHash: definitionHash, items))
    }
  }

  public func endRun(
    _ id: RunID, status: RunStatus, counts: RecordCounts, bytes: ByteCounts, retries: Int, restarts: Int, error: String?
  ) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE runs SET status = ?, ended_at = ?, read = ?, written = ?, filtered = ?, dead_lettered = ?, fetched = ?,
          decompressed = ?, bytes_written = ?, retries = ?, restarts = ?, error = ? WHERE id = ?
          """,
        arguments: [
          status.rawValue, Date().timeIntervalSince1970, counts.read, counts.written, counts.filtered, counts.deadLettered,
          bytes.fetched, bytes.decompressed, bytes.written, retries, restarts, error, id.value,
        ])
    }
  }

  /// The newest first.
  public func runs(pipeline: String?, limit: Int = 1000) async throws -> [RunRecord] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM runs WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY id DESC LIMIT ?2", arguments: [pipeline, limit]
      ).map(RunRecord.init)
    }
  }

  public func run(_ id: RunID) async throws -> RunRecord? {
    try await read { try Row.fetchOne($0, sql: "SELECT * FROM runs WHERE id = ?", arguments: [id.value]).map(RunRecord.init) }
  }

  // MARK: Items

  /// The pipeline's items as last known, by key.
  public func items(pipeline: String) async throws -> [String: ItemRecord] {
    try await read { db in
      let rows = try Row.fetchCursor(db, sql: Self.itemQuery + " WHERE items.pipeline = ?", arguments: [pipeline])
      var items: [String: ItemRecord] = [:]
      while let row = try rows.next() {
        let item = ItemRecord(row)
        items[item.key] = item
      }
      return items
    }
  }

  public func items(run: RunID) async throws -> [ItemRecord] {
    try await read { db in
      try Row.fetchAll(db, sql: Self.itemQuery + " WHERE items.run = ? ORDER BY ordinal", arguments: [run.value]).map(ItemRecord.init)
    }
  }

  private static let itemQuery = """
    SELECT items.*, c.offset, c.lines, c.read AS c_read, c.written AS c_written, c.filtered AS c_filtered,
    c.dead_lettered AS c_dead_lettered, c.fetched AS c_fetched, c.decompressed AS c_decompressed,
    c.bytes_written AS c_bytes_written, c.part_length FROM items LEFT JOIN checkpoints c ON c.item = items.id
    """

  /// What a run will work on, in order.
  public struct PlannedItem: Sendable {
    public var key: String
    /// Whether what was done before counts no more: checkpoint and dead letters go.
    public var startsOver: Bool
    /// Its place among all the run's items, those that are done already included.
    public var ordinal: Int
    public init(key: String, ordinal: Int, startsOver: Bool) {
      self.key = key
      self.ordinal = ordinal
      self.startsOver = startsOver
    }
  }

  private static func enter(
    _ db: Database, _ run: RunID, pipeline: String, definitionHash: String, _ items: [PlannedItem]
  ) throws -> [ItemID] {
    let upsert = try db.makeStatement(
      sql: """
        INSERT INTO items (pipeline, key, run, ordinal, status, definition_hash) VALUES (?, ?, ?, ?, 'pending', ?)
        ON CONFLICT (pipeline, key) DO UPDATE SET run = excluded.run, ordinal = excluded.ordinal, status = 'pending',
        definition_hash = excluded.definition_hash, error = NULL RETURNING id
        """)
    return try items.map { item in
      let row = try Row.fetchOne(upsert, arguments: [pipeline, item.key, run.value, item.ordinal, definitionHash])
      let id = ItemID(row?[0] ?? 0)
      if item.startsOver { try startOver(db, id) }
      return id
    }
  }

  private static func startOver(_ db: Database, _ id: ItemID) throws {
    try db.execute(sql: "DELETE FROM checkpoints WHERE item = ?", arguments: [id.value])
    try db.execute(sql: "DELETE FROM dead_letters WHERE item_id = ?", arguments: [id.value])
    try db.execute(sql: "UPDATE items SET version = NULL WHERE id = ?", arguments: [id.value])
  }

  /// The item begins from its start: what an earlier try left of it is forgotten.
  public func startOver(_ id: ItemID) async throws { try await write { try Self.startOver($0, id) } }

  /// The version that the item is being read at.
  public func begin(_ id: ItemID, version: String?) async throws {
    try await write {
      try $0.execute(
        sql: "UPDATE items SET status = 'working', version = ?, attempts = attempts + 1 WHERE id = ?", arguments: [version, id.value])
    }
  }

  /// Writes a checkpoint together with the dead letters up to it.
  public func checkpoint(_ id: ItemID, _ checkpoint: Checkpoint, _ letters: [DeadLetter]) async throws {
    try await write { db in
      try Self.insert(db, letters)
      try Self.save(db, id, checkpoint)
    }
  }

  private static func save(_ db: Database, _ id: ItemID, _ point: Checkpoint) throws {
    try db.execute(
      sql: "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      arguments: [
        id.value, point.offset, point.lines, point.counts.read, point.counts.written, point.counts.filtered,
        point.counts.deadLettered, point.bytes.fetched, point.bytes.decompressed, point.bytes.written, point.partLength,
      ])
  }

  /// The item is done: its output is in place.
  public func finish(_ id: ItemID, version: String, _ final: Checkpoint, _ letters: [DeadLetter]) async throws {
    try await write { db in
      try Self.insert(db, letters)
      try db.execute(
        sql: """
          UPDATE items SET status = 'done', version = ?, error = NULL, read = ?, written = ?, filtered = ?, dead_lettered = ?
          WHERE id = ?
          """,
        arguments: [version, final.counts.read, final.counts.written, final.counts.filtered, final.counts.deadLettered, id.value])
      // The last checkpoint stays: it says how long the item's share of the output is.
      try Self.save(db, id, final)
    }
  }

  /// The server says that the item is as it was.
  public func unchanged(_ id: ItemID, version: String) async throws {
    try await write { try $0.execute(sql: "UPDATE items SET status = 'done', version = ? WHERE id = ?", arguments: [version, id.value]) }
  }

  /// The item failed all its attempts; it is a dead letter, and its records count no more.
  public func fail(_ id: ItemID, error: String, _ letter: DeadLetter) async throws {
    try await write { db in
      try Self.startOver(db, id)
      try db.execute(
        sql: "UPDATE items SET status = 'failed', error = ?, read = 0, written = 0, filtered = 0, dead_lettered = 0 WHERE id = ?",
        arguments: [error, id.value])
      try Self.insert(db, [letter])
    }
  }

  /// What a run's items come to together, up to their last checkpoints, and how many there are in each state.
  public func totals(_ run: RunID) async throws -> (counts: RecordCounts, bytes: ByteCounts, items: [ItemStatus: Int]) {
    try await read { db in
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT coalesce(sum(c.read), 0) AS read, coalesce(sum(c.written), 0) AS written, coalesce(sum(c.filtered), 0) AS filtered,
          coalesce(sum(c.dead_lettered), 0) AS dead_lettered, coalesce(sum(c.fetched), 0) AS fetched,
          coalesce(sum(c.decompressed), 0) AS decompressed, coalesce(sum(c.bytes_written), 0) AS bytes_written
          FROM items JOIN checkpoints c ON c.item = items.id WHERE items.run = ?
          """, arguments: [run.value])
      let states = try Row.fetchAll(
        db, sql: "SELECT status, count(*) AS n FROM items WHERE run = ? GROUP BY status", arguments: [run.value])
      var items: [ItemStatus: Int] = [:]
      for state in states { items[ItemStatus(rawValue: state["status"]) ?? .pending] = state["n"] }
      guard let row else { return (RecordCounts(), ByteCounts(), items) }
      return (RecordCounts(row, prefix: ""), ByteCounts(row, prefix: ""), items)
    }
  }

  // MARK: Dead letters

  private static func insert(_ db: Database, _ letters: [DeadLetter]) throws {
    guard !letters.isEmpty else { return }
    let statement = try db.makeStatement(
      sql: """
        INSERT INTO dead_letters (run, pipeline, item, item_id, stage, record, line, offset, field, code, reason, attempts, at, raw)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    for letter in letters {
      try statement.execute(arguments: [
        letter.run.value, letter.pipeline, letter.item, letter.itemID?.value, letter.stage, letter.record, letter.line,
        letter.offset, letter.field, letter.code, letter.reason, letter.attempts, letter.at.timeIntervalSince1970, Data(letter.raw),
      ])
    }
  }

  /// What to look for among dead letters; nil is all.
  public struct DeadLetterFilter: Sendable {
    public var id: Int64?
    public var run: Int64?
    public var pipeline: String?
    public var item: String?
    public var stage: String?
    public var code: String?
    public init() {}
  }

  private static let filterClause = """
    WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR run = ?2) AND (?3 IS NULL OR pipeline = ?3)
    AND (?4 IS NULL OR item = ?4) AND (?5 IS NULL OR stage = ?5) AND (?6 IS NULL OR code = ?6)
    """

  private static func arguments(_ f: DeadLetterFilter) -> StatementArguments { [f.id, f.run, f.pipeline, f.item, f.stage, f.code] }

  /// Hands each dead letter to `body`, in the order of their items and places; memory stays flat.
  public func deadLetters(_ filter: DeadLetterFilter, _ body: @escaping @Sendable (DeadLetter) throws -> Void) async throws {
    try await read { db in
      let rows = try Row.fetchCursor(
        db, sql: "SELECT * FROM dead_letters \(Self.filterClause) ORDER BY item, record, id", arguments: Self.arguments(filter))
      while let row = try rows.next() { try body(DeadLetter(row)) }
    }
  }

  /// How many there are by item, stage and code.
  public func deadLetterCounts(_ filter: DeadLetterFilter) async throws -> [(item: String, stage: String, code: String, count: Int)] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT item, stage, code, count(*) AS n FROM dead_letters \(Self.filterClause) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        arguments: Self.arguments(filter)
      ).map { ($0["item"], $0["stage"], $0["code"], $0["n"]) }
    }
  }
}
