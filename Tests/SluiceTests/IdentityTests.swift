import Foundation
import Testing

/// The identity of items, and the files that are no items.
@Suite("Items' identity")
struct IdentityTests {
  private func write(_ shop: Workshop, from: String, path: String = "out.jsonl", name: String = "pipeline.yaml") throws {
    try shop.write(
      name, "pipeline: p\nfetch: {from: \(from), retry: {attempts: 1}}\nparse: {fields: {id: bigint}}\nwrite: {path: '\(path)'}\n")
  }

  private func keys(_ shop: Workshop) throws -> [String] {
    (try shop.sluice("status", "pipeline.yaml", "--output", "json").json["items"] as? [[String: Any]] ?? []).compactMap {
      $0["item"] as? String
    }
  }

  @Test("one file by several spellings is one item, today and tomorrow")
  func spellings() throws {
    let shop = try Workshop()
    try shop.write("x.csv", "id\n1\n")
    try shop.write("d/e/k", "")
    try write(
      shop,
      from:
        "['x.csv', '*.csv', './x.csv', 'd/../x.csv', './/x.csv', 'd/e/../../x.csv', '\(shop.folder)/x.csv', 'file://\(shop.folder)/x.csv']")
    #expect(try shop.runPipeline().records["written"] == 1)
    #expect(try keys(shop) == ["x.csv"])
    for other in ["./x.csv", "\(shop.folder)/d/../*.csv"] {
      try write(shop, from: "'\(other)'")
      #expect(try shop.runPipeline().items == ["total": 1, "done": 0, "skipped": 1, "failed": 0])
    }
    // Outside of the definition's folder a path stays relative where it is, so that both may move.
    try shop.write(
      "sub/pipeline.yaml", "pipeline: s\nfetch: {from: ../d/../x.csv}\nparse: {fields: {id: bigint}}\nwrite: {path: out.jsonl}\n")
    #expect(try shop.runPipeline("sub/pipeline.yaml").items["done"] == 1)
    let status = try shop.sluice("status", "sub/pipeline.yaml", "--output", "json").json["items"] as? [[String: Any]]
    #expect(status?.first?["item"] as? String == "../x.csv")
    try shop.write("sub/pipeline.yaml", shop.read("sub/pipeline.yaml").replacing("../d/..", with: shop.folder))
    #expect(try shop.runPipeline("sub/pipeline.yaml").items["skipped"] == 1)
    // Behind a folder that is a link, “..” is another folder.
    try shop.write("far/inner/k", "")
    try shop.write("far/x.csv", "id\n2\n")
    #expect(symlink("far/inner", shop.path("link")) == 0)
    try write(shop, from: "['x.csv', 'link/../x.csv']")
    #expect(try shop.runPipeline().records["written"] == 2)
  }

  @Test("a star is a pattern first, and brackets are a name where the pattern finds nothing")
  func patternsFirst() throws {
    let shop = try Workshop()
    for (i, name) in ["day-*.csv", "day-1.csv", "day-2.csv", "a[1].csv"].enumerated() { try shop.write(name, "id\n\(i)\n") }
    try write(shop, from: "['day-*.csv', 'a[1].csv']")
    #expect(try shop.runPipeline().items["done"] == 4)
    #expect(try Set(keys(shop)) == ["day-*.csv", "day-1.csv", "day-2.csv", "a[1].csv"])
  }

  @Test("what the pipeline wrote, its definition and its state are no items, and check says where they would be")
  func ownOutputs() throws {
    let shop = try Workshop()
    try shop.write("x.jsonl", "{\"id\":1}\n")
    try write(shop, from: "'**'", path: "all-{run.id}.jsonl")
    #expect(try shop.sluice("check", "pipeline.yaml").stderr.contains("write.path matches the pattern **"))
    try write(shop, from: "'*.jsonl'", path: "all-{run.id}.jsonl")
    let checked = try shop.sluice("check", "pipeline.yaml")
    #expect(checked.status == 0 && checked.stderr.contains("write.path matches the pattern *.jsonl"), "\(checked.stderr)")
    #expect(try shop.runPipeline().records["written"] == 1)
    #expect(symlink("all-1.jsonl", shop.path("latest.jsonl")) == 0)
    for run in 2...3 {
      try shop.write("x.jsonl", "{\"id\":\(run)}\n")
      let outcome = try shop.runPipeline()
      #expect(outcome.records["written"] == 1 && outcome.stderr.contains("this pipeline's own"), "\(outcome.stderr)")
    }
    try write(shop, from: "['*', '.sluice/*']", path: "all-{run.id}.jsonl")
    #expect(try shop.runPipeline().items["total"] == 1)
    // A file of that name that the pipeline has not written is somebody's data.
    try FileManager.default.removeItem(atPath: shop.path(".sluice"))
    let refused = try shop.runPipeline()
    #expect(refused.status == 78 && refused.stderr.contains("all-1.jsonl"), "\(refused.stderr)")
    #expect(shop.records("all-1.jsonl").count == 1)
  }

  @Test("an item's key does not depend on what the environment happens to hold, and holds no secret that the definition names")
  func environment() throws {
    let shop = try Workshop()
    let held = ["DB_PASSWORD": "production", "API_TOKEN": "x.csv-long-enough"]
    try shop.write("production/a.csv", "id\n1\n")
    try shop.write("production/g.csv", "wrong\n1\n")
    try write(shop, from: "'production/*'", path: "out/{item.stem}-{run.id}.jsonl")
    #expect(try shop.runPipeline(environment: held).status == 69)
    #expect(try Set(keys(shop)) == ["production/a.csv", "production/g.csv"])
    try shop.write("production/g.csv", "id\n2\n")
    #expect(try shop.sluice("resume", "pipeline.yaml", "--quiet", environment: held).status == 0)
    #expect(try shop.runPipeline().items["skipped"] == 2)

    try write(shop, from: "'${PLACE}/*.csv'", path: "named/{item.stem}-{run.id}.jsonl")
    #expect(try shop.runPipeline(environment: ["PLACE": "production"]).items["done"] == 2)
    #expect(try Set(keys(shop)) == ["${PLACE}/a.csv", "${PLACE}/g.csv"])
    #expect(try shop.runPipeline(environment: ["PLACE": "production"]).items["skipped"] == 2)
  }

  @Test("a date of the environment tells items apart; other values there are secrets and don't, and check says so")
  func variablesInPaths() throws {
    let shop = try Workshop()
    for (i, day) in ["2026-11-26", "2026-11-27"].enumerated() { try shop.write("orders-\(day).csv", i == 0 ? "wrong\n1\n" : "id\n\(i)\n") }
    try write(shop, from: "'orders-${DAY}.csv'", path: "out/{item.stem}.jsonl")
    func environment(_ day: String) -> [String: String] { ["DAY": day, "PLACE": "emea", "SIGNATURE": "9e107d9d"] }
    #expect(try shop.runPipeline(environment: environment("2026-11-26")).status == 69)
    let second = try shop.runPipeline(environment: environment("2026-11-27"))
    #expect(second.items == ["total": 1, "done": 1, "skipped": 0, "failed": 0] && second.stderr.contains("run 1"), "\(second.stderr)")
    #expect(try keys(shop) == ["orders-2026-11-27.csv"])
    // The failed night is its own still, with its own file.
    try shop.write("orders-2026-11-26.csv", "id\n7\n")
    #expect(try shop.sluice("resume", "pipeline.yaml", "--quiet", environment: environment("2026-11-26")).status == 0)
    #expect(shop.read("out/orders-2026-11-26.jsonl") == "{\"id\":7}\n" && shop.read("out/orders-2026-11-27.jsonl") == "{\"id\":1}\n")

    for (from, told) in [
      ("orders-${DAY}.csv", nil), ("${PLACE}/orders-${DAY}.csv", "${PLACE}"),
      ("http://localhost:1/${PLACE}/x.csv?key=${SIGNATURE}", "${PLACE}"),
      ("http://u:${SIGNATURE}@localhost:1/${DAY}.csv", nil),
    ] {
      try write(shop, from: "'\(from)'")
      let checked = try shop.sluice("check", "pipeline.yaml", environment: environment("2026-11-27"))
      #expect(checked.status == 0 && checked.stderr.contains("--var") == (told != nil), "\(checked.stderr)")
      if let told { #expect(checked.stderr.contains("\(told) in fetch.from is a secret"), "\(checked.stderr)") }
      #expect(!checked.stderr.contains("${SIGNATURE}"), "\(checked.stderr)")
    }
  }

  @Test("items of a ledger that calls them otherwise are known, and have their new names from then on")
  func formerKeys() throws {
    let shop = try Workshop()
    try shop.write("production/a.csv", "id\n1\n")
    try write(shop, from: "'./production/*'", path: "out-{run.id}.jsonl")
    #expect(try shop.runPipeline().items["done"] == 1)
    for (former, environment) in [("./production/a.csv", [:]), ("./${DB_PASSWORD}/a.csv", ["DB_PASSWORD": "production"])] {
      _ = try shop.python(
        "import sqlite3,sys\ndb=sqlite3.connect('.sluice/ledger.sqlite')\ndb.execute('UPDATE items SET key=?', (sys.argv[1],))\ndb.commit()",
        former)
      #expect(try shop.runPipeline(environment: environment).items["skipped"] == 1)
      #expect(try keys(shop) == ["production/a.csv"])
    }
  }

  @Test("outputs that a ledger made before it wrote outputs down are known")
  func unlistedOutputs() throws {
    let shop = try Workshop()
    try shop.write("x.jsonl", "{\"id\":1}\n")
    try write(shop, from: "'*.jsonl'", path: "all-{run.id}.jsonl")
    #expect(try shop.runPipeline().status == 0)
    _ = try shop.python(
      "import sqlite3\ndb=sqlite3.connect('.sluice/ledger.sqlite')\ndb.executescript(\"DROP TABLE outputs; DROP TABLE unlisted_outputs; DELETE FROM grdb_migrations WHERE identifier = 'outputs'\")"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.items["total"] == 1 && outcome.stderr.contains("this pipeline's own"), "\(outcome.stderr)")
  }

  @Test("a pipe, a socket or a folder is refused by its name at once, and passed over by patterns")
  func noFiles() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\n")
    try shop.write("folder.csv/k", "")
    #expect(mkfifo(shop.path("f.csv"), 0o644) == 0)
    try write(shop, from: "'*.csv'")
    #expect(try shop.runPipeline().items == ["total": 1, "done": 1, "skipped": 0, "failed": 0])
    try write(shop, from: "[a.csv, f.csv, folder.csv, /dev/null]", path: "each/{item.name}")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && outcome.items["failed"] == 3, "\(outcome.stderr)")
    for words in ["f.csv is a named pipe", "folder.csv is a folder", "/dev/null is a device", "SL-202"] {
      #expect(outcome.stderr.contains(words), "\(outcome.stderr)")
    }
  }

  @Test("a name that is not UTF-8 is read, and shown with its byte")
  func namesOfBytes() throws {
    let shop = try Workshop()
    _ = try shop.python("open(b'in\\xe9.csv','wb').write(b'id\\n1\\n'); open(b'in\\\\xE9.csv','wb').write(b'id\\n2\\n')")
    try write(shop, from: "'*.csv'", path: "out/{item.stem}.jsonl")
    #expect(try shop.runPipeline().items["done"] == 2)
    #expect(try Set(keys(shop)) == ["in\\xE9.csv", "in\\x5CxE9.csv"])
    #expect(try shop.runPipeline().items["skipped"] == 2)
    #expect(shop.read("out/in\\xE9.jsonl") == "{\"id\":1}\n")
  }

  @Test("the download of an item that is done goes with the next run, where a process ended before it had removed it")
  func spoolOfDoneItem() throws {
    let shop = try Workshop()
    try shop.write("x.csv", "id\n1\n")
    try write(shop, from: "x.csv")
    #expect(try shop.runPipeline().status == 0)
    for ending in ["a", "json"] { try shop.write(".sluice/spool/p/0123abc.\(ending)", "left") }
    #expect(try shop.runPipeline().status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: shop.path(".sluice/spool/p")).isEmpty)
  }
}
