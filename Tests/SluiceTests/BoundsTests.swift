import Foundation
import Testing

/// Numbers that are too large, wherever a user may write one: each is an error with its place, and none ends the program.
@Suite("Bounds of numbers")
struct BoundsTests {
  @Test("a number, size or duration of a definition beyond its bound is an error that names the bound")
  func numbersOfADefinition() throws {
    let shop = try Workshop()
    let digits = String(repeating: "9", count: 20)
    let definition = { (section: String, setting: String) in
      let own = "from: a.csv"
      let (fetch, more) = section == "fetch" ? ("\(own), \(setting)", "") : (own, "\(section): {\(setting)}\n")
      return "pipeline: p\nfetch: {\(fetch)}\nwrite: {path: out.jsonl}\n\(more)"
    }
    for (section, setting, bound) in [
      ("supervise", "watchdog: \(digits)d", "36500d"), ("supervise", "within: 36501d", "36500d"),
      ("supervise", "backoff: 1s..\(digits)h", "two durations"),
      ("fetch", "timeout: {idle: \(String(repeating: "9", count: 400))s}", "36500d"), ("fetch", "workers: \(Int.max)", "10000"),
      ("fetch", "workers: {max: 10001}", "10000"), ("fetch", "buffer: \(digits)", "1000000000000"),
      ("parse", "skip_footer_lines: \(Int.max)", "1000000000000"), ("parse", "header: \(Int.max)", "1000000000000"),
      ("parse", "limits: {record: 2GB}", "1GB"), ("parse", "limits: {record: \(digits)}", "8000000TB"),
      ("limits", "memory: \(digits)TB", "8000000TB"), ("limits", "dead_letters: \(digits)", "a count"),
      ("limits", "dead_letters: \(digits)%", "a share"),
      ("limits", "failed_items: \(digits)", "1000000000000"),
    ] {
      try shop.write("p.yaml", definition(section, setting))
      let checked = try shop.sluice("check", "p.yaml")
      let line = checked.stderr.split(separator: "\n").first { $0.hasPrefix("p.yaml:\(section == "fetch" ? 2 : 4):") } ?? ""
      #expect(checked.status == 78 && line.contains("[SL-1") && line.contains(bound), "\(setting): \(checked.status) \(checked.stderr)")
    }
    // A value just within its bound is taken, and sums with it are right.
    try shop.write("a.csv", "n\n1\n")
    for (section, setting) in [
      ("supervise", "watchdog: 36500d, within: 36500d, backoff: 0ms..36500d, max_restarts: 1000000000000"),
      ("fetch", "workers: {max: 10000}, buffer: 1000000000000, retry: {attempts: 1000000000000, backoff: 36500d..36500d}"),
      ("fetch", "timeout: {connect: 36500d, idle: 36500d, total: 36500d}"),
      ("parse", "skip_footer_lines: 0, limits: {record: 1GB}"),
      ("decompress", "limits: {ratio: 1000000000000, bytes: 8000000TB, window: 8000000TB}"),
      ("limits", "memory: 8000000TB, process_memory: 8000000TB, failed_items: 1000000000000, dead_letters: 100%"),
    ] {
      try shop.write("p.yaml", definition(section, setting))
      let run = try shop.runPipeline("p.yaml", "--full")
      #expect(run.status == 0 && run.records["written"] == 1, "\(setting): \(run.status) \(run.stderr)")
    }
    try shop.write("p.yaml", definition("parse", "skip_footer_lines: 1000000000000, fields: {n: bigint}"))
    #expect(try shop.runPipeline("p.yaml", "--full").records["read"] == 0)
  }

  @Test("a number of the command line that is none, or too large, exits 64")
  func numbersOfTheCommandLine() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\n1\n")
    try shop.write("p.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: out.jsonl}\n")
    #expect(try shop.runPipeline("p.yaml").status == 0)
    let digits = String(repeating: "9", count: 20)
    for command in [
      ["run", "p.yaml", "--limit-items=-1"], ["run", "p.yaml", "--limit-items", digits], ["run", "p.yaml", "--wait", digits + "d"],
      ["run", "p.yaml", "--max-duration", digits + "h"], ["run", "p.yaml", "--log-file-size", digits],
      ["runs", "list", "p.yaml", "--limit=-1"],
      ["runs", "list", "p.yaml", "--limit", digits], ["dead-letters", "list", "p.yaml", "--limit=-1"],
      ["prune", "p.yaml", "--older-than", digits + "d"], ["schedule", "p.yaml", "--cron", "70/2 * * * *"],
      ["schedule", "p.yaml", "--cron", "\(digits) * * * *"],
    ] {
      let outcome = try shop.run(Workshop.binary, command)
      #expect(outcome.status == 64, "\(command): \(outcome.status) \(outcome.stderr)")
    }
    for command in [
      ["run", "p.yaml", "--limit-items", "\(Int.max)", "--wait", "36500d", "--max-duration", "36500d"],
      ["runs", "list", "p.yaml", "--limit", "\(Int.max)"], ["dead-letters", "list", "p.yaml", "--limit", "\(Int.max)"],
      ["prune", "p.yaml", "--older-than", "36500d"], ["schedule", "p.yaml", "--cron", "*/\(Int.max) 3 * * *"],
    ] {
      let outcome = try shop.run(Workshop.binary, command)
      #expect(outcome.status == 0, "\(command): \(outcome.status) \(outcome.stderr)")
    }
  }

  @Test("braces that stand for too much are an error with its place")
  func tooManyBraces() throws {
    let shop = try Workshop()
    let deep = String(repeating: "{a,", count: 50_000) + "b" + String(repeating: "}", count: 50_000)
    for (braces, words) in [
      ("{-9223372036854775808..1}", "“{-9223372036854775808..1}” stands for more than 1000000 numbers"),
      ("{1..99999999999999999999}", "stands for more than 1000000 numbers"), ("{0..1000000}", "stands for more than 1000000 numbers"),
      (String(repeating: "{1..900000}", count: 4), "its braces together stand for more than 100000000 addresses"),
      ("{x,\(String(repeating: "{a,b}", count: 20))}", "stands for more than 1000000 texts"), (deep, "its braces nest deeper than 32"),
    ] {
      for address in ["in/\(braces).csv", "http://127.0.0.1:9/\(braces).csv", "s3://b/\(braces).csv"] {
        try shop.write("p.yaml", "pipeline: p\nfetch:\n  from: '\(address)'\nwrite: {path: out.jsonl}\n")
        let checked = try shop.sluice("check", "p.yaml")
        let errors = checked.stderr.split(separator: "\n").filter { $0.contains("error: ") }
        #expect(
          checked.status == 78 && errors.count == 1 && errors[0].hasPrefix("p.yaml:3:10: error: ") && errors[0].contains(words),
          "\(address.prefix(60)): \(checked.status) \(checked.stderr.prefix(500))")
      }
    }
    for name in ["0999999", "1000000", "b", "b{"] { try shop.write("in/\(name).csv", "n\n1\n") }
    try shop.write(
      "p.yaml", "pipeline: p\nfetch: {from: ['in/{0999999..1000000}.csv', 'in/{b,b}.csv', 'in/b{.csv']}\nwrite: {path: out.jsonl}\n")
    let run = try shop.runPipeline("p.yaml")
    #expect(run.status == 0 && run.records["written"] == 4, "\(run.stderr)")
  }
}
