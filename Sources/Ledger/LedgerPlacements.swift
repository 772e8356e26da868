import Files
import Foundation
import GRDB

/// A part that the ledger calls whole and that is yet to be renamed to its target: the redo log of the last step of a commit.
public struct Placement: Sendable {
  public var part: String
  public var target: String
  public var pipeline: String
  public var run: RunID?
  /// The item whose output it is; nil for the one output of a run, and for replays.
  public var item: ItemID?
  public var prefix: FilePrefix
  /// The target as an output; nil for a placement that was found, whose output is known.
  public var output: Output?

  public init(
    part: String, target: String, pipeline: String, run: RunID?, item: ItemID?, prefix: FilePrefix, output: Output? = nil
  ) {
    self.output = output
    self.part = part
    self.target = target
    self.pipeline = pipeline
    self.run = run
    self.item = item
    self.prefix = prefix
  }
}

extension Ledger {
  /// An output that an output now takes the place of makes the replays of what it was made from stale: they are in it.
  static func insert(_ db: Database, _ placement: Placement) throws {
    try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO placements (part, target, pipeline, run, item, length, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      placement.part, placement.target, placement.pipeline, placement.run?.value, placement.item?.value, placement.prefix.length,
      placement.prefix.checksum.map { Int($0.value) },
    ])
    if let output = placement.output { try insert(db, output) }
    if let item = placement.item {
      try db.cachedStatement(sql: "UPDATE replay_outputs SET is_stale = 1 WHERE item = ?").execute(arguments: [item.value])
    } else if placement.run != nil {
      try db.cachedStatement(sql: "UPDATE replay_outputs SET is_stale = 1 WHERE pipeline = ?").execute(arguments: [placement.pipeline])
    }
  }

  static func forget(_ db: Database, _ parts: [String]) throws {
    for part in parts { try db.cachedStatement(sql: "DELETE FROM placements WHERE part = ?").execute(arguments: [part]) }
  }

  /// The pipeline's parts that may not be in their places.
  public func placements(pipeline: String) async throws -> [Placement] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM placements WHERE pipeline = ? ORDER BY part", arguments: [pipeline]).map { row in
        Placement(
          part: try row.value("part"), target: try row.value("target"), pipeline: try row.value("pipeline"),
          run: try row.value(orNil: "run", as: Int64.self).map(RunID.init),
          item: try row.value(orNil: "item", as: Int64.self).map(ItemID.init), prefix: try FilePrefix(row))
      }
    }
  }

  /// These parts are in their places, and their names are on the disk.
  public func placed(_ parts: [String]) async throws {
    guard !parts.isEmpty else { return }
    try await write(.ledgerPlaced) { try Self.forget($0, parts) }
  }

  /// A part is not what the ledger took it for: what it was made from is to be done again.
  public func revoke(_ placement: Placement) async throws {
    try await write(.ledgerStartOver) { db in
      try Self.forget(db, [placement.part])
      let items: [Int64]
      if let item = placement.item {
        items = [item.value]
      } else {
        items = try Int64.fetchAll(db, sql: "SELECT id FROM items WHERE run = ?", arguments: [placement.run?.value])
      }
      for item in items {
        try Self.startOver(db, ItemID(item))
        try db.execute(sql: "UPDATE items SET status = 'pending' WHERE id = ?", arguments: [item])
      }
    }
  }

  /// Outputs of replays that newer outputs hold too.
  public func staleOutputs(pipeline: String) async throws -> [String] {
    try await read {
      try String.fetchAll($0, sql: "SELECT path FROM replay_outputs WHERE pipeline = ? AND is_stale", arguments: [pipeline])
    }
  }

  /// These outputs of replays are gone.
  public func forgetOutputs(_ paths: [String]) async throws {
    guard !paths.isEmpty else { return }
    try await write(.ledgerPlaced) { db in
      for path in paths {
        try db.execute(sql: "DELETE FROM outputs WHERE path = ? AND is_replay", arguments: [path])
        try db.execute(sql: "DELETE FROM replay_outputs WHERE path = ?", arguments: [path])
      }
    }
  }
}
