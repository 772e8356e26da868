import Files
import Foundation
import GRDB

/// Giving up what is not done.
extension Ledger {
  /// An item that is not done.
  public struct OpenItem: Sendable {
    public var id: ItemID
    public var key: String
    public var run: RunID
    public var status: ItemStatus
    /// The text of its run's definition, and the variables of it; nil where the run is not known any more.
    public var definition: String?
    public var variables: [String: String]?
  }

  /// Whether a pipeline has items that are not done, of any run.
  public func hasOpenItems(pipeline: String) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM items WHERE \(Self.isOpen) AND pipeline = ?)", arguments: [pipeline]) ?? false
    }
  }

  /// The pipeline's items that are not done and not among `keys`.
  public func openItems(pipeline: String, without keys: Set<String>) async throws -> [OpenItem] {
    try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: "SELECT items.id, items.key, items.run, items.status FROM items WHERE \(Self.isOpen) AND pipeline = ? ORDER BY run, ordinal",
        arguments: [pipeline])
      var runs: [RunID: RunRecord?] = [:]
      var items: [OpenItem] = []
      while let row = try rows.next() {
        let key: String = try row.value("key")
        guard !keys.contains(key) else { continue }
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

  /// Closes items, and their runs where nothing else of them is left to do. Whole items' dead letters are worked off by it.
  ///
  /// - Parameters:
  ///   - runs: runs that are closed with all that is left of them.
  ///   - continued: a run that is gone on with, and not closed.
  public func close(_ items: [ItemID], runs: [RunID] = [], continued: RunID?) async throws {
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
            """, arguments: [run.value, Date().timeIntervalSince1970])
      }
    }
  }
}
