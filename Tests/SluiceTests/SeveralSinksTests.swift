import Foundation
import Testing

@Suite("Several sinks")
struct SeveralSinksTests {
  private let shop: Workshop

  init() throws {
    shop = try Workshop()
    try shop.write("in/a.csv", "id,city,total\n1,Rome,10\n2,Oslo,80\n3,Bern,x\n4,Riga,90\n")
    try shop.write("in/b.csv", "id,city,total\n5,Wien,70\n6,Cork,5\n")
  }

  private func define(_ write: String, more: String = "") throws {
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: orders
      fetch: {from: 'in/*.csv'}
      parse: {fields: {id: bigint not null, city: text, total: bigint}}
      limits: {dead_letters: 50%}
      \(more)
      write:
      \(write)

      """)
  }

  private static let three = """
      - {path: 'out/{item.stem}.jsonl', when: total > 50}
      - {table: orders, database: out/orders.db}
      - path: out/all.csv
    """

  private func query(_ sql: String) throws -> String {
    let outcome = try shop.run("/usr/bin/env", ["sqlite3", shop.path("out/orders.db"), sql])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return outcome.stdout.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  @Test("each sink has its records, in its own format and for its own condition")
  func each() throws {
    try define(Self.three)
    let run = try shop.runPipeline()
    #expect(run.status == 0, "\(run.stderr)")
    #expect(run.records == ["read": 6, "written": 5, "filtered": 0, "dead_lettered": 1], "\(run.records)")
    #expect(shop.records("out/a.jsonl").map { $0["id"] as? Int } == [2, 4])
    #expect(shop.records("out/b.jsonl").map { $0["id"] as? Int } == [5])
    #expect(shop.read("out/all.csv") == "id,city,total\n1,Rome,10\n2,Oslo,80\n4,Riga,90\n5,Wien,70\n6,Cork,5\n")
    #expect(try query("SELECT group_concat(id || city, ' ') FROM orders") == "1Rome 2Oslo 4Riga 5Wien 6Cork")
  }

  @Test("a record that no sink takes is filtered, and one whose condition can't be computed goes into none")
  func conditions() throws {
    try define(
      "  - {path: out/big.csv, when: total > 75}\n  - {path: out/odd.csv, when: 10 / (id - 4) > 1 AND 9223372036854775807 - id + total > 0}"
    )
    let run = try shop.runPipeline()
    #expect(run.status == 0, "\(run.stderr)")
    // 9223372036854775807 - id + total is out of range for all whose total is greater than their id.
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout
    #expect(run.records["read"] == 6 && run.records["written"]! + run.records["filtered"]! + run.records["dead_lettered"]! == 6)
    #expect(letters.contains("evaluation_failed"), "\(letters)")
    let bad = letters.split(separator: "\n").count
    #expect(run.records["dead_lettered"] == bad)
    for name in ["out/big.csv", "out/odd.csv"] {
      for line in letters.split(separator: "\n") {
        let raw = (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["raw"] as? String ?? "?"
        #expect(!shop.read(name).contains(raw), "\(name) has \(raw)")
      }
    }
  }

  @Test("an item that is read again for the output of the run is not written twice")
  func onceEach() throws {
    try define(Self.three)
    #expect(try shop.runPipeline().status == 0)
    let before = try FileManager.default.attributesOfItem(atPath: shop.path("out/a.jsonl"))[.systemFileNumber] as? Int
    try shop.write("in/c.csv", "id,city,total\n7,Bonn,60\n")
    #expect(try shop.runPipeline().status == 0)
    #expect(try query("SELECT count(*), count(DISTINCT id) FROM orders") == "6|6")
    #expect(shop.read("out/all.csv").split(separator: "\n").count == 7)
    #expect(try FileManager.default.attributesOfItem(atPath: shop.path("out/a.jsonl"))[.systemFileNumber] as? Int == before)
    // Content that changed is written to all; so is what --full asks for.
    try shop.write("in/c.csv", "id,city,total\n7,Bonn,60\n8,Graz,61\n")
    #expect(try shop.runPipeline().status == 0)
    #expect(try query("SELECT count(*), count(DISTINCT id) FROM orders") == "8|7")
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
    #expect(try query("SELECT count(*), count(DISTINCT id) FROM orders") == "15|7")
  }

  @Test(
    "dead letters go into a sink of their own, with the item", arguments: ["path: out/bad.jsonl", "table: bad, database: out/orders.db"])
  func deadLetters(_ sink: String) throws {
    try shop.write("in/c.csv", Data("id,city,total\n9,".utf8) + [0xFF] + Data(",1\n".utf8))
    try define(Self.three, more: "dead_letters: {\(sink)}")
    let run = try shop.runPipeline()
    #expect(run.status == 0 && run.records["dead_lettered"] == 2, "\(run.stderr)")
    let found: [[String: Any]]
    if sink.hasPrefix("path") {
      found = shop.records("out/bad.jsonl")
    } else {
      let json = try query(
        "SELECT json_group_array(json_object('item', item, 'record', record, 'line', line, 'offset', offset, 'code', code, 'field', field, 'reason', reason, 'raw', raw, 'raw_base64', raw_base64, 'run', run, 'stage', stage)) FROM bad"
      )
      found = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]] ?? []
    }
    let exported = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
    }
    #expect(found.count == 2 && exported.count == 2)
    for (a, b) in zip(found, exported) {
      for key in ["run", "item", "record", "line", "offset", "stage", "code", "field", "reason", "raw", "raw_base64"] {
        #expect("\(a[key] ?? NSNull())" == "\(b[key] ?? NSNull())", "\(key)")
      }
    }
    // The next run's file holds them all again, and a table no row twice.
    try shop.write("in/d.csv", "id,city,total\n10,Linz,1\n")
    #expect(try shop.runPipeline().status == 0)
    if sink.hasPrefix("path") {
      #expect(shop.records("out/bad.jsonl").count == 2)
    } else {
      #expect(try query("SELECT count(*) FROM bad") == "2")
    }
  }

  @Test("a table that refuses dead letters fails their item, and takes no record for another")
  func refusedDeadLetters() throws {
    try shop.write("in/a.csv", "id,city,total\n1,Rome,10\n2,Oslo,80\n3,Bern,x\n4,Riga,90\n")
    try FileManager.default.createDirectory(atPath: shop.path("out"), withIntermediateDirectories: true)
    _ = try query(
      "CREATE TABLE bad (run, item, record, line, offset, stage, code, field, reason, raw CHECK (raw NOT LIKE '%Bern%'), raw_base64)")
    try define("  - {table: orders, database: out/orders.db}", more: "dead_letters: {table: bad, database: out/orders.db}")
    let run = try shop.runPipeline()
    #expect(run.status == 69 && run.stderr.contains("the table bad does not take a row"), "\(run.stderr)")
    #expect(try query("SELECT count(*) FROM bad") == "0")
    // The record that stands where the letter stands among the letters is no dead letter.
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout
    #expect(!letters.contains("Rome"), "\(letters)")
  }

  @Test("a replay goes into each sink that its condition allows")
  func replays() throws {
    try define(Self.three)
    #expect(try shop.runPipeline().status == 0)
    try define(Self.three, more: "transform: [{derive: {total: 'coalesce(try_cast(total AS bigint), 75)'}}]")
    let text = shop.read("pipeline.yaml").replacing("total: bigint}", with: "total: text}")
    try shop.write("pipeline.yaml", text)
    let replay = try shop.sluice("dead-letters", "replay", "pipeline.yaml")
    #expect(replay.status == 0, "\(replay.stderr)")
    #expect(shop.records("out/a.replay-1.jsonl").map { $0["id"] as? Int } == [3])
    #expect(shop.read("out/all.replay-1.csv") == "id,city,total\n3,Bern,75\n")
    #expect(try query("SELECT total FROM orders WHERE id = 3") == "75")
  }

  @Test("the second of two sinks that fails its item leaves nothing of it in the first")
  func failing() throws {
    try define("  - path: 'out/{item.stem}.csv'\n  - {path: 'taken/{item.stem}.csv'}")
    try FileManager.default.createDirectory(atPath: shop.path("taken/a.csv"), withIntermediateDirectories: true)
    let run = try shop.runPipeline()
    #expect(run.status == 69, "\(run.stderr)")
    #expect(!shop.exists("out/a.csv") && shop.exists("out/b.csv") && shop.exists("taken/b.csv"))
    try FileManager.default.removeItem(atPath: shop.path("taken/a.csv"))
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 0)
    #expect(shop.read("out/a.csv") == shop.read("taken/a.csv") && shop.exists("out/a.csv"))
  }

  @Test(
    "what is wrong with a list of sinks is told with its place",
    arguments: [
      ("  - path: out/x.csv\n  - path: out/x.csv", "8:11: error: two sinks write into"),
      ("  - path: out/x.csv\n  - {path: out/y.csv, when: toal > 5}", "8:29: error: there is no field “toal” here; did you mean “total”?"),
      ("  - path: out/x.csv\n  - {path: out/y.csv, when: total}", "8:29: error:"),
      ("  []", "7:3: error: the list is empty; name at least one sink"),
      ("  sinks: [{path: out/x.csv}]\n  format: csv", "8:3: error: format is a key of a sink"),
      ("  - path: out/x.csv\n  - when: total > 1", "8:5: error: write does not say where records go"),
      ("  - path: out/x.csv\n  - {path: out/z.csv, table: t, database: out/y.db}", "8:23: error: table is for postgres and sqlite"),
    ])
  func errors(_ write: String, _ message: String) throws {
    try define(write)
    let check = try shop.sluice("check", "pipeline.yaml")
    #expect(check.status == 78 && check.stdout.contains(message) || check.stderr.contains(message), "\(check.stdout)\(check.stderr)")
  }

  @Test("a dry run and a test see what every sink would refuse")
  func trials() throws {
    try define(
      Self.three, more: "tests: [{name: t, input: \"id,city,total\\n1,a,60\\n2,b,y\\n\", expect: [{id: 1}], rejected: [{record: 2}]}]")
    let tested = try shop.sluice("test", "pipeline.yaml")
    #expect(tested.status == 0, "\(tested.stdout)\(tested.stderr)")
    let dry = try shop.sluice("run", "pipeline.yaml", "--dry-run", "--output", "json")
    #expect(dry.status == 0 && dry.stdout.contains("out/a.jsonl, ") && dry.stdout.contains("out/all.csv"), "\(dry.stdout)\(dry.stderr)")
    #expect(!shop.exists("out"))
  }

  @Test("killed at any moment, all sinks come to what they would have been", arguments: [1, 2, 3])
  func killed(_ seed: Int) throws {
    var lines = ["id,city,total"]
    for i in 0..<30_000 { lines.append("\(i),city \(i % 50),\(i % 100)") }
    for name in ["in/a.csv", "in/b.csv"] { try shop.write(name, lines.joined(separator: "\n") + "\n") }
    try define(Self.three, more: "")
    var text = shop.read("pipeline.yaml").replacing("write:\n", with: "write:\n  checkpoint: {every: 10ms}\n  sinks:\n")
    try shop.write("pipeline.yaml", text)
    #expect(try shop.runPipeline().status == 0)
    let want = [
      shop.read("out/a.jsonl"), shop.read("out/b.jsonl"), shop.read("out/all.csv"), try query("SELECT count(*), sum(id) FROM orders"),
    ]
    text = text.replacing("out/", with: "again/")
    try shop.write("again.yaml", text.replacing("pipeline: orders", with: "pipeline: again"))
    for point in ["part.write/after=kill@\(3 * seed)", "table.commit/before=kill@\(min(2, seed))", "ledger.finish_item/after=kill@1"] {
      _ = try shop.run(
        Workshop.failpointBinary, ["run", "again.yaml", "--progress", "none", "--no-supervisor"], environment: ["SLUICE_FAILPOINTS": point])
    }
    let end = try shop.runPipeline("again.yaml")
    #expect(end.status == 0, "\(end.stderr)")
    let rows = try shop.run("/usr/bin/env", ["sqlite3", shop.path("again/orders.db"), "SELECT count(*), sum(id) FROM orders"])
    #expect([shop.read("again/a.jsonl"), shop.read("again/b.jsonl"), shop.read("again/all.csv")] == Array(want.prefix(3)))
    #expect(rows.stdout.trimmingCharacters(in: .whitespacesAndNewlines) == want[3])
  }
}
