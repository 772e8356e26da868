import Files
import Foundation
import GRDB

/// Giving up what is not done.
extension SQLiteLedger {
  func hasOpenItems(pipeline: String) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM items WHERE \(Self.isOpen) AND pipeline = ?)", arguments: [pipeline]) ?? false
    }
  }

  func openItems(pipeline: String, without keys: [String]) async throws -> [OpenItem] {
    // Swift takes two spellings of “é” for the same.
    let left = Set(keys.map { Array($0.utf8) })
    return try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: "SELECT items.id, items.key, items.run, items.status FROM items WHERE \(Self.isOpen) AND pipeline = ? ORDER BY run, ordinal",
        arguments: [pipeline])
      var runs: [RunID: RunRecord?] = [:]
      var items: [OpenItem] = []
      while let row = try rows.next() {
        let key: String = try row.value("key")
        guard !left.contains(Array(key.utf8)) else { continue }
        let number = RunID(try row.value("run"))
        if runs[number] == nil {
          runs[number] = try Row.fetchOne(db, sql: "SELECT * FROM runs WHERE id = ?", arguments: [number.value]).map { try RunRecord($0) }
        }
        let run = runs[number] ?? nil
        items.append(
          OpenItem(
            id: ItemID(try row.value("id")), key: key, run: number, status: try row.word("status"), definition: run?.definition,
            variables: run?.variables))
      }
      return items
    }
  }

  func close(_ items: [ItemID], runs: [RunID], continued: RunID?) async throws {
    try await write(.ledgerFailItem) { db in
      var items = items.map(\.value)
      for run in runs {
        items += try Int64.fetchAll(db, sql: "SELECT id FROM items WHERE run = ? AND \(Self.isOpen)", arguments: [run.value])
      }
      var touched = Set(runs)
      for item in items {
        if let run = try Int64.fetchOne(db, sql: "SELECT run FROM items WHERE id = ?", arguments: [item]) { touched.insert(RunID(run)) }
        try db.cachedStatement(sql: "DELETE FROM checkpoints WHERE item = ?").execute(arguments: [item])
        try db.cachedStatement(sql: "DELETE FROM dead_letters WHERE item_id = ? AND record IS NOT NULL").execute(arguments: [item])
        try db.cachedStatement(sql: "UPDATE dead_letters SET resolved = 1 WHERE item_id = ?").execute(arguments: [item])
        try db.cachedStatement(
          sql: "UPDATE items SET status = 'closed', read = 0, written = 0, filtered = 0, dead_lettered = 0 WHERE id = ?"
        )
        .execute(arguments: [item])
      }
      for run in touched where run != continued {
        try db.execute(
          sql: """
            UPDATE runs SET status = 'closed', ended_at = coalesce(ended_at, ?2)
            WHERE id = ?1 AND status <> 'done' AND NOT EXISTS (SELECT 1 FROM items WHERE run = ?1 AND \(Self.isOpen))
            AND (?3 OR NOT \(Self.hasPendingOutput))
            """, arguments: [run.value, Date().timeIntervalSince1970, runs.contains(run)])
      }
    }
  }
}
