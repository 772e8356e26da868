import Files
import Foundation
import GRDB

/// Taking out of the ledger what nobody asks for any more.
extension Ledger {
  /// What was taken out.
  public struct Pruned: Sendable {
    public var runs = 0
    public var deadLetters = 0
    public init() {}
  }

  /// Takes out runs that ended before `date` and dead letters that were resolved in runs before it (all of them, with
  /// `includingOpen`), and gives the room back to the disk. A pipeline's newest run stays, and so do runs that have
  /// something left to do, and items: without them what is done would be done again.
  public func prune(before date: Date, pipeline: String?, includingOpen: Bool) async throws -> Pruned {
    let pruned = try await write(.ledgerPlaced) { db in
      var pruned = Pruned()
      try db.execute(
        sql: """
          DELETE FROM dead_letters WHERE at < ?1 AND (?2 IS NULL OR pipeline = ?2) AND (resolved OR ?3)
          """, arguments: [date.timeIntervalSince1970, pipeline, includingOpen])
      pruned.deadLetters = db.changesCount
      try db.execute(
        sql: """
          DELETE FROM runs WHERE ended_at < ?1 AND (?2 IS NULL OR pipeline = ?2) AND status IN ('done', 'failed')
          AND id NOT IN (SELECT max(id) FROM runs GROUP BY pipeline)
          AND id NOT IN (SELECT run FROM items WHERE status <> 'done')
          AND id NOT IN (SELECT run FROM placements WHERE run IS NOT NULL)
          AND id NOT IN (SELECT run FROM dead_letters)
          """, arguments: [date.timeIntervalSince1970, pipeline])
      pruned.runs = db.changesCount
      for table in ["events", "timelines"] { try db.execute(sql: "DELETE FROM \(table) WHERE run NOT IN (SELECT id FROM runs)") }
      return pruned
    }
    if pruned.runs + pruned.deadLetters > 0 {
      do {
        try await database.writeWithoutTransaction { try $0.execute(sql: "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)") }
      } catch {
        throw LedgerError(path, error)
      }
    }
    return pruned
  }

  /// The pipelines that the ledger knows.
  public func pipelines() async throws -> [String] {
    try await read { try String.fetchAll($0, sql: "SELECT DISTINCT pipeline FROM runs ORDER BY 1") }
  }
}
