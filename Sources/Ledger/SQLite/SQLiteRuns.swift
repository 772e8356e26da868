import Files
import Foundation
import GRDB

/// The ledger's runs.
extension SQLiteLedger {
  func nextRun() async throws -> RunID {
    try await read { RunID((try Int64.fetchOne($0, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'runs'") ?? 0) + 1) }
  }

  func begin(
    _ new: NewRun, continuing: RunID?, pipeline: String, definitionHash: String, _ items: [ItemEntry]
  ) async throws -> (run: RunID, items: [ItemID]) {
    let variables = String(decoding: (try? JSONEncoder().encode(new.variables)) ?? Data("{}".utf8), as: UTF8.self)
    return try await write(.ledgerBeginRun) { db in
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
        try db.execute(
          sql: """
            UPDATE runs SET status = 'failed', error = ?, ended_at = coalesce(ended_at, ?)
            WHERE pipeline = ? AND id < ? AND status IN ('running', 'interrupted')
            """,
          arguments: ["not finished: run \(run) began anew", Date().timeIntervalSince1970, pipeline, run.value])
      }
      return (run, try Self.enter(db, run, pipeline: pipeline, definitionHash: definitionHash, items))
    }
  }

  func endRun(_ id: RunID, _ end: RunEnd, commits: [PendingCommit], committed: [Committable]) async throws {
    try await write(.ledgerEndRun) { db in
      try db.execute(
        sql: """
          UPDATE runs SET status = ?, ended_at = ?, read = ?, written = ?, filtered = ?, dead_lettered = ?, fetched = ?,
          decompressed = ?, bytes_written = ?, retries = ?, restarts = ?, error = ?, blank_lines = ? WHERE id = ?
          """,
        arguments: [
          end.status.rawValue, Date().timeIntervalSince1970, end.counts.read, end.counts.written, end.counts.filtered,
          end.counts.deadLettered, end.bytes.fetched, end.bytes.decompressed, end.bytes.written, end.retries, end.restarts, end.error,
          end.counts.blankLines, id.value,
        ])
      for commit in commits { try Self.insert(db, commit) }
      try Self.forget(db, committed)
    }
  }

  func runs(pipeline: String?, limit: Int) async throws -> [RunRecord] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM runs WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY id DESC LIMIT ?2", arguments: [pipeline, limit]
      ).map { try RunRecord($0) }
    }
  }

  func unfinishedRuns(pipeline: String?) async throws -> [RunRecord] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM runs WHERE (?1 IS NULL OR pipeline = ?1) AND (\(Self.isUnfinished)) ORDER BY id DESC",
        arguments: [pipeline]
      ).map { try RunRecord($0) }
    }
  }

  func run(_ id: RunID) async throws -> RunRecord? {
    try await read { try Row.fetchOne($0, sql: "SELECT * FROM runs WHERE id = ?", arguments: [id.value]).map { try RunRecord($0) } }
  }

  func isUnfinished(_ run: RunRecord) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(db, sql: "SELECT \(Self.isUnfinished) FROM runs WHERE id = ?", arguments: [run.id.value]) ?? false
    }
  }

  /// Whether something of a run is left to do. A run that is closed leaves its output to the recovery of the next run.
  private static let isUnfinished = """
    runs.status IN ('running', 'interrupted') OR EXISTS (SELECT 1 FROM items WHERE items.run = runs.id AND \(isOpen))
    OR (runs.status <> 'closed' AND \(hasPendingOutput))
    """

  /// Whether a run has outputs that may not be committed yet.
  static let hasPendingOutput = "EXISTS (SELECT 1 FROM committables WHERE committables.run = runs.id)"

  func damagedItems(_ run: RunID) async throws -> Int {
    try await read { db in
      try Int.fetchOne(
        db,
        sql: """
          SELECT count(*) FROM items WHERE run = ?1 AND status = 'done'
          AND id IN (SELECT item_id FROM dead_letters WHERE run = ?1 AND record IS NULL AND code = ?2)
          """, arguments: [run.value, DeadLetter.damagedItem]) ?? 0
    }
  }

  func hasDefinition(_ hash: String, run: RunID) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db, sql: "SELECT NOT EXISTS (SELECT 1 FROM items WHERE run = ? AND definition_hash <> ?)", arguments: [run.value, hash]) ?? true
    }
  }

  func totals(_ run: RunID) async throws -> (counts: RecordCounts, bytes: ByteCounts, items: [ItemStatus: Int]) {
    try await read { db in
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT coalesce(sum(c.read), 0) AS read, coalesce(sum(c.written), 0) AS written, coalesce(sum(c.filtered), 0) AS filtered,
          coalesce(sum(c.dead_lettered), 0) AS dead_lettered, coalesce(sum(c.fetched), 0) AS fetched,
          coalesce(sum(c.decompressed), 0) AS decompressed, coalesce(sum(c.bytes_written), 0) AS bytes_written,
          coalesce(sum(c.blank_lines), 0) AS blank_lines
          FROM items JOIN checkpoints c ON c.item = items.id WHERE items.run = ?
          """, arguments: [run.value])
      let states = try Row.fetchAll(
        db, sql: "SELECT status, count(*) AS n FROM items WHERE run = ? GROUP BY status", arguments: [run.value])
      var items: [ItemStatus: Int] = [:]
      for state in states { items[try state.word("status"), default: 0] += try state.count("n") }
      guard let row else { return (RecordCounts(), ByteCounts(), items) }
      return (try RecordCounts(row), try ByteCounts(row), items)
    }
  }
}
