import Foundation
import Testing

@Suite("Tables of SQLite")
struct TableTests {
  private let shop: Workshop

  init() throws { shop = try Workshop() }

  /// A definition of the pipeline; `write` is its sink.
  private func define(_ write: String, from: String = "'*.csv'", more: String = "") throws {
    try shop.write("pipeline.yaml", "pipeline: orders\nfetch: {from: \(from)}\n\(more)write: {\(write)}\n")
  }

  /// The rows of a query, a line each.
  private func query(_ sql: String, _ database: String = "orders.db") throws -> String {
    let outcome = try shop.run("/usr/bin/env", ["sqlite3", shop.path(database), sql])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return outcome.stdout
  }

  @Test("each mode does what it says, run after run")
  func modes() throws {
    try shop.write("a.csv", "id,city,amount\n1,Rome,1.5\n2,Oslo,2\n2,Bern,3\n")
    try shop.write("b.csv", "id,city,amount\n3,Riga,\n1,Paris,9\n")
    for (mode, want) in [
      ("append", "1|Rome|1.5\n2|Oslo|2.0\n2|Bern|3.0\n3|Riga|\n1|Paris|9.0\n"),
      ("replace", "1|Rome|1.5\n2|Oslo|2.0\n2|Bern|3.0\n3|Riga|\n1|Paris|9.0\n"), ("merge", "1|Paris|9.0\n2|Bern|3.0\n3|Riga|\n"),
    ] {
      try define("table: \(mode), database: orders.db, mode: \(mode)\(mode == "merge" ? ", key: [id]" : "")")
      let run = try shop.runPipeline("pipeline.yaml", "--state", mode)
      #expect(run.status == 0 && run.records["written"] == 5, "\(run.stderr)")
      #expect(try query("SELECT * FROM \(mode) ORDER BY rowid") == want, "\(mode)")
      // Nothing is new: nothing is done again.
      #expect(try shop.runPipeline("pipeline.yaml", "--state", mode).status == 0)
      #expect(try query("SELECT * FROM \(mode) ORDER BY rowid") == want, "\(mode), the second time")
    }
    try shop.write("c.csv", "id,city,amount\n2,Wien,4\n")
    for (mode, want) in [("append", "6"), ("replace", "6"), ("merge", "3")] {
      try define("table: \(mode), database: orders.db, mode: \(mode)\(mode == "merge" ? ", key: [id]" : "")")
      let run = try shop.runPipeline("pipeline.yaml", "--state", mode)
      #expect(run.status == 0, "\(mode): \(run.stderr)")
      #expect(try query("SELECT count(*) FROM \(mode)") == want + "\n", "\(mode), with an item more")
    }
    #expect(try query("SELECT city FROM merge WHERE id = 2") == "Wien\n")
    #expect(try query("SELECT name FROM sqlite_schema WHERE name LIKE 'sluice_staging%'") == "")
  }

  @Test("values, names and NULL come back as they were", arguments: ["csv", "jsonl"])
  func values(_ format: String) throws {
    _ = try shop.python(
      """
      import csv, json, random, sys
      random.seed(7)
      texts = ["", "plain", 'with "quotes"', "comma, and\\nline end", "Zürich 😀", "'; DROP TABLE t; --", "1", "null", "\\x01"]
      rows = []
      for i in range(5000):
          rows.append({"a \\"b\\"": i - 2500, "rowid": random.choice([None, 2**63 - 1, -2**63, 0]), "order": random.choice([None, 0.1, -1e300, 5e-324, 3.0]),
              "text": random.choice(texts[1:]), "yes": random.choice([None, True, False]), "day": "2024-02-%02d" % (1 + i % 29),
              "at": "2024-02-29 23:59:%02d.%06d" % (i % 60, i)})
      with open("want.json", "w") as f: json.dump(rows, f)
      if sys.argv[1] == "csv":
          with open("in.csv", "w", newline="") as f:
              out = csv.DictWriter(f, list(rows[0])); out.writeheader()
              for row in rows: out.writerow({k: "" if v is None else ("true" if v is True else "false" if v is False else v) for k, v in row.items()})
      else:
          with open("in.jsonl", "w") as f: f.writelines(json.dumps(row) + "\\n" for row in rows)
      """, format)
    let fields =
      "parse: {fields: {'a \"b\"': bigint not null, rowid: bigint, order: double, text: text, \"yes\": boolean, day: date, at: timestamp}}\n"
    try define("table: 'odd \"table\"', database: orders.db", from: "'in.*'", more: fields)
    let run = try shop.runPipeline()
    #expect(run.status == 0, "\(run.stderr)")
    let compared = try shop.python(
      """
      import json, sqlite3
      want = json.load(open("want.json"))
      got = sqlite3.connect("orders.db").execute('SELECT * FROM [odd "table"]').fetchall()
      assert len(got) == len(want), len(got)
      for w, g in zip(want, got):
          w = list(w.values())
          w[4] = None if w[4] is None else int(w[4])
          w[6] = w[6].rstrip("0").rstrip(".") if "." in w[6] else w[6]
          assert tuple(w) == g, (w, g)
      print("same")
      """)
    #expect(compared.stdout == "same\n")
  }

  @Test("rows that a table does not take are dead letters with its words, and all others are in it")
  func constraints() throws {
    _ = try query(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, city TEXT NOT NULL, added TEXT DEFAULT 'now'); INSERT INTO t VALUES (7, 'Old', 'then')")
    try shop.write("a.csv", "id,city\n1,Rome\n2,Oslo\n")
    try shop.write("b.csv", "id,city\n7,Bern\n")
    try shop.write("c.csv", "id,city\n3,\n")
    try shop.write("d.csv", "id,city\n4,Riga\n")
    try define("table: t, database: orders.db", more: "limits: {dead_letters: 2}\n")
    let run = try shop.runPipeline()
    #expect(run.status == 0 && run.items["done"] == 4 && run.records["dead_lettered"] == 2, "\(run.stderr)")
    // The items with refused rows are written again, and the commits of the others are told all the same.
    #expect(try query("SELECT count(*) FROM committables", ".sluice/ledger.sqlite") == "0\n")
    let letters = try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout
    #expect(letters.contains("UNIQUE constraint failed: t.id") && letters.contains("NOT NULL constraint failed: t.city"), "\(letters)")
    #expect(try query("SELECT * FROM t ORDER BY id") == "1|Rome|now\n2|Oslo|now\n4|Riga|now\n7|Old|then\n")
    #expect(try query("SELECT name FROM sqlite_schema WHERE name LIKE 'sluice_staging%'") == "")
    // With the rows mended, another run writes them.
    try shop.write("b.csv", "id,city\n8,Bern\n")
    try shop.write("c.csv", "id,city\n3,Graz\n")
    let again = try shop.runPipeline()
    #expect(again.status == 0, "\(again.stderr)")
    #expect(try query("SELECT group_concat(id) FROM (SELECT id FROM t ORDER BY id)") == "1,2,3,4,7,8\n")
  }

  @Test("what does not fit the table is told before a row is written")
  func shape() throws {
    _ = try query("CREATE TABLE t (id INTEGER, town TEXT)")
    try shop.write("a.csv", "id,city\n1,Rome\n")
    try define("table: t, database: orders.db")
    let missing = try shop.runPipeline()
    #expect(missing.status == 74 && missing.stderr.contains("the table has no column “city”; it has id, town"), "\(missing.stderr)")
    try define("table: t, database: orders.db, mode: merge, key: [id]", more: "transform: [{rename: {city: town}}]\n")
    let noIndex = try shop.runPipeline()
    #expect(noIndex.stderr.contains("CREATE UNIQUE INDEX t_key ON \"t\" (\"id\")"), "\(noIndex.stderr)")
    _ = try query("CREATE UNIQUE INDEX t_key ON \"t\" (\"id\")")
    #expect(try shop.runPipeline().status == 0)
    #expect(try query("SELECT * FROM t") == "1|Rome\n")
    try shop.write("not.db", "this is text and no database at all, whatever it is called\n")
    try define("table: t, database: not.db")
    let foreign = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(foreign.status == 74 && foreign.stderr.contains("not a database"), "\(foreign.stderr)")
    #expect(shop.read("not.db").hasPrefix("this is text"))
  }

  @Test("a table is found in whatever case its name is written, and a view or an index in its place is told before a row is written")
  func namesHaveNoCase() throws {
    try shop.write("a.csv", "id,city\n1,Rome\n")
    _ = try query(
      "CREATE TABLE Orders(id INTEGER PRIMARY KEY, city TEXT); CREATE VIEW Seen AS SELECT * FROM Orders; CREATE INDEX City ON Orders(city)")
    for mode in ["append", "replace", "merge, key: [id]"] {
      try define("table: orders, database: orders.db, mode: \(mode)")
      let run = try shop.runPipeline("pipeline.yaml", "--state", String(mode.prefix(3)))
      #expect(mode == "append" || run.status == 0, "\(mode): \(run.stderr)")
      #expect(try query("SELECT id, city FROM Orders") == "1|Rome\n", "\(mode)")
    }
    for (name, kind) in [("seen", "a view"), ("city", "an index")] {
      try define("table: \(name), database: orders.db")
      let refused = try shop.runPipeline("pipeline.yaml", "--state", name)
      #expect(refused.status != 0 && refused.stderr.contains("“\(name)” is no table there: it is called \(kind)"), "\(refused.stderr)")
      #expect(refused.records["written"] ?? 0 == 0)
    }
  }

  @Test(
    "a table that would drop rows in silence does not: a row is a dead letter, or fails its item where a trigger ignores it",
    arguments: [
      ("CREATE TABLE o(id INTEGER UNIQUE ON CONFLICT IGNORE, city TEXT); INSERT INTO o VALUES (2, 'old')", false),
      ("CREATE TABLE o(id INTEGER UNIQUE ON CONFLICT REPLACE, city TEXT); INSERT INTO o VALUES (2, 'old')", false),
      (
        "CREATE TABLE o(id INTEGER, city TEXT); INSERT INTO o VALUES (2, 'old'); CREATE TRIGGER t BEFORE INSERT ON o WHEN new.id = 2 BEGIN SELECT RAISE(IGNORE); END",
        true
      ),
    ])
  func dropsInSilence(_ table: String, _ failsItem: Bool) throws {
    try shop.write("a.csv", "id,city\n1,Rome\n2,Oslo\n")
    _ = try query(table)
    try define("table: o, database: orders.db")
    let run = try shop.runPipeline()
    if failsItem {
      #expect(run.status == 69 && run.items["failed"] == 1, "\(run.stdout)\(run.stderr)")
    } else {
      #expect(run.records["dead_lettered"] == 1 && run.records["written"] == 1, "\(run.stdout)\(run.stderr)")
    }
    #expect(try query("SELECT * FROM o ORDER BY id") == (failsItem ? "2|old\n" : "1|Rome\n2|old\n"))
  }

  @Test("a key that is no field of the output is told by check, at its place")
  func unknownKey() throws {
    try define("table: o, database: orders.db, mode: merge, key: [id, ctiy]", more: "parse: {fields: {id: bigint, city: text}}\n")
    let checked = try shop.sluice("check", "pipeline.yaml")
    #expect(
      checked.status == 78 && checked.stderr.contains("pipeline.yaml:4:63: error: the output has no field “ctiy”"), "\(checked.stderr)")
    try define("table: o, database: orders.db, mode: merge, key: [id, ctiy]")
    #expect(try shop.sluice("check", "pipeline.yaml").status == 0)
  }

  @Test("a table that is another one when its rows are committed fails the item, and the run can be closed")
  func changedBeforeCommit() throws {
    try shop.write("a.csv", "id,city\n1,Rome\n")
    try define("table: orders, database: orders.db")
    let stopped = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--quiet", "--no-supervisor"],
      environment: ["SLUICE_FAILPOINTS": "table.commit/before=kill@1"])
    #expect(stopped.status != 0)
    _ = try query("CREATE VIEW orders AS SELECT 1 AS id")
    let refused = try shop.runPipeline()
    #expect(refused.status != 0 && refused.stderr.contains("orders"), "\(refused.stderr)")
    #expect(try shop.sluice("runs", "close", "1").status == 0)
    _ = try query("DROP VIEW orders")
    let mended = try shop.runPipeline()
    #expect(mended.status == 0, "\(mended.stderr)")
    #expect(try query("SELECT id, city FROM orders") == "1|Rome\n")
  }

  @Test("a row without its key is a dead letter, which a replay merges once it has one")
  func keys() throws {
    try shop.write("a.csv", "id,city,spare\n1,Rome,9\n,Oslo,5\n")
    try define("table: t, database: orders.db, mode: merge, key: [id]", more: "limits: {dead_letters: 1}\n")
    let run = try shop.runPipeline()
    #expect(run.status == 0 && run.records["dead_lettered"] == 1, "\(run.stderr)")
    let letters = try shop.sluice("dead-letters", "list", "pipeline.yaml")
    #expect(letters.stdout.contains("missing_value") && letters.stdout.contains("id"), "\(letters.stdout)")
    try define(
      "table: t, database: orders.db, mode: merge, key: [id]",
      more: "limits: {dead_letters: 1}\ntransform: [{derive: {id: 'coalesce(id, spare)'}}]\n")
    let replayed = try shop.sluice("dead-letters", "replay", "pipeline.yaml")
    #expect(replayed.status == 0, "\(replayed.stdout)\(replayed.stderr)")
    #expect(try query("SELECT * FROM t ORDER BY id") == "1|Rome|9\n5|Oslo|5\n")
    #expect(try query("SELECT count(*) FROM sluice_commits") == "0\n")
  }

  @Test(
    "a run that is killed in the middle of an item goes on there, and no row is missing or doubled",
    arguments: ["append", "replace", "merge"])
  func killed(_ mode: String) throws {
    _ = try shop.python("open('a.csv','w').write('id,text\\n' + ''.join('%d,text %d\\n' % (i, i % 977) for i in range(300000)))")
    try define(
      "table: t, database: orders.db, checkpoint: {bytes: 100KB, every: 20ms}, mode: \(mode)\(mode == "merge" ? ", key: [id]" : "")")
    for point in [
      "part.write/before=kill@9", "part.sync/before=kill@1", "part.sync/after=kill@1", "table.stage/before=kill@1",
      "table.insert/before=kill@3", "table.stage/after=kill@1", "table.commit/before=kill@1",
    ] {
      _ = try shop.run(
        Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--progress", "none"],
        environment: ["SLUICE_FAILPOINTS": point])
    }
    let killed = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--progress", "none"],
      environment: ["SLUICE_FAILPOINTS": "table.commit/after=kill@1"])
    #expect(killed.status == 9 || killed.status == 137, "\(killed.status)")
    let ended = try shop.runPipeline()
    #expect(ended.status == 0 && !ended.stderr.contains("starts over"), "\(ended.stderr)")
    #expect(try query("SELECT count(*), count(DISTINCT id), sum(id) FROM t") == "300000|300000|44999850000\n")
    #expect(try query("SELECT name FROM sqlite_schema WHERE name LIKE 'sluice_staging%'") == "")
  }

  @Test("a dry run makes no database, and shows the rows")
  func dryRun() throws {
    try shop.write("a.csv", "id,city\n1,Rome\n")
    try define("table: t, database: orders.db")
    let dry = try shop.sluice("run", "pipeline.yaml", "--dry-run")
    #expect(dry.status == 0 && dry.stdout.contains("Rome"), "\(dry.stdout)\(dry.stderr)")
    #expect(!shop.exists("orders.db") && !shop.exists(".sluice"))
  }

  @Test(
    "a definition of a table is checked",
    arguments: [
      ("table: t", "a table needs database"), ("table: t, database: 'oracle://host/db'", "“oracle” is no database that can be written"),
      ("table: sqlite_t, database: a.db", "a table's name"), ("table: t, database: a.db, mode: merge", "merge needs key"),
      ("table: t, database: a.db, key: [id]", "key is for mode merge"),
      ("table: t, database: a.db, path: x.csv", "table is for postgres and sqlite"),
      ("table: t, database: a.db, format: csv", "format is for file"),
      ("table: t, database: a.db, mode: mrege, key: [id]", "did you mean “merge”"),
      ("checkpoint: {every: 1s}", "give it path, a file, or table and database"),
    ])
  func definitions(_ write: String, _ words: String) throws {
    try define(write, from: "a.csv")
    let checked = try shop.sluice("check", "pipeline.yaml")
    #expect(checked.status == 78 && checked.stderr.contains(words), "\(checked.stderr)")
  }
}
