import Foundation
import Testing

@Suite("Changes of the source's columns")
struct SchemaDriftTests {
  private func definition(_ mode: String, _ more: String = "") -> String {
    """
    pipeline: p
    fetch:
      from: in/*.csv
    parse:
      \(mode.isEmpty ? "" : "on_schema_change: \(mode)")
      fields: {id: bigint not null, fare: double, note: text}
    write: {path: 'out/{item.stem}.jsonl'}
    \(more)
    """
  }

  private let usual = "id,fare,note\n1,2.5,a\n2,3.5,b\n"

  @Test("a thousand files, some with new, missing, reordered and retyped columns: each kind is named, each mode does as it says")
  func thousand() throws {
    let shop = try Workshop()
    for number in 0..<1000 {
      let text =
        switch number {
        case 100, 101: "id,fare,note,tip\n1,2.5,a,x\n2,3.5,b,y\n"
        case 200: "id,note\n1,a\n2,b\n"
        case 300: "note,fare,id\na,2.5,1\nb,3.5,2\n"
        case 400: "id,fare,note\n1,cheap,a\n2,dear,b\n"
        default: usual
        }
      try shop.write(String(format: "in/%04d.csv", number), text)
    }
    func letters() throws -> [String: String] {
      let lines = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n")
      return try lines.reduce(into: [:]) { all, line in
        let letter = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        all[letter["item"] as? String ?? ""] = letter["reason"] as? String
      }
    }
    try shop.write("pipeline.yaml", definition("dead_letter"))
    let aside = try shop.runPipeline()
    #expect(aside.status == 69)
    #expect(aside.items == ["total": 1000, "done": 995, "skipped": 0, "failed": 5])
    let reasons = try letters()
    let before = "its columns are other than before: "
    #expect(
      reasons == [
        "in/0100.csv": before + "new: tip", "in/0101.csv": before + "new: tip", "in/0200.csv": before + "missing: fare",
        "in/0300.csv": before + "in another order: note, id", "in/0400.csv": before + "fare is text, was double",
      ])
    #expect(!shop.exists("out/0100.jsonl") && shop.exists("out/0099.jsonl"))
    // Each kind of change is told once.
    #expect(aside.stderr.components(separatedBy: "its columns are other than before: new: tip [SL-405]").count == 2 + 2, "\(aside.stderr)")

    // Mended by taking changes as they come, which a run's own flag does too.
    let accepted = try shop.sluice("resume", "pipeline.yaml", "--accept-schema-changes", "--output", "json")
    #expect(accepted.status == 65, "the two records whose fare is a word are dead letters: \(accepted.stderr)")
    #expect(shop.read("out/0100.jsonl") == "{\"id\":1,\"fare\":2.5,\"note\":\"a\"}\n{\"id\":2,\"fare\":3.5,\"note\":\"b\"}\n")
    #expect(shop.read("out/0200.jsonl") == "{\"id\":1,\"fare\":null,\"note\":\"a\"}\n{\"id\":2,\"fare\":null,\"note\":\"b\"}\n")
    #expect(shop.read("out/0300.jsonl") == shop.read("out/0100.jsonl"))

    // The columns of every item are in the ledger.
    let columns = try shop.run(
      "/usr/bin/sqlite3",
      [
        ".sluice/ledger.sqlite",
        "SELECT count(*), s.columns FROM items JOIN source_schemas s ON s.id = items.source_schema GROUP BY 2 ORDER BY 1 DESC, 2",
      ]
    ).stdout
    #expect(
      columns
        == "996|[\"id\",\"fare\",\"note\"]\n2|[\"id\",\"fare\",\"note\",\"tip\"]\n1|[\"id\",\"note\"]\n1|[\"note\",\"fare\",\"id\"]\n",
      "\(columns)")
  }

  @Test("fail stops the run, resumable; the next run goes by what the last item had")
  func fail() throws {
    let shop = try Workshop()
    try shop.write("in/1.csv", usual)
    try shop.write("pipeline.yaml", definition("fail"))
    #expect(try shop.runPipeline().status == 0)
    try shop.write("in/2.csv", "id,fare,note,tip\n1,2.5,a,x\n")
    let stopped = try shop.runPipeline()
    #expect(stopped.status == 65)
    #expect(
      stopped.stderr.contains("in/2.csv: its columns are other than before: new: tip; if that is right: sluice resume"), "\(stopped.stderr)"
    )
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 65)
    #expect(try shop.sluice("resume", "pipeline.yaml", "--accept-schema-changes").status == 0)
    try shop.write("in/3.csv", "id,fare,note,tip\n1,2.5,a,x\n")
    #expect(try shop.runPipeline().status == 0, "from then on the new columns are what is expected")
  }

  @Test("evolve with a column that must not be NULL fails the item; without the key a missing column does")
  func evolve() throws {
    let shop = try Workshop()
    try shop.write("in/1.csv", usual)
    try shop.write("in/2.csv", "fare,note\n2.5,a\n")
    try shop.write("in/3.csv", "id,note\n1,a\n")
    try shop.write("pipeline.yaml", definition("evolve"))
    let evolved = try shop.runPipeline()
    #expect(evolved.status == 69 && evolved.items["failed"] == 1)
    #expect(evolved.stderr.contains("in/2.csv: failed in parse: the header has no column “id”"), "\(evolved.stderr)")
    try shop.write("pipeline.yaml", definition(""))
    let usual = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(usual.status == 69 && usual.items["failed"] == 2)
  }

  @Test("JSON Lines: new keys and retyped ones")
  func json() throws {
    let shop = try Workshop()
    try shop.write("in/1.jsonl", "{\"id\":1,\"n\":2}\n")
    try shop.write("in/2.jsonl", "{\"id\":1,\"n\":2,\"extra\":true}\n")
    try shop.write("in/3.jsonl", "{\"id\":1,\"n\":\"two\"}\n")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: in/*.jsonl}\nparse: {on_schema_change: dead_letter, fields: {id: bigint, n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.items["failed"] == 2)
    #expect(outcome.stderr.contains("new: extra") && outcome.stderr.contains("n is text, was bigint"), "\(outcome.stderr)")
  }

  @Test("a dry run marks what is other than in the last run, in the source and in the output, and writes nothing and fetches nothing whole")
  func dryRun() throws {
    let shop = try Workshop()
    try shop.write("served/1.csv", usual)
    let nginx = try Nginx(shop, serving: shop.path("served"))
    func text(_ transform: String) -> String {
      definition("").replacingOccurrences(of: "in/*.csv", with: nginx.url + "/{1..2}.csv") + transform
    }
    try shop.write("served/2.csv", usual)
    try shop.write("pipeline.yaml", text("transform: [{derive: {cents: CAST(fare * 100 AS bigint), old: id}}]\n"))
    #expect(try shop.runPipeline().status == 0)
    try shop.write("served/2.csv", "id,fare,note,tip\n7,2.5,a,x\n8,x,y,z\n")
    try shop.write("pipeline.yaml", text("transform: [{derive: {cents: fare * 100, new: id}}]\n"))
    let tree = try shop.python(
      "import os\nfor d, _, fs in sorted(os.walk('.')):\n  for f in sorted(fs):\n    p = os.path.join(d, f)\n    if not f.startswith(('nginx.', '.')): print(p, os.stat(p).st_mtime_ns, os.stat(p).st_size)"
    ).stdout
    let requests = nginx.statuses.count
    let shown = try shop.sluice("run", "pipeline.yaml", "--dry-run")
    #expect(shown.status == 65, "a rejected record: \(shown.stderr)")
    for words in [
      "to skip 1, to replace 1 (", "; about ", "the source's columns are other than in the last run: new: tip", "◀ was bigint", "◀ new",
      "◀ no longer there", "id  fare  note  cents  new", "7   2.5   a     250", "record 2, line 3, byte", "invalid_value",
    ] { #expect(shown.stdout.contains(words), "\(words)\n\(shown.stdout)") }
    let json = try shop.sluice("run", "pipeline.yaml", "--dry-run", "--output", "json").json
    #expect(json["source_change"] as? String == "new: tip" && json["gone_columns"] as? [String] == ["old"])
    #expect((json["rejected"] as? [[String: Any]])?.count == 1 && json["estimated_seconds"] is Double)
    let after = try shop.python(
      "import os\nfor d, _, fs in sorted(os.walk('.')):\n  for f in sorted(fs):\n    p = os.path.join(d, f)\n    if not f.startswith(('nginx.', '.')): print(p, os.stat(p).st_mtime_ns, os.stat(p).st_size)"
    ).stdout
    #expect(tree == after)
    // Each look at an item is a HEAD, and of one that is sampled the first bytes are asked for.
    let log = shop.read("nginx.access").split(separator: "\n").dropFirst(requests)
    #expect(log.allSatisfy { $0.contains("HEAD") || $0.contains(" 206 ") }, "\(log.joined(separator: "\n"))")
  }
}

/// Types that are inferred come of records, and a change of them is told.
@Suite("Types of inferred fields")
struct InferredTypeTests {
  private let definition = "pipeline: p\nfetch: {from: 'in/*.csv'}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"

  @Test(
    "types come from the first item that has records, however many are empty or hold a header only before it; the dry run says the same")
  func typesComeFromTheFirstRecords() throws {
    let shop = try Workshop()
    for i in 10..<40 { try shop.write("in/\(i).csv", "id,v\n") }
    try shop.write("in/50.csv", "id,v\n1,2.5\n")
    try shop.write("pipeline.yaml", definition)
    let dry = try shop.sluice("run", "pipeline.yaml", "--dry-run")
    #expect(dry.stdout.contains("bigint") && dry.stdout.contains("double"), "\(dry.stdout)")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.records["written"] == 1, "\(outcome.stderr)")
    #expect(shop.read("out/50.jsonl") == "{\"id\":1,\"v\":2.5}\n")
  }

  @Test(
    "a quiet run, of headers only, keeps the types that are known; a run with other types than the one before tells column, old type and new type"
  )
  func changedTypesAreTold() throws {
    let shop = try Workshop()
    try shop.write("pipeline.yaml", definition)
    try shop.write("in/1.csv", "id,v\n1,2.5\n")
    #expect(try !shop.runPipeline().stderr.contains("other types"))
    try shop.write("in/2.csv", "id,v\n")
    #expect(try !shop.runPipeline().stderr.contains("other types"))
    try shop.write("in/3.csv", "id,v\n2,high\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.stderr.contains("v is text, was double") && outcome.stderr.contains("[SL-405]"), "\(outcome.stderr)")
    #expect(!outcome.stderr.contains("id is"))
    try shop.write("in/4.csv", "id,v\n3,low\n")
    #expect(try !shop.runPipeline().stderr.contains("other types"))
  }

  @Test("where every item is something else, each fails for itself, by its own code")
  func foreignItemsFailForThemselves() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "[{\"id\": 1}]")
    try shop.write("pipeline.yaml", definition)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && outcome.items["failed"] == 1, "\(outcome.stderr)")
    #expect(try shop.sluice("dead-letters", "export", "p").stdout.contains("a JSON array"))
    // Once it is mended, the run goes on with types of its own.
    try shop.write("in/a.csv", "id\n1\n")
    #expect(try shop.runPipeline().status == 0)
    #expect(shop.read("out/a.jsonl") == "{\"id\":1}\n")
  }
}
