import Foundation
import Testing

@Suite("Doctor")
struct DoctorTests {
  private let shop: Workshop

  init() throws { shop = try Workshop() }

  /// The findings of `doctor` for one pipeline.
  private struct Told {
    var status: Int32
    var findings: [[String: Any]]
    /// All that it printed.
    var text: String

    /// The findings of a part, those with a problem as `what: problem; remedy`.
    func words(_ part: String, wrong: Bool) -> [String] {
      findings.filter { $0["part"] as? String == part && $0["ok"] as? Bool == !wrong }.map { finding in
        ["what", "problem", "remedy"].compactMap { finding[$0] as? String }.joined(separator: "; ")
      }
    }
    var problems: [String] { ["definition", "program", "source", "sink", "state", "notify"].flatMap { words($0, wrong: true) } }
  }

  private func doctor(_ more: String..., environment: [String: String] = [:], by command: [String] = []) throws -> Told {
    let words = command + [Workshop.binary, "doctor", "p.yaml", "--output", "json"] + more
    let outcome = try shop.run(words[0], Array(words.dropFirst()), environment: environment)
    let findings = outcome.json["findings"] as? [[String: Any]] ?? []
    #expect(outcome.json["exit_code"] as? Int == Int(outcome.status), "\(outcome.stdout) \(outcome.stderr)")
    #expect(outcome.json["ok"] as? Bool == (outcome.status == 0))
    return Told(status: outcome.status, findings: findings, text: outcome.stdout + outcome.stderr)
  }

  /// Rights count for root too without its capabilities.
  private static let withoutPrivileges = geteuid() == 0 ? ["/usr/bin/setpriv", "--bounding-set=-all"] : ["/usr/bin/env"]

  private func define(from: String = "'in/*.csv'", write: String = "path: 'out/{item.stem}.csv'", _ more: String = "") throws {
    try shop.write(
      "p.yaml", "pipeline: p\nfetch: {from: \(from), retry: {attempts: 2, backoff: 1ms..5ms}}\nwrite: {\(write)}\n\(more)")
  }

  private func sql(_ database: String, _ text: String) throws {
    let outcome = try shop.run("/usr/bin/env", ["sqlite3", shop.path(database), text])
    #expect(outcome.status == 0, "\(outcome.stderr)")
  }

  /// Every name below the folder with its mode, time of change and content, but for what the tests themselves keep there.
  private func everything() throws -> String {
    try shop.python(
      """
      import hashlib, os
      for folder, folders, files in os.walk("."):
          folders.sort()
          for name in sorted(folders + files):
              if name.startswith(".") and name.endswith((".out", ".err")): continue
              path = os.path.join(folder, name)
              s = os.lstat(path)
              print(path, oct(s.st_mode), s.st_mtime_ns, hashlib.sha256(open(path, "rb").read()).hexdigest() if name in files else "")
      """
    ).stdout
  }

  // MARK: All is well

  @Test("where all is well there is a line for each thing, and nothing is written, before the first run and after it")
  func doctorWritesNothing() throws {
    try shop.write("in/a.csv", "id,city\n1,Rome\n2,Oslo\n")
    try shop.write("in/b.csv", "id,city\n3,Riga\n")
    try shop.write("cities.csv", "city,country\nRome,IT\nOslo,NO\nRiga,LV\n")
    try shop.write("pass.sh", "#!/bin/sh\nexec cat\n")
    #expect(chmod(shop.path("pass.sh"), 0o755) == 0)
    try sql("rows.db", "CREATE TABLE rows (city TEXT, id INTEGER, country TEXT, more TEXT DEFAULT 'x' NOT NULL)")
    try sql(
      "log.db", "PRAGMA journal_mode = WAL; CREATE TABLE merged (number INTEGER PRIMARY KEY, id INTEGER UNIQUE, city TEXT, country TEXT)")
    try shop.write(
      "p.yaml",
      """
      pipeline: p
      fetch: {from: 'in/*.csv'}
      transform:
        - lookup: {file: cities.csv, on: {city: city}, take: [country]}
        - exec: {command: [./pass.sh]}
      write:
        - {path: 'out/deep/{item.stem}.csv.gz', when: id > 1}
        - {table: rows, database: rows.db}
        - {table: merged, database: log.db, mode: merge, key: [id]}
        - {table: new, database: new/one.db}
      dead_letters: {table: letters, database: letters.db}
      notify: {command: [cat], url: 'http://127.0.0.1:9/secret-path'}
      """)
    for isFirst in [true, false] {
      let before = try everything()
      let told = try doctor()
      #expect(told.status == 0 && told.problems.isEmpty, "\(told.problems)")
      #expect(try everything() == before)
      #expect(told.words("source", wrong: false) == ["in/*.csv: 2 items; the first, in/a.csv, can be read (22 B)"])
      #expect(told.words("definition", wrong: false).contains { $0.hasPrefix("cities.csv is loaded: 3 records, ") })
      #expect(told.words("program", wrong: false).contains { $0.hasPrefix("./pass.sh is ") })
      #expect(told.words("notify", wrong: false).count == 2 && !told.text.contains("secret-path"))
      let sinks = told.words("sink", wrong: false)
      #expect(sinks.contains { $0.hasPrefix("out/deep/{item.stem}.csv.gz: the folder out/deep \(isFirst ? "is not there" : "can be")") })
      #expect(sinks.contains("rows.db: the table rows takes the output's 3 fields"))
      #expect(sinks.contains("log.db: the table merged takes the output's 3 fields, and has a unique index on id"))
      #expect(
        sinks.contains(
          isFirst
            ? "new/one.db: a run makes the database, and in it the table new" : "new/one.db: the table new takes the output's 3 fields"))
      #expect(told.words("state", wrong: false).count == (isFirst ? 1 : 2))
      if isFirst {
        let run = try shop.runPipeline("p.yaml")
        #expect(run.status == 0, "\(run.stderr)")
      }
    }
    // The same as text; with --quiet there is nothing to say.
    let shown = try shop.sluice("doctor", "p.yaml")
    #expect(shown.stdout.split(separator: "\n").allSatisfy { $0.hasPrefix("ok       ") } && shown.stderr.isEmpty, "\(shown.stdout)")
    #expect(try shop.sluice("doctor", "p.yaml", "--quiet").stdout.isEmpty)
  }

  @Test("several definitions: each is told of, one that is wrong as check tells it, and the exit code is the highest")
  func several() throws {
    try shop.write("in/a.csv", "id\n1\n")
    try define()
    try shop.write("wrong.yaml", "pipeline: wrong\nfetch: {from: in/a.csv}\nwrite: {path: o.csv, fromat: csv}\n")
    try shop.write("gone.yaml", "pipeline: gone\nfetch: {from: gone.csv}\nwrite: {path: o.csv}\n")
    let all = try shop.sluice("doctor", "p.yaml", "wrong.yaml", "gone.yaml")
    #expect(all.status == 78 && all.stderr.contains("wrong.yaml:3:22: error: "), "\(all.stderr)")
    #expect(all.stdout.contains("ok       p.yaml: source: ") && all.stdout.contains("problem  gone.yaml: source: gone.csv: "))
    let some = try shop.sluice("doctor", "p.yaml", "gone.yaml", "--quiet")
    #expect(some.status == 69 && some.stdout.split(separator: "\n").count == 1, "\(some.stdout)")
    let json = try shop.sluice("doctor", "wrong.yaml", "--output", "json").json
    #expect(json["exit_code"] as? Int == 78 && (json["errors"] as? [Any])?.count == 1)
  }

  // MARK: Sources

  @Test("a source of this machine that is not there, can't be read or holds something else is told of")
  func files() throws {
    try shop.write("in/a.csv", "id\n1\n")
    try shop.write("locked.csv", "id\n1\n")
    #expect(chmod(shop.path("locked.csv"), 0) == 0 && mkfifo(shop.path("pipe.csv"), 0o644) == 0)
    try shop.write("cut.csv.gz", try #require(FileManager.default.contents(atPath: Flights.months[0])).prefix(5))
    try shop.write("page.csv", "<!DOCTYPE html><html><body>sign in</body></html>")
    for (from, fields, words) in [
      ("none/*.csv", "", "none/*.csv; nothing matches it; check fetch.from"), ("none.csv", "", "none.csv; nothing matches it"),
      ("in", "", "is a folder; name the files in it"), ("locked.csv", "", "locked.csv: Permission denied"),
      ("pipe.csv", "", "is a named pipe"), ("cut.csv.gz", "", "ends too early"), ("page.csv", "", "SL-"),
      ("in/a.csv", "parse: {fields: {id: bigint, total: double}}", "“total”"),
    ] {
      try define(from: "'\(from)'", fields)
      let told = try doctor(by: Self.withoutPrivileges)
      let problems = told.words("source", wrong: true)
      #expect(told.status == 69 && problems.count == 1 && problems[0].contains(words), "\(from): \(told.status) \(told.problems)")
      #expect(problems.allSatisfy { $0.contains("sluice explain SL-") || $0.contains("check fetch.from") })
    }
  }

  @Test("what the pipeline has written itself is no item of its patterns")
  func doctorPassesOverOutputs() throws {
    try shop.write("b.csv", "id\n1\n")
    try define(from: "'*.csv'", write: "path: a.csv")
    #expect(try shop.runPipeline("p.yaml").status == 0)
    let told = try doctor()
    #expect(told.words("source", wrong: false) == ["*.csv: 1 item; the first, b.csv, can be read (5 B)"], "\(told.text)")
    #expect(unlink(shop.path("b.csv")) == 0)
    #expect(try doctor().problems == ["*.csv; nothing matches it; check fetch.from; relative paths begin at the definition's folder"])
  }

  @Test("an archive's directory is read, and its first member")
  func archives() throws {
    _ = try shop.python(
      """
      import zipfile
      with zipfile.ZipFile("a.zip", "w") as z:
          z.writestr("x/one.csv", "id\\n1\\n"); z.writestr("two.csv", "id\\n2\\n")
      open("cut.zip", "wb").write(open("a.zip", "rb").read()[:60])
      """)
    try define(from: "a.zip")
    let told = try doctor()
    #expect(
      told.words("source", wrong: false) == ["a.zip: 2 members in a.zip; the first, a.zip!/x/one.csv, can be read (5 B)"], "\(told.text)")
    try define(from: "cut.zip")
    let cut = try doctor()
    #expect(cut.status == 69 && cut.problems.count == 1 && cut.problems[0].contains("archive"), "\(cut.problems)")
    try define(from: "a.zip", "decompress: {members: '*.json'}")
    let none = try doctor()
    #expect(none.status == 69 && none.problems.contains { $0.contains("decompress.members") }, "\(none.problems)")
  }

  @Test("a web server's answers are told of, and no password is")
  func http() throws {
    try shop.write("served/a.csv", "id\n1\n")
    try shop.write("served/b.csv", "id\n2\n")
    let nginx = try Nginx(shop, serving: shop.path("served"))
    try define(from: "'\(nginx.url)/{a,b}.csv'")
    let good = try doctor()
    #expect(good.status == 0, "\(good.problems)")
    #expect(good.words("source", wrong: false) == ["a", "b"].map { "\(nginx.url)/\($0).csv can be read (5 B)" })
    let address = nginx.url.replacing("http://", with: "http://me:hunter22@")
    try define(from: "['\(address)/a.csv', '\(address)/none.csv']")
    let missing = try doctor()
    #expect(missing.status == 69 && missing.problems.count == 1, "\(missing.problems)")
    #expect(missing.problems.first?.contains("none.csv; the server answers 404: there is nothing at this address") == true)
    #expect(!missing.text.contains("hunter22"))

    let server = try MisbehavingServer(shop, serving: shop.path("served"))
    for (path, words) in [("down/a.csv", "the server answers 503"), ("redirect/a.csv", "SL-205"), ("missing/a.csv", "404")] {
      try define(from: "'\(server.url)/\(path)'")
      let told = try doctor()
      #expect(told.status == 69 && told.problems.count == 1 && told.problems[0].contains(words), "\(path): \(told.problems)")
    }
    let nobody = try Loopback.freePort()
    try define(from: "{url: 'http://127.0.0.1:\(nobody)/a.csv', headers: {Authorization: '${TOKEN}'}}")
    let refused = try doctor(environment: ["TOKEN": "a-secret-token"])
    #expect(refused.status == 69 && refused.problems.contains { $0.contains("SL-204") }, "\(refused.problems)")
    #expect(!refused.text.contains("a-secret-token"))
  }

  @Test("S3: the bucket is listed and the first object read; a wrong key, no key and no bucket are told of")
  func s3() throws {
    for server in [try MotoServer(shop), try RcloneServer(shop)] as [any S3Server] {
      try server.put("in/a.csv", "id\n1\n")
      try server.put("in/b.csv", "id\n2\n")
      func told(_ from: String) throws -> Told {
        try define(from: from)
        return try doctor(environment: S3Tests.bareEnvironment)
      }
      let good = try told(server.entry("s3://data/in/*.csv"))
      #expect(good.status == 0, "\(good.problems)")
      #expect(
        good.words("source", wrong: false) == [
          "s3://data at \(server.url): requests are signed by the keys of the definition",
          "s3://data/in/*.csv: 2 items; the first, s3://data/in/a.csv, can be read (5 B)",
        ])
      for (address, secret, words) in [
        ("s3://data/in/*.csv", "wrong-secret-key", "SignatureDoesNotMatch"),
        ("s3://data/in/a.csv", "wrong-secret-key", "SignatureDoesNotMatch"),
        ("s3://none/*.csv", nil, "there is no bucket “none”"), ("s3://data/none.csv", nil, "there is no such object"),
        ("s3://data/none/*.csv", nil, "s3://data/none/*.csv; nothing matches it"),
      ] as [(String, String?, String)] {
        let wrong = try told(server.entry(address, secret: secret))
        #expect(wrong.status == 69 && wrong.problems.count == 1 && wrong.problems[0].contains(words), "\(address): \(wrong.problems)")
        #expect(!wrong.text.contains("wrong-secret-key") && !wrong.text.contains(server.secretKey))
      }
      let bare = try told("{url: 's3://data/in/*.csv', endpoint: '\(server.url)'}")
      #expect(
        bare.status == 69 && bare.words("source", wrong: false).first?.contains("not signed: no keys were found") == true, "\(bare.text)")
    }
  }

  // MARK: Sinks

  @Test("the folder of a file has to be there or be made, with rights, and no folder may stand in the file's place")
  func doctorProvesFolders() throws {
    try shop.write("in/a.csv", "id\n1\n")
    try shop.write("file", "")
    for folder in ["locked", "out/a.csv"] {
      try FileManager.default.createDirectory(atPath: shop.path(folder), withIntermediateDirectories: true)
    }
    #expect(chmod(shop.path("locked"), 0o555) == 0 && symlink("nowhere", shop.path("link")) == 0)
    for (path, words) in [
      ("locked/x.csv", "the folder locked; it can't be written to: Permission denied; make it writable"),
      ("locked/new/x.csv", "/locked can't be written to: Permission denied"), ("file/x.csv", "it can't be written to: Not a directory"),
      ("file/deep/x.csv", "can't be written to: Not a directory"), ("link/x.csv", "No such file or directory"),
      ("out/{item.stem}.csv", "out/a.csv: it is a folder"),
    ] {
      try define(write: "path: '\(path)'")
      let told = try doctor(by: Self.withoutPrivileges)
      let problems = told.words("sink", wrong: true)
      #expect(told.status == 74 && problems.contains { $0.contains(words) }, "\(path): \(told.status) \(told.problems)")
    }
    try define(write: "path: in/a.csv")
    let source = try doctor()
    #expect(source.status == 78 && source.problems.contains { $0.contains("which it would replace") }, "\(source.problems)")
  }

  private static let canMount = geteuid() == 0 && system("unshare -m true 2>/dev/null") == 0

  @Test("a disk without room, and a file that is mounted by itself, are told of", .enabled(if: canMount))
  func mounts() throws {
    try shop.write("in/a.csv", "id\n1\n")
    try shop.write("alone.csv", "")
    try shop.write("other.csv", "")
    try FileManager.default.createDirectory(atPath: shop.path("small"), withIntermediateDirectories: true)
    let script = "mount -t tmpfs -o size=1m none small && mount --bind other.csv alone.csv && exec \"$@\""
    for (path, words) in [("small/x.csv", "there are only 1.0 MB left; make room"), ("alone.csv", "it is mounted by itself")] {
      try define(write: "path: '\(path)'")
      #expect(try doctor().status == 0)
      let told = try doctor(by: ["/usr/bin/unshare", "-m", "sh", "-c", script, "sh"])
      #expect(told.status == 74 && told.problems.contains { $0.contains(words) }, "\(path): \(told.text)")
    }
  }

  @Test("a database and its table are proved: kind of file, rights, columns, key")
  func doctorProvesTables() throws {
    try shop.write("in/a.csv", "id,city\n1,Rome\n")
    try shop.write("text.db", "a file of another program")
    try shop.write("empty.db", "")
    try FileManager.default.createDirectory(atPath: shop.path("folder.db"), withIntermediateDirectories: true)
    try sql(
      "t.db",
      """
      CREATE TABLE narrow (id INTEGER); CREATE VIEW seen AS SELECT * FROM narrow;
      CREATE TABLE wide (id INTEGER, city TEXT, since TEXT NOT NULL);
      CREATE TABLE plain (id INTEGER, city TEXT); CREATE INDEX by_id ON plain (id);
      CREATE UNIQUE INDEX partly ON plain (id) WHERE city IS NOT NULL
      """)
    try FileManager.default.copyItem(atPath: shop.path("t.db"), toPath: shop.path("locked.db"))
    #expect(chmod(shop.path("locked.db"), 0o444) == 0)
    for (write, words) in [
      ("table: t, database: text.db", "text.db; it is no SQLite database; give write.database another name"),
      ("table: t, database: folder.db", "folder.db; it is a folder"),
      ("table: plain, database: locked.db", "locked.db; it can't be written to: Permission denied"),
      ("table: t, database: text.db/x.db", "Not a directory"),
      ("table: narrow, database: t.db", "the table has no column “city”; it has id. Add it to the table"),
      ("table: seen, database: t.db", "“seen” is no table there: it is called a view"),
      ("table: wide, database: t.db", "its column “since” is NOT NULL without a default, and the output has no such field; give"),
      ("table: plain, database: t.db, mode: merge, key: [id]", "merge needs a unique index on the key: CREATE UNIQUE INDEX"),
      ("table: plain, database: t.db, mode: merge, key: [number]", "write.key names “number”, and the output has id, city"),
    ] {
      try define(write: write)
      let told = try doctor(by: Self.withoutPrivileges)
      let problems = told.words("sink", wrong: true)
      #expect(told.status == 74 && problems.count == 1 && problems[0].contains(words), "\(write): \(told.status) \(told.problems)")
      // A run agrees.
      #expect(try shop.runPipeline("p.yaml").status != 0 || write.contains("locked.db"), "\(write)")
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
    }
    for write in ["table: plain, database: t.db", "table: t, database: empty.db", "table: x, database: 'sqlite:new.db'"] {
      try define(write: write)
      let told = try doctor()
      #expect(told.status == 0, "\(write): \(told.problems)")
    }
    #expect(shop.read("empty.db").isEmpty && !shop.exists("new.db"))
    // Without a record the columns can't be compared, but the key can.
    try define(from: "none.csv", write: "table: plain, database: t.db, mode: merge, key: [id]")
    let blind = try doctor()
    #expect(blind.status == 74 && blind.words("sink", wrong: true).contains { $0.contains("unique index") }, "\(blind.problems)")
    try define(from: "none.csv", write: "table: plain, database: t.db")
    #expect(try doctor().words("sink", wrong: false).contains { $0.contains("its columns can't be compared") })
  }

  @Test("a process that writes to the database is named, and nothing of the database changes", arguments: ["delete", "wal"])
  func doctorNamesTheWriter(_ mode: String) throws {
    try shop.write("in/a.csv", "id\n1\n")
    try define(write: "table: t, database: t.db")
    let holder = try shop.start(
      "/usr/bin/env",
      [
        "python3", "-c",
        """
        import sqlite3, sys, time
        c = sqlite3.connect("t.db", isolation_level=None)
        c.execute("PRAGMA journal_mode = \(mode)")
        c.execute("CREATE TABLE t (id INTEGER)")
        c.execute("BEGIN IMMEDIATE")
        c.execute("INSERT INTO t VALUES (7)")
        open("ready", "w").write("1")
        time.sleep(600)
        """,
      ])
    defer { holder.stop(SIGKILL) }
    try shop.await("ready")
    let before = try everything()
    let held = try doctor()
    #expect(held.status == 74 && held.problems.count == 1, "\(held.problems)")
    #expect(held.problems.first?.hasPrefix("t.db; the process \(holder.pid) (python3) is writing to it; wait") == true, "\(held.problems)")
    #expect(held.words("sink", wrong: false).contains("t.db: the table t takes the output's 1 field"), "\(held.text)")
    #expect(try everything() == before)
    holder.stop(SIGKILL)
    // The files that the killed process left are not touched either.
    let left = try everything()
    #expect(try doctor().status == 0)
    #expect(try everything() == left)
  }

  // MARK: Programs, tables, state

  @Test("a program that is not there, or can't be executed, is told of, and a good one is not run")
  func programs() throws {
    try shop.write("in/a.csv", "id\n1\n")
    for (name, text, mode) in [
      ("plain.sh", "#!/bin/sh\n", 0o644), ("lost.sh", "#!/nonexistent/interpreter\n", 0o755),
      ("env.py", "#!/usr/bin/env no-such-python\n", 0o755), ("good.sh", "#!/bin/sh\ntouch ran\n", 0o755),
    ] as [(String, String, mode_t)] {
      try shop.write(name, text)
      #expect(chmod(shop.path(name), mode) == 0)
    }
    for (program, words) in [
      ("no-such-program", "can't start no-such-program: No such file or directory; is it installed, and on the PATH?"),
      ("./plain.sh", "can't start ./plain.sh: Permission denied; is it executable?"), ("./in", "Permission denied"),
      ("./lost.sh", "whose first line names /nonexistent/interpreter: No such file"), ("./env.py", "whose first line names no-such-python"),
    ] {
      try define("transform: [{exec: {command: ['\(program)']}}]\nnotify: {command: ['\(program)']}")
      let told = try doctor()
      #expect(told.status == 69 && told.problems.count == 2 && told.problems.allSatisfy { $0.contains(words) }, "\(told.problems)")
    }
    try define("transform: [{exec: {command: [./good.sh]}}]\nnotify: {shell: 'touch ran'}")
    #expect(try doctor().status == 0 && !shop.exists("ran"))
  }

  @Test("a table that a step can't load is a wrong definition, and the rest is looked at all the same")
  func lookups() throws {
    try shop.write("in/a.csv", "id\n1\n")
    try define("transform: [{lookup: {file: gone.csv, on: {id: id}, take: [name]}}]")
    let told = try doctor()
    #expect(told.status == 78 && told.problems.count == 1, "\(told.problems)")
    #expect(told.problems.first?.contains("p.yaml:4:") == true && told.problems[0].contains("gone.csv: No such file"), "\(told.problems)")
    #expect(told.words("source", wrong: false).count == 1 && told.words("sink", wrong: false).count == 1)
    // A field that no record has shows only with a record.
    try define("transform: [{filter: amount > 0}]")
    let field = try doctor()
    #expect(field.status == 78 && field.problems.contains { $0.contains("amount") }, "\(field.problems)")
  }

  @Test("the state folder has to be writable, and its ledger sound")
  func state() throws {
    try shop.write("in/a.csv", "id\n1\n")
    try define()
    try shop.write("file", "")
    try shop.write("damaged/ledger.sqlite", "no ledger")
    try FileManager.default.createDirectory(atPath: shop.path("locked"), withIntermediateDirectories: true)
    #expect(chmod(shop.path("locked"), 0o555) == 0)
    for (state, words) in [
      ("locked", "locked; it can't be written to: Permission denied"), ("locked/new", "Permission denied"), ("file", "Not a directory"),
      ("damaged", "damaged/ledger.sqlite"),
    ] {
      let before = try everything()
      let told = try doctor("--state", state, by: Self.withoutPrivileges)
      #expect(told.status == 74 && told.words("state", wrong: true).contains { $0.contains(words) }, "\(state): \(told.problems)")
      #expect(try everything() == before)
    }
    #expect(try shop.runPipeline("p.yaml").status == 0)
    #expect(chmod(shop.path(".sluice/ledger.sqlite"), 0o444) == 0)
    let told = try doctor(by: Self.withoutPrivileges)
    #expect(
      told.status == 74 && told.problems.contains { $0.contains(".sluice/ledger.sqlite; it can't be written to") }, "\(told.problems)")
  }
}
