import Configuration
import Foundation
import Testing

/// A secret in each place that can hold one, in each way that such a place can fail; then every byte that was written or printed is searched.
@Suite("Secrets")
struct SecretTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let place: String
    let failure: String
    /// The definition's lines besides the pipeline's name, with SERVER and GONE for addresses.
    let definition: String
    var environment: [String: String] = [:]

    var testDescription: String { "\(place): \(failure)" }
  }

  private static let source = "n,s\n1,a\n2,b\n"
  /// Long enough, and with what JSON, addresses and shells write otherwise.
  private static let secret = "pa55 \"w/rd+%\(UUID().uuidString)"
  /// For addresses, which take no more than that.
  private static let token = "t0ken-\(UUID().uuidString)"

  private static let requests: [(failure: String, path: String, more: String)] = [
    ("none", "plain/a.csv", ""), ("not found", "missing/a.csv", ""), ("unavailable", "down/a.csv", ""), ("cut off", "flaky/a.csv", ""),
    ("redirected elsewhere", "redirect/a.csv", ""), ("no gzip", "plain/a.csv", "decompress: {format: gzip}\n"),
    ("not the content asked for", "plain/a.csv", ""),
    ("records that do not fit", "plain/a.csv", "parse: {fields: {n: boolean, s: text}}\n"),
    ("a column that is missing", "plain/a.csv", "parse: {fields: {other: text}}\n"), ("refused", "GONE", ""),
    ("no such host", "NOHOST", ""),
  ]

  private static var fetching: [Case] {
    requests.flatMap { request -> [Case] in
      let host = request.path == "GONE" ? "GONE" : request.path == "NOHOST" ? "no-such-host.invalid" : "SERVER"
      let path = host == "SERVER" ? request.path : "plain/a.csv"
      let sum = request.failure.hasPrefix("not the content") ? "\n      sha256: \"\(String(repeating: "0", count: 64))\"" : ""
      func from(_ url: String, _ headers: String = "") -> String {
        "fetch:\n  retry: {attempts: 2, backoff: 1ms..2ms}\n  from:\n    - url: \(url)\(headers)\(sum)\n\(request.more)write: {path: out.jsonl}\n"
      }
      return [
        Case(
          place: "header", failure: request.failure, definition: from("http://\(host)/\(path)", "\n      headers: {X-Key: \"${PLANTED}\"}")),
        Case(
          place: "header of a file", failure: request.failure,
          definition: from("http://\(host)/\(path)", "\n      headers: {X-Key: \"${file:key}\"}")),
        Case(place: "user info", failure: request.failure, definition: from("http://user:${WORD}@\(host)/\(path)")),
        Case(place: "query", failure: request.failure, definition: from("http://\(host)/\(path)?key=${WORD}")),
        Case(
          place: "proxy", failure: request.failure, definition: from("http://\(host == "SERVER" ? "data.invalid" : host)/\(path)"),
          environment: ["http_proxy": "http://user:\(token)@\(host == "SERVER" ? "SERVER" : host)"]),
      ]
    }
  }

  /// A program by its script for sh; the secret is its argument, or in its environment.
  private static func exec(_ failure: String, _ script: String, isInherited: Bool) -> Case {
    let words = ["sh", "-c", script, "sh"].map { "'\($0.replacing("'", with: "''"))'" } + (isInherited ? [] : ["\"${PLANTED}\""])
    return Case(
      place: isInherited ? "program's environment" : "program's argument", failure: failure,
      definition:
        "fetch: {from: a.csv}\nsupervise: {max_restarts: 3, backoff: 1ms..2ms}\ntransform:\n  - exec: {fields: {n: bigint}, command: [\(words.joined(separator: ", "))]}\nwrite: {path: out.jsonl}\n"
    )
  }

  private static func programs(_ word: String, isInherited: Bool) -> [Case] {
    [
      exec("dies with it on its lips", "echo \"can't log in with \(word)\" >&2; exit 3", isInherited: isInherited),
      exec("is killed", "echo \"\(word)\" >&2; kill -9 $$", isInherited: isInherited),
      exec("answers no JSON", "while read line; do echo \"\(word)\"; done", isInherited: isInherited),
      exec(
        "rejects with it",
        #"W="\#(word)" exec python3 -uc 'import json,os,sys;[print(line.strip() if "@batch" in line else json.dumps({"@error": "denied to " + os.environ["W"]}), flush=True) for line in sys.stdin]'"#,
        isInherited: isInherited),
      exec("is not there", "exec \"/no/such/program/\(word)\"", isInherited: isInherited),
    ]
  }

  private static let programs = programs("$1", isInherited: false) + programs("$SECRET", isInherited: true)

  private static func ending(_ place: String, _ failure: String, _ notify: String, _ environment: [String: String] = [:]) -> Case {
    Case(
      place: place, failure: failure,
      definition: "fetch: {from: a.csv}\nparse: {fields: {n: boolean}}\nwrite: {path: out.jsonl}\n\(notify)",
      environment: environment)
  }

  private static let notices =
    [
      ("none", "RECEIVER"), ("refused by its answer", "RECEIVER/status/403"), ("unavailable", "RECEIVER/status/503"), ("refused", "GONE"),
      ("no such host", "no-such-host.invalid"),
    ]
    .flatMap { failure, address in
      [
        ending("notify url", failure, "notify: {url: \"http://user:${WORD}@\(address)/?key=${WORD}\", on: failure}\n"),
        ending(
          "notify header", failure, "notify: {url: \"http://\(address)/\", headers: {Authorization: \"Bearer ${PLANTED}\"}, on: failure}\n"),
        ending("ping", failure, "notify: {ping: \"http://\(address)/${WORD}\"}\n"),
        ending(
          "telemetry", failure, "",
          [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:\(token)@\(address)/",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=\(token),authorization=Bearer%20\(token)",
          ]),
      ]
    } + [
      ending("notify program", "none", "notify: {command: [cat, \"${file:key}\"], on: failure}\n"),
      ending("notify program", "fails with it on its lips", "notify: {shell: 'echo \"$SECRET\" >&2; exit 1', on: failure}\n"),
      ending("notify program", "is not there", "notify: {command: [/no/such/program, \"${PLANTED}\"], on: failure}\n"),
    ]

  private static func expression(_ failure: String, _ steps: String) -> Case {
    Case(place: "expression", failure: failure, definition: "fetch: {from: a.csv}\ntransform: [\(steps)]\nwrite: {path: out.jsonl}\n")
  }

  private static let expressions = [
    expression("none", "{filter: \"s <> '${WORD}'\"}"),
    expression("can't be computed", "{derive: {x: \"CAST(coalesce(s, '') || '${WORD}' AS bigint)\"}}"),
    expression("is not as expected", "{expect: {is_it: \"s = '${WORD}'\"}}"),
    expression("is wrong", "{filter: \"s = '${WORD}' AND\"}"),
    expression("has another type", "{filter: \"n + '${WORD}' > 1\"}"),
    expression("names no field", "{filter: \"${WORD} = 1\"}"),
    Case(
      place: "a value of another kind", failure: "is wrong",
      definition: "fetch: {from: a.csv, workers: \"${PLANTED}\"}\nwrite: {path: out.jsonl}\n"),
    Case(place: "path", failure: "is not there", definition: "fetch: {from: \"in/${WORD}/*.csv\"}\nwrite: {path: out.jsonl}\n"),
  ]

  static let cases = fetching + programs + notices + expressions

  @Test("in every place, failing in every way, it is nowhere to be found", arguments: cases)
  func leaks(_ planted: Case) throws {
    let servers = try Workshop()
    try servers.write("served/a.csv", Self.source)
    let server = try MisbehavingServer(servers, serving: servers.path("served"))
    let receiver = try ScriptServer(try Workshop(), "receiver.py")
    // A port that nothing listens at.
    let gone = "127.0.0.1:1"
    func addressed(_ text: String) -> String {
      text.replacing("SERVER", with: server.url.dropFirst(7)).replacing("RECEIVER", with: receiver.url.dropFirst(7)).replacing(
        "GONE", with: gone)
    }
    // Its content is given, not made by Sluice: the test does not search it.
    let given = try Workshop()
    try given.write("key", Self.secret + "\n")
    let shop = try Workshop()
    try shop.write("a.csv", Self.source)
    try FileManager.default.createSymbolicLink(atPath: shop.path("key"), withDestinationPath: given.path("key"))
    try shop.write("pipeline.yaml", addressed("pipeline: planted\n" + planted.definition))
    var environment = ["PLANTED": Self.secret, "WORD": Self.token, "no_proxy": "127.0.0.1"].merging(
      planted.environment.mapValues(addressed)
    ) { $1 }
    if planted.place == "proxy" { environment["no_proxy"] = "" }
    // A secret that no definition names, but that programs inherit.
    if planted.definition.contains("$SECRET") { environment = ["SECRET": Self.secret] }

    let common = ["--log-level", "debug", "--log-file", "log", "--progress", "plain"]
    var told = ""
    var statuses: [Int32] = []
    for (i, arguments) in [
      ["check", "pipeline.yaml"], ["run", "pipeline.yaml", "--dry-run", "--output", "json"],
      ["run", "pipeline.yaml", "--metrics-file", "run.prom"] + common,
      ["resume", "pipeline.yaml", "--quiet", "--output", "json", "--log-format", "json"] + common,
      ["status", "pipeline.yaml", "--output", "json"], ["report", "pipeline.yaml"], ["report", "pipeline.yaml", "--html", "report.html"],
      ["dead-letters", "list", "pipeline.yaml", "--output", "json"], ["dead-letters", "show", "1", "pipeline.yaml"],
      ["dead-letters", "export", "pipeline.yaml"], ["dead-letters", "replay", "pipeline.yaml"],
    ].enumerated() {
      let outcome = try shop.run(Workshop.binary, arguments, environment: environment)
      told += outcome.stdout + outcome.stderr
      if i == 2 { statuses.append(outcome.status) }
    }
    if planted.failure == "none", planted.place != "notify program",
      !["notify url", "notify header", "ping", "telemetry"].contains(planted.place)
    {
      #expect(statuses == [0], "\(told)")
    } else if planted.failure != "cut off" {
      #expect(statuses != [0], "it should have failed: \(told)")
    }
    let forms = Self.forms
    for form in forms { #expect(!told.contains(form), "printed: \(form)\n\(told)") }
    for receipt in receiver.printed {
      let body = try #require(receipt["body"] as? String)
      for form in forms { #expect(!body.contains(form), "sent: \(body)") }
    }
    try shop.write("forms", "")
    for path in try FileManager.default.subpathsOfDirectory(atPath: shop.folder) where path != "key" {
      guard let data = shop.data(path) else { continue }
      for form in forms {
        #expect(data.range(of: Data(form.utf8)) == nil && !path.contains(form), "\(path) holds \(form)")
      }
    }
  }

  /// The forms that a secret may take: as it is, its begin and its end, in addresses, in JSON, in base64 with and without a user's name.
  private static var forms: [String] {
    [secret, token].flatMap { value -> [String] in
      let encoded = value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? value
      return [
        value, String(value.prefix(14)), String(value.suffix(12)), encoded, value.replacing("\"", with: "\\\""),
        Data(value.utf8).base64EncodedString(),
        Data("user:\(value)".utf8).base64EncodedString(),
      ]
    }
  }

  @Test("a secret that the definition spells out is not in the line that an error shows, and the caret stands where it should")
  func spelledOut() throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: {url: 's3://bucket/a.csv', secret_key: SpelledOutSecret, regoin: x}}\nwrite: {path: out.jsonl}\n")
    let checked = try shop.sluice("check", "pipeline.yaml")
    #expect(checked.status == 78 && !(checked.stderr + checked.stdout).contains("SpelledOutSecret"), "\(checked.stderr)")
    let lines = checked.stderr.split(separator: "\n").map(String.init)
    let shown = try #require(lines.first { $0.contains("secret_key: ****************,") }, "\(checked.stderr)")
    let caret = try #require(lines.last { $0.contains("^^^^^^") })
    #expect(
      shown.distance(from: shown.startIndex, to: try #require(shown.range(of: "regoin")).lowerBound)
        == caret.distance(
          from: caret.startIndex, to: try #require(caret.firstIndex(of: "^"))))
  }

  @Test("the caret of an output's error stands where it should, behind secrets of the definition and of the environment")
  func caretOfAnOutput() throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml",
      "{pipeline: p, description: OfEnvironment, fetch: {from: {url: 's3://bucket/a.csv', endpoint: 'http://127.0.0.1:9', access_key: A, secret_key: SpelledOutSecret}}, write: {path: pipeline.yaml}}\n"
    )
    let checked = try shop.sluice("check", "pipeline.yaml", environment: ["API_TOKEN": "OfEnvironment"])
    #expect(checked.stderr.contains("is the definition itself"), "\(checked.stderr)")
    #expect(!checked.stderr.contains("SpelledOutSecret") && !checked.stderr.contains("OfEnvironment"), "\(checked.stderr)")
    let lines = checked.stderr.split(separator: "\n").map(String.init)
    let caret = try #require(lines.last { $0.contains("^") })
    let at = caret.distance(from: caret.startIndex, to: try #require(caret.firstIndex(of: "^")))
    let shown = try #require(lines.first { $0.contains("write: {path: ") })
    #expect(shown.dropFirst(at).hasPrefix("pipeline.yaml}}"), "\(checked.stderr)")
  }

  @Test("it does arrive where it is meant to")
  func arrives() throws {
    let shop = try Workshop()
    let receiver = try ScriptServer(shop, "receiver.py")
    try shop.write("a.csv", "n\nx\n")
    try shop.write("key", Self.secret + "\n")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: out.jsonl}\nnotify:\n  - {url: \"\(receiver.url)/?k=${WORD}\", headers: {X-Key: \"${file:key}\"}, on: failure}\n  - {ping: \"\(receiver.url)/${WORD}\"}\n"
    )
    #expect(try shop.runPipeline(environment: ["WORD": Self.token]).status == 65)
    let receipts = receiver.printed
    #expect(
      receipts.contains { ($0["headers"] as? [String: String])?["X-Key"] == Self.secret && $0["path"] as? String == "/?k=\(Self.token)" })
    #expect(receipts.contains { $0["path"] as? String == "/\(Self.token)/fail" })
  }

  @Test("redaction comes before what is quoted is cut, and finds secrets in paths that can't be written")
  func cutsAndPaths() throws {
    let shop = try Workshop()
    try shop.write("a.csv", Self.source)
    var listed = ""
    // The secret begins at each place before and after the end of what a reason quotes.
    for length in stride(from: 60, through: 90, by: 5) {
      let before = String(repeating: "a", count: length)
      try shop.write(
        "p.yaml",
        "pipeline: p\nfetch: {from: a.csv}\ntransform: [{derive: {x: \"CAST('\(before)${WORD}' AS bigint)\"}}]\nwrite: {path: out.jsonl}\n")
      #expect(try shop.sluice("run", "p.yaml", "--full", "--quiet", environment: ["WORD": Self.token]).status == 65)
      // Without the variable, so that it is the ledger that has no secret.
      listed += try shop.sluice("dead-letters", "list", "p.yaml").stdout
    }
    #expect(listed.contains("aaaa${WORD}"), "\(listed)")
    try shop.write("w.yaml", "pipeline: w\nfetch: {from: a.csv}\nwrite: {path: \"/proc/${WORD}/o.jsonl\"}\n")
    let run = try shop.sluice("run", "w.yaml", "--progress", "none", "--log-file", "log", environment: ["WORD": Self.token])
    #expect(run.status == 74 && run.stderr.contains("/proc/${WORD}"), "\(run.stderr)")
    for path in try FileManager.default.subpathsOfDirectory(atPath: shop.folder) {
      guard let data = shop.data(path) else { continue }
      #expect(data.range(of: Data(Self.token.prefix(10).utf8)) == nil, "\(path) holds it")
    }
    #expect(!(run.stderr + listed).contains(Self.token.prefix(10)))
  }

  @Test("a secret that the source itself holds is not shown; export has the records as they are; the state is its owner's alone")
  func echoed() throws {
    let shop = try Workshop()
    let cut = String(repeating: "b", count: 500)
    try shop.write("a.csv", "n,s\n1,\(cut)\(Self.token)\n\(Self.token),x\n")
    try shop.write("p.yaml", "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {n: bigint, s: text}}\nwrite: {path: out.jsonl}\n")
    let environment = ["API_TOKEN": Self.token]
    #expect(try shop.sluice("run", "p.yaml", "--quiet", "--log-file", "log", environment: environment).status == 65)
    for command in [
      ["dead-letters", "show", "1", "p.yaml"], ["dead-letters", "show", "1", "p.yaml", "--output", "json"],
      ["dead-letters", "list", "p.yaml"],
      ["report", "p.yaml", "--html", "-"], ["report", "p.yaml", "--output", "json"], ["run", "p.yaml", "--dry-run", "--full"],
      ["run", "p.yaml", "--dry-run", "--full", "--output", "json"],
    ] {
      let shown = try shop.run(Workshop.binary, command, environment: environment)
      #expect(!shown.stdout.contains(Self.token.prefix(10)) && shown.stdout.count > 20, "\(command): \(shown.stdout)")
    }
    #expect(try shop.sluice("dead-letters", "export", "p.yaml", environment: environment).stdout.contains("\"raw\":\"\(Self.token),x\""))
    func modes() throws -> [String] {
      try shop.run("/bin/sh", ["-c", "stat -c '%a %n' .sluice $(find .sluice log -type d -o -type f) | sort -u"]).stdout.split(
        separator: "\n"
      )
      .map(String.init)
    }
    for line in try modes() { #expect(line.hasPrefix("600 ") || line.hasPrefix("700 .sluice"), "\(line)") }
    #expect(try modes().count >= 4)
    // Files that their owner lets others read stay readable.
    _ = try shop.run("/bin/sh", ["-c", "chmod 750 .sluice; chmod 640 .sluice/ledger.sqlite log"])
    _ = try shop.sluice("run", "p.yaml", "--quiet", "--full", "--log-file", "log", "--log-file-size", "1B", environment: environment)
    let kept = try modes()
    #expect(kept.contains("750 .sluice") && kept.contains("640 .sluice/ledger.sqlite") && kept.contains("640 log"), "\(kept)")
  }
}
