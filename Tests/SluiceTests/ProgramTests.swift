import Foundation
import Testing

/// Programs of the user's as a transform step and as a parser: child processes under supervision.
@Suite("Programs")
struct ProgramTests {
  /// A hundred thousand records, of which a hundred have an n that ends in 999.
  private func workshop(_ behaviour: String, options: String = "", records: Int = 100_000, supervise: String = "backoff: 1ms..2ms") throws
    -> Workshop
  {
    let shop = try Workshop()
    try shop.write("in.csv", "n\n" + (0..<records).map { "\($0)\n" }.joined())
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: programs
      fetch: {from: in.csv}
      parse: {fields: {n: bigint}}
      transform:
        - exec:
            command: [python3, \(Workshop.servers)/program.py, \(behaviour), \(shop.folder)]
            fields: {n: bigint, square: bigint, pid: bigint}
      \(options)
        - derive: {half: square / 2}
      write: {path: out.jsonl}
      supervise: {\(supervise)}
      """)
    return shop
  }

  /// The workshop's programs that are still there; other tests have their own meanwhile.
  private func left(_ shop: Workshop) throws -> [String] {
    let listed = try shop.run("/bin/ps", ["-eo", "pid,stat,args"]).stdout
    return listed.split(separator: "\n").map(String.init).filter { $0.contains("program.py") && $0.contains(shop.folder) }
  }

  @Test("records go through a program and come back typed, in order")
  func answers() throws {
    let shop = try workshop("good")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(outcome.records == ["read": 100_000, "written": 100_000, "filtered": 0, "dead_lettered": 0])
    let records = shop.records("out.jsonl")
    #expect(records.map { $0["n"] as? Int } == Array(0..<100_000))
    #expect(records.allSatisfy { $0["half"] as? Int == ($0["square"] as? Int).map { $0 / 2 } })
    #expect(try left(shop).isEmpty)
  }

  @Test(
    "Python multiprocessing: a process that crashes, hangs or talks nonsense takes nothing with it but its record",
    arguments: ["dies", "garbage", "few", "many", "hangs", "refuses", "mistypes", "eats"])
  func pythonCrashedProcessTakesNothingWithIt(_ behaviour: String) throws {
    // One that hangs is waited for each time.
    let records = behaviour == "hangs" ? 2_000 : 10_000
    let shop = try workshop(
      behaviour, options: "      timeout: {hard: \(behaviour == "hangs" ? 5 : 60)s}\n      memory: 1GB", records: records)
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none", "--quiet"])
    let engine = try process.engine()
    var descriptors = 0
    var zombies = 0
    while process.isRunning {
      // One that has just ended may not have been noticed yet; that many have not is a leak.
      let listed = try shop.run("/bin/ps", ["--ppid", "\(engine)", "-o", "stat="]).stdout
      zombies = max(zombies, listed.split(separator: "\n").count { $0.hasPrefix("Z") })
      descriptors = max(descriptors, (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(engine)/fd").count) ?? 0)
      usleep(50_000)
    }
    #expect(process.wait() == 65)
    #expect(descriptors < 120, "descriptors leak")
    #expect(zombies < 4, "zombies are left")
    #expect(shop.records("out.jsonl").map { $0["n"] as? Int } == (0..<records).filter { $0 % 1000 != 999 })
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n")
      .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    #expect(letters.map { $0["raw"] as? String } == (0..<records).filter { $0 % 1000 == 999 }.map { "\($0)" })
    #expect(letters.allSatisfy { $0["stage"] as? String == "transform" && ($0["reason"] as? String)?.isEmpty == false })
    if behaviour == "dies" { #expect((letters.first?["reason"] as? String)?.contains("exited with 3: dying at 999") == true) }
    #expect(try left(shop).isEmpty)
  }

  @Test("a program that floods standard error stops nobody, and the log is not flooded")
  func floods() throws {
    let shop = try workshop("floods", records: 20_000)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0)
    #expect(outcome.records["written"] == 20_000)
    #expect(outcome.stderr.contains("noise"))
    #expect(outcome.stderr.utf8.count < 4_000_000)
  }

  @Test("null leaves a record out, and it is counted")
  func filters() throws {
    let shop = try workshop("filters", records: 5_000)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(outcome.records == ["read": 5_000, "written": 4_995, "filtered": 5, "dead_lettered": 0])
  }

  @Test("Celery recycling: a process is replaced after so many batches")
  func celeryRecycling() throws {
    let shop = try workshop("good", options: "      recycle: {units: 2}", records: 20_000)
    #expect(try shop.runPipeline().status == 0)
    let served = Dictionary(grouping: shop.records("out.jsonl")) { $0["pid"] as? Int ?? 0 }
    #expect(served.count >= 10)
    #expect(served.values.allSatisfy { $0.count <= 2_000 })
  }

  @Test("Celery time limits: soft tells a process to end, hard kills one that does not", arguments: ["hangs", "deaf"])
  func celeryTimeLimits(_ behaviour: String) throws {
    let shop = try workshop(behaviour, options: "      timeout: {soft: 2s, hard: 4s}", records: 1_500)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 65)
    #expect(outcome.records["written"] == 1_499)
    let reason = try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout
    #expect(reason.contains(behaviour == "hangs" ? "SIGTERM" : "hard limit"), "\(reason)")
  }

  @Test("a program that never works gives the run up, resumable, and says why", arguments: ["broken", "missing"])
  func broken(_ how: String) throws {
    let shop = try workshop("broken", records: 100, supervise: "backoff: 1ms..2ms, max_restarts: 3")
    if how == "missing" {
      try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacingOccurrences(of: "[python3,", with: "[no-such-program,"))
    }
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69)
    #expect(outcome.stderr.contains(how == "missing" ? "is it installed" : "this program is broken"), "\(outcome.stderr)")
    try shop.write(
      "pipeline.yaml",
      shop.read("pipeline.yaml").replacingOccurrences(of: "no-such-program", with: "python3").replacingOccurrences(
        of: "py, broken", with: "py, good"))
    #expect(try shop.runPipeline().records["written"] == 100)
  }

  @Test("Java interrupt: a worker that waits for a program is stopped, and the program with it")
  func javaBlockedInAProgram() throws {
    let shop = try workshop("deaf")
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    for _ in 0..<2400 where try left(shop).isEmpty { usleep(50_000) }
    usleep(500_000)
    #expect(process.stop(SIGTERM) == 75)
    try expectEnded(shop, 75)
    #expect(try left(shop).isEmpty)
  }

  @Test("a program does not outlive an engine that is killed")
  func orphans() throws {
    let shop = try workshop("sleeps", records: 2_000)
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none", "--no-supervisor"])
    for _ in 0..<2400 where try left(shop).isEmpty { usleep(50_000) }
    #expect(try !left(shop).isEmpty)
    process.stop(SIGKILL)
    for _ in 0..<2400 where try !left(shop).isEmpty { usleep(50_000) }
    #expect(try left(shop).isEmpty)
    try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacingOccurrences(of: "sleeps", with: "good"))
    #expect(try shop.runPipeline().status == 0)
    #expect(shop.records("out.jsonl").map { $0["n"] as? Int } == Array(0..<2_000))
  }

  @Test("a program parses lines that no format knows")
  func parses() throws {
    let shop = try Workshop()
    try shop.write("in.log", (0..<3_000).map { "\($0) \"quoted\" \\ line\n" }.joined())
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: parser
      fetch: {from: in.log}
      parse:
        format: exec
        exec: {command: [python3, \(Workshop.servers)/program.py, dies]}
        fields: {n: bigint not null, square: bigint}
      transform:
        - filter: n < 2500
      write: {path: out.jsonl}
      """)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 65, "\(outcome.stderr)")
    #expect(outcome.records == ["read": 3_000, "written": 2_498, "filtered": 499, "dead_lettered": 3])
    let letter = try shop.sluice("dead-letters", "show", "1", "--state", ".sluice").stdout
    #expect(letter.contains("999 \"quoted\" \\ line"), "\(letter)")
    #expect(letter.contains("parse"))
  }

  @Test("the pipelines that show programs run as they are", arguments: ["enrich", "jq"])
  func examples(_ name: String) throws {
    let shop = try Workshop()
    for file in try FileManager.default.contentsOfDirectory(atPath: Workshop.root + "/pipelines") {
      try shop.write("pipelines/\(file)", try #require(FileManager.default.contents(atPath: Workshop.root + "/pipelines/\(file)")))
    }
    try FileManager.default.createSymbolicLink(atPath: shop.path("sample-data"), withDestinationPath: Workshop.sampleData)
    let outcome = try shop.runPipeline("pipelines/\(name).yaml")
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect((outcome.records["written"] ?? 0) > 20_000)
    #expect(outcome.records["read"] == (outcome.records["written"] ?? 0) + (outcome.records["filtered"] ?? 0))
  }
}
