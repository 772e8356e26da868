import Foundation
import GRDB

/// The ledger's outputs. An output's row is written by the transaction that says that it is whole, so the ledger knows of every file that
/// it has had put into its place.
extension SQLiteLedger {
  static func insert(_ db: Database, _ output: Output) throws {
    try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO outputs (place, path, pipeline, definition, run, item, is_replay) VALUES (?, ?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      output.place, output.path, output.pipeline, output.definition, output.run?.value, output.item?.value, output.isReplay,
    ])
  }

  func outputs(at places: [String]) async throws -> [Output?] {
    try await read { db in
      let statement = try db.cachedStatement(sql: "SELECT * FROM outputs WHERE place = ?")
      return try places.map { try Row.fetchOne(statement, arguments: [$0]).map { try Output($0) } }
    }
  }

  func hasOutputs(pipeline: String) async throws -> Bool {
    try await read {
      try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM outputs WHERE pipeline = ?)", arguments: [pipeline]) ?? false
    }
  }

  func outputs(pipeline: String, _ files: [(place: String, path: String)]) async throws -> [[Output]] {
    try await read { db in
      let statement = try db.cachedStatement(sql: "SELECT * FROM outputs WHERE pipeline = ?1 AND (place = ?2 OR path = ?3)")
      return try files.map { try Row.fetchAll(statement, arguments: [pipeline, $0.place, $0.path]).map { try Output($0) } }
    }
  }

  // MARK: Ledgers of before

  func hasUnlistedOutputs(pipeline: String) async throws -> Bool {
    try await read {
      try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM unlisted_outputs WHERE pipeline = ?)", arguments: [pipeline]) ?? false
    }
  }

  func list(_ outputs: [Output], pipeline: String, isLast: Bool) async throws {
    try await write(.ledgerCommitted) { db in
      let known = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM outputs WHERE place = ?)")
      for output in outputs where try Bool.fetchOne(known, arguments: [output.place]) != true { try Self.insert(db, output) }
      if isLast { try db.execute(sql: "DELETE FROM unlisted_outputs WHERE pipeline = ?", arguments: [pipeline]) }
    }
  }

  func rename(_ items: [(id: ItemID, key: String)]) async throws {
    try await write(.ledgerCommitted) { db in
      for item in items {
        try db.execute(sql: "UPDATE items SET key = ? WHERE id = ?", arguments: [item.key, item.id.value])
        try db.execute(sql: "UPDATE dead_letters SET item = ? WHERE item_id = ?", arguments: [item.key, item.id.value])
      }
    }
  }
}
