import Foundation
import Testing

/// The supervisor-worker pattern seen through the binary: rows of the table in Sources/Supervision/README.md that speak of
/// the whole program.
@Suite("The pattern: the program")
struct PatternTests {
  /// A pipeline of one item, which its server gives after so many seconds.
  private func waiting(_ shop: Workshop, seconds: Int) throws -> ScriptServer {
    let server = try ScriptServer(shop, "slow.py", "\(seconds)")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: '\(server.url)/a.csv', timeout: {idle: 900s}}\nparse: {fields: {n: bigint}}\nwrite: {path: o.csv}\n"
    )
    return server
  }

  @Test("C condition variables: an idle run sleeps, and wakes up no more often than it tells of itself")
  func cIdleRunUsesNoCPU() throws {
    let shop = try Workshop()
    let server = try waiting(shop, seconds: 600)
    defer { withExtendedLifetime(server) {} }
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--quiet"])
    let engine = try process.engine()
    try shop.await(".sluice/p.board")
    // Between two moments at which nothing is to be done: the engine looks ten times a second what to tell, its parent once. A busy machine makes
    // that rarer, and nothing makes it more often.
    let measured = try shop.python(
      """
      import os, sys, time
      def wakeups():
          count = 0
          for process in sys.argv[1:]:
              for thread in os.listdir('/proc/%s/task' % process):
                  for line in open('/proc/%s/task/%s/status' % (process, thread)):
                      if line.startswith('voluntary_ctxt_switches:'): count += int(line.split()[1])
          return count
      time.sleep(3)
      first, begun = wakeups(), time.monotonic()
      time.sleep(10)
      print((wakeups() - first) / (time.monotonic() - begun))
      """, "\(process.pid)", "\(engine)"
    ).stdout
    let perSecond = try #require(Double(measured.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(perSecond > 0 && perSecond < 150, "\(perSecond) wake-ups a second")
    #expect(process.stop(SIGTERM) == 75)
  }

  @Test("C++ stop(): SIGTERM ends every worker within the grace, and nothing is cut in two")
  func cppStopCutsNothingInTwo() throws {
    let shop = try Workshop()
    for i in 0..<6 { try shop.write("in/\(i).csv", "n\n" + (0..<300_000).map { "\($0)\n" }.joined()) }
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in/*.csv}\nwrite: {path: 'out/{item.stem}.csv'}\n")
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    for _ in 0..<2000 where (try? FileManager.default.contentsOfDirectory(atPath: shop.path("out")).isEmpty) != false { usleep(2000) }
    let status = process.stop(SIGTERM)
    #expect(status == 75 || status == 0)
    try expectEnded(shop, status)
    for file in try FileManager.default.contentsOfDirectory(atPath: shop.path("out")) where !file.hasPrefix(".") {
      #expect(shop.read("out/\(file)") == shop.read("in/\(file)"))
    }
    _ = try shop.sluice("resume", "pipeline.yaml")
    for i in 0..<6 { #expect(shop.read("out/\(i).csv") == shop.read("in/\(i).csv")) }
  }

  @Test("TypeScript worker_threads: what happens to workers is seen in the log, in status and in the report")
  func typescriptEventsAreSeen() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\n1\n2\n")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: o.csv}\nsupervise: {backoff: 1ms..2ms}\n"
    )
    let outcome = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--output", "json", "--progress", "none"],
      environment: ["SLUICE_POISON": "throw=1"])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(outcome.stderr.contains("of parse failed at attempt 1: Thrown()"), "\(outcome.stderr)")
    let events = outcome.json["events"] as? [String: Int] ?? [:]
    for kind in ["started", "failed", "restarted"] { #expect((events[kind] ?? 0) > 0, "\(kind) is not in \(events)") }
    #expect(outcome.json["restarts"] as? Int == 1)
    let status = try shop.sluice("status", "pipeline.yaml").stdout
    #expect(status.contains("failed: attempt 1: Thrown()"), "\(status)")
    #expect(shop.read("o.csv") == "n\n1\n2\n")
  }

  @Test("JavaScript web workers: an error reaches its item with stage, attempt and cause, and no other item")
  func javascriptErrorReachesItsItem() throws {
    let shop = try Workshop()
    try shop.write("good.csv", "n\n1\n")
    try shop.write("damaged.csv.gz", Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]))
    let server = try Nginx(shop, serving: shop.folder)
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: p
      fetch: {from: [good.csv, damaged.csv.gz, '\(server.url)/missing.csv'], retry: {attempts: 2, backoff: 1ms..2ms}}
      parse: {fields: {n: bigint}}
      write: {path: 'out/{item.stem}.csv'}
      """)
    #expect(try shop.runPipeline().status == 69)
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n")
      .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    let told = Dictionary(uniqueKeysWithValues: letters.map { ($0["item"] as? String ?? "", $0) })
    #expect(told.count == 2)
    #expect(told["damaged.csv.gz"]?["stage"] as? String == "decompress")
    #expect(told["damaged.csv.gz"]?["attempts"] as? Int == 1)
    let missing = told["\(server.url)/missing.csv"]
    #expect(missing?["stage"] as? String == "fetch")
    #expect((missing?["reason"] as? String)?.contains("404") == true)
    #expect(shop.read("out/good.csv") == "n\n1\n")
  }

  @Test("Java interrupt: a worker that is blocked in a read is stopped")
  func javaBlockedInARead() throws {
    let shop = try Workshop()
    let server = try waiting(shop, seconds: 600)
    defer { withExtendedLifetime(server) {} }
    let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    try shop.await(".sluice/p.board")
    usleep(300_000)
    #expect(process.stop(SIGTERM) == 75)
    try expectEnded(shop, 75)
  }

  @Test("Java interrupt: an item that a later stage has failed does not wait for its server")
  func failedItemsServer() throws {
    let shop = try Workshop()
    // One chunk, and then silence for longer than any test lasts: a run that waits for the rest does not end.
    let body = String(repeating: "not a table\n", count: 45_000)
    let answer: [String: Any] = ["body": body, "length": body.utf8.count * 2, "send": body.utf8.count, "stall": 900]
    let server = try ScriptServer(shop, answers: ["/a.csv": [answer]])
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: p
      fetch: {from: '\(server.url)/a.csv', timeout: {idle: 900s}}
      parse: {fields: {n: bigint}}
      write: {path: o.csv}
      """)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && outcome.items["failed"] == 1, "\(outcome.stderr)")
    #expect(server.printed.count { $0["method"] as? String == "GET" } == 1, "\(server.printed)")
  }

  @Test("Kubernetes backoffLimit: more failed items than the limit stop the run, resumable")
  func kubernetesFailureLimits() throws {
    let shop = try Workshop()
    let server = try Nginx(shop, serving: shop.folder)
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: p
      fetch: {from: '\(server.url)/missing-{10..59}.csv', workers: 1, retry: {attempts: 2, backoff: 1ms..2ms}}
      parse: {fields: {n: bigint}}
      write: {path: 'out/{item.stem}.csv', workers: 1}
      limits: {failed_items: 3}
      """)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69, "\(outcome.stderr)")
    #expect((4...10).contains(outcome.items["failed"] ?? 0), "\(outcome.items)")
    #expect(server.statuses.count < 40, "the run goes on: \(server.statuses.count) requests of 50")
    #expect(outcome.stderr.contains("limits.failed_items"), "\(outcome.stderr)")
  }

  @Test("systemd: a unit of Type=notify tells that it is ready, where it is, that it lives and that it stops")
  func systemdIsNotified() throws {
    let shop = try Workshop()
    let server = try waiting(shop, seconds: 600)
    defer { withExtendedLifetime(server) {} }
    let told = try shop.run("/usr/bin/env", ["python3", Workshop.servers + "/notified.py", Workshop.binary, "run", "pipeline.yaml"])
      .stdout
    for line in ["READY=1", "STATUS=items 0/1", "STOPPING=1", "exit 75"] { #expect(told.contains(line), "\(line) is not in \(told)") }
    #expect(told.components(separatedBy: "WATCHDOG=1").count > 3, "\(told)")
  }
}
