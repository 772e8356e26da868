import Files
import Foundation
import GRDB

extension SQLiteLedger {
  func note(_ run: RunID, _ events: [SupervisionRecord]) async throws {
    try await write(.ledgerNote) { db in
      let insert = try db.cachedStatement(
        sql: """
          INSERT INTO events (run, at, stage, worker, kind, detail) SELECT ?1, ?2, ?3, ?4, ?5, ?6
          WHERE (SELECT count(*) FROM events WHERE run = ?1) < ?7
          """)
      for event in events {
        try insert.execute(arguments: [
          run.value, event.at.timeIntervalSince1970, event.stage, event.worker, event.kind, event.detail, SupervisionRecord.mostKept,
        ])
      }
    }
  }

  func troubles(_ run: RunID, limit: Int) async throws -> [SupervisionRecord] {
    try await read { db in
      try Row.fetchAll(
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

  func eventCounts(_ run: RunID) async throws -> [String: Int] {
    try await read { db in
      let rows = try Row.fetchAll(db, sql: "SELECT kind, count(*) AS n FROM events WHERE run = ? GROUP BY kind", arguments: [run.value])
      return Dictionary(try rows.map { (try $0.value("kind", as: String.self), try $0.count("n")) }) { $0 + $1 }
    }
  }
}
