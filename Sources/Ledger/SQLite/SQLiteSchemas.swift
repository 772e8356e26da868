import Files
import Foundation
import GRDB

/// Keeps the names of items' columns: each list once for a pipeline.
extension SQLiteLedger {
  func sourceSchema(pipeline: String, _ columns: [String]) async throws -> Int64 {
    let text = String(decoding: try JSONEncoder().encode(columns), as: UTF8.self)
    return try await write(.ledgerNote) { db in
      try db.execute(sql: "INSERT OR IGNORE INTO source_schemas (pipeline, columns) VALUES (?, ?)", arguments: [pipeline, text])
      return try Int64.fetchOne(
        db, sql: "SELECT id FROM source_schemas WHERE pipeline = ? AND columns = ?", arguments: [pipeline, text]) ?? 0
    }
  }

  func lastColumns(pipeline: String) async throws -> [String]? {
    let text = try await read { db in
      try String.fetchOne(
        db,
        sql: """
          SELECT s.columns FROM items JOIN source_schemas s ON s.id = items.source_schema
          WHERE items.pipeline = ? AND items.status = 'done' ORDER BY items.run DESC, items.ordinal DESC LIMIT 1
          """, arguments: [pipeline])
    }
    return text.flatMap { try? JSONDecoder().decode([String].self, from: Data($0.utf8)) }
  }

  func figures(_ run: RunID, limit: Int) async throws -> [ItemFigures] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT items.key, items.status, items.read, items.seconds, items.error, s.columns FROM items
          LEFT JOIN source_schemas s ON s.id = items.source_schema WHERE items.run = ?
          ORDER BY items.status = 'failed' DESC, items.seconds DESC, items.ordinal LIMIT ?
          """, arguments: [run.value, limit]
      ).map { row in
        ItemFigures(
          key: try row.value("key"), status: try row.word("status"), read: try row.count("read"),
          seconds: try row.seconds(orNil: "seconds"),
          columns: try row.value(orNil: "columns", as: String.self).flatMap {
            try? JSONDecoder().decode([String].self, from: Data($0.utf8))
          }, error: try row.value(orNil: "error"))
      }
    }
  }

  func durations(_ run: RunID) async throws -> [Double] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT seconds FROM items WHERE run = ? AND seconds IS NOT NULL ORDER BY seconds", arguments: [run.value]
      ).compactMap { try $0.seconds(orNil: "seconds") }
    }
  }
}
