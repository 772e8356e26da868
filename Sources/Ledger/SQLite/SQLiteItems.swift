import Files
import Foundation
import GRDB

/// The ledger's items and their checkpoints.
extension SQLiteLedger {
  func items(pipeline: String, keys: [[String]]) async throws -> [ItemRecord?] {
    try await read { db in
      // A pipeline's first run need not ask about each.
      guard try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM items WHERE pipeline = ?)", arguments: [pipeline]) == true else {
        return Array(repeating: nil, count: keys.count)
      }
      let statement = try db.cachedStatement(sql: Self.itemQuery + " WHERE items.pipeline = ? AND items.key = ?")
      return try keys.map { keys in
        for key in keys {
          if let row = try Row.fetchOne(statement, arguments: [pipeline, key]) { return try ItemRecord(row) }
        }
        return nil
      }
    }
  }

  func items(run: RunID, onlyOpen: Bool) async throws -> [ItemRecord] {
    try await read { db in
      try Row.fetchAll(
        db, sql: Self.itemQuery + " WHERE items.run = ?1 AND (NOT ?2 OR \(Self.isOpen)) ORDER BY ordinal",
        arguments: [run.value, onlyOpen]
      ).map { try ItemRecord($0) }
    }
  }

  func keys(_ ids: [Int64]) async throws -> [Int64: String] {
    try await read { db in
      let statement = try db.cachedStatement(sql: "SELECT key FROM items WHERE id = ?")
      var keys: [Int64: String] = [:]
      for id in ids { keys[id] = try String.fetchOne(statement, arguments: [id]) }
      return keys
    }
  }

  func openKeys(pipeline: String) async throws -> [String] {
    try await read {
      try String.fetchAll($0, sql: "SELECT key FROM items WHERE pipeline = ? AND \(Self.isOpen)", arguments: [pipeline])
    }
  }

  func page(_ selection: ItemSelection, after: ItemID?, limit: Int) async throws -> [ItemListing] {
    let (condition, argument): (String, any DatabaseValueConvertible & Sendable) =
      switch selection {
      case .pipeline(let pipeline): ("pipeline = ?1", pipeline)
      case .done(let pipeline): ("pipeline = ?1 AND status = 'done'", pipeline)
      case .doneIn(let run): ("run = ?1 AND status = 'done'", run.value)
      }
    return try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT id, key, run FROM items WHERE \(condition) AND id > ?2 ORDER BY id LIMIT ?3",
        arguments: [argument, after?.value ?? -1, limit]
      ).map { row in
        (
          id: ItemID(try row.value("id", as: Int64.self)), key: try row.value("key", as: String.self),
          run: RunID(try row.value("run", as: Int64.self))
        )
      }
    }
  }

  /// Whether something of an item is left to do.
  static let isOpen = "(items.status <> 'done' AND items.status <> 'closed')"

  /// The query of the columns that ``ItemRecord`` reads, in its order.
  private static let itemQuery = """
    SELECT items.id, items.pipeline, items.key, items.version, items.run, items.ordinal, items.status, items.definition_hash,
    items.read, items.written, items.filtered, items.dead_lettered, items.error, items.location,
    c.offset, c.lines, c.read, c.written, c.filtered, c.dead_lettered, c.fetched, c.decompressed, c.bytes_written,
    c.position, c.blank_lines FROM items LEFT JOIN checkpoints c ON c.item = items.id
    """

  static func enter(
    _ db: Database, _ run: RunID, pipeline: String, definitionHash: String, _ items: [ItemEntry]
  ) throws -> [ItemID] {
    let upsert = try db.makeStatement(
      sql: """
        INSERT INTO items (pipeline, key, run, ordinal, status, definition_hash, location) VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?7)
        ON CONFLICT (pipeline, key) DO UPDATE SET run = excluded.run, ordinal = excluded.ordinal, status = 'pending',
        definition_hash = excluded.definition_hash, location = excluded.location, error = NULL, version = iif(?6, NULL, version), header = iif(?6, NULL, header),
        read = iif(?6, 0, read), written = iif(?6, 0, written), filtered = iif(?6, 0, filtered),
        dead_lettered = iif(?6, 0, dead_lettered)
        RETURNING id
        """)
    return try items.map { item in
      let number = try Int64.fetchOne(
        upsert,
        arguments: [pipeline, item.key, run.value, item.ordinal, definitionHash, item.startsOver && !item.keepsEarlier, item.location])
      guard let number else { throw DamagedValue("id") }
      let id = ItemID(number)
      if item.forgetsSinks, item.isKnown {
        try db.cachedStatement(sql: "DELETE FROM item_sinks WHERE item = ?").execute(arguments: [number])
      }
      if item.startsOver, item.isKnown {
        try item.keepsEarlier ? forgetCheckpoint(db, id) : forgetWork(db, id)
      }
      return id
    }
  }

  private static func forgetWork(_ db: Database, _ id: ItemID) throws {
    try forgetCheckpoint(db, id)
    try forgetDeadLetters(db, id)
  }

  private static func forgetCheckpoint(_ db: Database, _ id: ItemID) throws {
    try db.cachedStatement(sql: "DELETE FROM checkpoints WHERE item = ?").execute(arguments: [id.value])
  }

  private static func forgetDeadLetters(_ db: Database, _ id: ItemID) throws {
    try db.cachedStatement(sql: "DELETE FROM dead_letters WHERE item_id = ?").execute(arguments: [id.value])
  }

  static func startOver(_ db: Database, _ id: ItemID) throws {
    try forgetWork(db, id)
    try db.cachedStatement(
      sql: """
        UPDATE items SET version = NULL, header = NULL, read = 0, written = 0, filtered = 0, dead_lettered = 0 WHERE id = ?
        """
    ).execute(arguments: [id.value])
  }

  func startOver(_ id: ItemID) async throws { try await write(.ledgerStartOver) { try Self.startOver($0, id) } }

  private static func save(_ db: Database, _ id: ItemID, _ progress: ItemProgress) throws {
    if progress.replacesEarlier { try forgetDeadLetters(db, id) }
    for letters in progress.letters { try insert(db, letters) }
    try FailPoint.ledgerDeadLetters.pass(.after)
    let point = progress.checkpoint
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
    if let header = progress.header {
      try db.execute(sql: "UPDATE items SET header = ? WHERE id = ?", arguments: [header, id.value])
    }
  }

  func checkpoint(_ id: ItemID, version: String, _ progress: ItemProgress) async throws {
    try await write(.ledgerCheckpoint) { db in
      try Self.save(db, id, progress)
      try db.cachedStatement(sql: "UPDATE items SET status = 'working', version = ? WHERE id = ?").execute(arguments: [version, id.value])
    }
  }

  func continuation(_ id: ItemID) async throws -> [UInt8]? {
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

  func finish(_ items: [FinishedItem], committed: [Committable]) async throws {
    try await write(.ledgerFinishItem) { db in
      let update = try db.cachedStatement(
        sql: """
          UPDATE items SET status = 'done', version = ?, error = NULL, read = ?, written = ?, filtered = ?, dead_lettered = ?,
          seconds = ?, source_schema = ? WHERE id = ?
          """)
      for item in items {
        try Self.save(db, item.id, item.progress)
        let counts = item.progress.checkpoint.counts
        try update.execute(arguments: [
          item.version, counts.read, counts.written, counts.filtered, counts.deadLettered, item.seconds, item.sourceSchema, item.id.value,
        ])
        for commit in item.commits { try Self.insert(db, commit) }
        for sink in item.marks {
          try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO item_sinks SELECT id, ?2, ?3, definition_hash FROM items WHERE id = ?1"
          ).execute(arguments: [item.id.value, sink, item.version])
        }
        try db.cachedStatement(sql: "DELETE FROM refused_records WHERE item = ?").execute(arguments: [item.id.value])
      }
      try Self.forget(db, committed)
    }
  }

  func unchanged(_ id: ItemID, version: String) async throws {
    try await write(.ledgerFinishItem) {
      try $0.execute(sql: "UPDATE items SET status = 'done', version = ? WHERE id = ?", arguments: [version, id.value])
    }
  }

  func fail(_ id: ItemID, error: String, _ letter: DeadLetter, refused: [PendingCommit]) async throws {
    try await write(.ledgerFailItem) { db in
      for refused in refused {
        try Self.forget(db, [refused.committable])
        try Self.unmark(db, id, sink: refused.sink)
      }
      try Self.startOver(db, id)
      try db.execute(
        sql: "UPDATE items SET status = 'failed', error = ? WHERE id = ?", arguments: [error, id.value])
      try Self.insert(db, [letter])
    }
  }

  func sinkMarks(_ ids: [ItemID]) async throws -> [[SinkMark]] {
    try await read { db in
      let statement = try db.cachedStatement(sql: "SELECT sink, version, definition_hash FROM item_sinks WHERE item = ? ORDER BY sink")
      return try ids.map { id in
        try Row.fetchAll(statement, arguments: [id.value]).map { row in
          SinkMark(
            sink: try row.count("sink"), version: try row.value("version"), definitionHash: try row.value("definition_hash"))
        }
      }
    }
  }

  /// Says that a sink has an item's records no more.
  static func unmark(_ db: Database, _ id: ItemID, sink: Int) throws {
    try db.cachedStatement(sql: "DELETE FROM item_sinks WHERE item = ? AND sink = ?").execute(arguments: [id.value, sink])
  }

  func refusedRecords(_ id: ItemID) async throws -> [RefusedRecord] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM refused_records WHERE item = ? ORDER BY record", arguments: [id.value]).map { row in
        RefusedRecord(
          record: try row.count("record"), version: try row.value("version"), field: try row.value(orNil: "field"),
          reason: try row.value("reason"))
      }
    }
  }
}
