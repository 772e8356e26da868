import Foundation
import GRDB

/// A file that is an output, and whose.
public struct Output: Sendable {
  /// Where it is in the file system: absolute, with the links of its folder followed.
  public var place: String
  /// As its definition has it: relative to its definition where it lies below it.
  public var path: String
  public var pipeline: String
  /// The definition's file.
  public var definition: String
  public var run: RunID?
  /// Nil for the one output of a run.
  public var item: ItemID?
  /// Whether it holds what a replay of dead letters wrote.
  public var isReplay: Bool

  public init(place: String, path: String, pipeline: String, definition: String, run: RunID?, item: ItemID?, isReplay: Bool) {
    self.place = place
    self.path = path
    self.pipeline = pipeline
    self.definition = definition
    self.run = run
    self.item = item
    self.isReplay = isReplay
  }

  init(_ row: Row) throws {
    self.init(
      place: try row.value("place"), path: try row.value("path"), pipeline: try row.value("pipeline"),
      definition: try row.value("definition"), run: try row.value(orNil: "run", as: Int64.self).map(RunID.init),
      item: try row.value(orNil: "item", as: Int64.self).map(ItemID.init), isReplay: try row.value("is_replay"))
  }
}

/// The ledger's outputs. An output's row is written by the transaction that says that it is whole, so the ledger knows of every file that
/// it has had put into its place.
extension Ledger {
  static func insert(_ db: Database, _ output: Output) throws {
    try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO outputs (place, path, pipeline, definition, run, item, is_replay) VALUES (?, ?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      output.place, output.path, output.pipeline, output.definition, output.run?.value, output.item?.value, output.isReplay,
    ])
  }

  /// What is known of the files at these places, in their order.
  public func outputs(at places: [String]) async throws -> [Output?] {
    try await read { db in
      // A ledger that is only read may be of an earlier version.
      guard try db.tableExists("outputs") else { return Array(repeating: nil, count: places.count) }
      let statement = try db.cachedStatement(sql: "SELECT * FROM outputs WHERE place = ?")
      return try places.map { try Row.fetchOne(statement, arguments: [$0]).map { try Output($0) } }
    }
  }

  /// Whether the pipeline has any output.
  public func hasOutputs(pipeline: String) async throws -> Bool {
    try await read { db in
      guard try db.tableExists("outputs") else { return false }
      return try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM outputs WHERE pipeline = ?)", arguments: [pipeline]) ?? false
    }
  }

  /// For each file, the pipeline's outputs that it may be: by its place, and by how the definition has it, for folders may move.
  public func outputs(pipeline: String, _ files: [(place: String, path: String)]) async throws -> [[Output]] {
    try await read { db in
      let statement = try db.cachedStatement(sql: "SELECT * FROM outputs WHERE pipeline = ?1 AND (place = ?2 OR path = ?3)")
      return try files.map { try Row.fetchAll(statement, arguments: [pipeline, $0.place, $0.path]).map { try Output($0) } }
    }
  }

  // MARK: Ledgers of before

  /// Whether the pipeline has outputs that were made before outputs were written down.
  public func hasUnlistedOutputs(pipeline: String) async throws -> Bool {
    try await read {
      try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM unlisted_outputs WHERE pipeline = ?)", arguments: [pipeline]) ?? false
    }
  }

  /// Writes outputs down that were made before; one that is known by now stays as it is.
  ///
  /// - Parameter isLast: whether these are all.
  public func list(_ outputs: [Output], pipeline: String, isLast: Bool) async throws {
    try await write(.ledgerCommitted) { db in
      let known = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM outputs WHERE place = ?)")
      for output in outputs where try Bool.fetchOne(known, arguments: [output.place]) != true { try Self.insert(db, output) }
      if isLast { try db.execute(sql: "DELETE FROM unlisted_outputs WHERE pipeline = ?", arguments: [pipeline]) }
    }
  }

  /// Gives items the keys that they have now; what is told of them goes with them.
  public func rename(_ items: [(id: ItemID, key: String)]) async throws {
    try await write(.ledgerCommitted) { db in
      for item in items {
        try db.execute(sql: "UPDATE items SET key = ? WHERE id = ?", arguments: [item.key, item.id.value])
        try db.execute(sql: "UPDATE dead_letters SET item = ? WHERE item_id = ?", arguments: [item.key, item.id.value])
      }
    }
  }
}
