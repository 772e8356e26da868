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
    // What is just within its bound is taken, and can be reckoned with.
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
}
