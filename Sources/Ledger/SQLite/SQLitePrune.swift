import Files
import Foundation
import GRDB

/// Removes old runs and their dead letters from the ledger.
extension SQLiteLedger {
  func prune(before date: Date, pipeline: String?, includingOpen: Bool) async throws -> Pruned {
    let before = fileBytes
    var pruned = try await write(.ledgerCommitted) { db in
      var pruned = Pruned()
      try db.execute(
        sql: """
          DELETE FROM dead_letters WHERE at < ?1 AND (?2 IS NULL OR pipeline = ?2) AND (resolved OR ?3)
          """, arguments: [date.timeIntervalSince1970, pipeline, includingOpen])
      pruned.deadLetters = db.changesCount
      // Earlier builds left a run without an end where the next run made it a failed one.
      try db.execute(
        sql: """
          DELETE FROM runs WHERE coalesce(ended_at, started_at) < ?1 AND (?2 IS NULL OR pipeline = ?2) AND status IN ('done', 'failed', 'closed')
          AND id NOT IN (SELECT max(id) FROM runs GROUP BY pipeline)
          AND id NOT IN (SELECT run FROM items WHERE \(Self.isOpen))
          AND id NOT IN (SELECT run FROM committables WHERE run IS NOT NULL)
          AND id NOT IN (SELECT run FROM dead_letters)
          """, arguments: [date.timeIntervalSince1970, pipeline])
      pruned.runs = db.changesCount
      for table in ["events", "timelines"] { try db.execute(sql: "DELETE FROM \(table) WHERE run NOT IN (SELECT id FROM runs)") }
      return pruned
    }
    do {
      try await writable.writeWithoutTransaction { db in
        // Whatever took something out, `dead-letters drop` too: its pages are free, but the file's.
        if try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0 > 0 { try db.execute(sql: "VACUUM") }
        try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
      }
    } catch {
      throw told(error)
    }
    pruned.bytes = max(0, before - fileBytes)
    return pruned
  }

  /// The ledger's size on the disk, with its log.
  private var fileBytes: Int {
    ["", "-wal"].reduce(0) { sum, end in
      var status = stat()
      return stat(place + end, &status) == 0 ? sum + Int(status.st_size) : sum
    }
  }

  func pipelines() async throws -> [String] {
    try await read { try String.fetchAll($0, sql: "SELECT DISTINCT pipeline FROM runs ORDER BY 1") }
  }
}
