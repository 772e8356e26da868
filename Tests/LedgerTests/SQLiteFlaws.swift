/// Statements that break a ledger in SQLite from below, and the check that has to find each.
enum SQLiteFlaws {
  /// A flaw by its name, with the check that finds it.
  typealias Entry = (name: String, check: String, flaw: SQLiteFlaw)

  static let all: [Entry] = runs + items + commits + letters + history + whole

  /// A trigger that runs statements after each row that is written.
  private static func after(_ event: String, when condition: String? = nil, _ statements: String) -> SQLiteFlaw {
    .sql("CREATE TRIGGER flaw AFTER \(event) \(condition.map { "WHEN \($0)" } ?? "") BEGIN \(statements); END")
  }

  /// A trigger that leaves rows as they are.
  private static func ignoring(_ event: String, when condition: String? = nil) -> SQLiteFlaw {
    .sql("CREATE TRIGGER flaw BEFORE \(event) \(condition.map { "WHEN \($0)" } ?? "") BEGIN SELECT RAISE(IGNORE); END")
  }

  private static let runs: [Entry] = [
    (
      "turns the items' order", "a run begins with its items",
      after("INSERT ON items", "UPDATE items SET ordinal = 99 - ordinal WHERE id = new.id")
    ),
    ("forgets variables", "a run begins with its items", after("INSERT ON runs", "UPDATE runs SET variables = '{}' WHERE id = new.id")),
    ("forgets the schema", "a run begins with its items", after("INSERT ON runs", "UPDATE runs SET schema = NULL WHERE id = new.id")),
    ("forgets locations", "a run begins with its items", after("INSERT ON items", "UPDATE items SET location = NULL WHERE id = new.id")),
    (
      "forgets fingerprints", "a run begins with its items",
      after("INSERT ON items", "UPDATE items SET definition_hash = '' WHERE id = new.id")
    ),
    (
      "keeps the error of a run that goes on", "a run is continued",
      after("UPDATE OF error ON runs", when: "new.error IS NULL", "UPDATE runs SET error = old.error WHERE id = new.id")
    ),
    (
      "keeps the end of a run that goes on", "a run is continued",
      after("UPDATE OF ended_at ON runs", when: "new.ended_at IS NULL", "UPDATE runs SET ended_at = old.ended_at WHERE id = new.id")
    ),
    (
      "forgets what is done as a run goes on", "a run is continued",
      after("UPDATE OF status ON runs", when: "new.status = 'running'", "UPDATE items SET status = 'pending' WHERE run = new.id")
    ),
    (
      "leaves earlier runs as they are", "a new run makes earlier ones that have not ended failed ones",
      ignoring("UPDATE OF status ON runs", when: "new.status = 'failed' AND old.status = 'running'")
    ),
    (
      "ends other pipelines' runs", "a new run makes earlier ones that have not ended failed ones",
      after("INSERT ON runs", "UPDATE runs SET status = 'failed' WHERE pipeline <> new.pipeline")
    ),
    (
      "fails runs that never end", "a new run makes earlier ones that have not ended failed ones",
      after("UPDATE OF status ON runs", when: "new.status = 'failed'", "UPDATE runs SET ended_at = NULL WHERE id = new.id")
    ),
    ("forgets restarts", "a run's end is kept", after("UPDATE OF restarts ON runs", "UPDATE runs SET restarts = 0 WHERE id = new.id")),
    ("forgets blank lines", "a run's end is kept", after("UPDATE OF read ON runs", "UPDATE runs SET blank_lines = 0 WHERE id = new.id")),
    ("keeps what was committed", "a run's end is kept", ignoring("DELETE ON committables")),
    (
      "has lower case pipelines", "runs are listed by pipeline, the newest first",
      after("INSERT ON runs", "UPDATE runs SET pipeline = lower(pipeline) WHERE id = new.id")
    ),
    (
      "forgets whose output it is", "what is left to do of a run is known",
      after("INSERT ON committables", "UPDATE committables SET run = NULL WHERE name = new.name")
    ),
    (
      "takes failed items for closed", "what is left to do of a run is known",
      after("UPDATE OF status ON items", when: "new.status = 'failed'", "UPDATE items SET status = 'closed' WHERE id = new.id")
    ),
    (
      "takes interrupted runs for failed", "what is left to do of a run is known",
      after("UPDATE OF status ON runs", when: "new.status = 'interrupted'", "UPDATE runs SET status = 'failed' WHERE id = new.id")
    ),
    (
      "counts what was filtered twice", "a run's sums are those of its items",
      after("INSERT ON checkpoints", "UPDATE checkpoints SET filtered = 2 * filtered WHERE item = new.item")
    ),
    (
      "cuts bytes to 32 bits", "a run's sums are those of its items",
      after("INSERT ON checkpoints", "UPDATE checkpoints SET fetched = fetched & 4294967295 WHERE item = new.item")
    ),
    (
      "forgets why an item is a dead letter", "a run's sums are those of its items",
      after("INSERT ON dead_letters", "UPDATE dead_letters SET code = 'x' WHERE id = new.id")
    ),
    (
      "leaves dead letters of closed items open", "items and runs are closed", ignoring("UPDATE OF resolved ON dead_letters")
    ),
    ("keeps checkpoints of closed items", "items and runs are closed", ignoring("DELETE ON checkpoints")),
    (
      "never closes a run", "items and runs are closed", ignoring("UPDATE OF status ON runs", when: "new.status = 'closed'")
    ),
    (
      "closes a run with its first item", "items and runs are closed",
      after("UPDATE OF status ON items", when: "new.status = 'closed'", "UPDATE runs SET status = 'closed' WHERE id = new.run")
    ),
  ]

  private static let items: [Entry] = [
    ("forgets sinks that have an item", "sinks that have an item are marked", ignoring("INSERT ON item_sinks")),
    ("keeps sinks that refused an item", "sinks that have an item are marked", ignoring("DELETE ON item_sinks")),
    (
      "forgets the sinks of commits", "sinks that have an item are marked",
      after("INSERT ON committables", "UPDATE committables SET sink_number = 0")
    ),
    ("forgets refused records", "records that a sink refused stay until the item is done", ignoring("INSERT ON refused_records")),
    ("keeps refused records", "records that a sink refused stay until the item is done", ignoring("DELETE ON refused_records")),

    (
      "has upper case keys", "items are told apart by the bytes of their keys",
      after(
        "INSERT ON items", when: "new.key GLOB '[a-z]'",
        "DELETE FROM items WHERE key = upper(new.key); UPDATE items SET key = upper(key) WHERE id = new.id")
    ),
    (
      "trims keys", "items are told apart by the bytes of their keys",
      after("INSERT ON items", when: "new.key = 'a '", "UPDATE items SET key = 'a-' WHERE id = new.id")
    ),
    (
      "composes letters", "items are told apart by the bytes of their keys",
      after(
        "INSERT ON items", when: "instr(new.key, char(769))",
        "DELETE FROM items WHERE key = replace(new.key, 'e' || char(769), char(233)) AND pipeline = new.pipeline; UPDATE items SET key = replace(key, 'e' || char(769), char(233)) WHERE id = new.id"
      )
    ),
    ("renames no item", "an item is known by former keys, and renamed", ignoring("UPDATE OF key ON items")),
    ("renames no dead letter", "an item is known by former keys, and renamed", ignoring("UPDATE OF item ON dead_letters")),
    (
      "keeps checkpoints of what is read again", "an item that is read again keeps what it left until there is new content",
      ignoring("DELETE ON checkpoints")
    ),
    (
      "keeps dead letters of content that is no more", "an item that is read again keeps what it left until there is new content",
      ignoring("DELETE ON dead_letters")
    ),
    (
      "forgets dead letters of what is read again", "an item that is read again keeps what it left until there is new content",
      after("UPDATE OF run ON items", "DELETE FROM dead_letters WHERE item_id = new.id")
    ),
    (
      "forgets the counts of what is read again", "an item that is read again keeps what it left until there is new content",
      after("UPDATE OF run ON items", "UPDATE items SET read = 0 WHERE id = new.id")
    ),
    ("keeps checkpoints of what starts over", "an item that starts over is as new", ignoring("DELETE ON checkpoints")),
    ("keeps dead letters of what starts over", "an item that starts over is as new", ignoring("DELETE ON dead_letters")),
    (
      "forgets checkpoints of what goes on", "an item that starts over is as new",
      after("UPDATE OF run ON items", "DELETE FROM checkpoints WHERE item = new.id")
    ),
    (
      "keeps the version of what starts over", "an item that starts over is as new",
      after("UPDATE OF version ON items", when: "new.version IS NULL", "UPDATE items SET version = old.version WHERE id = new.id")
    ),
    (
      "keeps the counts of what starts over", "an item that starts over is as new",
      after("UPDATE OF read ON items", when: "new.read = 0", "UPDATE items SET read = old.read WHERE id = new.id")
    ),
    (
      "keeps the columns of what starts over", "an item that starts over is as new",
      after("UPDATE OF header ON items", when: "new.header IS NULL", "UPDATE items SET header = old.header WHERE id = new.id")
    ),
    (
      "forgets offsets", "a checkpoint is kept with its dead letters",
      after("INSERT ON checkpoints", "UPDATE checkpoints SET offset = 0 WHERE item = new.item")
    ),
    (
      "forgets positions", "a checkpoint is kept with its dead letters",
      after("INSERT ON checkpoints", "UPDATE checkpoints SET position = '' WHERE item = new.item")
    ),
    (
      "forgets blank lines of checkpoints", "a checkpoint is kept with its dead letters",
      after("INSERT ON checkpoints", "UPDATE checkpoints SET blank_lines = 0 WHERE item = new.item")
    ),
    (
      "loses every other dead letter", "a checkpoint is kept with its dead letters",
      after("INSERT ON dead_letters", when: "new.id % 2 = 0", "DELETE FROM dead_letters WHERE id = new.id")
    ),
    (
      "cuts records at a zero byte", "a checkpoint is kept with its dead letters",
      after("INSERT ON dead_letters", "UPDATE dead_letters SET raw = CAST(substr(CAST(raw AS TEXT), 1) AS BLOB) WHERE id = new.id")
    ),
    (
      "forgets what comes before", "a checkpoint is kept with its dead letters",
      after("INSERT ON dead_letters", "UPDATE dead_letters SET previous = NULL WHERE id = new.id")
    ),
    (
      "takes nothing for no value", "a checkpoint is kept with its dead letters",
      after("INSERT ON dead_letters", "UPDATE dead_letters SET next = NULL WHERE id = new.id AND length(next) = 0")
    ),
    (
      "forgets continuations", "a continuation is kept byte for byte, or not at all",
      after("INSERT ON checkpoints", "UPDATE checkpoints SET continuation = NULL WHERE item = new.item")
    ),
    ("gives damaged continuations", "a continuation is kept byte for byte, or not at all", .hidesDamage),
    (
      "keeps outdated continuations", "a continuation is kept byte for byte, or not at all",
      .sql(
        """
        CREATE TABLE kept (item INTEGER PRIMARY KEY, continuation BLOB);
        CREATE TRIGGER flaw AFTER INSERT ON checkpoints WHEN new.continuation IS NOT NULL
        BEGIN INSERT OR REPLACE INTO kept VALUES (new.item, new.continuation); END;
        CREATE TRIGGER flaw2 AFTER INSERT ON checkpoints WHEN new.continuation IS NULL
        BEGIN UPDATE checkpoints SET continuation = (SELECT continuation FROM kept WHERE item = new.item) WHERE item = new.item; END;
        """)
    ),
    (
      "loses committables", "items are done with their committables and outputs",
      after("INSERT ON committables", "DELETE FROM committables WHERE name = new.name")
    ),
    (
      "loses outputs", "items are done with their committables and outputs",
      after("INSERT ON outputs", "DELETE FROM outputs WHERE place = new.place")
    ),
    (
      "makes nothing done", "items are done with their committables and outputs",
      ignoring("UPDATE OF status ON items", when: "new.status = 'done'")
    ),
    ("forgets no committable", "items are done with their committables and outputs", ignoring("DELETE ON committables")),
    (
      "keeps the counts of what failed", "a failed item has its dead letter alone",
      after("UPDATE OF status ON items", when: "new.status = 'failed'", "UPDATE items SET read = 9 WHERE id = new.id")
    ),
    (
      "loses the dead letter of what failed", "a failed item has its dead letter alone",
      ignoring("INSERT ON dead_letters", when: "new.record IS NULL")
    ),
    ("keeps dead letters of what failed", "a failed item has its dead letter alone", ignoring("DELETE ON dead_letters")),
    ("keeps refused committables", "a failed item has its dead letter alone", ignoring("DELETE ON committables")),
    (
      "counts nothing of what is unchanged", "an item that is unchanged is done as it was",
      after(
        "UPDATE OF status ON items", when: "old.status = 'pending' AND new.status = 'done'", "UPDATE items SET read = 0 WHERE id = new.id")
    ),
    (
      "leaves what is unchanged pending", "an item that is unchanged is done as it was",
      ignoring("UPDATE OF status ON items", when: "old.status = 'pending' AND new.status = 'done'")
    ),
    (
      "leaves an item out", "pages hold each item once",
      after("UPDATE OF status ON items", when: "new.ordinal = 1234", "UPDATE items SET status = 'closed' WHERE id = new.id")
    ),
    (
      "moves an item to another run", "pages hold each item once",
      after("UPDATE OF status ON items", when: "new.ordinal = 2000", "UPDATE items SET run = run + 1 WHERE id = new.id")
    ),
    (
      "takes failed items for done", "open items are listed",
      after("UPDATE OF status ON items", when: "new.status = 'failed'", "UPDATE items SET status = 'done' WHERE id = new.id")
    ),
    (
      "forgets a run's text", "open items are listed",
      after("INSERT ON runs", "UPDATE runs SET definition = '' WHERE id = new.id")
    ),
  ]

  private static let commits: [Entry] = [
    ("keeps committables for ever", "committables stay until they are forgotten", ignoring("DELETE ON committables")),
    (
      "forgets all committables with one", "committables stay until they are forgotten",
      after("DELETE ON committables", "DELETE FROM committables WHERE pipeline = old.pipeline")
    ),
    (
      "mixes sinks up", "committables stay until they are forgotten",
      after("DELETE ON committables", "DELETE FROM committables WHERE name = old.name")
    ),
    (
      "forgets tokens", "committables stay until they are forgotten",
      after("INSERT ON committables", "UPDATE committables SET token = '' WHERE name = new.name")
    ),
    (
      "leaves items of lost outputs done", "a commit is taken back",
      ignoring("UPDATE OF status ON items", when: "old.status = 'done' AND new.status = 'pending'")
    ),
    ("keeps lost committables", "a commit is taken back", ignoring("DELETE ON committables")),
    (
      "leaves dead letters of lost replays resolved", "a commit is taken back",
      ignoring("UPDATE OF resolved ON dead_letters", when: "new.resolved = 0")
    ),
    (
      "gives all dead letters back", "a commit is taken back",
      after(
        "UPDATE OF resolved ON dead_letters", when: "new.resolved = 0", "UPDATE dead_letters SET resolved = 0 WHERE replay = new.replay")
    ),
    (
      "opens closed items again", "a commit is taken back",
      after(
        "UPDATE OF status ON items", when: "old.status = 'done' AND new.status = 'pending'",
        "UPDATE items SET status = 'pending' WHERE run = new.run AND status = 'closed'")
    ),
    (
      "loses where outputs are", "outputs are found by place and by path",
      after("INSERT ON outputs", "UPDATE outputs SET path = place WHERE place = new.place")
    ),
    (
      "mixes pipelines' outputs up", "outputs are found by place and by path",
      after("INSERT ON outputs", "UPDATE outputs SET pipeline = 'p' WHERE place = new.place")
    ),
    (
      "keeps whose an output was", "outputs are found by place and by path",
      ignoring("INSERT ON outputs", when: "EXISTS (SELECT 1 FROM outputs WHERE place = new.place)")
    ),
    ("makes nothing stale", "outputs of replays become stale", ignoring("UPDATE OF is_stale ON replay_outputs")),
    (
      "makes all stale", "outputs of replays become stale",
      after("UPDATE OF is_stale ON replay_outputs", "UPDATE replay_outputs SET is_stale = 1")
    ),
    ("keeps stale outputs", "outputs of replays become stale", ignoring("DELETE ON replay_outputs")),
    ("keeps rows of outputs that are gone", "outputs of replays become stale", ignoring("DELETE ON outputs")),
    (
      "takes outputs for unknown", "outputs of earlier builds are entered",
      after("INSERT ON outputs", "INSERT OR IGNORE INTO unlisted_outputs VALUES (new.pipeline)")
    ),
    ("enters no outputs", "outputs of earlier builds are entered", ignoring("INSERT ON outputs", when: "new.path = 'b'")),
  ]

  private static let letters: [Entry] =
    [
      ("stage", "'parse'"), ("code", "'bad_value'"), ("item", "'a'"), ("pipeline", "'p'"), ("record", "coalesce(record, 0)"),
      ("reason", "replace(reason, ' ', '')"), ("resolved", "1"), ("run", "1"),
    ].map { column, value in
      (
        "changes the \(column) of dead letters", "dead letters are found by each field",
        after("INSERT ON dead_letters", "UPDATE dead_letters SET \(column) = \(value) WHERE id = new.id")
      )
    } + [
      ("drops nothing", "dead letters are found by each field", ignoring("DELETE ON dead_letters")),
      (
        "drops all", "dead letters are found by each field", after("DELETE ON dead_letters", "DELETE FROM dead_letters")
      ),
      (
        "forgets fields", "dead letters are counted, with reasons and examples",
        after("INSERT ON dead_letters", "UPDATE dead_letters SET field = NULL WHERE id = new.id")
      ),
      (
        "numbers dead letters backwards", "dead letters are counted, with reasons and examples",
        after("INSERT ON dead_letters", "UPDATE dead_letters SET id = 1000 - id WHERE id = new.id")
      ),
      (
        "loses a record's second dead letter", "dead letters are paged by item, in the order of their records",
        after(
          "INSERT ON dead_letters",
          "DELETE FROM dead_letters WHERE item = new.item AND record = new.record AND id < new.id")
      ),
      (
        "changes the order of records", "dead letters are paged by item, in the order of their records",
        after("INSERT ON dead_letters", "UPDATE dead_letters SET record = record / 2 WHERE id = new.id")
      ),
      (
        "forgets columns", "dead letters are paged by item, in the order of their records",
        after("UPDATE OF header ON items", "UPDATE items SET header = NULL WHERE id = new.id")
      ),
      (
        "resolves nothing", "a replay resolves dead letters, or gives them an attempt more",
        ignoring("UPDATE OF resolved ON dead_letters")
      ),
      (
        "counts no attempts", "a replay resolves dead letters, or gives them an attempt more",
        after("UPDATE OF attempts ON dead_letters", "UPDATE dead_letters SET attempts = old.attempts WHERE id = new.id")
      ),
      (
        "keeps no earlier attempt", "a replay resolves dead letters, or gives them an attempt more",
        ignoring("INSERT ON dead_letter_attempts")
      ),
      (
        "uses a replay's number again", "a replay resolves dead letters, or gives them an attempt more",
        after("INSERT ON replays", "DELETE FROM replays")
      ),
      (
        "enters no committable of a replay", "a replay resolves dead letters, or gives them an attempt more",
        after("INSERT ON committables", "DELETE FROM committables")
      ),
      (
        "uses numbers again", "a dead letter's number is never used again",
        after("DELETE ON dead_letters", "DELETE FROM sqlite_sequence WHERE name = 'dead_letters'")
      ),
    ]

  private static let history: [Entry] = [
    (
      "keeps too many events", "events are kept up to a limit",
      after(
        "INSERT ON events", when: "(SELECT count(*) FROM events WHERE run = new.run) = 1000",
        "INSERT INTO events (run, at, stage, kind, detail) VALUES (new.run, 0, '', 'more', '')")
    ),
    (
      "keeps the newest events alone", "events are kept up to a limit",
      after("INSERT ON events", "DELETE FROM events WHERE run = new.run AND id < new.id - 100")
    ),
    ("forgets workers", "events are kept up to a limit", after("INSERT ON events", "UPDATE events SET worker = NULL WHERE id = new.id")),
    (
      "keeps the first timeline", "a timeline is kept",
      ignoring("INSERT ON timelines", when: "EXISTS (SELECT 1 FROM timelines WHERE run = new.run)")
    ),
    ("keeps one timeline", "a timeline is kept", after("INSERT ON timelines", "DELETE FROM timelines WHERE run <> new.run")),
    (
      "sorts columns", "columns have a number, and the last are known",
      ignoring("INSERT ON source_schemas", when: "new.columns = '[\"b\",\"a\"]'")
    ),
    (
      "forgets what an item's columns were", "columns have a number, and the last are known",
      after("UPDATE OF source_schema ON items", "UPDATE items SET source_schema = NULL WHERE id = new.id")
    ),
    (
      "rounds durations", "a run's items are listed by what they took",
      after("UPDATE OF seconds ON items", "UPDATE items SET seconds = round(seconds) WHERE id = new.id")
    ),
    (
      "forgets errors", "a run's items are listed by what they took",
      after("UPDATE OF error ON items", "UPDATE items SET error = NULL WHERE id = new.id")
    ),
  ]

  private static let whole: [Entry] = [
    ("prunes nothing", "prune takes what has ended, and nothing else", ignoring("DELETE ON runs")),
    ("prunes all runs", "prune takes what has ended, and nothing else", after("DELETE ON runs", "DELETE FROM runs")),
    ("prunes items", "prune takes what has ended, and nothing else", after("DELETE ON runs", "DELETE FROM items WHERE run = old.id")),
    (
      "prunes open dead letters", "prune takes what has ended, and nothing else",
      after("DELETE ON dead_letters", "DELETE FROM dead_letters WHERE resolved = 0")
    ),
    ("keeps events of runs that are gone", "prune takes what has ended, and nothing else", ignoring("DELETE ON events")),
    (
      "uses runs' numbers again", "prune takes what has ended, and nothing else",
      after("DELETE ON runs", "DELETE FROM sqlite_sequence WHERE name = 'runs'")
    ),
    ("lets readers write", "a ledger that is only read is not written", .readersWrite),
    ("gives each a copy", "all who have a ledger open see what is written", .copies),
    ("shows what is not committed", "who reads while others write sees it all or nothing of it", .dirtyReads),
    ("forgets what it had", "what is written survives", .forgets),
  ]
}
