import Foundation
import Testing

/// Standard output, standard error and the log file: each text in its place.
@Suite("Standard output and error")
struct ConsoleTests {
  private static let definition =
    "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {id: bigint, name: text}}\nwrite: {path: out.jsonl}\nlimits: {dead_letters: 5}\n"

  /// A pipeline that has run and left a dead letter.
  private func ran() throws -> Workshop {
    let shop = try Workshop()
    try shop.write("in.csv", "id,name\nx,a\n2,b\n")
    try shop.write("p.yaml", Self.definition)
    #expect(try shop.sluice("run", "p.yaml", "--quiet").status == 0)
    return shop
  }

  private static let commands = [
    "--help", "run --help", "--version", "--generate-completion-script bash", "help topics", "help expressions", "help run",
    "run p.yaml --full --progress none", "run p.yaml --full --progress none --output json", "run p.yaml --dry-run",
    "run p.yaml --dry-run --output json", "check p.yaml", "schema", "explain", "explain SL-411",
    "schedule p.yaml --cron @daily", "init in.csv --to -", "init in.csv --force", "runs p.yaml", "status p.yaml",
    "status p.yaml --output json",
    "report p.yaml", "report p.yaml --output json", "report p.yaml --html -", "dead-letters list p.yaml", "dead-letters show 1 p.yaml",
    "dead-letters export p.yaml", "dead-letters export p.yaml --format csv", "dead-letters replay p.yaml", "prune p.yaml --older-than 1d",
  ]

  @Test("what can't be written to standard output is exit 74 and told, in every command; a reader that has seen enough is no failure")
  func standardOutputFails() throws {
    let shop = try ran()
    // Each in a copy of its own, so that none finds done what it is to do.
    let outcome = try shop.run(
      "/bin/bash",
      [
        "-c",
        """
        binary=$1; shift; here=$PWD
        for command; do
          rm -rf copy; mkdir copy; cp -r .sluice in.csv p.yaml out.jsonl copy; cd copy
          "$binary" $command > /dev/full 2> err; echo "$?|$(grep -c "can't write to standard output: No space left on device" err)|$command"
          cd "$here"
        done
        """, "bash", Workshop.binary,
      ] + Self.commands)
    let lines = outcome.stdout.split(separator: "\n").map(String.init)
    #expect(lines.count == Self.commands.count, "\(outcome.stdout)\(outcome.stderr)")
    for line in lines { #expect(line.hasPrefix("74|1|"), "\(line)") }
  }

  @Test("a closed standard output is a failed one, and its number is given to no file")
  func standardOutputIsClosed() throws {
    let shop = try ran()
    for command in ["runs p.yaml", "dead-letters export p.yaml", "--version", "run p.yaml --full --progress none"] {
      let closed = try shop.run("/bin/sh", ["-c", "\(Workshop.binary) \(command) >&- 2> err; echo $?; cat err"])
      #expect(
        closed.stdout.hasPrefix("74\n") && closed.stdout.contains("can't write to standard output: Bad file descriptor"),
        "\(command): \(closed.stdout)")
    }
    let quiet = try shop.run("/bin/sh", ["-c", "\(Workshop.binary) run p.yaml --full --quiet <&- >&- 2>&-; echo $?"])
    #expect(quiet.stdout == "0\n")
    #expect(try shop.sluice("runs", "p.yaml").stdout.split(separator: "\n").count == 3)
    let checked = try shop.python(
      "import sqlite3; print(sqlite3.connect('.sluice/ledger.sqlite').execute('PRAGMA integrity_check').fetchone()[0])")
    #expect(checked.stdout == "ok\n")
  }

  @Test("a reader of standard output that goes away ends the command quietly")
  func readerGoes() throws {
    let shop = try ran()
    let outcome = try shop.run(
      "/bin/bash",
      [
        "-c",
        "for command in schema explain 'dead-letters export p.yaml'; do \(Workshop.binary) $command | true; echo ${PIPESTATUS[0]}; done",
      ])
    #expect(outcome.stdout == "0\n0\n0\n" && outcome.stderr.isEmpty, "\(outcome.stdout)\(outcome.stderr)")
  }

  // MARK: Control characters

  /// Each character that a terminal, a log or a mail would act on.
  private static let harmful: [String] = {
    var texts: [String] = []
    for byte: UInt8 in 1..<32 where byte != 10 && byte != 13 { texts.append(String(UnicodeScalar(byte))) }
    texts += [
      "\u{7F}", "\u{85}", "\u{9B}31m", "\u{2028}", "\u{2029}", "\u{202E}", "\u{2066}", "\u{1B}[2K\u{1B}[1A", "\u{1B}]0;title\u{07}",
    ]
    return texts
  }()

  /// Whether nothing but line ends is left of them.
  private func isHarmless(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      if scalar == "\n" { return true }
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: return false
      default: return true
      }
    }
  }

  @Test("control characters of data and names are spelled out in messages, logs, notices, status, lists, reports and the dry run")
  func controlCharacters() throws {
    let shop = try Workshop()
    let value = Self.harmful.joined(separator: ".")
    let forged = "2026-01-01T00:00:00Z error: forged"
    try shop.write("in/\u{1B}[31mred\u{9B}.csv", "id,\"na\(value)me\"\n\"\(value)\n\(forged)\",b\n1,\"\(value)\"\n")
    try shop.write("in/a\n\(forged).csv", "\(value),x\n1,2\n")
    try shop.write(
      "p.yaml",
      "pipeline: p\nfetch: {from: 'in/*'}\nparse: {format: csv, fields: {id: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\nnotify: {shell: 'cat > told', on: failure}\n"
    )
    var texts: [String] = []
    let run = try shop.sluice("run", "p.yaml", "--progress", "none", "--log-file", "log", "--log-level", "debug")
    #expect(run.status == 69, "\(run.stderr)")
    texts += [run.stdout, run.stderr, shop.read("log")]
    let quiet = try shop.sluice("run", "p.yaml", "--full", "--quiet", "--log-file", "log.json", "--log-format", "json")
    texts += [quiet.stderr, shop.read("log.json"), shop.records("told").first?["text"] as? String ?? "\u{1}"]
    let commands = [
      ["status", "p.yaml"], ["status", "p.yaml", "--output", "json"], ["report", "p.yaml"], ["report", "p.yaml", "--html", "-"],
      ["runs", "p.yaml"],
      ["dead-letters", "list", "p.yaml"], ["dead-letters", "show", "1", "p.yaml"], ["dead-letters", "show", "2", "p.yaml"],
      ["dead-letters", "export", "p.yaml"], ["run", "p.yaml", "--dry-run"], ["run", "p.yaml", "--dry-run", "--output", "json"],
      ["run", "no\u{1B}[31mne.yaml"], ["\u{1B}[31mrun"], ["status", "a/\u{1B}[1m\n\(forged)"], ["explain", "\u{9B}1m"],
    ]
    for command in commands {
      let outcome = try shop.run(Workshop.binary, command)
      texts += [outcome.stdout, outcome.stderr]
    }
    for text in texts {
      #expect(isHarmless(text), "\(text.debugDescription.prefix(3000))")
      #expect(!text.split(separator: "\n").contains { $0.hasPrefix("2026-01-01") }, "\(text)")
    }
    #expect(texts.joined().contains("\\x1b[2K\\x1b[1A"))
    // For programs it is what it was.
    let letters = try shop.sluice("dead-letters", "export", "p.yaml").stdout.split(separator: "\n").compactMap {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    #expect(letters.contains { ($0["raw"] as? String)?.contains(value) == true })
  }

  @Test("what a message quotes of data is cut, and so is a message")
  func longValues() throws {
    let shop = try Workshop()
    let long = String(repeating: "long ", count: 4000)
    try shop.write("in.csv", "id,name\n\(long),a\n")
    try shop.write("wide.csv", (0..<3000).map { "a rather long column name \($0)" }.joined(separator: ",") + "\n1\n")
    try shop.write("p.yaml", Self.definition)
    try shop.write(
      "w.yaml",
      Self.definition.replacingOccurrences(of: "in.csv", with: "wide.csv").replacingOccurrences(of: "p\n", with: "w\n")
        .replacingOccurrences(of: "out.jsonl", with: "wide.jsonl"))
    _ = try shop.sluice("run", "p.yaml", "--quiet")
    let listed = try shop.sluice("dead-letters", "list", "p.yaml").stdout
    #expect(listed.contains("\(long.prefix(80))…”") && listed.count < 300, "\(listed)")
    let wide = try shop.sluice("run", "w.yaml", "--progress", "none").stderr
    #expect(wide.contains("and 2980 more") && wide.count < 1500, "\(wide.count)")
  }

  // MARK: Log files

  @Test("a log file that can't be opened is exit 74 before anything is done; one that can't be written is told of once, under --quiet too")
  func logFile() throws {
    let shop = try ran()
    let before = shop.data("out.jsonl")
    let opened = try shop.sluice("run", "p.yaml", "--full", "--quiet", "--log-file", "in.csv/log")
    #expect(opened.status == 74 && opened.stderr == "error: can't open the log file in.csv/log: Not a directory\n", "\(opened.stderr)")
    #expect(shop.data("out.jsonl") == before)
    #expect(try shop.sluice("runs", "p.yaml").stdout.split(separator: "\n").count == 1)
    let full = try shop.sluice("run", "p.yaml", "--full", "--quiet", "--no-supervisor", "--log-level", "debug", "--log-file", "/dev/full")
    #expect(full.status == 0)
    #expect(
      full.stderr == "warning: can't write the log file /dev/full: No space left on device; messages are missing there\n", "\(full.stderr)")
  }
}
