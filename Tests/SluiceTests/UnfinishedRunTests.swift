import Foundation
import Testing

@Suite("Unfinished runs")
struct UnfinishedRunTests {
  private func definition(_ from: String) -> String {
    "pipeline: p\nfetch: {from: '\(from)'}\nparse: {fields: {id: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
  }

  /// A run of which one item failed and one is done.
  private func failed(_ from: String = "in/*.csv") throws -> Workshop {
    let shop = try Workshop()
    try shop.write("in/a.csv", "id\n1\n")
    try shop.write("in/bad.csv", "wrong\n1\n")
    try shop.write("pipeline.yaml", definition(from))
    #expect(try shop.runPipeline().status == 69)
    return shop
  }

  private func areCounted(_ outcome: Outcome) -> Bool { outcome.items.count == 4 && outcome.items.values.allSatisfy { $0 >= 0 } }

  @Test("an item that the definition finds no more is opened by its own source, with the headers of its entry")
  func opensByItsSource() throws {
    let shop = try Workshop()
    let server = try ScriptServer(
      shop, answers: ["/2026-11-26.csv": [["status": 503], ["body": "id\n26\n"]], "/2026-11-27.csv": [["body": "id\n27\n"]]])
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch:\n  retry: {attempts: 1}\n  from: [{url: '\(server.url)/${DAY}.csv', headers: {X-Key: k}}]\nparse: {fields: {id: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
    )
    #expect(try shop.runPipeline(environment: ["DAY": "2026-11-26"]).status == 69)
    let resumed = try shop.run(Workshop.binary, ["resume", "pipeline.yaml"], environment: ["DAY": "2026-11-27"])
    #expect(resumed.status == 0 && shop.read("out/2026-11-26.jsonl") == "{\"id\":26}\n", "\(resumed.stderr)")
    #expect(server.sent("X-Key").allSatisfy { $0 == "k" } && server.printed.count == 2)
  }

  @Test("an item whose file was taken away after it failed is closed, and named once; the run is done", arguments: [true, false])
  func fileIsTakenAway(_ each: Bool) throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "id\n1\n")
    try shop.write("in/bad.csv", "wrong\n1\n")
    try shop.write("pipeline.yaml", definition("in/*.csv").replacingOccurrences(of: "{item.stem}", with: each ? "{item.stem}" : "all"))
    #expect(try shop.runPipeline().status == 69)
    try FileManager.default.removeItem(atPath: shop.path("in/bad.csv"))
    let first = try shop.sluice("run", "pipeline.yaml", "--output", "json", "--quiet")
    #expect(first.status == 0 && areCounted(first), "\(first.stdout)\(first.stderr)")
    #expect(first.stderr.contains("in/bad.csv: was not done before, and is no longer found"), "\(first.stderr)")
    #expect(first.json["run"] as? Int == 1 && first.json["status"] as? String == "done")
    let second = try shop.sluice("run", "pipeline.yaml", "--quiet")
    #expect(second.status == 0 && second.stderr.isEmpty, "\(second.stderr)")
    #expect(try shop.sluice("dead-letters", "export", "pipeline.yaml", "--which", "open").stdout.isEmpty)
    // It comes back, mended.
    try shop.write("in/bad.csv", "id\n2\n")
    #expect(try shop.runPipeline().items["done"] ?? 0 > 0)
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
  }

  @Test("an item that failed and that the edited definition does not name is closed, with its run")
  func definitionNamesOthers() throws {
    let shop = try failed()
    try shop.write("pipeline.yaml", definition("in/a.csv"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && areCounted(outcome) && outcome.stderr.contains("in/bad.csv: was not done before"), "\(outcome.stderr)")
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 64)
  }

  @Test("no count is negative where items that are done were taken away, or fewer are asked for")
  func counts() throws {
    let shop = try failed()
    try shop.write("in/b.csv", "id\n3\n")
    #expect(try shop.runPipeline().status == 69)
    let fewer = try shop.runPipeline("pipeline.yaml", "--limit-items", "1")
    #expect(areCounted(fewer), "\(fewer.items)")
    try FileManager.default.removeItem(atPath: shop.path("in/a.csv"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && areCounted(outcome), "\(outcome.items)")
  }

  /// Nightly runs of which the first failed: each has its file by a variable.
  private func nights() throws -> Workshop {
    let shop = try Workshop()
    try shop.write("orders-4.csv", "wrong\n1\n")
    try shop.write("orders-5.csv", "id\n5\n")
    try shop.write("pipeline.yaml", definition("orders-${DAY}.csv"))
    #expect(try shop.sluice("run", "pipeline.yaml", "--quiet", "--var", "DAY=4").status == 69)
    return shop
  }

  @Test("a failed run stays in sight after a later one is done: run and status tell of it, resume finds it, with its own variables")
  func staysInSight() throws {
    let shop = try nights()
    for quiet in [[], ["--quiet"]] {
      let later = try shop.run(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none", "--var", "DAY=5"] + quiet)
      #expect(later.status == 0, "\(later.stderr)")
      #expect(later.stderr.contains("run 1 of p is not finished; finish it with: sluice resume 1, or give it up with: sluice runs close 1"))
    }
    #expect(try shop.sluice("status", "pipeline.yaml").stderr.contains("run 1 of p is not finished"))
    #expect(try shop.sluice("status", "pipeline.yaml", "--output", "json").json["unfinished_runs"] as? [Int] == [1])
    try shop.write("orders-4.csv", "id\n4\n")
    let resumed = try shop.sluice("resume", "pipeline.yaml", "--output", "json")
    #expect(resumed.status == 0 && resumed.json["run"] as? Int == 1, "\(resumed.stderr)")
    #expect(shop.records("out/orders-4.jsonl").count == 1)
    let last = try shop.sluice("run", "pipeline.yaml", "--quiet", "--var", "DAY=5")
    #expect(last.status == 0 && last.stderr.isEmpty, "\(last.stderr)")
  }

  @Test("the same where the variable is the environment's")
  func staysInSightByEnvironment() throws {
    let shop = try Workshop()
    try shop.write("orders-4.csv", "wrong\n1\n")
    try shop.write("orders-5.csv", "id\n5\n")
    try shop.write("pipeline.yaml", definition("orders-${DAY}.csv"))
    #expect(try shop.runPipeline(environment: ["DAY": "4"]).status == 69)
    let later = try shop.runPipeline(environment: ["DAY": "5"])
    #expect(later.status == 0 && later.json["run"] as? Int == 2, "\(later.stderr)")
    #expect(later.json["unfinished_runs"] as? [Int] == [1])
  }

  @Test("a notice's next command names the run, and works from any folder")
  func noticeNamesTheRun() throws {
    let shop = try nights()
    #expect(try shop.sluice("run", "pipeline.yaml", "--quiet", "--var", "DAY=5").status == 0)
    try shop.write("orders-6.csv", "wrong\n1\n")
    let failed = try shop.sluice("run", "pipeline.yaml", "--quiet", "--var", "DAY=6")
    let next = try #require(failed.stderr.split(separator: "\n").first { $0.hasPrefix("next: ") })
    #expect(next == "next: sluice resume 3 --state \(shop.path(".sluice"))", "\(failed.stderr)")
    #expect(failed.stderr.contains("run 1 is not finished either: sluice resume 1 --state"), "\(failed.stderr)")
    try shop.write("orders-6.csv", "id\n6\n")
    let words = next.dropFirst("next: sluice ".count).split(separator: " ").map(String.init)
    let elsewhere = try Workshop()
    let resumed = try elsewhere.run(Workshop.binary, words)
    #expect(resumed.status == 0, "\(resumed.stderr)")
    #expect(shop.records("out/orders-6.jsonl").count == 1)
  }

  @Test("runs close gives up what a run has left: nobody is told of it any more, and its items come back only where they are found")
  func close() throws {
    let shop = try nights()
    #expect(try shop.sluice("runs", "close", "9").status == 64)
    let closed = try shop.sluice("runs", "close", "1")
    #expect(closed.status == 0 && closed.stdout == "run 1 is closed\n", "\(closed.stderr)")
    #expect(try shop.sluice("runs", "pipeline.yaml").stdout.contains("1  p  closed"))
    #expect(try shop.sluice("runs", "close", "1").status == 64)
    #expect(try shop.sluice("resume", "1").status == 64)
    let later = try shop.sluice("run", "pipeline.yaml", "--quiet", "--var", "DAY=5")
    #expect(later.status == 0 && later.stderr.isEmpty, "\(later.stderr)")
    try shop.write("orders-4.csv", "id\n4\n")
    #expect(try shop.sluice("run", "pipeline.yaml", "--quiet", "--var", "DAY=4").status == 0)
    #expect(shop.records("out/orders-4.jsonl").count == 1)
  }

  @Test("a run that finds nothing new has no number, and says that the last one failed; runs close closes that, and keeps its dead letters")
  func nothingNewAfterFailure() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\nx\n")
    try shop.write("pipeline.yaml", definition("a.csv"))
    #expect(try shop.runPipeline().status == 65)
    func idle() throws -> Outcome { try shop.run(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"]) }
    let told = try idle()
    #expect(
      told.status == 0 && told.stdout.hasPrefix("nothing is new for p since run 1, which failed: 1 dead letter of 2 records"), "\(told)")
    #expect(told.stdout.contains("close it with: sluice runs close 1\nitems    1: 0 done, 1 skipped, 0 failed"), "\(told.stdout)")
    let json = try shop.runPipeline().json
    #expect(json["run"] is NSNull && json["last_run"] as? Int == 1, "\(json)")
    let resumed = try shop.sluice("resume", "1")
    #expect(
      resumed.status == 64 && resumed.stderr.contains("run 1 failed, and resuming it would change nothing: 1 dead letter"), "\(resumed)")
    #expect(resumed.stderr.contains("close it with: sluice runs close 1"), "\(resumed.stderr)")
    #expect(try shop.sluice("runs", "close", "1").status == 0)
    #expect(try shop.sluice("runs", "close", "1").stderr.contains("run 1 is closed"))
    #expect(try shop.sluice("runs", "pipeline.yaml").stdout.hasPrefix("1  p  closed"))
    #expect(try shop.sluice("dead-letters", "export", "pipeline.yaml", "--which", "open").stdout.contains("\"raw\":\"x\""))
    #expect(try idle().stdout.hasPrefix("nothing is new for p since run 1, which was closed\n"))
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 65)
    try shop.write("a.csv", "id\n1\n")
    #expect(try shop.runPipeline().json["run"] as? Int == 3)
    #expect(try idle().stdout.hasPrefix("nothing is new for p since run 3\n"))
  }

  @Test("resume where nothing was begun says so, and what to run")
  func nothingBegun() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\n")
    try shop.write("pipeline.yaml", definition("a.csv"))
    func resumed() throws {
      let outcome = try shop.sluice("resume", "pipeline.yaml")
      #expect(outcome.status == 64 && outcome.stderr.contains("nothing was begun; run it: sluice run pipeline.yaml"), "\(outcome.stderr)")
    }
    try resumed()
    for point in ["ledger.create", "ledger.create/after", "ledger.begin_run"] {
      let killed = try shop.run(
        Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--quiet"],
        environment: ["SLUICE_FAILPOINTS": "\(point)=kill"])
      #expect(killed.status != 0)
      try resumed()
    }
    #expect(try shop.runPipeline().status == 0)
  }

  @Test(
    "resume of a run that lacks only its commit puts the output in its place, and exits with 0",
    arguments: ["out.jsonl", "{item.stem}.jsonl"])
  func onlyTheCommit(_ path: String) throws {
    let shop = try Workshop()
    try shop.write("out.csv", "id\n1\n")
    try shop.write("pipeline.yaml", definition("out.csv").replacing(/write: .*/, with: "write: {path: '\(path)'}"))
    let killed = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--quiet"],
      environment: ["SLUICE_FAILPOINTS": "part.rename=kill"])
    #expect(killed.status != 0 && !shop.exists("out.jsonl"))
    let resumed = try shop.run(Workshop.failpointBinary, ["resume", "pipeline.yaml", "--output", "json", "--progress", "none"])
    #expect(resumed.status == 0 && resumed.stdout.contains("\"written\":1"), "\(resumed)")
    #expect(shop.read("out.jsonl") == "{\"id\":1}\n")
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 64)
  }

  @Test(
    "a run that is closed before its one output is in place leaves nothing done: the next run makes it",
    arguments: ["path: out.jsonl", "table: t, database: t.db, mode: replace"])
  func closedBeforeItsOutput(_ write: String) throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\n")
    try shop.write("pipeline.yaml", definition("a.csv").replacing(/write: .*/, with: "write: {\(write)}"))
    let killed = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--quiet"],
      environment: ["SLUICE_FAILPOINTS": "ledger.finish_item/after=kill"])
    #expect(killed.status != 0)
    #expect(try shop.sluice("runs", "close", "1").status == 0)
    #expect(!shop.exists(".out.jsonl.sluice-part"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.records["written"] == 1, "\(outcome.stderr)")
    #expect(
      try write.contains("path")
        ? shop.read("out.jsonl") == "{\"id\":1}\n"
        : shop.python("import sqlite3; print(sqlite3.connect('t.db').execute('select * from t').fetchall())").stdout == "[(1,)]\n")
  }

  @Test("after --full, a dead letter's old number says that numbers are new")
  func oldNumbers() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\nx\n")
    try shop.write("pipeline.yaml", definition("a.csv"))
    #expect(try shop.runPipeline().status == 65)
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 65)
    for words in [
      ["show", "1"], ["list", "--id", "1"], ["export", "--id", "1"], ["drop", "--id", "1"], ["replay", "pipeline.yaml", "--id", "1"],
    ] {
      let outcome = try shop.run(Workshop.binary, ["dead-letters"] + words)
      #expect(outcome.status == 64 && outcome.stderr.contains("has new numbers"), "\(words): \(outcome.stderr)")
    }
    #expect(try shop.sluice("dead-letters", "show", "7").stderr.contains("there is no dead letter 7\n"))
    #expect(try shop.sluice("dead-letters", "show", "2").status == 0)
  }
}
