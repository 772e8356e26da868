import Foundation
import Testing

@Suite("Resuming")
struct ResumingTests {
  /// One large item with bad records among the good, so that checkpoints carry dead letters.
  private func large(_ shop: Workshop) throws {
    _ = try shop.python(
      """
      with open('big.csv','w') as f:
        f.write('n,x\\n')
        for i in range(2500000):
          f.write('%d,%s\\n' % (i, 'bad' if i % 9973 == 0 else i / 8))
      """)
  }

  private func definition(_ path: String) -> String {
    """
    pipeline: p
    fetch: {from: big.csv}
    parse: {fields: {n: bigint not null, x: double}}
    transform: [{filter: n % 3 <> 0}, {derive: {y: x * 2}}]
    write: {path: \(path), checkpoint: {every: 30ms}}
    limits: {dead_letters: 1%}
    """
  }

  private func letters(_ shop: Workshop) throws -> [String] {
    try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n").map { line in
      let object = (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]) ?? [:]
      return "\(object["record"] ?? 0) \(object["line"] ?? 0) \(object["offset"] ?? 0) \(object["raw"] ?? "")"
    }
  }

  @Test(
    "killed at ten moments, each run resumes to the same bytes, the same dead letters and the same counts",
    arguments: ["out.jsonl", "out.csv.gz", "out.jsonl.zst"])
  func killed(_ path: String) throws {
    let shop = try Workshop()
    try large(shop)
    try shop.write("pipeline.yaml", definition(path))
    let begun = ContinuousClock.now
    let whole = try shop.runPipeline()
    let took = begun.duration(to: .now)
    #expect(whole.status == 0, "\(whole.stderr)")
    func output() throws -> String {
      if path.hasSuffix(".gz") { return try shop.run("/bin/zcat", [shop.path(path)]).stdout }
      if path.hasSuffix(".zst") { return try shop.run("/usr/bin/env", ["zstd", "-dcq", shop.path(path)]).stdout }
      return shop.read(path)
    }
    let want = try output()
    let wantLetters = try letters(shop)
    #expect(wantLetters.count == whole.records["dead_lettered"])
    var interrupted = 0
    for moment in 1...10 {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try? FileManager.default.removeItem(atPath: shop.path(path))
      let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
      let wait = took * (Double(moment) / 11)
      usleep(UInt32(wait.components.seconds * 1_000_000 + wait.components.attoseconds / 1_000_000_000_000))
      process.stop(SIGKILL)
      if !shop.exists(path) { interrupted += 1 }
      var resumed = try shop.sluice("resume", "pipeline.yaml", "--output", "json", "--progress", "none")
      // Killed before the run was in the ledger: there is nothing to resume, and a run begins it.
      if resumed.status == 64 { resumed = try shop.runPipeline() }
      #expect(resumed.status == 0, "\(resumed.stderr)")
      if resumed.items["done"] == 1 { #expect(resumed.records == whole.records) }
      #expect((try output() == want) as Bool, "moment \(moment)")
      #expect(try letters(shop) == wantLetters, "moment \(moment)")
    }
    #expect(interrupted >= 2)
  }

  @Test("SIGTERM checkpoints what is under way and exits 75; the run then resumes")
  func terminated() throws {
    let shop = try Workshop()
    try large(shop)
    try shop.write("pipeline.yaml", definition("out.jsonl"))
    let whole = try shop.runPipeline()
    let want = shop.read("out.jsonl")
    try FileManager.default.removeItem(atPath: shop.path(".sluice"))
    try FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    try shop.await(".out.jsonl.sluice-part")
    #expect(process.stop(SIGTERM) == 75)
    #expect(try shop.sluice("status", "pipeline.yaml", "--output", "json").json["status"] as? String == "interrupted")
    let resumed = try shop.sluice("resume", "pipeline.yaml", "--output", "json")
    #expect(resumed.status == 0, "\(resumed.stderr)")
    #expect(resumed.records == whole.records)
    #expect((shop.read("out.jsonl") == want) as Bool)
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 64)
  }

  @Test("SIGTERM ends a run that waits for a server that is down, well within the grace")
  func terminatedWhileWaiting() throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: 'http://127.0.0.1:1/a.csv', retry: {attempts: 50, backoff: 60s..120s}}\nparse: {fields: {n: bigint}}\nwrite: {path: o.csv}\n"
    )
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    try shop.await(".sluice/p.lock")
    usleep(300_000)
    #expect(process.stop(SIGTERM) == 75)
    try expectEnded(shop, 75)
  }

  @Test("a second run of a pipeline exits 75 and names the first's pid")
  func locked() throws {
    let shop = try Workshop()
    try large(shop)
    try shop.write("pipeline.yaml", definition("out.jsonl"))
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    try shop.await(".sluice/p.lock")
    let second = try shop.runPipeline()
    #expect(second.status == 75)
    #expect(second.stderr.contains("pid \(process.pid)"))
    #expect(process.wait() == 0)
  }

  @Test("many items of one output, killed between them, come out in order")
  func manyItems() throws {
    let shop = try Workshop()
    for i in 10..<60 { try shop.write("in/\(i).csv", "n\n" + (0..<20_000).map { "\(i * 100_000 + $0)" }.joined(separator: "\n") + "\n") }
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in/*.csv}\nwrite: {path: out.csv, checkpoint: {every: 20ms}}\n")
    #expect(try shop.runPipeline().status == 0)
    let want = shop.read("out.csv")
    for moment in 1...5 {
      try FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try FileManager.default.removeItem(atPath: shop.path("out.csv"))
      let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
      usleep(UInt32(moment * 25_000))
      process.stop(SIGKILL)
      // Killed again while it resumes.
      let second = try shop.start(Workshop.binary, ["resume", "pipeline.yaml", "--progress", "none"])
      usleep(UInt32((6 - moment) * 12_000))
      second.stop(SIGKILL)
      if try shop.sluice("resume", "pipeline.yaml").status == 64 { _ = try shop.runPipeline() }
      #expect((shop.read("out.csv") == want) as Bool, "moment \(moment)")
    }
  }

  @Test("items that an earlier form of the definition did are told of, stay, and are done again by --full")
  func outdated() throws {
    let shop = try Workshop()
    for name in ["a", "b"] { try shop.write("in/\(name).csv", "n\n1\n") }
    func define(_ name: String) throws {
      try shop.write(
        "pipeline.yaml",
        "pipeline: p\nfetch: {from: 'in/*.csv'}\ntransform: [{rename: {n: \(name)}}]\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    }
    try define("first")
    #expect(try !shop.runPipeline().stderr.contains("another form"))
    try define("second")
    let later = try shop.runPipeline()
    #expect(later.items["skipped"] == 2)
    #expect(
      later.stderr.contains(
        "2 items were done by another form of this definition, and stay as they are; to do them again: sluice run pipeline.yaml --full"))
    #expect(shop.read("out/a.jsonl") == "{\"first\":1}\n")
    #expect(try shop.sluice("run", "pipeline.yaml", "--dry-run").stdout.contains("by another form of the definition"))
    #expect(try !shop.runPipeline("pipeline.yaml", "--full").stderr.contains("another form"))
    #expect(shop.read("out/b.jsonl") == "{\"second\":1}\n")
  }

  @Test("fields are inferred from the first item that has records; one that is broken fails alone")
  func brokenSample() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv.gz", "no gzip")
    try shop.write("in/b.csv", "n\n1\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: 'in/*', retry: {attempts: 1}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    let first = try shop.runPipeline()
    #expect(first.status == 69 && first.items["done"] == 1 && first.items["failed"] == 1, "\(first.stderr)")
    // Nothing but the broken one is left: the run before says what its fields would be.
    let second = try shop.runPipeline()
    #expect(second.status == 69 && second.items["failed"] == 1, "\(second.stderr)")
    // In a pipeline without a run before there is nothing to resume.
    try shop.write("alone.yaml", "pipeline: alone\nfetch: {from: in/a.csv.gz}\nwrite: {path: out/a.jsonl}\n")
    let alone = try shop.sluice("run", "alone.yaml", "--quiet")
    #expect(alone.status == 69 && alone.stderr.hasSuffix("next: sluice resume 2 --state \(shop.path(".sluice"))\n"), "\(alone.stderr)")
  }
}
