import Configuration
import Foundation
import Testing

@testable import Fetch

@Suite("Fetching")
struct FetchingTests {
  private let quick = "  retry: {attempts: 4, backoff: 10ms..50ms}"

  @Test("nginx serves the months; a second run asks and fetches nothing")
  func nginx() throws {
    let shop = try Workshop()
    let nginx = try Nginx(shop, serving: Workshop.sampleData)
    try shop.write("disk.yaml", Flights.definition(from: Workshop.sampleData + "/flights-2013-*.csv.gz", path: "disk/{item.stem}.jsonl"))
    try shop.write("pipeline.yaml", Flights.definition(from: nginx.url + "/flights-2013-{01..12}.csv.gz", path: "out/{item.stem}.jsonl"))
    #expect(try shop.runPipeline("disk.yaml", "--state", "disk-state").status == 0)
    let first = try shop.runPipeline()
    #expect(first.status == 0, "\(first.stderr)")
    #expect(nginx.statuses.filter { $0 == 200 }.count == 12)
    for month in 1...12 {
      let name = String(format: "flights-2013-%02d.jsonl", month)
      #expect((shop.data("out/" + name) == shop.data("disk/" + name)) as Bool)
    }
    let second = try shop.runPipeline()
    #expect(second.status == 0)
    #expect(second.items == ["total": 12, "done": 0, "skipped": 12, "failed": 0])
    #expect(nginx.statuses.suffix(12).allSatisfy { $0 == 304 })
    #expect(nginx.statuses.count == 24)
  }

  @Test("503, then a body cut halfway, then the rest by Range: the run succeeds and nothing is fetched twice")
  func flaky() throws {
    let shop = try Workshop()
    let server = try MisbehavingServer(shop, serving: Workshop.sampleData)
    try shop.write(
      "disk.yaml", Flights.definition(from: Workshop.sampleData + "/flights-2013-0{1,2}.csv.gz", path: "disk/{item.stem}.jsonl"))
    try shop.write(
      "pipeline.yaml",
      Flights.definition(from: server.url + "/flaky/flights-2013-0{1,2}.csv.gz", path: "out/{item.stem}.jsonl", fetch: quick))
    #expect(try shop.runPipeline("disk.yaml", "--state", "disk-state").status == 0)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(outcome.json["retries"] as? Int == 4)
    for month in 1...2 {
      let path = "/flaky/flights-2013-0\(month).csv.gz"
      let requests = server.requests.filter { $0["path"] as? String == path }
      #expect(requests.count == 3)
      let size = try #require(FileManager.default.contents(atPath: Workshop.sampleData + "/flights-2013-0\(month).csv.gz")).count
      #expect(requests.last?["range"] as? String == "bytes=\(size / 2)-")
      #expect(requests.last?["if_range"] as? String == "\"\(size)-0\"")
      #expect((shop.data("out/flights-2013-0\(month).jsonl") == shop.data("disk/flights-2013-0\(month).jsonl")) as Bool)
    }
  }

  @Test("a source that changes while it is fetched is begun again, and no output mixes two versions")
  func changing() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "n\n" + (0..<300_000).map { "\($0)" }.joined(separator: "\n") + "\n")
    let server = try MisbehavingServer(shop, serving: shop.path("in"))
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch:\n  from: \(server.url)/changing/a.csv\n\(quick)\nparse: {fields: {n: bigint}}\nwrite: {path: out.csv}\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect((shop.read("out.csv") == shop.read("in/a.csv")) as Bool)
  }

  @Test("404 fails at once, 503 after all attempts; the rest is written, exit 69, and resume tries again")
  func failures() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "n\n1\n")
    try shop.write("in/b.csv", "n\n2\n")
    let server = try MisbehavingServer(shop, serving: shop.path("in"))
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch:\n  from: ['\(server.url)/plain/a.csv', '\(server.url)/missing/x.csv', '\(server.url)/down/b.csv']\n\(quick)\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.csv'}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69, "\(outcome.stderr)")
    #expect(outcome.items == ["total": 3, "done": 1, "skipped": 0, "failed": 2])
    #expect(shop.read("out/a.csv") == "n\n1\n")
    #expect(!shop.exists("out/b.csv"))
    let counts = Dictionary(grouping: server.requests) { $0["path"] as? String ?? "" }.mapValues(\.count)
    #expect(counts["/missing/x.csv"] == 1)
    #expect(counts["/down/b.csv"] == 4)
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout
    #expect(letters.contains("\"code\":\"fetch_failed\"") && letters.contains("404") && letters.contains("503"))
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 69)
    #expect(server.requests.count > 6)
  }

  @Test("a wrong SHA-256 fails the item; a redirect never leaves http; a server that is down exits 69")
  func guarded() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "n\n1\n")
    let server = try MisbehavingServer(shop, serving: shop.path("in"))
    let sum = String(repeating: "0", count: 64)
    for (name, from) in [
      ("sum", "{url: '\(server.url)/plain/a.csv', sha256: '\(sum)'}"), ("redirect", server.url + "/redirect/a.csv"),
      ("down", "http://127.0.0.1:1/a.csv"),
    ] {
      try shop.write(
        "\(name).yaml",
        "pipeline: \(name)\nfetch:\n  from: \(from)\n\(quick)\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/\(name).csv'}\n")
      let outcome = try shop.runPipeline("\(name).yaml")
      #expect(outcome.status == 69, "\(name): \(outcome.stderr)")
    }
    #expect(try shop.sluice("dead-letters", "export", "sum.yaml").stdout.contains("checksum_mismatch"))
  }

  @Test("a redirect is followed; headers of the user's and passwords stay with the host that they are for; going round ends")
  func redirects() throws {
    let shop = try Workshop()
    try shop.write("served/a.csv", "n\n1\n")
    let server = try MisbehavingServer(shop, serving: shop.path("served"))
    func run(_ kind: String) throws -> (outcome: Outcome, last: [String: Any]) {
      let url = server.url.replacing("http://", with: "http://user:word@") + "/\(kind)/a.csv"
      try shop.write(
        "\(kind).yaml",
        "pipeline: \(kind)\nfetch:\n  retry: {attempts: 1}\n  from: [{url: '\(url)', headers: {X-Key: k}}]\nwrite: {path: \(kind).jsonl}\n")
      let outcome = try shop.runPipeline("\(kind).yaml")
      return (outcome, try #require(server.requests.last))
    }
    let here = try run("moved")
    #expect(here.outcome.status == 0 && shop.read("moved.jsonl") == "{\"n\":1}\n", "\(here.outcome.stderr)")
    #expect(here.last["key"] as? String == "k" && here.last["authorization"] as? String == "Basic dXNlcjp3b3Jk")
    let away = try run("away")
    #expect(away.outcome.status == 0 && shop.read("away.jsonl") == "{\"n\":1}\n", "\(away.outcome.stderr)")
    #expect(away.last["path"] as? String == "/plain/a.csv")
    #expect(away.last["key"] is NSNull && away.last["authorization"] is NSNull, "\(away.last)")
    let terse = try run("terse")
    #expect(terse.outcome.status == 0 && shop.read("terse.jsonl") == "{\"n\":1}\n", "\(terse.outcome.stderr)")
    let around = try run("around")
    #expect(around.outcome.status == 69 && around.outcome.stderr.contains("redirected more than 10 times"), "\(around.outcome.stderr)")
  }

  @Test("a secret of the environment is sent to the server and shown nowhere")
  func secrets() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "n\n1\n")
    let server = try MisbehavingServer(shop, serving: shop.path("in"))
    let secret = "s3cr3t-\(UUID().uuidString)"
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch:\n  from:\n    - {url: '\(server.url)/plain/a.csv?key=${TOKEN}', headers: {Authorization: 'Bearer ${TOKEN}'}}\n    - '\(server.url)/missing/${TOKEN}.csv'\n\(quick)\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.csv'}\n"
    )
    let outcome = try shop.runPipeline(environment: ["TOKEN": secret])
    #expect(outcome.status == 69)
    #expect(server.requests.first { $0["path"] as? String == "/plain/a.csv" }?["authorization"] as? String == "Bearer \(secret)")
    let found = try shop.run("/bin/grep", ["-rl", secret, "."])
    #expect(found.stdout.split(separator: "\n").filter { $0 != "./server.log" }.isEmpty, "\(found.stdout)")
    #expect(!(outcome.stdout + outcome.stderr).contains(secret))
  }

  @Test(
    "many small downloads go together; one that is large, missing, cut off or changes among them is dealt with by itself",
    arguments: [true, false])
  func many(isOneOutput: Bool) throws {
    let shop = try Workshop()
    let count = 600
    for i in 0..<count { try shop.write("served/\(i).csv", "n,text\n\(i),\(String(repeating: "x", count: i % 50))\n") }
    let large = "n,text\n" + (0..<60_000).map { "\($0),a longer text that fills it up to what is large\n" }.joined()
    try shop.write("served/300.csv", large)
    let server = try MisbehavingServer(shop, serving: shop.path("served"))
    let kinds = [200: "missing", 310: "flaky", 320: "flaky", 330: "changing", 440: "down", 450: "redirect"]
    let urls = (0..<count).map { "\(server.url)/\(kinds[$0] ?? "plain")/\($0).csv" }
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: many
      fetch: {retry: {attempts: 3, backoff: 1ms..2ms}, from: [\(urls.joined(separator: ", "))]}
      parse: {fields: {n: bigint, text: text}}
      write: {path: \(isOneOutput ? "out/all.jsonl" : "'out/{item.stem}.jsonl'")}
      limits: {dead_letters: 10}
      """)
    let run = try shop.runPipeline()
    #expect(run.status == 69 && run.items["done"] == count - 3 && run.items["failed"] == 3, "\(run.stderr.suffix(2000))")
    let good = (0..<count).filter { ![200, 440, 450].contains($0) }
    let want = good.flatMap { $0 == 300 ? Array(0..<60_000) : [$0] }
    let lines =
      isOneOutput
      ? shop.read("out/all.jsonl").split(separator: "\n")
      : good.flatMap { shop.read("out/\($0).jsonl").split(separator: "\n") }
    let got = lines.compactMap { Int($0.dropFirst(5).prefix { $0.isNumber }) }
    #expect((got == want) as Bool, "\(got.count) records, and not \(want.count), or in another order")
    #expect(run.records["written"] == want.count)
  }

  @Test("a request to a client that is closed fails at once", .timeLimit(.minutes(10)))
  func closedClient() async throws {
    final class Receiver: HTTPReceiver {
      func begin(_ head: HTTPHead) -> Bool { true }
      func receive(_ bytes: UnsafeRawBufferPointer) -> Bool { true }
    }
    let client = HTTPClient()
    client.close()
    // The client's thread has ended then.
    try await Task.sleep(for: .milliseconds(200))
    await #expect(throws: FetchError.self) {
      for try await _ in client.send(HTTPRequest("http://127.0.0.1:9/", HTTPSettings()), to: Receiver()) {}
    }
  }
}
