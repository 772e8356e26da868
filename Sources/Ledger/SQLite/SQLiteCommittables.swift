import Files
import Foundation
import GRDB

extension SQLiteLedger {
  /// An output that an output now takes the place of makes the replays of what it was made from stale: they are in it.
  static func insert(_ db: Database, _ commit: PendingCommit) throws {
    try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO committables (sink, name, target, token, pipeline, run, item, replay, sink_number)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      commit.committable.sink, commit.committable.name, commit.committable.target, commit.committable.token, commit.pipeline,
      commit.run?.value, commit.item?.value, commit.replay, commit.sink,
    ])
    if let output = commit.output { try insert(db, output) }
    // The output of a replay makes none stale.
    if commit.replay != nil { return }
    if let item = commit.item {
      try db.cachedStatement(sql: "UPDATE replay_outputs SET is_stale = 1 WHERE item = ?").execute(arguments: [item.value])
    } else if commit.run != nil {
      try db.cachedStatement(sql: "UPDATE replay_outputs SET is_stale = 1 WHERE pipeline = ?").execute(arguments: [commit.pipeline])
    }
  }

  static func forget(_ db: Database, _ committables: [Committable]) throws {
    for committable in committables {
      try db.cachedStatement(sql: "DELETE FROM committables WHERE sink = ? AND name = ?")
        .execute(arguments: [committable.sink, committable.name])
    }
  }

  func pendingCommits(pipeline: String) async throws -> [PendingCommit] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM committables WHERE pipeline = ? ORDER BY sink, name", arguments: [pipeline]).map { row in
        PendingCommit(
          Committable(
            sink: try row.value("sink"), name: try row.value("name"), target: try row.value("target"), token: try row.value("token")),
          pipeline: try row.value("pipeline"), run: try row.value(orNil: "run", as: Int64.self).map(RunID.init),
          item: try row.value(orNil: "item", as: Int64.self).map(ItemID.init), replay: try row.count(orNil: "replay"),
          sink: try row.count("sink_number"))
      }
    }
  }

  func committed(_ committables: [Committable]) async throws {
    guard !committables.isEmpty else { return }
    try await write(.ledgerCommitted) { try Self.forget($0, committables) }
  }

  func revoke(_ commit: PendingCommit, refusing refused: [RefusedRecord]) async throws {
    try await write(.ledgerStartOver) { db in
      try Self.forget(db, [commit.committable])
      if let replay = commit.replay {
        try db.execute(
          sql: "UPDATE dead_letters SET resolved = 0 WHERE replay = ?1 AND (?2 IS NULL OR item_id = ?2)",
          arguments: [replay, commit.item?.value])
        return
      }
      let items: [Int64]
      if let item = commit.item {
        items = [item.value]
      } else {
        // A closed item is in no output.
        items = try Int64.fetchAll(db, sql: "SELECT id FROM items WHERE run = ? AND status <> 'closed'", arguments: [commit.run?.value])
      }
      for item in items {
        for record in refused {
          try db.cachedStatement(
            sql: """
              INSERT OR REPLACE INTO refused_records (item, record, version, field, reason)
              SELECT id, ?2, coalesce(version, ''), ?3, ?4 FROM items WHERE id = ?1
              """
          ).execute(arguments: [item, record.record, record.field, record.reason])
        }
        try Self.unmark(db, ItemID(item), sink: commit.sink)
        try Self.startOver(db, ItemID(item))
        try db.execute(sql: "UPDATE items SET status = 'pending' WHERE id = ?", arguments: [item])
      }
    }
  }

  func staleOutputs(pipeline: String) async throws -> [String] {
    try await read {
      try String.fetchAll($0, sql: "SELECT path FROM replay_outputs WHERE pipeline = ? AND is_stale", arguments: [pipeline])
    }
  }

  func forgetOutputs(_ paths: [String]) async throws {
    guard !paths.isEmpty else { return }
    try await write(.ledgerCommitted) { db in
      for path in paths {
        try db.execute(sql: "DELETE FROM outputs WHERE path = ? AND is_replay", arguments: [path])
        try db.execute(sql: "DELETE FROM replay_outputs WHERE path = ?", arguments: [path])
      }
    }
  }
}
