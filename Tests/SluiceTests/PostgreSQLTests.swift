import Foundation
import Testing

@Suite("Tables of PostgreSQL", .enabled(if: LivePostgreSQL.isThere))
struct PostgreSQLRunTests {
  private let shop: Workshop
  private let server: LivePostgreSQL
  private let database: String

  init() throws {
    shop = try Workshop()
    server = try LivePostgreSQL.shared.get()
    database = try server.make(shop)
  }

  private func define(_ write: String, from: String = "'*.csv'", more: String = "", name: String = "pipeline.yaml") throws {
    try shop.write(
      name, "pipeline: orders\nfetch: {from: \(from)}\n\(more)\nwrite: {database: '\(server.url(database))', \(write)}\n")
  }

  private func query(_ sql: String) throws -> String { try server.query(shop, sql, database) }

  @Test("each mode does what it says, run after run")
  func modes() throws {
    try shop.write("a.csv", "id,city,amount\n1,Rome,1.5\n2,Oslo,2\n2,Bern,3\n")
    try shop.write("b.csv", "id,city,amount\n3,Riga,\n1,Paris,9\n")
    for (mode, want) in [
      ("append", "1|Paris|9\n1|Rome|1.5\n2|Bern|3\n2|Oslo|2\n3|Riga|"), ("replace", "1|Paris|9\n1|Rome|1.5\n2|Bern|3\n2|Oslo|2\n3|Riga|"),
      ("merge", "2|Bern|3\n3|Riga|"),
    ] {
      try define("table: \(mode), mode: \(mode)\(mode == "merge" ? ", key: [id]" : "")")
      for round in 0..<2 {
        let run = try shop.runPipeline("pipeline.yaml", "--state", mode)
        #expect(run.status == 0, "\(run.stderr)")
        // Which of two items comes last is not said: their row for 1 is either one's.
        #expect(try query("SELECT * FROM \"\(mode)\" WHERE '\(mode)' <> 'merge' OR id <> 1 ORDER BY id, city") == want, "\(mode), \(round)")
      }
      #expect(try query("SELECT count(*) FROM \"\(mode)\"") == (mode == "merge" ? "3" : "5"))
    }
    #expect(try query("SELECT count(*) FROM sluice_commits") == "0")
  }

  @Test("values of every type come back as they were, byte for byte")
  func types() throws {
    _ = try shop.python(
      """
      import csv, random
      random.seed(3)
      with open("in.csv", "w", newline="") as f:
          out = csv.writer(f, lineterminator="\\n")
          out.writerow(["id", "total", "big", "at", "day", "clock", "yes", "name", "doc"])
          for i in range(3000):
              cents = random.choice([0, 1, -1, 10**12 - 1, random.randrange(-10**9, 10**9)])
              sign, cents = ("-" if cents < 0 else ""), abs(cents)
              out.writerow([i, "%s%d.%02d" % (sign, cents // 100, cents % 100), random.randrange(-10**37, 10**37), "20%02d-01-31 23:59:%02d.%06d" % (i % 100, i % 60, i + 1),
                            "%04d-02-28" % (1 + i), "%02d:%02d:%02d" % (i % 24, i % 60, i % 60), random.choice(["true", "false", ""]),
                            random.choice(["Zürich 😀", 'a "quoted" one', "two\\nlines", "'; --", "\\\\N"]), '{"a":[%d]}' % i])
      """)
    try define(
      "table: sales.values, mode: append", from: "in.csv",
      more:
        "parse: {fields: {id: bigint not null, total: 'decimal(12,2)', big: 'decimal(38,0)', at: timestamp, day: date, clock: time, \"yes\": boolean, name: text, doc: json}}"
    )
    _ = try query("CREATE SCHEMA sales")
    let run = try shop.runPipeline()
    #expect(run.status == 0 && run.records["written"] == 3000, "\(run.stderr)")
    #expect(
      try query(
        "SELECT string_agg(format_type(atttypid, atttypmod), ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'sales.values'::regclass AND attnum > 0"
      )
        == "bigint numeric(12,2) numeric(38,0) timestamp with time zone date time without time zone boolean text jsonb")
    let out = try shop.run(
      "/usr/bin/env",
      [
        "psql", "-XqAt", "-c", "SET timezone = 'UTC'", "-c",
        "COPY (SELECT id, total, big, to_char(at, 'YYYY-MM-DD HH24:MI:SS.US') AS at, to_char(day, 'YYYY-MM-DD') AS day, clock, CASE WHEN \"yes\" THEN 'true' WHEN NOT \"yes\" THEN 'false' END AS \"yes\", name, replace(doc::text, ' ', '') AS doc FROM sales.values ORDER BY id) TO STDOUT (FORMAT csv, HEADER)",
        server.url(database),
      ])
    _ = try shop.write("out.csv", out.stdout)
    _ = try shop.python(
      """
      import csv
      a, b = [list(csv.reader(open(name, newline=""))) for name in ("in.csv", "out.csv")]
      assert len(a) == len(b) == 3001, (len(a), len(b))
      for x, y in zip(a, b): assert x == y, (x, y)
      """)
  }

  @Test("rows that the table refuses are dead letters with the server's words, and the rest is in the table", arguments: [false, true])
  func refusedRows(_ isLarge: Bool) throws {
    let count = isLarge ? 200_000 : 3_000
    _ = try shop.python(
      """
      import sys
      n = int(sys.argv[1])
      with open("in.csv", "w") as f:
          f.write("id,name,code\\n")
          for i in range(n):
              kind = (i // 7) % 4 if i % (n // 100) == 7 else None
              name = "x" * 21 if kind == 1 else "" if kind == 2 else "N\\0L" if kind == 3 else "name %d" % (i % 50)
              f.write("%d,%s,c%d\\n" % (i - 1 if kind == 0 else i, name, i))
      """, "\(count)")
    _ = try query("CREATE TABLE people (id bigint PRIMARY KEY, name varchar(20) NOT NULL, code text CHECK (code <> 'c20'))")
    try define(
      "table: people", from: "in.csv",
      more: "parse: {fields: {id: bigint, name: text, code: text}, null_values: ['']}\nlimits: {dead_letters: 200}")
    let run = try shop.runPipeline()
    #expect(run.status == 0, "\(run.stderr)")
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
    }
    let reasons = letters.map { $0["reason"] as? String ?? "" }
    #expect(letters.count == 101 && run.records["dead_lettered"] == 101, "\(letters.count) \(run.records)")
    #expect(reasons.filter { $0.contains("duplicate key value violates unique constraint \"people_pkey\"") }.count > 10)
    #expect(reasons.filter { $0.contains("longer than character varying(20)") }.count > 10, "\(Set(reasons))")
    #expect(reasons.filter { $0.contains("NOT NULL") }.count > 10)
    #expect(reasons.filter { $0.contains("NUL") && !$0.contains("NULL") }.count > 10)
    #expect(reasons.filter { $0.contains("check constraint \"people_code_check\"") }.count == 1)
    #expect(letters.allSatisfy { ($0["raw"] as? String ?? "").contains("c") && $0["line"] is Int && $0["offset"] is Int })
    #expect(try query("SELECT count(*) FROM people") == "\(count - 101)")
    #expect(try query("SELECT count(*) FROM sluice_commits") == "0")
  }

  @Test("a changed item's rows take the place of its earlier ones, where they carry their item")
  func provenance() throws {
    try shop.write("a.csv", "id\n1\n2\n")
    try shop.write("b.csv", "id\n3\n")
    try define("table: t, provenance: true")
    #expect(try shop.runPipeline().status == 0)
    try shop.write("a.csv", "id\n1\n20\n21\n")
    #expect(try shop.runPipeline().status == 0)
    #expect(try query("SELECT id, _item, _run FROM t ORDER BY id") == "1|a.csv|2\n3|b.csv|1\n20|a.csv|2\n21|a.csv|2")
  }

  @Test("new columns are added, left away or refused", arguments: ["add", "ignore", "fail"])
  func newColumns(_ rule: String) throws {
    _ = try query("CREATE TABLE t (id int)")
    try shop.write("a.csv", "id,city\n1,Rome\n")
    try define("table: t, on_new_column: \(rule)")
    let run = try shop.runPipeline()
    switch rule {
    case "add": #expect(try run.status == 0 && query("SELECT * FROM t") == "1|Rome", "\(run.stderr)")
    case "ignore": #expect(try run.status == 0 && query("SELECT * FROM t") == "1", "\(run.stderr)")
    default: #expect(run.status == 74 && run.stderr.contains("the table has no column “city”"), "\(run.stderr)")
    }
  }

  @Test("a server that is killed and started again costs nothing but time")
  func serverAway() throws {
    let own = try LivePostgreSQL()
    let name = try own.make(shop)
    _ = try shop.python(
      "import sys\nfor k in range(3):\n  with open('f%d.csv' % k, 'w') as f:\n    f.write('id\\n'); f.writelines('%d\\n' % (k * 10**6 + i) for i in range(400000))"
    )
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: 'f*.csv'}\nparse: {fields: {id: bigint}}\nwrite: {table: t, database: '\(own.url(name))', checkpoint: {every: 20ms}}\n"
    )
    let run = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    try shop.await(".sluice/ledger.sqlite")
    usleep(300_000)
    try own.kill()
    usleep(300_000)
    try own.start()
    let status = run.wait()
    if status != 0 {
      let resumed = try shop.sluice("resume", "pipeline.yaml")
      #expect(resumed.status == 0, "\(resumed.stderr)")
    }
    #expect(
      try own.query(shop, "SELECT count(*), count(DISTINCT id), sum(id) FROM t", name)
        == "1200000|1200000|\(1_200_000_000_000 + 3 * 79_999_800_000)")
  }

  @Test("no password is kept or shown")
  func passwords() throws {
    try shop.write("a.csv", "id\n1\n")
    let url = server.url(database).replacing("tests@", with: "tests:hush-4711@")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {table: t, database: '\(url)'}\n")
    let run = try shop.sluice("run", "pipeline.yaml", "--log-format", "json")
    #expect(run.status == 0 && !(run.stdout + run.stderr).contains("hush-4711"), "\(run.stderr)")
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
      guard let data = shop.data(".sluice/" + name) else { continue }
      // The run's copy of the definition's text has what the user wrote; commits and items have nothing of it.
      let committables = try shop.run(
        "/usr/bin/env",
        ["sqlite3", shop.path(".sluice/ledger.sqlite"), "SELECT * FROM committables; SELECT * FROM items; SELECT * FROM events"])
      #expect(!committables.stdout.contains("hush-4711") && !data.isEmpty)
    }
    try shop.write(
      "pipeline.yaml",
      "pipeline: q\nfetch: {from: a.csv}\nwrite: {table: t, database: '\(url.replacing("127.0.0.1", with: "127.0.0.2"))'}\n")
    let failed = try shop.sluice("run", "pipeline.yaml", environment: ["PGCONNECT_TIMEOUT": "2"])
    #expect(!(failed.stdout + failed.stderr).contains("hush-4711"), "\(failed.stderr)")
  }

  @Test(
    "what is wrong is told with its remedy",
    arguments: [
      (
        "table: t, mode: merge, key: [id]", "CREATE TABLE t (id int, city text)",
        "merge needs a unique index on the key: CREATE UNIQUE INDEX ON \"t\" (\"id\")"
      ),
      ("table: t", "CREATE VIEW t AS SELECT 1 AS id, '' AS city", "is no table there"),
      ("table: t", "CREATE TABLE t (id date, city text)", "the column “id” is date, and the field is bigint"),
      ("table: t", "CREATE TABLE t (id int, city text, must int NOT NULL)", "the column “must” is NOT NULL without a default"),
      ("table: nowhere.t", "SELECT 1", "schema \"nowhere\" does not exist"),
    ])
  func errors(_ write: String, _ sql: String, _ message: String) throws {
    _ = try query(sql)
    try shop.write("a.csv", "id,city\n1,Rome\n")
    try define(write)
    let run = try shop.runPipeline()
    #expect(run.status == 74 || run.status == 69, "\(run.status)")
    #expect(run.stderr.contains(message), "\(run.stderr)")
  }

  @Test("doctor proves server, rights, table and key, and writes nothing")
  func doctor() throws {
    try shop.write("a.csv", "id,city\n1,Rome\n")
    try define("table: t, mode: merge, key: [id]")
    func doctor(_ words: String, _ status: Int32, _ file: String = "pipeline.yaml") throws {
      let outcome = try shop.sluice("doctor", file)
      #expect(outcome.status == status && outcome.stdout.contains(words), "\(words): \(outcome.stdout)\(outcome.stderr)")
    }
    try doctor("a run makes the table of the output's fields", 0)
    #expect(try query("SELECT count(*) FROM pg_class WHERE relname IN ('t', 'sluice_commits')") == "0")
    _ = try query("CREATE TABLE t (id bigint, city text)")
    try doctor("merge needs a unique index on the key", 74)
    _ = try query("CREATE UNIQUE INDEX ON t (id)")
    try doctor("it takes the output's 2 fields", 0)
    // Another user, who may read alone.
    let other = "u" + database.dropFirst()
    _ = try query("CREATE ROLE \(other) LOGIN; GRANT SELECT ON t TO \(other)")
    let url = server.url(database)
    try shop.write("other.yaml", shop.read("pipeline.yaml").replacing(url, with: url.replacing("tests@", with: other + "@")))
    try doctor("may not INSERT, UPDATE", 74, "other.yaml")
    try doctor("GRANT INSERT, UPDATE ON \"t\" TO \"\(other)\"", 74, "other.yaml")
    try doctor("may not make it", 74, "other.yaml")
    try shop.write("other.yaml", shop.read("pipeline.yaml").replacing(database, with: "no_such_database"))
    try doctor("does not exist", 74, "other.yaml")
  }
}
