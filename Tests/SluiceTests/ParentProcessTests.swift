import Foundation
import Testing

/// The process above the engine, and records that kill an engine.
@Suite("The process above the engine")
struct ParentProcessTests {
  private static let bad = [20_000: "TRAPPING", 50_000: "HOARDING", 80_000: "HANGING"]

  @Test(
    "records that trap, eat memory past the limit or hang in C become dead letters, and all others are written once",
    arguments: [1, 4, 16])
  func poison(workers: Int) throws {
    let shop = try Workshop()
    try shop.write("in.csv", "n,text\n" + (0..<100_003).map { "\($0),\(Self.bad[$0] ?? "good")\n" }.joined())
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: poison
      fetch: {from: in.csv}
      parse: {fields: {n: bigint, text: text}, workers: \(workers)}
      transform: {steps: [{derive: {twice: n * 2}}], workers: \(workers)}
      write: {path: out.jsonl}
      supervise: {watchdog: 2s, backoff: 1ms..10ms, max_restarts: 30}
      limits: {process_memory: 1GB}
      """)
    let outcome = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--output", "json", "--progress", "none"],
      environment: ["SLUICE_POISON": "trap=TRAPPING,memory=HOARDING,hang=HANGING"])
    #expect(outcome.status == 65, "\(outcome.stderr)")
    #expect(outcome.records == ["read": 100_003, "written": 100_000, "filtered": 0, "dead_lettered": 3])
    let written = shop.read("out.jsonl").split(separator: "\n").compactMap { $0.split(separator: ",").first?.dropFirst(5) }
    #expect((written.compactMap { Int($0) } == (0..<100_003).filter { Self.bad[$0] == nil }) as Bool)
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n")
      .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    #expect(letters.map { $0["record"] as? Int } == [20_001, 50_001, 80_001])
    #expect(letters.allSatisfy { $0["code"] as? String == "poison" })
    let reasons = letters.map { $0["reason"] as? String ?? "" }
    #expect(reasons.first?.contains("SIGILL") == true || reasons.first?.contains("SIGTRAP") == true, "\(reasons)")
    #expect(reasons.first?.contains("sluice") == true, "there is no backtrace: \(reasons)")
    #expect(reasons.dropFirst().first?.contains("SIG") == true, "\(reasons)")
    #expect(reasons.last?.contains("stood still") == true, "\(reasons)")
    let events = outcome.json["events"] as? [String: Int] ?? [:]
    #expect((events["died"] ?? 0) > 0 && (events["started"] ?? 0) > 0, "\(events)")
    #expect(try shop.sluice("status", "pipeline.yaml").stdout.contains("engine died"))
    #expect((outcome.json["restarts"] as? Int ?? 0) >= 5)
  }

  @Test("what failed before the engine died stays failed and counts, and is not tried again", arguments: [true, false])
  func limitsSurvive(_ each: Bool) throws {
    let shop = try Workshop()
    for name in ["a", "b", "d"] { try shop.write("\(name).csv", "n,text\n1\n") }
    try shop.write("c.csv", "n,text\n" + (0..<50).map { "\($0),\($0 == 20 ? "TRAPPING" : "good")\n" }.joined())
    try shop.write("e.csv", "n,text\n7,good\n")
    func define(_ limit: Int) throws {
      try shop.write(
        "pipeline.yaml",
        """
        pipeline: p
        fetch: {from: '*.csv', workers: 1}
        parse: {fields: {n: bigint, text: text}, on_bad_record: fail}
        write: {path: '\(each ? "out/{item.stem}.jsonl" : "out/all.jsonl")'}
        supervise: {backoff: 1ms..10ms, max_restarts: 30}
        limits: {failed_items: \(limit), dead_letters: 1}
        """)
    }
    try define(9)
    let run = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--output", "json", "--progress", "none"],
      environment: ["SLUICE_POISON": "trap=TRAPPING"])
    #expect(run.status == 69 && run.items == ["total": 5, "done": 2, "skipped": 0, "failed": 3], "\(run.stdout)\(run.stderr)")
    #expect(run.json["restarts"] as? Int ?? 0 >= 2, "\(run.stdout)")
    // An engine may die before it has told of what it wrote down.
    #expect(run.stderr.components(separatedBy: "a.csv").count - 1 <= 1, "\(run.stderr)")
    try define(1)
    let stopped = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--output", "json", "--progress", "none", "--full"],
      environment: ["SLUICE_POISON": "trap=TRAPPING"])
    #expect(stopped.status == 69 && stopped.stderr.contains("more items failed than limits.failed_items allows"), "\(stopped.stderr)")
  }

  private func large(_ shop: Workshop, records: Int = 3_000_000) throws {
    try shop.write("in.csv", "n,text\n" + (0..<records).map { "\($0),some words to fill the line\n" }.joined())
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in.csv}\nwrite: {path: out.jsonl, checkpoint: {every: 50ms}}\n")
  }

  @Test("an engine that is killed is started again from the ledger, and the run goes on as if nothing had been")
  func engineKilled() throws {
    let shop = try Workshop()
    try large(shop)
    let whole = try shop.runPipeline()
    let want = shop.data("out.jsonl")
    try FileManager.default.removeItem(atPath: shop.path(".sluice"))
    try FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
    let out = try shop.write("result.json", "")
    let process = try shop.start(
      Workshop.binary, ["run", "pipeline.yaml", "--output", "json", "--progress", "none"],
      stdout: try #require(FileHandle(forWritingAtPath: out)))
    let first = try process.engine()
    try shop.await(".out.jsonl.sluice-part")
    kill(first, SIGKILL)
    let second = try process.engine(other: first)
    #expect(second != first)
    #expect(process.wait() == 0)
    let result = try #require(shop.records("result.json").first)
    #expect(result["records"] as? [String: Int] == whole.records)
    #expect(result["restarts"] as? Int == 1)
    #expect((result["events"] as? [String: Int])?["died"] == 1)
    #expect((shop.data("out.jsonl") == want) as Bool)
  }

  @Test("a parent that is killed takes its engine with it, and resume goes on")
  func parentKilled() throws {
    let shop = try Workshop()
    try large(shop)
    #expect(try shop.runPipeline().status == 0)
    let want = shop.data("out.jsonl")
    try FileManager.default.removeItem(atPath: shop.path(".sluice"))
    try FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    let engine = try process.engine()
    try shop.await(".out.jsonl.sluice-part")
    process.stop(SIGKILL)
    for _ in 0..<24_000 where kill(engine, 0) == 0 { usleep(5000) }
    #expect(kill(engine, 0) != 0)
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 0)
    #expect((shop.data("out.jsonl") == want) as Bool)
  }

  @Test("an engine that dies again and again is given up, and the run can be resumed")
  func crashLoop() throws {
    let shop = try Workshop()
    try large(shop, records: 1000)
    try shop.write("pipeline.yaml", shop.read("pipeline.yaml") + "supervise: {max_restarts: 3, backoff: 1ms..2ms}\n")
    let outcome = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml"], environment: ["SLUICE_FAILPOINTS": "ledger.finish_item=kill@1"])
    #expect(outcome.status == 70)
    #expect(outcome.stderr.contains("died too often"), "\(outcome.stderr)")
    #expect(outcome.stderr.components(separatedBy: "started again").count == 4)
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 0)
    #expect(shop.read("out.jsonl").split(separator: "\n").count == 1000)
  }

  @Test("without the process above, the engine's death is the command's")
  func noSupervisor() throws {
    let shop = try Workshop()
    try large(shop)
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none", "--no-supervisor"])
    try shop.await(".out.jsonl.sluice-part")
    #expect(process.children.isEmpty)
    process.stop(SIGKILL)
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 0)
  }

  @Test("status --watch shows the stages, their workers and what they have in work while a run goes on")
  func watched() throws {
    let shop = try Workshop()
    try large(shop)
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    try shop.await(".out.jsonl.sluice-part")
    let watched = try shop.sluice("status", "pipeline.yaml", "--watch")
    #expect(process.wait() == 0)
    #expect(watched.status == 0)
    for word in ["fetch", "decompress", "parse", "transform", "write", "workers", "input", "in.csv", "engine "] {
      #expect(watched.stdout.contains(word), "\(word) is not in \(watched.stdout)")
    }
    #expect(try shop.sluice("status", "pipeline.yaml", "--watch").stdout.contains("done"))
  }

  @Test("nothing of the environment makes an engine of a command, and programs are told nothing of engines")
  func engineVariables() throws {
    let shop = try Workshop()
    try shop.write("in.csv", "n\n1\n")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: in.csv}\nwrite: {path: out.jsonl}\nnotify: {shell: 'env > told; cat /proc/$PPID/cmdline | tr \"\\\\0\" \" \" > parent', on: success}\n"
    )
    // An engine that is believed to be one started again would do nothing here: --full is for the first.
    let believed = ["SLUICE_ENGINE": "3", "SLUICE_ENGINE_SINCE": "1"]
    #expect(try shop.runPipeline("pipeline.yaml", environment: believed).status == 0)
    let again = try shop.runPipeline("pipeline.yaml", "--full", environment: believed)
    #expect(again.records["written"] == 1, "\(again.stdout)")
    #expect((again.json["seconds"] as? Double).map { $0 < 3600 } == true)
    #expect(shop.read("parent").contains("--engine-of="), "there is a process above the engine: \(shop.read("parent"))")
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
    #expect(!shop.read("told").contains("ENGINE"), "\(shop.read("told"))")
    let forged = try shop.sluice("--engine-of=1:0:0", "run", "pipeline.yaml")
    #expect(forged.status == 64)
  }
}
