import Foundation
import Testing

@Suite("Under cron")
struct CronTests {
  private func definition(_ from: String, _ more: String = "") -> String {
    "pipeline: p\nfetch:\n  from: \(from)\n  retry: {attempts: 1}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n\(more)"
  }

  @Test("--quiet: a failure is one paragraph that names what failed, why, and the next command, which works")
  func paragraph() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "n\n1\n")
    try shop.write("in/b.csv.gz", "not gzip\n")
    try shop.write("pipeline.yaml", definition("'in/*'"))
    let failed = try shop.sluice("run", "pipeline.yaml", "--quiet", "--state", "some where")
    #expect(failed.status == 69)
    #expect(failed.stdout.isEmpty)
    #expect(failed.stderr.contains("p failed on ") && failed.stderr.contains("exit 69, run 1"), "\(failed.stderr)")
    #expect(failed.stderr.contains("in/b.csv.gz: failed in decompress"))
    #expect(failed.stderr.contains("items 2: 1 done, 0 skipped, 1 failed; records 1 read = 1 written"))
    let next = try #require(failed.stderr.split(separator: "\n").last { $0.hasPrefix("next: sluice ") })
    #expect(next == "next: sluice resume 1 --state '\(shop.path("some where"))'")
    // Typed as it stands, in another folder, once what was wrong is mended.
    try shop.write("in/b.csv.gz", "n\n2\n")
    _ = try shop.run("/bin/sh", ["-c", "cd in && mv b.csv.gz b.csv && gzip b.csv"])
    let command = next.dropFirst("next: sluice ".count)
    let typed = try shop.run("/bin/sh", ["-c", "cd / && \(Workshop.binary) \(command) --quiet"])
    #expect(typed.status == 0 && typed.stderr.isEmpty && typed.stdout.isEmpty, "\(typed.stderr)")
    #expect(shop.read("out/b.jsonl") == "{\"n\":2}\n")
  }

  @Test("--quiet: dead letters, a missing source and a held lock each name their own next command")
  func nextCommands() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\nx\n")
    try shop.write("pipeline.yaml", definition("a.csv"))
    let data = try shop.sluice("run", "pipeline.yaml", "--quiet")
    #expect(data.status == 65)
    #expect(data.stderr.hasSuffix("next: sluice dead-letters list \(shop.path("pipeline.yaml"))\n"), "\(data.stderr)")
    #expect(data.stderr.components(separatedBy: "sluice dead-letters").count == 2, "the command stands once: \(data.stderr)")
    try shop.write("pipeline.yaml", definition("none.csv"))
    let missing = try shop.sluice("run", "pipeline.yaml", "--quiet")
    #expect(missing.status == 66 && missing.stderr.contains("next: sluice run \(shop.path("pipeline.yaml")) --dry-run"))
  }

  @Test("--max-duration stops a run that can be resumed; --wait waits for the lock; --log-file has what is not shown")
  func time() throws {
    let shop = try Workshop()
    let server = try ScriptServer(shop, "slow.py", "600")
    try shop.write("disk.csv", "n\n" + (0..<300).map { "\($0)\n" }.joined())
    try shop.write("pipeline.yaml", definition(server.url + "/a.csv"))
    let run = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--quiet", "--max-duration", "8s", "--log-file", "log"])
    try shop.await(".sluice/p.lock")
    let second = try shop.sluice("run", "pipeline.yaml", "--quiet")
    #expect(second.status == 75 && second.stderr.contains("another run of this pipeline holds its lock"))
    let third = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--quiet", "--max-duration", "1s", "--wait", "60s"])
    #expect(run.wait() == 75)
    #expect(shop.read("log").contains("--max-duration 8s is over"), "\(shop.read("log"))")
    #expect(third.wait() == 75)
    let runs = try shop.sluice("runs", "--output", "json").stdout
    #expect(runs.contains("interrupted"), "\(runs)")
  }

  @Test("a log file begins anew when it is long, and five old ones stay")
  func rotation() throws {
    let shop = try Workshop()
    for number in 1...60 { try shop.write(String(format: "in/%03d.csv", number), "n\n1\n") }
    try shop.write("pipeline.yaml", definition("'in/*'"))
    #expect(
      try shop.sluice(
        "run", "pipeline.yaml", "--quiet", "--log-level", "debug", "--log-file", "log", "--log-file-size", "1KB"
      ).status == 0)
    #expect((1...5).allSatisfy { shop.exists("log.\($0)") } && !shop.exists("log.6"))
    #expect(shop.data("log.1")?.count ?? 0 <= 1000)
  }

  // MARK: Schedules

  @Test("schedules: systemd accepts the units, and both forms mean the same times")
  func schedules() throws {
    let shop = try Workshop()
    try shop.write("a b/pipeline.yaml", definition("a.csv"))
    for cron in ["0 3 * * *", "*/15 8-18 * * mon-fri", "30 4 1,15 * 5", "0 0 */2 * 1", "5,35 0/6 29 2 *", "@weekly", "0 9 * jan-mar 7"] {
      let made = try shop.sluice("schedule", "a b/pipeline.yaml", "--cron", cron, "--wait", "5m", "--output", "json")
      #expect(made.status == 0, "\(made.stderr)")
      let crontab = try #require(made.json["crontab"] as? String)
      #expect(crontab.contains(" run '\(shop.path("a b/pipeline.yaml"))' --quiet --wait 5m"))
      let next = try #require(made.json["next"] as? [String])
      for expression in try #require(made.json["on_calendar"] as? [String]) {
        let checked = try shop.run("/usr/bin/systemd-analyze", ["calendar", "--iterations", "3", expression])
        #expect(checked.status == 0, "\(cron): \(expression): \(checked.stderr)")
      }
      #expect(try systemdTimes(shop, made.json["on_calendar"] as? [String] ?? []).prefix(3).elementsEqual(next), "\(cron)")
    }
    let written = try shop.sluice("schedule", "a b/pipeline.yaml", "--cron", "0 3 * * *", "--to", shop.folder)
    #expect(written.status == 0, "\(written.stderr)")
    let verified = try shop.run("/usr/bin/systemd-analyze", ["verify", shop.path("sluice-p.timer"), shop.path("sluice-p.service")])
    #expect(verified.status == 0 && verified.stderr.isEmpty, "\(verified.stderr)")
  }

  /// The next times of all expressions together, by systemd, in UTC.
  private func systemdTimes(_ shop: Workshop, _ expressions: [String]) throws -> [String] {
    let script = """
      import re, subprocess, sys
      from datetime import datetime
      times = set()
      for expression in sys.argv[1:]:
          text = subprocess.run(["systemd-analyze", "calendar", "--iterations", "3", expression], capture_output=True, text=True).stdout
          for when in re.findall(r"(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d) UTC", text): times.add(when.replace(" ", "T") + "Z")
      print("\\n".join(sorted(times)))
      """
    return try shop.run("/usr/bin/env", ["TZ=UTC", "python3", "-c", script] + expressions).stdout.split(separator: "\n").map(String.init)
  }

  @Test(
    "what is no schedule is told apart",
    arguments: ["0 3 * *", "61 * * * *", "0 25 * * *", "* * 31 2 *", "*/0 * * * *", "0 0 1-x * *", "@reboot"])
  func mistakes(_ cron: String) throws {
    let shop = try Workshop()
    try shop.write("pipeline.yaml", definition("a.csv"))
    let outcome = try shop.sluice("schedule", "pipeline.yaml", "--cron", cron)
    #expect(outcome.status == 64 && outcome.stderr.contains("--cron: "), "\(outcome.stderr)")
  }

  @Test("schedule refuses what no crontab and no unit can hold, and what only a shell would expand; the rest arrives as it is")
  func scheduledWords() throws {
    let shop = try Workshop()
    try shop.write("pipeline.yaml", definition("a.csv"))
    try shop.write("li\nne.yaml", definition("a.csv"))
    let refused: [[String]] = [
      ["pipeline.yaml", "--var", "X=a\nExecStartPost=/bin/evil"], ["pipeline.yaml", "--var", "X=a\rb"],
      ["pipeline.yaml", "--var", "X=\u{1B}[1m"],
      ["pipeline.yaml", "--state", "a\nb"], ["li\nne.yaml"], ["pipeline.yaml", "--var", "DAY=$(date +%F)"],
      ["pipeline.yaml", "--var", "DAY=`date`"],
      ["pipeline.yaml", "--var", "H=$HOME/x"], ["pipeline.yaml", "--var", "H=${HOME}"],
    ]
    for words in refused {
      let outcome = try shop.run(Workshop.binary, ["schedule"] + words + ["--cron", "@daily"])
      #expect(outcome.status == 64 && outcome.stdout.isEmpty, "\(words): \(outcome.stdout)\(outcome.stderr)")
      #expect(
        !outcome.stderr.split(separator: "\n").contains { $0.hasPrefix("ExecStartPost") || $0.hasPrefix("ne.yaml") }, "\(outcome.stderr)")
    }
    #expect(
      try shop.sluice("schedule", "pipeline.yaml", "--cron", "@daily", "--var", "DAY=$(date +%F)").stderr.contains(
        "{run.date} in write.path"))

    let value = #"50% 'of' "it" \% \\ $1 $ ; # %n %% \"#
    try shop.write("we% $ird.yaml", definition("a.csv"))
    let units = try shop.sluice("schedule", "we% $ird.yaml", "--cron", "@daily", "--output", "json", "--var", "V=\(value)")
    let line = try #require(units.json["crontab"] as? String)
    // A crontab's line up to its command, with what each kind of cron does to backslashes before a percent sign and before each other.
    let words = try shop.python(
      #"""
      import subprocess, sys
      line, value = sys.argv[1:]
      command = line.split(" ", 5)[5] if line[0] != "@" else line.split(" ", 1)[1]
      def read(taken):
          # As load_entry and do_command of cron(8) do: a backslash holds for the next character only, and a bare percent sign ends the command.
          shown, is_escaped = [], False
          for character in command:
              if is_escaped and character in taken: shown[-1] = character
              elif character == "%" and not is_escaped: break
              else: shown.append(character)
              is_escaped = character == "\\" and not is_escaped
          return "".join(shown)
      for command_line in (read("%"), read("%\\"), command.replace("\\%", "%")):
          shown = subprocess.run(["sh", "-c", "printf '%s|' " + command_line], capture_output=True, text=True).stdout.split("|")
          assert "V=" + value in shown and any(word.endswith("/we% $ird.yaml") for word in shown), (command, shown)
      print("same")
      """#, line, value)
    #expect(words.stdout == "same\n")
    let service = try #require(units.json["service"] as? String)
    #expect(service.contains(#""V=50%% 'of' \"it\" \\%% \\\\ $$1 $$ ; # %%n %%%% \\""#), "\(service)")
    try shop.write("sluice-p.service", service)
    let verified = try shop.run("/usr/bin/env", ["systemd-analyze", "verify", shop.path("sluice-p.service")])
    #expect(!verified.stderr.contains("sluice-p.service:"), "\(verified.stderr)")
  }

  // MARK: Telling

  @Test("notify and ping: failure, recovery, success; a program; a server that fails is told of and changes nothing")
  func notifications() throws {
    let shop = try Workshop()
    let hooks = try ScriptServer(shop, "receiver.py")
    try shop.write("a.csv", "n\nx\n")
    let rules = """
      notify:
        - {url: \(hooks.url)/hook, headers: {X-Token: "${TOKEN}"}, ping: "\(hooks.url)/ping?k=1"}
        - {on: success, shell: 'cat >> told'}
        - {on: failure, url: \(hooks.url)/status/503}
      """
    try shop.write("pipeline.yaml", definition("a.csv", rules))
    let environment = ["TOKEN": "sesame-sesame"]
    let failed = try shop.runPipeline(environment: environment)
    #expect(failed.status == 65)
    #expect(failed.stderr.contains("could not tell \(hooks.url)/status/503: the server answers 503, 3 times"), "\(failed.stderr)")
    var paths = hooks.printed.compactMap { $0["path"] as? String }
    #expect(paths == ["/ping/start?k=1", "/ping/fail?k=1", "/hook", "/status/503", "/status/503", "/status/503"], "\(paths)")
    let hook = try #require(hooks.printed.first { $0["path"] as? String == "/hook" })
    #expect((hook["headers"] as? [String: String])?["X-Token"] == "sesame-sesame")
    let body = try #require(
      try JSONSerialization.jsonObject(with: Data((hook["body"] as? String ?? "").utf8)) as? [String: Any])
    #expect(body["event"] as? String == "failure" && body["exit_code"] as? Int == 65)
    #expect((body["next"] as? String)?.contains("dead-letters list") == true)
    #expect(!shop.exists("told"))

    try shop.write("a.csv", "n\n1\n")
    #expect(try shop.runPipeline(environment: environment).status == 0)
    paths = hooks.printed.dropFirst(6).compactMap { $0["path"] as? String }
    #expect(paths == ["/ping/start?k=1", "/ping?k=1", "/hook"])
    #expect((hooks.printed.last?["body"] as? String)?.contains("\"event\":\"recovery\"") == true)
    #expect(shop.records("told").first?["status"] as? String == "done")

    #expect(try shop.runPipeline(environment: environment).status == 0)
    #expect(hooks.printed.dropFirst(9).compactMap { $0["path"] as? String } == ["/ping/start?k=1", "/ping?k=1"])
  }

  @Test("an engine that dies too often is told of by the process above it")
  func deadEngine() throws {
    let shop = try Workshop()
    let hooks = try ScriptServer(shop, "receiver.py")
    try shop.write("a.csv", "n\n1\n")
    try shop.write(
      "pipeline.yaml",
      definition(
        "a.csv",
        "supervise: {max_restarts: 0}\nlimits: {process_memory: 1GB}\nnotify: {url: \(hooks.url)/hook}\n"
          + "transform:\n  - derive: {m: n}\n"))
    let outcome = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--quiet"], environment: ["SLUICE_FAILPOINTS": "ledger.finish_item=kill@1"])
    #expect(outcome.status == 70, "\(outcome.stderr)")
    #expect(outcome.stderr.contains("the engine died too often") && outcome.stderr.contains("next: sluice resume"), "\(outcome.stderr)")
    #expect(hooks.printed.compactMap { $0["path"] as? String } == ["/hook"])
  }

  // MARK: Metrics

  @Test("metrics pass promtool, and the time of the last success outlives a failure")
  func metrics() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\n1\n")
    try shop.write("pipeline.yaml", definition("a.csv"))
    #expect(try shop.sluice("run", "pipeline.yaml", "--quiet", "--metrics-file", "p.prom").status == 0)
    let good = shop.read("p.prom")
    #expect(good.contains("sluice_last_run_success{pipeline=\"p\"} 1\n"))
    #expect(good.contains("sluice_last_run_records{pipeline=\"p\",outcome=\"written\"} 1\n"))
    try shop.write("a.csv", "n\nx\n")
    #expect(try shop.sluice("run", "pipeline.yaml", "--quiet", "--metrics-file", "p.prom").status == 65)
    let bad = shop.read("p.prom")
    #expect(bad.contains("sluice_last_run_success{pipeline=\"p\"} 0\n") && bad.contains("sluice_last_run_exit_code{pipeline=\"p\"} 65\n"))
    func success(_ text: String) -> Substring? {
      text.split(separator: "\n").first { $0.hasPrefix("sluice_last_success_timestamp_seconds{") }
    }
    #expect(success(good) != nil && success(good) == success(bad))
    for text in [good, bad] {
      try shop.write("checked", text)
      let checked = try shop.run("/bin/sh", ["-c", "PATH=\"\(Workshop.tools):$PATH\" promtool check metrics < checked"])
      #expect(checked.status == 0 && checked.stdout.isEmpty && checked.stderr.isEmpty, "\(checked.stdout)\(checked.stderr)")
    }
  }
}
