import Foundation
import Testing

@Suite("Manual, completions and reference")
struct ManualTests {
  private static func manual() throws -> Workshop {
    let shop = try Workshop()
    let outcome = try shop.sluice("manual", "share")
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return shop
  }

  @Test("every command has a man page, which man has nothing against")
  func pages() throws {
    let shop = try Self.manual()
    let pages = try FileManager.default.contentsOfDirectory(atPath: shop.path("share/man/man1"))
    let help = try shop.sluice("--help").stdout
    for command in [
      "init", "check", "doctor", "test", "list", "run", "resume", "schedule", "status", "runs", "report", "dead-letters", "explain",
      "prune",
    ] {
      #expect(help.contains("  \(command)  "), "help names \(command)")
      #expect(pages.contains("sluice-\(command).1"))
    }
    for page in pages {
      let shown = try shop.run(
        "/usr/bin/man", ["--warnings", "-l", "share/man/man1/\(page)"], environment: ["MANPAGER": "cat", "LC_ALL": "C.UTF-8"])
      #expect(shown.status == 0 && shown.stderr.isEmpty, "\(page): \(shown.stderr)")
      #expect(shown.stdout.contains("SYNOPSIS") && shown.stdout.contains("sluice"), "\(page)")
    }
    let run = try shop.run("/usr/bin/man", ["-l", "share/man/man1/sluice-run.1"], environment: ["MANPAGER": "cat", "LC_ALL": "C.UTF-8"])
      .stdout
    #expect(run.contains("--dry-run") && run.contains("--quiet") && run.contains("EXIT STATUS"))
  }

  @Test("completions: bash offers commands, options and definitions; zsh and fish read theirs")
  func completions() throws {
    let shop = try Self.manual()
    try shop.write("flights.yaml", "")
    func bash(_ words: String...) throws -> [Substring] {
      let script = """
        source share/bash-completion/completions/sluice
        COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " "))); COMP_CWORD=\(words.count - 1); COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
        _sluice sluice "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; printf '%s\\n' "${COMPREPLY[@]}"
        """
      let outcome = try shop.run("/bin/bash", ["-c", script])
      #expect(outcome.status == 0, "\(outcome.stderr)")
      return outcome.stdout.split(separator: "\n")
    }
    #expect(try bash("sluice", "ru").sorted() == ["run", "runs"])
    #expect(try bash("sluice", "dead-letters", "ex") == ["export"])
    #expect(try bash("sluice", "run", "--dry").contains("--dry-run"))
    #expect(try bash("sluice", "run", "fl") == ["flights.yaml"])
    #expect(try bash("sluice", "list", "looku") == ["lookup"])
    #expect(try bash("sluice", "list", "ste") == ["steps"])
    for (shell, path) in [("zsh", "zsh/site-functions/_sluice"), ("fish", "fish/vendor_completions.d/sluice.fish")] {
      let read = try shop.run("/usr/bin/env", [shell, "-n", "share/\(path)"])
      #expect(read.status == 0 && read.stderr.isEmpty, "\(shell): \(read.stderr)")
    }
    let fish = try shop.run("/usr/bin/env", ["fish", "-c", "source share/fish/vendor_completions.d/sluice.fish; complete -C 'sluice ru'"])
    #expect(fish.stdout.contains("run\t") && fish.stdout.contains("runs\t"), "\(fish.stdout)\(fish.stderr)")
  }

  @Test("docs/reference is what the product says of itself (Scripts/docs writes it)")
  func reference() throws {
    let shop = try Self.manual()
    func pages(_ folder: String) throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".md") }.sorted()
    }
    let made = try pages(shop.path("share/doc/sluice/reference"))
    let kept = try pages(Workshop.root + "/docs/reference")
    #expect(made == kept)
    for name in made {
      let text = try String(contentsOfFile: Workshop.root + "/docs/reference/\(name)", encoding: .utf8)
      #expect(shop.read("share/doc/sluice/reference/\(name)") == text, "\(name) is not up to date")
    }
  }

  @Test("subjects of help: each is listed and shown; a misspelt one gets the nearest")
  func topics() throws {
    let shop = try Workshop()
    let list = try shop.sluice("help", "topics").stdout
    let names = list.split(separator: "\n").compactMap { $0.hasPrefix("  sluice help ") ? $0.split(separator: " ")[2] : nil }
    #expect(names.count >= 8)
    for name in names { #expect(try shop.sluice("help", String(name)).stdout.hasPrefix("# ")) }
    let wrong = try shop.sluice("help", "functons")
    #expect(wrong.status == 64 && wrong.stderr.contains("did you mean “functions”?"), "\(wrong.stderr)")
    #expect(try shop.sluice("help", "run").stdout.contains("USAGE: sluice run"))
  }

  @Test("every function's example gives what the reference says")
  func examples() throws {
    let shop = try Workshop()
    let table = try shop.sluice("help", "functions").stdout
    let rows = table.split(separator: "\n").compactMap { line in
      line.replacing("\\|", with: "¦").wholeMatch(of: /\| `([a-z_0-9]+)\(.*` \| .* \| `(.+)` \| `(.+)` \|/).map {
        (name: String($0.1), expression: String($0.2).replacing("¦", with: "|"), value: String($0.3))
      }
    }
    #expect(rows.count > 45 && rows.count == table.split(separator: "\n").count { $0.hasPrefix("| `") })
    let derived = rows.indices.map { "      f\($0): '\(rows[$0].expression.replacing("'", with: "''"))'" }.joined(separator: "\n")
    try shop.write("in.csv", "n\n1\n")
    try shop.write("p.yaml", "pipeline: p\nfetch: {from: in.csv}\ntransform:\n  - derive:\n\(derived)\nwrite: {path: out.jsonl}\n")
    let run = try shop.runPipeline("p.yaml")
    #expect(run.status == 0, "\(run.stderr)")
    let line = shop.read("out.jsonl")
    for (i, row) in rows.enumerated() {
      #expect(line.contains("\"f\(i)\":\(row.value)" + (i == rows.count - 1 ? "}" : ",")), "\(row.expression) is not \(row.value): \(line)")
    }
  }

  @Test("Scripts/install puts binary, man pages, completions and docs below the prefix, where man and the shells find them")
  func install() throws {
    let shop = try Workshop()
    let installed = try shop.run(
      Workshop.root + "/Scripts/install", ["--prefix", shop.path("usr")], environment: ["SLUICE_BINARY": Workshop.binary])
    #expect(installed.status == 0, "\(installed.stderr)")
    #expect(try shop.run(shop.path("usr/bin/sluice"), ["--version"]).stdout == (try shop.sluice("--version").stdout))
    let page = try shop.run("/usr/bin/man", ["-M", "usr/share/man", "-w", "sluice-run"])
    #expect(page.stdout == shop.path("usr/share/man/man1/sluice-run.1") + "\n", "\(page.stdout)\(page.stderr)")
    for path in [
      "bash-completion/completions/sluice", "zsh/site-functions/_sluice", "fish/vendor_completions.d/sluice.fish", "doc/sluice/tutorial.md",
    ] {
      #expect(shop.exists("usr/share/\(path)"))
    }
    #expect(try shop.run(Workshop.root + "/Scripts/install", ["--perfix", "x"]).status == 64)
  }
}
