import Foundation
import Testing

/// Answers that servers should not give, or that say less than they seem to.
@Suite("Answers of servers")
struct AnswerTests {
  private static func body(_ word: String, _ count: Int = 3000) -> String {
    "id,name\n" + (0..<count).map { "\($0),\(word)\(String(format: "%05d", $0))\n" }.joined()
  }
  private static let old = body("old")
  private static let new = body("new")

  /// A pipeline of one address, whose records come out as they are.
  private func write(_ shop: Workshop, _ address: String, attempts: Int = 4, more: String = "") throws {
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch:\n  from: '\(address)'\n  retry: {attempts: \(attempts), backoff: 1ms..20ms}\n\(more)parse: {fields: {id: bigint, name: text}}\nwrite: {path: out.csv}\n"
    )
  }

  private func run(_ answers: [[String: Any]], attempts: Int = 4, more: String = "") throws -> (Workshop, ScriptServer, Outcome) {
    let shop = try Workshop()
    let server = try ScriptServer(shop, answers: ["/x.csv": answers])
    try write(shop, server.url + "/x.csv", attempts: attempts, more: more)
    return (shop, server, try shop.runPipeline())
  }

  @Test("a 304 that was not asked for is an error, by run and by dry run, and becomes no output")
  func unaskedNotModified() throws {
    let (shop, server, outcome) = try run([["status": 304]])
    #expect(outcome.status == 69 && outcome.stderr.contains("304") && outcome.stderr.contains("[SL-203]"), "\(outcome.stderr)")
    #expect(!shop.exists("out.csv"))
    #expect(try shop.sluice("run", "pipeline.yaml", "--dry-run").status == 69)
    #expect(server.sent("If-None-Match").allSatisfy { $0 == nil } && server.sent("If-Modified-Since").allSatisfy { $0 == nil })
    // Nor when it is tried again, since it was never done.
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 69)
  }

  @Test(
    "a part that does not go on with what there is, is not taken: the item begins anew",
    arguments: [
      ["Content-Range": "bytes 20000-LAST/99999"], ["Content-Range": "bytes 19999-LAST/SIZE"], ["Content-Range": "bytes 20000-LAST"],
      ["Content-Range": "bytes 20000-SIZE/SIZE"], ["Content-Range": "nonsense"], [:],
      ["Content-Range": "bytes 20000-LAST/SIZE", "ETag": "\"2\""],
    ])
  func foreignParts(_ headers: [String: String]) throws {
    let size = Self.new.utf8.count
    let values = headers.map { [$0.key, $0.value.replacing("LAST", with: "\(size - 1)").replacing("SIZE", with: "\(size)")] }
    let part: [String: Any] = [
      "status": 206, "headers": values, "body": String(Self.new.dropFirst(20_000)),
    ]
    let (shop, server, outcome) = try run([
      ["body": Self.old, "headers": [["ETag", "\"1\""]], "send": 20_000], part, ["body": Self.new, "headers": [["ETag", "\"2\""]]],
    ])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect((shop.read("out.csv") == Self.new) as Bool)
    #expect(server.sent("Range") == [nil, "bytes=20000-", nil])
    #expect(outcome.stderr.contains("attempt 1 failed") && !outcome.stderr.contains("attempt 2"), "\(outcome.stderr)")
  }

  @Test("a part without content is not taken either: the item begins anew")
  func emptyParts() throws {
    let (shop, server, outcome) = try run([
      ["body": Self.old, "headers": [["ETag", "\"1\""]], "send": 20_000], ["status": 206],
      ["body": Self.new, "headers": [["ETag", "\"2\""]]],
    ])
    #expect(outcome.status == 0 && (shop.read("out.csv") == Self.new) as Bool, "\(outcome.stderr)")
    #expect(server.sent("Range") == [nil, "bytes=20000-", nil])
  }

  @Test("a server may send a part of the part that was asked for: the rest is asked for")
  func smallParts() throws {
    let size = Self.old.utf8.count
    func part(_ from: Int, _ to: Int) -> [String: Any] {
      [
        "status": 206, "headers": [["Content-Range", "bytes \(from)-\(to - 1)/\(size)"], ["ETag", "\"1\""]],
        "body": String(Self.old.dropFirst(from).prefix(to - from)),
      ]
    }
    let (shop, server, outcome) = try run([
      ["body": Self.old, "headers": [["ETag", "\"1\""]], "send": 1000], part(1000, 3000), part(3000, size),
    ])
    #expect(outcome.status == 0 && (shop.read("out.csv") == Self.old) as Bool, "\(outcome.stderr)")
    #expect(server.sent("Range") == [nil, "bytes=1000-", "bytes=3000-"])
  }

  @Test(
    "only a strong validator goes into If-Range; without one the content is fetched from its start, and versions never mix",
    arguments: [
      (["modified": 0], false), (["modified": -60], true), (["headers": [["ETag", "W/\"1\""]], "modified": -60], false),
      (["headers": [["ETag", "1"]]], false), (["headers": [["ETag", "\"1\""]], "modified": 0], true),
    ] as [([String: any Sendable], Bool)])
  func validators(_ answer: [String: any Sendable], isStrong: Bool) throws {
    let broken: [String: Any] = answer.merging(["body": Self.old, "send": 20_000]) { $1 }
    let (shop, server, outcome) = try run([broken, answer.merging(["body": isStrong ? Self.old : Self.new, "range": true]) { $1 }])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect((shop.read("out.csv") == (isStrong ? Self.old : Self.new)) as Bool)
    #expect(server.sent("Range") == [nil, isStrong ? "bytes=20000-" : nil])
  }

  @Test("where nothing says that the source changed, the last word is the connection's, and each request is one attempt")
  func causes() throws {
    let (shop, server, outcome) = try run([["body": Self.old, "length": 100_000, "send": 20_000]], attempts: 3)
    #expect(outcome.status == 69 && server.printed.count == 3 && !shop.exists("out.csv"), "\(outcome.stderr)")
    let lines = outcome.stderr.split(separator: "\n").filter { $0.contains("x.csv") }
    #expect(lines.count == 3 && lines[0].contains("attempt 1 failed") && lines[1].contains("attempt 2 failed"), "\(outcome.stderr)")
    #expect(lines.allSatisfy { $0.contains("remaining to read") } && lines.last?.contains("[SL-204]") == true, "\(outcome.stderr)")
  }

  @Test("a server that refuses the range, or does not know it any more, is asked for all; the failure is still the connection's")
  func refusedRanges() throws {
    let cut: [String: Any] = ["body": Self.old, "headers": [["ETag", "\"1\""]], "send": 20_000]
    let (shop, _, outcome) = try run([cut, ["status": 416], ["body": Self.new, "headers": [["ETag", "\"2\""]]]])
    #expect(outcome.status == 0 && (shop.read("out.csv") == Self.new) as Bool, "\(outcome.stderr)")
    let (other, _, ignored) = try run([cut, ["body": Self.old, "headers": [["ETag", "\"1\""]]]])
    #expect(ignored.status == 0 && (other.read("out.csv") == Self.old) as Bool, "\(ignored.stderr)")
    let (again, _, unversioned) = try run([cut, ["body": Self.new]])
    #expect(unversioned.status == 0 && (again.read("out.csv") == Self.new) as Bool, "\(unversioned.stderr)")
    let (_, _, failed) = try run([cut, ["status": 416]], attempts: 2)
    #expect(failed.status == 69, "\(failed.stderr)")
  }

  @Test(
    "Retry-After is obeyed up to the longest backoff; a longer one fails the item at once, and one that can't be read is the longest",
    arguments: [
      ("86400", "come again in 24 h", 1), ("99999999999999999999", "come again in more than a year", 1),
      ("Fri, 01 Jan 2100 00:00:00 GMT", "come again in more than a year", 1), ("0", "answers 429 [", 3),
      ("Fri, 01 Jan 2010 00:00:00 GMT", "answers 429 [", 3), ("-1", "answers 429 [", 3), ("soon", "answers 429 [", 3),
    ])
  func retryAfter(_ value: String, _ words: String, _ requests: Int) throws {
    let (shop, server, outcome) = try run([["status": 429, "headers": [["Retry-After", value]]]], attempts: 3)
    #expect(outcome.status == 69 && outcome.stderr.contains(words) && outcome.stderr.contains("[SL-203]"), "\(outcome.stderr)")
    #expect(server.printed.count == requests)
    if value == "-1" || value == "soon" { #expect(outcome.stderr.contains("trying again in 20ms"), "\(outcome.stderr)") }
    #expect(try shop.sluice("resume", "pipeline.yaml").status == 69)
    #expect(server.printed.count == 2 * requests)
  }

  @Test("a web page or an error in JSON that comes with a status of success is no table")
  func webPages() throws {
    for (type, body, isRefused) in [
      ("text/html; charset=utf-8", "<p>Please sign in</p>\n", true), ("text/html", "\u{FEFF}\n <!DOCTYPE html>\n<html></html>\n", true),
      ("application/json", "{\"error\":{\"code\":429}}", true), ("application/problem+json", "{\"title\":\"no\"}", true),
      ("text/html", "id,name\n1,a\n", false), ("application/json", "id,name\n1,a\n", false),
    ] {
      for fields in [true, false] {
        let shop = try Workshop()
        let server = try ScriptServer(shop, answers: ["/x.csv": [["body": body, "headers": [["Content-Type", type]]]]])
        try write(shop, server.url + "/x.csv")
        if !fields {
          try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacing("parse: {fields: {id: bigint, name: text}}\n", with: ""))
        }
        let outcome = try shop.runPipeline()
        #expect(outcome.status == (isRefused ? 69 : 0), "\(type) \(body): \(outcome.stderr)")
        if isRefused, fields { #expect(outcome.stderr.contains("[SL-209]"), "\(outcome.stderr)") }
        // It is not kept: what comes later is looked at anew.
        if isRefused, fields {
          _ = try shop.sluice("resume", "pipeline.yaml")
          #expect(server.printed.count == 2)
        }
      }
    }
  }

  @Test("the content is asked for as it is; gzip that comes nevertheless is read, and other codings are named and refused")
  func codings() throws {
    for (coding, isRefused) in [
      ("br", true), ("zstd", false), ("compress", true), ("gzip, gzip", true), ("identity", false), ("gzip", false), ("UTF-8", false),
      ("aws-chunked", false),
      ("gzip,aws-chunked", false),
    ] {
      let (shop, server, outcome) = try run([["body": Self.old, "headers": [["Content-Encoding", coding]]]])
      #expect(outcome.status == (isRefused ? 69 : 0), "\(coding): \(outcome.stderr)")
      if isRefused { #expect(outcome.stderr.contains("Content-Encoding “\(coding)”"), "\(outcome.stderr)") }
      #expect(shop.exists("out.csv") == !isRefused)
      #expect(server.sent("Accept-Encoding") == ["identity"])
    }
    let (_, _, plain) = try run([["body": Self.old, "headers": [["Content-Encoding", "gzip"]]]], more: "decompress: {format: none}\n")
    #expect(plain.status == 69 && plain.stderr.contains("decompress.format: auto reads it"), "\(plain.stderr)")
  }

  @Test("lengths have to agree with each other and with what comes; a body whose end nothing tells ends with its connection")
  func lengths() throws {
    let size = Self.old.utf8.count
    for (answer, isGood) in [
      (["body": Self.old, "headers": [["Content-Length", "20000"]]], false),
      (["body": Self.old, "headers": [["Content-Length", "\(size)"]]], true),
      (["body": Self.old, "headers": [["Content-Length", "no"]], "length": NSNull()], false),
      (["body": Self.old, "chunked": true], true), (["body": Self.old, "chunked": true, "send": 20_000], false),
      (["body": Self.old, "length": NSNull(), "http": "1.0"], true),
    ] as [([String: Any], Bool)] {
      let (shop, _, outcome) = try run([answer], attempts: 2)
      #expect(outcome.status == (isGood ? 0 : 69), "\(answer.filter { $0.key != "body" }): \(outcome.stderr)")
      #expect((shop.read("out.csv") == (isGood ? Self.old : "")) as Bool)
    }
  }

  @Test("other statuses of success are none", arguments: [203, 204, 205, 206])
  func statuses(_ status: Int) throws {
    let (shop, server, outcome) = try run([["status": status, "body": status < 204 ? Self.old : ""]])
    #expect(outcome.status == 69 && outcome.stderr.contains("answers \(status): "), "\(outcome.stderr)")
    #expect(server.printed.count == 1 && !shop.exists("out.csv"))
  }

  @Test("whether a done item is new is asked again after a 503; where it can't be asked, its output stays, and the run says so")
  func unasked() throws {
    for path in ["out.csv", "'out/{item.stem}.csv'"] {
      let shop = try Workshop()
      let good: [String: Any] = ["body": Self.old, "headers": [["ETag", "\"1\""]]]
      let down: [String: Any] = ["status": 503]
      let server = try ScriptServer(
        shop, answers: ["/x.csv": [good, down, good, down, down, down, ["body": Self.new, "headers": [["ETag", "\"2\""]]]]])
      try write(shop, server.url + "/x.csv", attempts: 3)
      try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacing("out.csv", with: path))
      #expect(try shop.runPipeline().status == 0)
      let before = try shop.tree().split(separator: "\n").filter { $0.contains("out") }
      let second = try shop.runPipeline()
      #expect(second.status == 0 && second.items["skipped"] == 1, "\(second.stderr)")
      let third = try shop.runPipeline()
      #expect(third.status == 69 && third.items["failed"] == 0 && third.items["skipped"] == 1, "\(third.stderr)")
      #expect(third.stderr.contains("could not be asked about") && third.stderr.contains("[SL-906]"), "\(third.stderr)")
      #expect(try shop.tree().split(separator: "\n").filter { $0.contains("out") } == before)
      #expect(server.methods == ["GET"] + [String](repeating: "HEAD", count: 5))
      // The server is there again.
      #expect(try shop.runPipeline().status == 0)
      #expect((shop.read(path == "out.csv" ? "out.csv" : "out/x.csv") == Self.new) as Bool)
    }
  }

  @Test("a server that refuses HEAD is asked by GET whether an item is new")
  func refusedHead() throws {
    let shop = try Workshop()
    let good: [String: Any] = ["body": Self.old, "headers": [["ETag", "\"1\""]]]
    let server = try ScriptServer(shop, answers: ["/x.csv": [good, ["status": 405], ["status": 304]]])
    try write(shop, server.url + "/x.csv")
    #expect(try shop.runPipeline().status == 0)
    let second = try shop.runPipeline()
    #expect(second.status == 0 && second.items["skipped"] == 1, "\(second.stderr)")
    #expect(server.methods == ["GET", "HEAD", "GET"] && server.sent("If-None-Match").last == .some("\"1\""))
  }

  @Test("an item that was done stays as it was where all that was to replace it fails")
  func nothingReplaces() throws {
    let shop = try Workshop()
    let good: [String: Any] = ["body": Self.old, "headers": [["ETag", "\"1\""]]]
    let changed: [String: Any] = ["headers": [["ETag", "\"2\""]]]
    let server = try ScriptServer(shop, answers: ["/x.csv": [good, changed, ["status": 404]]])
    try write(shop, server.url + "/x.csv")
    #expect(try shop.runPipeline().status == 0)
    #expect(try shop.runPipeline().status == 69)
    #expect((shop.read("out.csv") == Self.old) as Bool)
  }

  @Test("one output is not made again without an item that its server no longer has, where nothing else is new")
  func gone() throws {
    let shop = try Workshop()
    let server = try ScriptServer(
      shop,
      answers: [
        "/x.csv": [["body": Self.old, "headers": [["ETag", "\"1\""]]]],
        "/y.csv": [["body": Self.new, "headers": [["ETag", "\"2\""]]], ["status": 404]],
      ])
    try write(shop, server.url + "/{x,y}.csv")
    #expect(try shop.runPipeline().status == 0)
    let before = shop.read("out.csv")
    let second = try shop.runPipeline()
    #expect(second.status == 69 && second.stderr.contains("y.csv: could not be asked about"), "\(second.stderr)")
    #expect((shop.read("out.csv") == before) as Bool)
  }

  @Test("content that failed is fetched again by resume, however much of it there was: its source may have been mended")
  func mended() throws {
    let shop = try Workshop()
    let server = try ScriptServer(
      shop,
      answers: [
        "/x.csv": [
          ["body": Self.old + "x,y\n", "headers": [["ETag", "\"1\""]]], ["body": Self.new, "headers": [["ETag", "\"2\""]]],
        ]
      ])
    try write(shop, server.url + "/x.csv")
    // So that the download is on the disk.
    let eager = shop.read("pipeline.yaml").replacing("out.csv", with: "out.csv, checkpoint: {bytes: 1000}")
    try shop.write("pipeline.yaml", eager.replacing("parse: {", with: "parse: {on_bad_record: fail, "))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && outcome.stderr.contains("[SL-404]"), "\(outcome.stderr)")
    // Where parsing takes longer than the download, that is whole before the item fails.
    for name in try FileManager.default.contentsOfDirectory(atPath: shop.path(".sluice/spool/p")) where name.hasSuffix(".json") {
      try shop.write(".sluice/spool/p/\(name)", shop.read(".sluice/spool/p/\(name)").replacing(":false", with: ":true"))
    }
    let resumed = try shop.sluice("resume", "pipeline.yaml")
    #expect(resumed.status == 0 && (shop.read("out.csv") == Self.new) as Bool, "\(resumed.stderr)")
    #expect(server.printed.count == 2)
  }

  @Test("a download that an earlier build left is gone on with")
  func earlierSpool() throws {
    let shop = try Workshop()
    let answer: [String: Any] = ["body": Self.old, "headers": [["ETag", "\"1\""]]]
    let server = try ScriptServer(
      shop, answers: ["/x.csv": [answer.merging(["send": 20_000]) { $1 }, answer.merging(["range": true]) { $1 }]])
    try write(shop, server.url + "/x.csv", attempts: 1)
    // Of a release, small downloads stay in memory.
    #expect(try shop.run(Workshop.failpointBinary, ["run", "pipeline.yaml", "--progress", "none"]).status == 69)
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: shop.path(".sluice/spool/p")).first { $0.hasSuffix(".json") })
    try shop.write(
      ".sluice/spool/p/\(name)",
      """
      {"etag":"\\"1\\"","mediaType":"text/csv","version":"etag:\\"1\\"","total":\(Self.old.utf8.count),"isComplete":false,"synced":20000,"file":"a"}
      """)
    let resumed = try shop.sluice("resume", "pipeline.yaml")
    #expect(resumed.status == 0 && (shop.read("out.csv") == Self.old) as Bool, "\(resumed.stderr)")
    #expect(server.sent("Range") == [nil, "bytes=20000-"] && server.sent("If-Range").last == .some("\"1\""))
  }

  @Test("a download that was whole when its process ended is not fetched again, though nothing says that its reading ended")
  func wholeSpool() throws {
    let shop = try Workshop()
    let answer: [String: Any] = ["body": Self.old, "headers": [["ETag", "\"1\""]]]
    let server = try ScriptServer(shop, answers: ["/x.csv": [answer.merging(["send": 20_000]) { $1 }, ["status": 416], answer]])
    try write(shop, server.url + "/x.csv")
    try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacing("out.csv", with: "out.csv, checkpoint: {bytes: 1000}"))
    let killed = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--quiet"],
      environment: ["SLUICE_FAILPOINTS": "spool.range=kill"])
    #expect(killed.status != 0 && server.printed.count == 1, "\(killed.stderr)")
    let folder = ".sluice/spool/p/"
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: shop.path(folder)).first { $0.hasSuffix(".json") })
    var description = try #require(
      try JSONSerialization.jsonObject(with: Data(shop.read(folder + name).utf8)) as? [String: Any])
    #expect(description["token"] != nil && description["isComplete"] as? Bool == false)
    // The rest came, and the process ended before it took it.
    description["synced"] = Self.old.utf8.count
    let file = name.replacing(".json", with: ".\(try #require(description["file"] as? String))")
    try shop.write(folder + file, Self.old)
    try shop.write(folder + name, String(decoding: try JSONSerialization.data(withJSONObject: description), as: UTF8.self))
    let resumed = try shop.sluice("resume", "pipeline.yaml")
    #expect(resumed.status == 0 && (shop.read("out.csv") == Self.old) as Bool, "\(resumed.stderr)")
    #expect(server.printed.count == 1)
  }

  @Test(
    "a state folder that takes no more of a download ends the run, whose item is gone on with when there is room", arguments: [1, 1000])
  func fullSpool(_ bytes: Int) throws {
    let shop = try Workshop()
    let server = try ScriptServer(shop, answers: ["/x.csv": [["body": Self.old, "headers": [["ETag", "\"1\""]], "range": true]]])
    try write(shop, server.url + "/x.csv")
    try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacing("out.csv", with: "out.csv, checkpoint: {bytes: \(bytes)}"))
    let full = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--progress", "none"],
      environment: ["SLUICE_FAILPOINTS": bytes == 1 ? "spool.sync=ENOSPC@*" : "spool.write=ENOSPC@*"])
    #expect(full.status == 74 && full.stderr.contains("[SL-701]"), "\(full.stderr)")
    #expect(
      full.stderr.contains("/x.csv: can't write the download ") && full.stderr.contains("No space left on device; make room, then resume"),
      "\(full.stderr)")
    #expect(!full.stderr.contains("failed in fetch"), "\(full.stderr)")
    let resumed = try shop.sluice("resume", "pipeline.yaml")
    #expect(resumed.status == 0 && (shop.read("out.csv") == Self.old) as Bool, "\(resumed.stderr)")
  }

  @Test("a run that waits for servers that do not answer whether items are new stops when it is told to")
  func stopped() throws {
    let shop = try Workshop()
    let good: [String: Any] = ["body": Self.old, "headers": [["ETag", "\"1\""]]]
    let server = try ScriptServer(shop, answers: ["/x.csv": [good, ["status": 503, "headers": [["Retry-After", "600"]]]]])
    try write(shop, server.url + "/x.csv")
    try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacing("1ms..20ms", with: "600s..900s"))
    #expect(try shop.runPipeline().status == 0)
    let said = try shop.write("said", "")
    let process = try shop.start(
      Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"], stderr: try #require(FileHandle(forWritingAtPath: said)))
    for _ in 0..<4000 where server.printed.count < 2 { usleep(5000) }
    #expect(process.stop(SIGTERM) == 75)
    // A run that is cut off when the grace is over says nothing.
    #expect(shop.read("said").contains("SL-906"), "\(shop.read("said"))")
    #expect((shop.read("out.csv") == Self.old) as Bool)
  }

  @Test("a server that falls silent is left after fetch.timeout.idle, below a second too; one that is slow to connect has its own limit")
  func idle() throws {
    let (_, _, outcome) = try run([["body": Self.old, "hold": 30]], attempts: 1, more: "  timeout: {idle: 200ms}\n")
    #expect(
      outcome.status == 69 && outcome.stderr.contains("no byte came for 200 ms, which is fetch.timeout.idle [SL-204]"), "\(outcome.stderr)")
    let (_, _, total) = try run([["body": Self.old, "hold": 30]], attempts: 1, more: "  timeout: {total: 200ms}\n")
    #expect(total.status == 69 && total.stderr.contains("timed out after"), "\(total.stderr)")
  }

  @Test("addresses may hold blanks, letters of any language and a scheme in capitals, and hosts' names too")
  func addresses() throws {
    let shop = try Workshop()
    let server = try ScriptServer(shop, answers: ["*": [["body": "id,name\n1,a\n"]]])
    let host = server.url.dropFirst("http://".count)
    let port = host.split(separator: ":")[1]
    for (address, sent) in [
      ("http://\(host)/a b/ü.csv?q=x y&z=%20", "/a%20b/%C3%BC.csv?q=x%20y&z=%20"), ("HTTP://\(host)/x.csv", "/x.csv"),
      ("http://\(host)/100%.csv", "/100%25.csv"), ("http://bücher.localhost:\(port)/x.csv", "/x.csv"),
    ] {
      try write(shop, address)
      #expect(try shop.sluice("check", "pipeline.yaml").status == 0)
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == 0, "\(address): \(outcome.stderr)")
      #expect(server.printed.last?["path"] as? String == sent)
    }
    #expect(server.sent("Host").last == "xn--bcher-kva.localhost:\(port)")
  }

  @Test("check refuses addresses that can't be asked, and says what works; a password in one is shown nowhere")
  func wrongAddresses() throws {
    let shop = try Workshop()
    for (address, words) in [
      ("http://h/day-{run.date}.csv", "“{run.date}” stands for nothing in an address"), ("http://h/{item.stem}.csv", "--var DAY="),
      ("http://h/{a.csv", "stands for nothing"), ("http://h:99999/x.csv", "the port is no number"), ("http:///x.csv", "it has no host"),
      ("http://a b/x.csv", "can't be in a host's name"), ("http://münchen..de/x.csv", "IDNA"), ("gopher://h/x.csv", "no scheme"),
      ("http://u:abc/d@h/x.csv", "%2F"), ("http://u:abc@h/{x}", "stands for nothing"),
    ] {
      try write(shop, address)
      let outcome = try shop.sluice("check", "pipeline.yaml")
      #expect(outcome.status == 78 && outcome.stderr.contains(words), "\(address): \(outcome.stderr)")
      #expect(!(outcome.stdout + outcome.stderr).contains("abc"), "\(outcome.stderr)")
    }
  }

  @Test("a password in an address is hidden, however short, in all that is printed and kept beside the definition")
  func shortPasswords() throws {
    let shop = try Workshop()
    let server = try ScriptServer(shop, answers: ["/x.csv": [["status": 404]], "/y.csv": [["body": "id,name\nx,x\n"]]])
    let host = server.url.dropFirst("http://".count)
    try write(shop, "http://u:Qz7@\(host)/{x,y}.csv")
    var told = ""
    for arguments in [
      ["run", "pipeline.yaml", "--progress", "plain", "--log-level", "debug", "--log-file", "log"], ["run", "pipeline.yaml", "--dry-run"],
      ["status", "pipeline.yaml"], ["report", "pipeline.yaml"], ["dead-letters", "list", "pipeline.yaml"],
      ["dead-letters", "export", "pipeline.yaml"],
    ] {
      let outcome = try shop.run(Workshop.binary, arguments)
      told += outcome.stdout + outcome.stderr
    }
    #expect(told.contains("http://u:***@\(host)/x.csv") && !told.contains("Qz7"), "\(told)")
    #expect(!shop.read("log").contains("Qz7"))
    // Where the definition is wrong, Sluice does not know which of its texts are addresses.
    try shop.write(
      "wrong.yaml", "pipeline: p\nfetch: {from: 'http://u:Qz7@\(host)/x.csv', workers: 'http://u:Qz7@\(host)'}\nwrite: {path: out.csv}\n")
    let wrong = try shop.sluice("check", "wrong.yaml")
    #expect(wrong.status == 78 && !(wrong.stdout + wrong.stderr).contains("Qz7"), "\(wrong.stderr)")
    #expect(server.sent("Authorization").contains("Basic dTpRejc="))
  }

  @Test("https by an authority of one's own, with a client's certificate; nothing is trusted that is not named")
  func certificates() throws {
    let shop = try Workshop()
    let certificates = try Certificates(shop)
    try shop.write("served/x.csv", "id,name\n1,a\n")
    let nginx = try Nginx(shop, serving: shop.path("served"), certificates)
    func attempt(_ tls: String, environment: [String: String] = [:]) throws -> Outcome {
      try write(shop, nginx.url + "/x.csv", attempts: 1, more: tls.isEmpty ? "" : "  tls: {\(tls)}\n")
      return try shop.runPipeline("pipeline.yaml", "--full", environment: environment)
    }
    let both = "ca: certificates/ca.pem, certificate: certificates/client.pem, key: certificates/client.key"
    let good = try attempt(both)
    #expect(good.status == 0 && shop.read("out.csv") == "id,name\n1,a\n", "\(good.stderr)")
    let texts = try attempt(
      "ca: \"${file:certificates/ca.pem}\", certificate: \"${file:certificates/client.pem}\", key: \"${file:certificates/client.key}\"")
    #expect(texts.status == 0, "\(texts.stderr)")
    let locked = try attempt(both.replacing("client.key", with: "locked.key") + ", password: '${WORD}'", environment: ["WORD": "word"])
    #expect(locked.status == 0, "\(locked.stderr)")
    let unknown = try attempt("")
    #expect(unknown.status == 69 && unknown.stderr.contains("certificate") && unknown.stderr.contains("[SL-205]"), "\(unknown.stderr)")
    let anonymous = try attempt("ca: certificates/ca.pem")
    #expect(anonymous.status == 69 && anonymous.stderr.contains("answers 400"), "\(anonymous.stderr)")
    let wrong = try attempt(both.replacing("ca.pem", with: "client.pem"))
    #expect(wrong.status == 69 && wrong.stderr.contains("[SL-205]"), "\(wrong.stderr)")
    // For one source, and only for it.
    try shop.write(
      "pipeline.yaml",
      "pipeline: own\nfetch:\n  retry: {attempts: 1}\n  from: [{url: '\(nginx.url)/x.csv', tls: {\(both)}}, '\(nginx.url)/x.csv?2']\nwrite: {path: own.csv}\n"
    )
    let own = try shop.runPipeline()
    #expect(own.status == 69 && own.items["done"] == 1 && shop.read("own.csv") == "id,name\n1,a\n", "\(own.stderr)")
    for (tls, words) in [
      ("ca: no.pem", "is not there"), ("ca: certificates/ca.key", "holds no CERTIFICATE"),
      ("certificate: certificates/client.pem", "holds no PRIVATE KEY"), ("key: certificates/client.key", "tls.certificate is missing"),
      ("verify: false", "there is no key"),
    ] {
      let refused = try attempt(tls)
      #expect(refused.status == 78 && refused.stderr.contains(words), "\(tls): \(refused.stderr)")
    }
  }

  @Test("a proxy is gone through, for http and for https; its password goes to it alone and is shown nowhere")
  func proxies() throws {
    let shop = try Workshop()
    let certificates = try Certificates(shop)
    try shop.write("served/x.csv", "id,name\n1,a\n")
    let nginx = try Nginx(shop, serving: shop.path("served"), certificates)
    let other = try Workshop()
    let server = try ScriptServer(other, answers: ["/x.csv": [["body": "id,name\n1,a\n"]]])
    let third = try Workshop()
    let proxy = try ScriptServer(third, "proxy.py", "user:Pw1")
    let address = proxy.url.replacing("http://", with: "http://user:Pw1@")
    let tls = "  tls: {ca: certificates/ca.pem, certificate: certificates/client.pem, key: certificates/client.key}\n"
    for (url, method) in [(nginx.url, "CONNECT"), (server.url, "GET")] {
      try write(shop, url + "/x.csv", attempts: 1, more: "  proxy: \(address)\n" + tls)
      // The definition's proxy counts, whatever the environment's exceptions are.
      let outcome = try shop.runPipeline("pipeline.yaml", "--full", environment: ["no_proxy": "127.0.0.1"])
      #expect(outcome.status == 0 && shop.read("out.csv") == "id,name\n1,a\n", "\(outcome.stderr)")
      #expect(proxy.printed.last?["method"] as? String == method && proxy.printed.last?["let_in"] as? Bool == true)
    }
    #expect(server.sent("Proxy-Authorization") == [nil])
    try write(shop, nginx.url + "/x.csv", attempts: 1, more: "  proxy: \(address.replacing("Pw1", with: "Pw2"))\n" + tls)
    let refused = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(refused.status == 69 && refused.stderr.contains("407") && !refused.stderr.contains("Pw2"), "\(refused.stderr)")
    let count = proxy.printed.count
    try write(shop, server.url + "/x.csv", attempts: 1, more: "  proxy: none\n")
    let direct = try shop.runPipeline(
      "pipeline.yaml", "--full", environment: ["http_proxy": address, "no_proxy": "", "NO_PROXY": ""])
    #expect(direct.status == 0 && proxy.printed.count == count, "\(direct.stderr)")
    try write(shop, server.url + "/x.csv", more: "  proxy: user:Pw3@host:3128\n")
    let wrong = try shop.sluice("check", "pipeline.yaml")
    #expect(wrong.status == 78 && wrong.stderr.contains("a proxy is an address as http://HOST:PORT"), "\(wrong.stderr)")
  }

  @Test(
    "what an item has left, its dead letters and counts, stays where its server says late that nothing changed, and goes with new content")
  func lateNotModified() throws {
    let shop = try Workshop()
    let etag: [String: Any] = ["headers": [["ETag", "\"1\""]]]
    let bad: [String: Any] = ["body": "id,name\n1,a\nx,b\ny,c\n"]
    let server = try ScriptServer(
      shop,
      answers: [
        "/x.csv": [etag.merging(bad) { $1 }, bad, ["status": 304], bad, ["body": "id,name\nz,d\n", "headers": [["ETag", "\"2\""]]]]
      ])
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: '\(server.url)/x.csv'}\nparse: {fields: {id: bigint, name: text}}\nwrite: {path: 'out/{item.stem}.csv'}\nlimits: {dead_letters: 10}\n"
    )
    func letters() throws -> Int { try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n").count }
    #expect(try shop.runPipeline().records == ["read": 3, "written": 1, "filtered": 0, "dead_lettered": 2])
    #expect(try letters() == 2)
    // A HEAD without a version, then a 304.
    #expect(try shop.runPipeline().items == ["total": 1, "done": 0, "skipped": 1, "failed": 0])
    #expect(try letters() == 2)
    #expect(try shop.sluice("status", "pipeline.yaml").stdout.contains("3 records"))
    #expect(try shop.runPipeline().records == ["read": 1, "written": 0, "filtered": 0, "dead_lettered": 1])
    #expect(try letters() == 1)
  }

  @Test("records of an attempt that was given up count for no limit")
  func givenUpAttempts() throws {
    let shop = try Workshop()
    // The bad records come first, and much comes behind them before the connection breaks.
    let body = "id,name\n" + String(repeating: "x,bad\n", count: 6) + (0..<300_000).map { "\($0),name of \($0)\n" }.joined()
    let whole: [String: Any] = ["body": body, "headers": [["ETag", "\"1\""]]]
    let broken = whole.merging(["send": body.utf8.count - 1000, "headers": [["X", "no validator"]]]) { $1 }
    let server = try ScriptServer(shop, answers: ["/x.csv": [broken, broken, broken, whole]])
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: '\(server.url)/x.csv', retry: {attempts: 6, backoff: 1ms..5ms}}\nparse: {fields: {id: bigint, name: text}}\nwrite: {path: 'out/{item.stem}.csv'}\nlimits: {dead_letters: 10, on_exceed: stop}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(outcome.records == ["read": 300_006, "written": 300_000, "filtered": 0, "dead_lettered": 6])
  }
}
