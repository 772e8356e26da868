import GRDB

/// Shows a ledger of an earlier version, which is only read, as one of the present version: by views of the connection's own, in place
/// of what the ledger has not. The ledger itself is not written.
enum OlderLedger {
  /// Columns that a version after the first added, and what the migration fills them with.
  private static let columns: [String: KeyValuePairs<String, String>] = [
    "runs": ["blank_lines": "0"],
    "items": ["header": "NULL", "source_schema": "NULL", "seconds": "NULL", "location": "NULL"],
    "checkpoints": ["continuation": "NULL", "blank_lines": "0"],
    "dead_letters": ["previous": "NULL", "next": "NULL", "replay": "NULL"],
    "committables": ["sink_number": "0"],
  ]

  /// Tables that a version after the first added, and that its migration leaves empty.
  private static let tables: KeyValuePairs<String, [String]> = [
    "dead_letter_attempts": ["letter", "attempt", "at", "code", "reason"],
    "replays": ["id", "pipeline", "at", "passed", "failed"],
    "replay_outputs": ["path", "pipeline", "item", "is_stale"],
    "events": ["id", "run", "at", "stage", "worker", "kind", "detail"],
    "source_schemas": ["id", "pipeline", "columns"],
    "timelines": ["run", "points"],
    "item_sinks": ["item", "sink", "version", "definition_hash"],
    "refused_records": ["item", "record", "version", "field", "reason"],
    "outputs": ["place", "path", "pipeline", "definition", "run", "item", "is_replay"],
  ]

  /// Makes the views, where the ledger is of an earlier version.
  static func show(_ db: Database) throws {
    // A ledger of the present version that lacks a table is damaged; the query that misses it says so.
    if try Migrations.all.hasCompletedMigrations(db) { return }
    let known = Set(try String.fetchAll(db, sql: "SELECT name FROM main.sqlite_master WHERE type = 'table'"))
    for (table, columns) in columns where known.contains(table) {
      let present = Set(try String.fetchAll(db, sql: "SELECT name FROM pragma_table_info(?)", arguments: [table]))
      var added = columns.filter { !present.contains($0.key) }.map { "\($0.value) AS \($0.key)" }
      if table == "checkpoints", !present.contains("position") {
        let checksum = present.contains("part_checksum") ? "coalesce(':' || part_checksum, '')" : "''"
        added.append("CASE part_length WHEN 0 THEN '' ELSE part_length || \(checksum) END AS position")
      }
      if !added.isEmpty { try show(db, table, "SELECT *, \(added.joined(separator: ", ")) FROM main.\(table)") }
    }
    for (table, columns) in tables where !known.contains(table) {
      try show(db, table, "SELECT \(columns.map { "NULL AS \($0)" }.joined(separator: ", ")) WHERE FALSE")
    }
    if !known.contains("unlisted_outputs") {
      try show(db, "unlisted_outputs", "SELECT DISTINCT pipeline FROM main.items WHERE status = 'done'")
    }
    if !known.contains("committables") {
      try show(
        db, "committables",
        known.contains("placements")
          ? """
          SELECT 'file' AS sink, part AS name, target, CASE length WHEN 0 THEN '' ELSE length || coalesce(':' || checksum, '') END AS token,
          pipeline, run, item, NULL AS replay, 0 AS sink_number FROM main.placements
          """
          : """
          SELECT NULL AS sink, NULL AS name, NULL AS target, NULL AS token, NULL AS pipeline, NULL AS run, NULL AS item, NULL AS replay,
          0 AS sink_number
          WHERE FALSE
          """)
    }
  }

  /// Makes a view that is found before the ledger's table of its name.
  private static func show(_ db: Database, _ name: String, _ query: String) throws {
    try db.execute(sql: "CREATE TEMP VIEW \(name) AS \(query)")
  }
}
