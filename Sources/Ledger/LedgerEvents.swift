import Files
import Foundation
import GRDB

/// What happened under a run's supervisors.
public struct SupervisionRecord: Sendable {
  public var at: Date
  /// A stage, `run` for what stands above stages, or `engine` for the process.
  public var stage: String
  /// From 0; nil where no one worker is meant.
  public var worker: Int?
  /// `started`, `failed`, `restarted`, `stalled`, `stuck`, `gave_up`, `left`, `died`, `program_restarted`, `schema_changed`, `retried`.
  public var kind: String
  public var detail: String

  public init(stage: String, worker: Int?, kind: String, detail: String) {
    at = Date()
    self.stage = stage
    self.worker = worker
    self.kind = kind
    self.detail = detail
  }
}

extension Ledger {
  /// Events that are kept of a run; what comes after is only counted by whoever tells them.
  public static let mostEvents = 1000

  /// Adds what happened under a run's supervisors.
  public func note(_ run: RunID, _ events: [SupervisionRecord]) async throws {
    try await write(.ledgerNote) { db in
      let insert = try db.cachedStatement(
        sql: """
          INSERT INTO events (run, at, stage, worker, kind, detail) SELECT ?1, ?2, ?3, ?4, ?5, ?6
          WHERE (SELECT count(*) FROM events WHERE run = ?1) < ?7
          """)
      for event in events {
        try insert.execute(arguments: [
          run.value, event.at.timeIntervalSince1970, event.stage, event.worker, event.kind, event.detail, Self.mostEvents,
        ])
      }
    }
  }

  /// What went wrong in the run, the newest `limit` events, in order.
  public func troubles(_ run: RunID, limit: Int) async throws -> [SupervisionRecord] {
    try await read { db in
      // An older ledger that is only read has none.
      guard try db.tableExists("events") else { return [] }
      return try Row.fetchAll(
        db, sql: "SELECT * FROM events WHERE run = ? AND kind NOT IN ('started', 'left') ORDER BY id DESC LIMIT ?",
        arguments: [run.value, limit]
      ).reversed().map { row in
        var event = SupervisionRecord(
          stage: try row.value("stage"), worker: try row.count(orNil: "worker"), kind: try row.value("kind"),
          detail: try row.value("detail"))
        event.at = try row.date("at")
        return event
      }
    }
  }

  /// How many there are of each kind.
  public func eventCounts(_ run: RunID) async throws -> [String: Int] {
    try await read { db in
      guard try db.tableExists("events") else { return [:] }
      let rows = try Row.fetchAll(db, sql: "SELECT kind, count(*) AS n FROM events WHERE run = ? GROUP BY kind", arguments: [run.value])
      return Dictionary(try rows.map { (try $0.value("kind", as: String.self), try $0.count("n")) }) { $0 + $1 }
    }
  }
}
