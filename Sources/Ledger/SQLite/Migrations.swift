import GRDB

/// The ledger's tables, version by version. A version that has been released is never edited: a change is a new one.
enum Migrations {
  static var all: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { db in
      try db.execute(
        sql: """
          CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, status TEXT NOT NULL, started_at REAL NOT NULL,
            ended_at REAL, definition TEXT NOT NULL, definition_path TEXT NOT NULL, variables TEXT NOT NULL, schema TEXT,
            read INTEGER NOT NULL DEFAULT 0, written INTEGER NOT NULL DEFAULT 0, filtered INTEGER NOT NULL DEFAULT 0,
            dead_lettered INTEGER NOT NULL DEFAULT 0, fetched INTEGER NOT NULL DEFAULT 0,
            decompressed INTEGER NOT NULL DEFAULT 0, bytes_written INTEGER NOT NULL DEFAULT 0,
            retries INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT 0, error TEXT) STRICT;
          CREATE INDEX runs_by_pipeline ON runs (pipeline, id);
          CREATE TABLE items (
            id INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, key TEXT NOT NULL, version TEXT, run INTEGER NOT NULL,
            ordinal INTEGER NOT NULL, status TEXT NOT NULL, definition_hash TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
            read INTEGER NOT NULL DEFAULT 0, written INTEGER NOT NULL DEFAULT 0, filtered INTEGER NOT NULL DEFAULT 0,
            dead_lettered INTEGER NOT NULL DEFAULT 0, error TEXT, UNIQUE (pipeline, key)) STRICT;
          CREATE INDEX items_by_run ON items (run, ordinal);
          CREATE TABLE checkpoints (
            item INTEGER PRIMARY KEY, offset INTEGER NOT NULL, lines INTEGER NOT NULL, read INTEGER NOT NULL,
            written INTEGER NOT NULL, filtered INTEGER NOT NULL, dead_lettered INTEGER NOT NULL, fetched INTEGER NOT NULL,
            decompressed INTEGER NOT NULL, bytes_written INTEGER NOT NULL, part_length INTEGER NOT NULL) STRICT;
          CREATE TABLE dead_letters (
            id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, pipeline TEXT NOT NULL, item TEXT NOT NULL,
            item_id INTEGER, stage TEXT NOT NULL, record INTEGER, line INTEGER, offset INTEGER, field TEXT,
            code TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL, at REAL NOT NULL, raw BLOB NOT NULL,
            resolved INTEGER NOT NULL DEFAULT 0) STRICT;
          CREATE INDEX dead_letters_by_run ON dead_letters (run);
          CREATE INDEX dead_letters_by_item ON dead_letters (item_id);
          """)
    }
    migrator.registerMigration("2") { db in
      try db.execute(
        sql: """
          -- NULL in checkpoints of version 1, whose parts are known by their length alone.
          ALTER TABLE checkpoints ADD COLUMN part_checksum INTEGER;
          ALTER TABLE checkpoints ADD COLUMN continuation BLOB;
          ALTER TABLE items ADD COLUMN header TEXT;
          CREATE INDEX items_open ON items (run) WHERE status <> 'done';
          CREATE TABLE placements (
            part TEXT PRIMARY KEY, target TEXT NOT NULL, pipeline TEXT NOT NULL, run INTEGER, item INTEGER,
            length INTEGER NOT NULL, checksum INTEGER) STRICT;
          ALTER TABLE dead_letters ADD COLUMN previous BLOB;
          ALTER TABLE dead_letters ADD COLUMN next BLOB;
          CREATE TABLE dead_letter_attempts (
            letter INTEGER NOT NULL REFERENCES dead_letters (id) ON DELETE CASCADE, attempt INTEGER NOT NULL, at REAL NOT NULL,
            code TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (letter, attempt)) STRICT, WITHOUT ROWID;
          CREATE TABLE replays (
            id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, at REAL NOT NULL, passed INTEGER NOT NULL,
            failed INTEGER NOT NULL) STRICT;
          CREATE TABLE replay_outputs (
            path TEXT PRIMARY KEY, pipeline TEXT NOT NULL, item INTEGER, is_stale INTEGER NOT NULL DEFAULT 0) STRICT;
          CREATE INDEX replay_outputs_by_item ON replay_outputs (item);
          """)
    }
    migrator.registerMigration("3") { db in
      try db.execute(
        sql: """
          CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, at REAL NOT NULL, stage TEXT NOT NULL, worker INTEGER,
            kind TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
          CREATE INDEX events_by_run ON events (run);
          """)
    }
    migrator.registerMigration("4") { db in
      try db.execute(
        sql: """
          -- The names of items' columns, as JSON: each list once.
          CREATE TABLE source_schemas (
            id INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, columns TEXT NOT NULL, UNIQUE (pipeline, columns)) STRICT;
          ALTER TABLE items ADD COLUMN source_schema INTEGER;
          ALTER TABLE items ADD COLUMN seconds REAL;
          CREATE TABLE timelines (run INTEGER PRIMARY KEY, points TEXT NOT NULL) STRICT;
          """)
    }
    migrator.registerMigration("outputs") { db in
      try db.execute(
        sql: """
          -- Files that are outputs: where each is in the file system, and as its definition has it.
          CREATE TABLE outputs (
            place TEXT PRIMARY KEY, path TEXT NOT NULL, pipeline TEXT NOT NULL, definition TEXT NOT NULL, run INTEGER, item INTEGER,
            is_replay INTEGER NOT NULL) STRICT, WITHOUT ROWID;
          CREATE INDEX outputs_by_path ON outputs (pipeline, path);
          -- Pipelines whose outputs were made before they were written down.
          CREATE TABLE unlisted_outputs (pipeline TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
          INSERT INTO unlisted_outputs SELECT DISTINCT pipeline FROM items WHERE status = 'done';
          """)
    }
    migrator.registerMigration("blank lines") { db in
      try db.execute(sql: "ALTER TABLE checkpoints ADD COLUMN blank_lines INTEGER NOT NULL DEFAULT 0")
    }
    migrator.registerMigration("committables") { db in
      try db.execute(
        sql: """
          -- What sinks are to commit, in their own words. A placement was a file's: its token is the part's length and checksum.
          CREATE TABLE committables (
            sink TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL, token TEXT NOT NULL, pipeline TEXT NOT NULL, run INTEGER,
            item INTEGER, replay INTEGER, PRIMARY KEY (sink, name)) STRICT, WITHOUT ROWID;
          INSERT INTO committables SELECT 'file', part, target,
            CASE length WHEN 0 THEN '' ELSE length || coalesce(':' || checksum, '') END, pipeline, run, item, NULL FROM placements;
          DROP TABLE placements;
          -- The replay that resolved it.
          ALTER TABLE dead_letters ADD COLUMN replay INTEGER;
          -- Where a checkpoint's output is, in its sink's words.
          ALTER TABLE checkpoints ADD COLUMN position TEXT NOT NULL DEFAULT '';
          UPDATE checkpoints SET position =
            CASE part_length WHEN 0 THEN '' ELSE part_length || coalesce(':' || part_checksum, '') END;
          ALTER TABLE checkpoints DROP COLUMN part_length;
          ALTER TABLE checkpoints DROP COLUMN part_checksum;
          """)
    }
    migrator.registerMigration("locations") { db in
      // The text by which the source opens an item again, without secrets; NULL where the key is enough.
      try db.execute(sql: "ALTER TABLE items ADD COLUMN location TEXT")
    }
    migrator.registerMigration("blank lines of runs") { db in
      try db.execute(sql: "ALTER TABLE runs ADD COLUMN blank_lines INTEGER NOT NULL DEFAULT 0")
    }
    migrator.registerMigration("several sinks") { db in
      try db.execute(
        sql: """
          -- The sink's place in its definition.
          ALTER TABLE committables ADD COLUMN sink_number INTEGER NOT NULL DEFAULT 0;
          -- The sinks that have an item's records, where the definition has several.
          CREATE TABLE item_sinks (
            item INTEGER NOT NULL, sink INTEGER NOT NULL, version TEXT NOT NULL, definition_hash TEXT NOT NULL,
            PRIMARY KEY (item, sink)) STRICT, WITHOUT ROWID;
          -- Records that a sink refused at its commit, until they are dead letters.
          CREATE TABLE refused_records (
            item INTEGER NOT NULL, record INTEGER NOT NULL, version TEXT NOT NULL, field TEXT, reason TEXT NOT NULL,
            PRIMARY KEY (item, record)) STRICT, WITHOUT ROWID;
          """)
    }
    return migrator
  }
}
