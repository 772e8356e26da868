import Files
import Foundation
import GRDB

/// The ledger's items and their checkpoints.
extension Ledger {
  /// The pipeline's items with these keys, as last known, in their order. Keys are told apart by their bytes.
  ///
  /// - Parameter keys: for each the key, and what earlier builds may have called it.
  public func items(pipeline: String, keys: [[String]]) async throws -> [ItemRecord?] {
    try await read { db in
      // A pipeline's first run need not ask about each.
      guard try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM items WHERE pipeline = ?)", arguments: [pipeline]) == true else {
        return Array(repeating: nil, count: keys.count)
      }
      let statement = try db.cachedStatement(sql: Self.itemQuery(db) + " WHERE items.pipeline = ? AND items.key = ?")
      return try keys.map { keys in
        for key in keys {
          if let row = try Row.fetchOne(statement, arguments: [pipeline, key]) { return try ItemRecord(row) }
        }
        return nil
      }
    }
  }

  /// The run's items, in order.
  public func items(run: RunID, onlyOpen: Bool = false) async throws -> [ItemRecord] {
    try await read { db in
      try Row.fetchAll(
        db, sql: Self.itemQuery(db) + " WHERE items.run = ?1 AND (NOT ?2 OR \(Self.isOpen)) ORDER BY ordinal",
        arguments: [run.value, onlyOpen]
      ).map { try ItemRecord($0) }
    }
  }

  /// The keys of items, by their numbers.
  public func keys(_ ids: [Int64]) async throws -> [Int64: String] {
    try await read { db in
      let statement = try db.cachedStatement(sql: "SELECT key FROM items WHERE id = ?")
      var keys: [Int64: String] = [:]
      for id in ids { keys[id] = try String.fetchOne(statement, arguments: [id]) }
      return keys
    }
  }

  /// Hands the keys of the run's items that are done to `body`, some at a time.
  public func doneKeys(run: RunID, _ body: ([String]) throws -> Void) async throws {
    try await keys("run = ?1 AND status = 'done'", [run.value]) { try body($0.map(\.key)) }
  }

  /// The same of all items of a pipeline.
  public func keys(pipeline: String, _ body: ([String]) throws -> Void) async throws {
    try await keys("pipeline = ?1", [pipeline]) { try body($0.map(\.key)) }
  }

  /// The same of items that are done, with their numbers and their last runs.
  public func doneItems(pipeline: String, _ body: ([(id: ItemID, key: String, run: RunID)]) async throws -> Void) async throws {
    try await keys("pipeline = ?1 AND status = 'done'", [pipeline], body)
  }

  /// The keys of a pipeline's items that are not done.
  public func openKeys(pipeline: String) async throws -> [String] {
    try await read {
      try String.fetchAll($0, sql: "SELECT key FROM items WHERE pipeline = ? AND \(Self.isOpen)", arguments: [pipeline])
    }
  }

  private func keys(
    _ condition: String, _ arguments: StatementArguments, _ body: ([(id: ItemID, key: String, run: RunID)]) async throws -> Void
  ) async throws {
    var after: Int64 = -1
    while true {
      let last = after
      let rows = try await read { db in
        try Row.fetchAll(
          db, sql: "SELECT id, key, run FROM items WHERE \(condition) AND id > ?2 ORDER BY id LIMIT 1000", arguments: arguments + [last]
        ).map { row in
          (
            id: ItemID(try row.value("id", as: Int64.self)), key: try row.value("key", as: String.self),
            run: RunID(try row.value("run", as: Int64.self))
          )
        }
      }
      guard let id = rows.last?.id.value, id > last else { return }
      try await body(rows)
      after = id
    }
  }

  /// Whether something of an item is left to do.
  static let isOpen = "(items.status <> 'done' AND items.status <> 'closed')"

  /// What ``ItemRecord`` reads, in its order.
  private static func itemQuery(_ db: Database) throws -> String {
    """
    SELECT items.id, items.pipeline, items.key, items.version, items.run, items.ordinal, items.status, items.definition_hash,
    items.read, items.written, items.filtered, items.dead_lettered, items.error, items.attempts,
    \(try location(db)), c.offset, c.lines, c.read, c.written, c.filtered, c.dead_lettered, c.fetched, c.decompressed, c.bytes_written,
    \(try position(db)), \(try blankLines(db)) FROM items LEFT JOIN checkpoints c ON c.item = items.id
    """
  }

  /// The column of a checkpoint's blank lines; an older ledger that is only read has none.
  static func blankLines(_ db: Database) throws -> String {
    try db.columns(in: "checkpoints").contains { $0.name == "blank_lines" } ? "c.blank_lines" : "0"
  }

  /// The column of an item's location; an older ledger that is only read has none.
  private static func location(_ db: Database) throws -> String {
    try db.columns(in: "items").contains { $0.name == "location" } ? "items.location" : "NULL"
  }

  /// What a run will work on, in order.
  public struct PlannedItem: Sendable {
    public var key: String
    /// What it takes to open it again, without secrets; nil where its key says it all.
    public var location: String?
    /// Whether what was done before counts no more: checkpoint and dead letters go.
    public var startsOver: Bool
    /// Its place among all the run's items, those that are done already included.
    public var ordinal: Int
    /// Whether the ledger has it already.
    public var isKnown: Bool

    public init(key: String, location: String?, ordinal: Int, startsOver: Bool, isKnown: Bool) {
      self.key = key
      self.location = location
      self.ordinal = ordinal
      self.startsOver = startsOver
      self.isKnown = isKnown
    }
  }

  static func enter(
    _ db: Database, _ run: RunID, pipeline: String, definitionHash: String, _ items: [PlannedItem]
  ) throws -> [ItemID] {
    let upsert = try db.makeStatement(
      sql: """
        INSERT INTO items (pipeline, key, run, ordinal, status, definition_hash, location) VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?7)
        ON CONFLICT (pipeline, key) DO UPDATE SET run = excluded.run, ordinal = excluded.ordinal, status = 'pending',
        definition_hash = excluded.definition_hash, location = excluded.location, error = NULL, version = iif(?6, NULL, version), header = iif(?6, NULL, header)
        RETURNING id
        """)
    return try items.map { item in
      let number = try Int64.fetchOne(
        upsert, arguments: [pipeline, item.key, run.value, item.ordinal, definitionHash, item.startsOver, item.location])
      guard let number else { throw DamagedValue("id") }
      let id = ItemID(number)
      if item.startsOver, item.isKnown { try forgetWork(db, id) }
      return id
    }
  }

  private static func forgetWork(_ db: Database, _ id: ItemID) throws {
    try db.cachedStatement(sql: "DELETE FROM checkpoints WHERE item = ?").execute(arguments: [id.value])
    try db.cachedStatement(sql: "DELETE FROM dead_letters WHERE item_id = ?").execute(arguments: [id.value])
  }

  static func startOver(_ db: Database, _ id: ItemID) throws {
    try forgetWork(db, id)
    try db.cachedStatement(sql: "UPDATE items SET version = NULL, header = NULL WHERE id = ?").execute(arguments: [id.value])
  }

  /// The item begins from its start: what an earlier try left of it is forgotten.
  public func startOver(_ id: ItemID) async throws { try await write(.ledgerStartOver) { try Self.startOver($0, id) } }

  /// What is new of an item since its last checkpoint.
  public struct Advance: Sendable {
    public var checkpoint: Checkpoint
    /// Made as they are put in, where they are many.
    public var letters: [any Sequence<DeadLetter> & Sendable] = []
    /// What its columns are, where there are dead letters of it that may be replayed: JSON of the caller's making.
    public var header: String?

    public init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }
  }

  private static func save(_ db: Database, _ id: ItemID, _ advance: Advance) throws {
    for letters in advance.letters { try insert(db, letters) }
    try FailPoint.ledgerDeadLetters.pass(.after)
    let point = advance.checkpoint
    try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO checkpoints (item, offset, lines, read, written, filtered, dead_lettered, fetched, decompressed,
        bytes_written, position, continuation, blank_lines) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      id.value, point.offset, point.lines, point.counts.read, point.counts.written, point.counts.filtered,
      point.counts.deadLettered, point.bytes.fetched, point.bytes.decompressed, point.bytes.written, point.position.token,
      point.continuation.map { Data($0 + checksum(of: $0)) },
      point.counts.blankLines,
    ])
    if let header = advance.header {
      try db.execute(sql: "UPDATE items SET header = ? WHERE id = ?", arguments: [header, id.value])
    }
  }

  /// Writes a checkpoint together with the dead letters up to it, and the version of the item that they are of.
  public func checkpoint(_ id: ItemID, version: String, _ advance: Advance) async throws {
    try await write(.ledgerCheckpoint) { db in
      try Self.save(db, id, advance)
      try db.cachedStatement(sql: "UPDATE items SET status = 'working', version = ? WHERE id = ?").execute(arguments: [version, id.value])
    }
  }

  /// What goes on where the item's last checkpoint was, as ``Checkpoint/continuation``.
  ///
  /// It is a C library's memory, which must be what it was. Where it is not, or an earlier sluice kept it without its checksum, there is none.
  public func continuation(_ id: ItemID) async throws -> [UInt8]? {
    let kept = try await read { db in
      try Data.fetchOne(db, sql: "SELECT continuation FROM checkpoints WHERE item = ?", arguments: [id.value])
    }
    guard let kept, kept.count > 4 else { return nil }
    let bytes = Array(kept.dropLast(4))
    return Self.checksum(of: bytes) == Array(kept.suffix(4)) ? bytes : nil
  }

  private static func checksum(of bytes: [UInt8]) -> [UInt8] {
    let value = bytes.withUnsafeBufferPointer { bytes in bytes.baseAddress.map { Checksum($0, bytes.count).value } ?? 0 }
    return (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// An item that is whole on the disk.
  public struct Finished: Sendable {
    public var id: ItemID
    public var version: String
    public var advance: Advance
    /// What its sink is to commit; nil where the run has one output for all.
    public var commit: PendingCommit?
    /// How long its last attempt took.
    public var seconds: Double
    /// What its columns are called: ``Ledger/sourceSchema(pipeline:_:)``.
    public var sourceSchema: Int64?

    public init(id: ItemID, version: String, advance: Advance, commit: PendingCommit?, seconds: Double, sourceSchema: Int64?) {
      self.seconds = seconds
      self.sourceSchema = sourceSchema
      self.id = id
      self.version = version
      self.advance = advance
      self.commit = commit
      // The last checkpoint stays: it says how long the item's share of the output is.
      self.advance.checkpoint.continuation = nil
    }
  }

  /// The items are done: this is what their outputs' commit is. What is left for the sinks to do is in the committables, and recovery
  /// does it again.
  ///
  /// - Parameter committed: what the sinks have committed by now.
  public func finish(_ items: [Finished], committed: [Committable]) async throws {
    try await write(.ledgerFinishItem) { db in
      let update = try db.cachedStatement(
        sql: """
          UPDATE items SET status = 'done', version = ?, error = NULL, read = ?, written = ?, filtered = ?, dead_lettered = ?,
          seconds = ?, source_schema = ? WHERE id = ?
          """)
      for item in items {
        try Self.save(db, item.id, item.advance)
        let counts = item.advance.checkpoint.counts
        try update.execute(arguments: [
          item.version, counts.read, counts.written, counts.filtered, counts.deadLettered, item.seconds, item.sourceSchema, item.id.value,
        ])
        if let commit = item.commit { try Self.insert(db, commit) }
      }
      try Self.forget(db, committed)
    }
  }

  /// The server says that the item is as it was.
  public func unchanged(_ id: ItemID, version: String) async throws {
    try await write(.ledgerFinishItem) {
      try $0.execute(sql: "UPDATE items SET status = 'done', version = ? WHERE id = ?", arguments: [version, id.value])
    }
  }

  /// The item failed all its attempts; it is a dead letter, and its records count no more.
  ///
  /// - Parameter refused: what its sink will never commit.
  public func fail(_ id: ItemID, error: String, _ letter: DeadLetter, refused: Committable? = nil) async throws {
    try await write(.ledgerFailItem) { db in
      if let refused { try Self.forget(db, [refused]) }
      try Self.startOver(db, id)
      try db.execute(
        sql: "UPDATE items SET status = 'failed', error = ?, read = 0, written = 0, filtered = 0, dead_lettered = 0 WHERE id = ?",
        arguments: [error, id.value])
      try Self.insert(db, [letter])
    }
  }
}
