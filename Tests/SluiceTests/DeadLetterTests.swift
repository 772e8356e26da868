import Foundation
import Testing

@Suite("Dead letters")
struct DeadLetterTests {
  private func shop(_ path: String = "out/{item.stem}.jsonl") throws -> Workshop {
    let shop = try Workshop()
    try shop.write("in/a.csv", "id,amount\n1,10\n2,n/a\n3,30\n4,-\n5,50\n")
    try shop.write("in/b.csv", "amount,id\n7,6\nx,7\n")
    try shop.write("pipeline.yaml", definition(path, nulls: ""))
    return shop
  }

  private func definition(_ path: String, nulls: String) -> String {
    """
    pipeline: p
    fetch: {from: in/*.csv}
    parse: {fields: {id: bigint not null, amount: bigint}\(nulls)}
    write: {path: '\(path)'}
    limits: {dead_letters: 100%}
    """
  }

  private func export(_ shop: Workshop, _ more: String...) throws -> [[String: Any]] {
    try shop.run(Workshop.binary, ["dead-letters", "export", "pipeline.yaml"] + more).stdout.split(separator: "\n").compactMap {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
  }

  @Test("with on_exceed stop a run stops once its dead letters are too many, or too large a share of what was read so far")
  func stopsAtOnce() throws {
    let shop = try Workshop()
    _ = try shop.python(
      "open('in.csv','w').write('id\\n' + 'x\\n' * 30000 + ''.join('%d\\n' % i for i in range(1000000, 4000000)))")
    for (limits, status) in [
      ("dead_letters: 5%", 0), ("dead_letters: 5%, on_exceed: stop", 65), ("dead_letters: 29999, on_exceed: stop", 65),
      ("dead_letters: 30000, on_exceed: stop", 0), ("dead_letters: 99%, on_exceed: stop", 0),
    ] {
      try shop.write(
        "pipeline.yaml", "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {id: bigint}}\nwrite: {path: out.csv}\nlimits: {\(limits)}\n")
      let run = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(run.status == status, "\(limits): \(run.status) \(run.stderr)")
      let read = try #require(run.records["read"])
      #expect(status == 0 ? read == 3_030_000 : read < 3_030_000, "\(limits): \(read)")
    }
    // Of the first few records a share says little.
    try shop.write("few/1.csv", "id\nx\nx\n")
    try shop.write("few/2.csv", "id\n" + (0..<100).map { "\($0)\n" }.joined())
    try shop.write(
      "few.yaml",
      "pipeline: f\nfetch: {from: few/*.csv}\nparse: {fields: {id: bigint}}\nwrite: {path: few.csv, workers: 1}\nlimits: {dead_letters: 5%, on_exceed: stop}\n"
    )
    #expect(try shop.runPipeline("few.yaml").status == 0)
  }

  @Test("list counts and filters them; show gives the bytes, the place, the reason and the neighbours")
  func looking() throws {
    let shop = try shop()
    #expect(try shop.runPipeline().status == 0)
    let list = try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout
    #expect(list.contains("2  in/a.csv  parse  invalid_value") && list.contains("1  in/b.csv  parse  invalid_value"), "\(list)")
    #expect(try export(shop, "--item", "in/b.csv").count == 1)
    #expect(try export(shop, "--reason", "N/A").map { $0["raw"] as? String } == ["2,n/a"])
    #expect(try export(shop, "--code", "missing_value").isEmpty)
    #expect(try export(shop, "--stage", "parse", "--run", "1").count == 3)
    let id = try #require(try export(shop, "--reason", "n/a").first?["id"] as? Int)
    let shown = try shop.sluice("dead-letters", "show", "\(id)", "pipeline.yaml").stdout
    for words in ["record 2, line 3, byte 15, field amount", "before | 1,10", "record | 2,n/a", "after  | 3,30"] {
      #expect(shown.contains(words), "\(shown)")
    }
  }

  @Test("export --format csv gives the raw records below their header, which is a source again")
  func csv() throws {
    let shop = try shop()
    #expect(try shop.runPipeline().status == 0)
    #expect(
      try shop.sluice("dead-letters", "export", "pipeline.yaml", "--format", "csv", "--item", "in/a.csv").stdout
        == "id,amount\n2,n/a\n4,-\n")
    let both = try shop.sluice("dead-letters", "export", "pipeline.yaml", "--format", "csv")
    #expect(both.status == 64 && both.stderr.contains("--item"))
  }

  @Test("replay takes them through the mended definition: what passes is resolved, what fails again keeps its history")
  func replay() throws {
    let shop = try shop()
    #expect(try shop.runPipeline().status == 0)
    try shop.write("pipeline.yaml", definition("out/{item.stem}.jsonl", nulls: ", null_values: ['n/a', '-']"))
    let first = try shop.sluice("dead-letters", "replay", "pipeline.yaml", "--output", "json")
    #expect(first.status == 65)
    #expect(first.json["passed"] as? Int == 2 && first.json["failed"] as? Int == 1)
    #expect(shop.read("out/a.replay-1.jsonl") == "{\"id\":2,\"amount\":null}\n{\"id\":4,\"amount\":null}\n")
    #expect(!shop.exists("out/b.replay-1.jsonl") && !shop.exists("out/.b.replay-1.jsonl.sluice-part"))
    let left = try export(shop, "--which", "open")
    #expect(left.count == 1 && left.first?["attempts"] as? Int == 2)
    let id = try #require(left.first?["id"] as? Int)
    let shown = try shop.sluice("dead-letters", "show", "\(id)", "pipeline.yaml").stdout
    #expect(shown.contains("attempt 1,") && shown.contains("attempt 2,"), "\(shown)")
    try shop.write("pipeline.yaml", definition("out/{item.stem}.jsonl", nulls: ", null_values: ['x']"))
    let second = try shop.sluice("dead-letters", "replay", "pipeline.yaml")
    #expect(second.status == 0, "\(second.stderr)")
    #expect(shop.read("out/b.replay-2.jsonl") == "{\"id\":7,\"amount\":null}\n")
    #expect(try shop.sluice("dead-letters", "replay", "pipeline.yaml").stdout.contains("no open dead letters"))
    #expect(try export(shop).allSatisfy { $0["resolved"] as? Bool == true })
  }

  @Test("an item that is done again takes its replays' outputs with it: nothing is doubled", arguments: [true, false])
  func replaced(_ each: Bool) throws {
    let path = each ? "out/{item.stem}.jsonl" : "out/all.jsonl"
    let shop = try shop(path)
    #expect(try shop.runPipeline().status == 0)
    try shop.write("pipeline.yaml", definition(path, nulls: ", null_values: ['n/a', '-', 'x']"))
    #expect(try shop.sluice("dead-letters", "replay", "pipeline.yaml").status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: shop.path("out"))
    #expect(names.filter { $0.contains("replay-1") }.count == (each ? 2 : 1), "\(names)")
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
    let after = try FileManager.default.contentsOfDirectory(atPath: shop.path("out"))
    #expect(after.filter { $0.contains("replay") }.isEmpty, "\(after)")
    let ids = (each ? ["a", "b"] : ["all"]).flatMap { shop.records("out/\($0).jsonl") }.compactMap { $0["id"] as? Int }
    #expect(ids.sorted() == Array(1...7))
  }

  @Test("drop takes out what is named, and nothing where nothing is named")
  func drop() throws {
    let shop = try shop()
    #expect(try shop.runPipeline().status == 0)
    #expect(try shop.sluice("dead-letters", "drop", "pipeline.yaml").status == 64)
    #expect(try shop.sluice("dead-letters", "drop", "pipeline.yaml", "--item", "in/b.csv").stdout == "1 dropped\n")
    #expect(try shop.sluice("dead-letters", "drop", "pipeline.yaml", "--all").stdout == "2 dropped\n")
    #expect(try export(shop).isEmpty)
  }

  @Test("kill -9 at any moment of a replay neither loses nor doubles")
  func killed() throws {
    let shop = try Workshop()
    _ = try shop.python(
      "open('in.csv','w').write('id,x\\n' + ''.join('%d,%s\\n' % (i, '-' if i % 2 else i) for i in range(60000)))")
    let definition = { (nulls: String) in
      "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {id: bigint, x: bigint}\(nulls)}\nwrite: {path: out.csv.gz}\nlimits: {dead_letters: 100%}\n"
    }
    try shop.write("pipeline.yaml", definition(""))
    #expect(try shop.runPipeline().status == 0)
    try shop.write("pipeline.yaml", definition(", null_values: ['-']"))
    let state = try #require(shop.data(".sluice/ledger.sqlite"))
    let begun = ContinuousClock.now
    #expect(try shop.sluice("dead-letters", "replay", "pipeline.yaml").status == 0)
    let took = begun.duration(to: .now)
    for moment in 1...12 {
      for name in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: shop.path(".sluice/ledger.sqlite" + name)) }
      try shop.write(".sluice/ledger.sqlite", state)
      for name in try FileManager.default.contentsOfDirectory(atPath: shop.folder) where name.contains("replay") {
        try FileManager.default.removeItem(atPath: shop.path(name))
      }
      let process = try shop.start(Workshop.binary, ["dead-letters", "replay", "pipeline.yaml"])
      let wait = took * (Double(moment) / 12)
      usleep(UInt32(wait.components.seconds * 1_000_000 + wait.components.attoseconds / 1_000_000_000_000))
      process.stop(SIGKILL)
      #expect(try shop.sluice("dead-letters", "replay", "pipeline.yaml").status == 0)
      let lines = try shop.run("/bin/sh", ["-c", "zcat out*.replay-*.csv.gz | grep -v id | sort -n"]).stdout
      #expect((lines == (0..<30000).map { "\($0 * 2 + 1),\n" }.joined()) as Bool, "moment \(moment)")
      #expect(try export(shop, "--which", "open").isEmpty)
    }
  }
}
