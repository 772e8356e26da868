import Configuration
import Foundation
import Testing

@Suite("Messages")
struct MessageTests {
  @Test("every code is explained, each for itself, and each is told of somewhere")
  func codes() throws {
    let shop = try Workshop()
    let list = try shop.sluice("explain", "--output", "json")
    let codes = try #require(try JSONSerialization.jsonObject(with: Data(list.stdout.utf8)) as? [[String: String]])
    #expect(codes.count > 40)
    #expect(Set(codes.compactMap { $0["title"] }).count == codes.count, "a title stands twice: a code has no explanation of its own")
    for code in codes {
      #expect(code["cause"]?.isEmpty == false && code["remedy"]?.isEmpty == false)
      let name = try #require(code["code"])
      let told = try shop.sluice("explain", name)
      #expect(told.status == 0 && told.stdout.hasPrefix("\(name): "))
      if let word = code["dead_letter_code"] { #expect(try shop.sluice("explain", word).stdout == told.stdout) }
    }
    // Each case is used in the sources besides its declaration and its explanation.
    let unused = try shop.python(
      """
      import pathlib, re, sys
      root = pathlib.Path(sys.argv[1])
      names = re.findall(r'case (\\w+) = "SL-', (root / "Configuration/ErrorCode.swift").read_text())
      rest = "".join(p.read_text() for p in root.rglob("*.swift") if p.name not in ("ErrorCode.swift", "ErrorExplanation.swift"))
      print(*[name for name in names if not re.search(r"\\." + name + r"\\b", rest)])
      """, Workshop.root + "/Sources")
    #expect(unused.stdout == "\n", "codes that nothing tells of: \(unused.stdout)")
    let missing = try shop.sluice("explain", "raged_record")
    #expect(missing.status == 64 && missing.stderr.contains("did you mean ragged_record?"))
  }

  @Test("a misspelt command gets the nearest right one")
  func commands() throws {
    let shop = try Workshop()
    let outcome = try shop.sluice("resmue", "x")
    #expect(outcome.status == 64 && outcome.stderr.contains("there is no command “resmue”; did you mean “resume”?"), "\(outcome.stderr)")
    try shop.write("pipeline.yaml", "x")
    #expect(try shop.sluice("pipeline.yaml").stderr.contains("to run a definition: sluice run pipeline.yaml"))
  }

  @Test("an error's code stands behind it, in the definition's errors, in the log and in the result")
  func places() throws {
    let shop = try Workshop()
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: out.jsonl, fromat: csv}\n")
    let wrong = try shop.sluice("check", "pipeline.yaml")
    #expect(
      wrong.stderr.contains("pipeline.yaml:3:26: error: there is no key “fromat” here; did you mean “format”? [SL-101]"), "\(wrong.stderr)")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: out.jsonl}\n")
    #expect(try shop.sluice("run", "pipeline.yaml").stderr.contains("[SL-201]"))
  }

  @Test("what is misspelt is told of once, with what was meant")
  func misspeltOnce() throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml",
      """
      pipline: p
      fetch: {from: a.csv}
      parse: {fields: {a: int, b: bignit, c: varchar(20), d: double not nul, e: colour}}
      write: {pth: out.jsonl}
      """)
    let outcome = try shop.sluice("check", "pipeline.yaml")
    #expect(outcome.stderr.contains("did you mean “pipeline”?") && outcome.stderr.contains("did you mean “path”?"), "\(outcome.stderr)")
    #expect(!outcome.stderr.contains("is missing"), "\(outcome.stderr)")
    for (word, meant) in [("int", "bigint"), ("bignit", "bigint"), ("varchar(20)", "text"), ("double not nul", "double not null")] {
      #expect(outcome.stderr.contains("found “\(word)”; did you mean \(meant)? [SL-103]"), "\(outcome.stderr)")
    }
    #expect(outcome.stderr.contains("found “colour” [SL-103]"), "\(outcome.stderr)")
    try shop.write("e.yaml", "")
    #expect(try shop.sluice("check", "pipelin.yaml").stderr.contains("did you mean pipeline.yaml?"))
    let none = try shop.sluice("check", "nope.yaml")
    #expect(none.status == 78 && !none.stderr.contains("did you mean"), "\(none.stderr)")
    let away = try shop.sluice("init", "nothere.csv")
    #expect(
      away.status == 66 && away.stderr.contains("nothing matches nothere.csv") && away.stderr.contains("[SL-201]")
        && !away.stderr.contains("fetch.from"), "\(away.stderr)")
    try shop.write("data.csv", "id,name\n1,a\n")
    let data = try shop.sluice("run", "data.csv")
    #expect(data.status == 78 && data.stderr.contains("is it the data? sluice init makes a definition for it"), "\(data.stderr)")
  }

  @Test(
    "an expression in the manner of other languages gets SQL's",
    arguments: [
      ("a == 1", "did you mean =?"), ("a = 1 && a = 2", "did you mean AND?"), ("b LIKE \"%x\"", "a text is written in single quotes, '%x'"),
      ("julianday(b)", "sluice help functions lists them"),
    ])
  func otherLanguages(_ expression: String, _ hint: String) throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {a: bigint, b: text}}\ntransform:\n  - filter: |\n      \(expression)\nwrite: {path: out.jsonl}\n"
    )
    let outcome = try shop.sluice("check", "pipeline.yaml")
    #expect(outcome.status == 78 && outcome.stderr.contains(hint), "\(outcome.stderr)")
  }

  @Test(
    "an output's name does not promise what is not written", arguments: ["xz", "xlsx", "tsv", "PARQUET", "tsv.gz", "csv.bz2", "csv.zz"])
  func misnamedOutput(_ ending: String) throws {
    let shop = try Workshop()
    func check(_ more: String) throws -> Outcome {
      try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: out.\(ending)\(more)}\n")
      return try shop.sluice("check", "pipeline.yaml")
    }
    let outcome = try check("")
    #expect(
      outcome.status == 78 && outcome.stderr.contains("nothing is written as .") && outcome.stderr.contains("[SL-109]"), "\(outcome.stderr)"
    )
    let isCompressed = ["xz", "csv.bz2", "csv.zz"].contains(ending)
    #expect(try check(", format: csv").status == (isCompressed ? 78 : 0))
  }

  @Test("a run whose process was killed is interrupted, in every command, and how to finish it is told")
  func killedRun() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\n")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {id: bigint}}\ntransform:\n  - exec: {shell: 'kill -9 $PPID', fields: {id: bigint}}\nwrite: {path: out.jsonl}\n"
    )
    _ = try shop.sluice("run", "pipeline.yaml", "--no-supervisor")
    let status = try shop.sluice("status", "pipeline.yaml")
    #expect(
      status.stdout.contains("is not there any more on this machine; finish the run with: sluice resume 1"),
      "\(status.stdout)\(status.stderr)")
    for command in ["status", "runs", "report"] {
      for output in ["text", "json"] {
        let told = try shop.sluice(command, "pipeline.yaml", "--output", output).stdout
        #expect(told.contains("interrupted") && !told.contains("running"), "\(told)")
      }
    }
  }

  @Test("a run or a pipeline that the ledger does not know is an error, and not an empty list")
  func misspeltSubjects() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\n1\nx\n")
    try shop.write("pipeline.yaml", "pipeline: orders\nfetch: {from: a.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: out.csv}\n")
    try shop.write("later.yaml", "pipeline: later\nfetch: {from: a.csv}\nwrite: {path: later.csv}\n")
    #expect(try shop.runPipeline().status == 65)
    let commands = [
      ["status"], ["report"], ["runs"], ["dead-letters", "list"], ["dead-letters", "export"], ["dead-letters", "drop", "--all"],
      ["prune", "--older-than", "1d"],
    ]
    for command in commands {
      let misspelt = try shop.run(Workshop.binary, command + ["order"])
      #expect(misspelt.status == 64 && misspelt.stderr.contains("there are runs of orders"), "\(command): \(misspelt.stderr)")
      #expect(misspelt.stdout.isEmpty)
      #expect(
        try shop.run(Workshop.binary, command.filter { $0 != "drop" && $0 != "--all" } + ["orders"]).status == 0 || command.contains("drop")
      )
      guard command[0] != "prune" else { continue }
      let unknown = try shop.run(Workshop.binary, command + ["7"])
      #expect(unknown.status == 64 && unknown.stderr.contains("there is no run 7"), "\(command): \(unknown.stderr)")
    }
    #expect(try shop.sluice("dead-letters", "list", "--run", "7").status == 64)
    #expect(try shop.sluice("runs", "1").stdout.split(separator: "\n").count == 1)
    // A definition that has not run yet has nothing to list, and is none too few.
    for command in [["runs"], ["dead-letters", "list"]] {
      let none = try shop.run(Workshop.binary, command + ["later.yaml"])
      #expect(none.status == 0 && none.stdout.isEmpty, "\(none.stderr)")
    }
  }

  @Test("programs read the errors of definitions: check --output json, and --log-format json in every command")
  func definitionErrorsAsJSON() throws {
    let shop = try Workshop()
    try shop.write("good.yaml", "pipeline: good\nfetch: {from: a.csv}\nwrite: {path: out.csv}\n")
    try shop.write("bad.yaml", "pipeline: bad\nfetch: {form: a.csv}\nwrite: {path: out.csv}\n")
    let checked = try shop.sluice("check", "good.yaml", "bad.yaml", "--output", "json")
    #expect(checked.status == 78 && checked.stderr.isEmpty, "\(checked.stderr)")
    let results = checked.stdout.split(separator: "\n").compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    #expect(
      results.map { $0["ok"] as? Bool } == [true, false] && results.map { $0["definition"] as? String } == ["good.yaml", "bad.yaml"])
    let errors = results.last?["errors"] as? [[String: Any]] ?? []
    #expect(errors.count == 1 && errors.first?["line"] as? Int == 2 && errors.first?["column"] as? Int == 9, "\(errors)")
    #expect(errors.first?["length"] as? Int == 4 && errors.first?["code"] as? String == "SL-101")
    for command in [["check", "bad.yaml"], ["run", "bad.yaml"], ["run", "bad.yaml", "--dry-run"]] {
      let told = try shop.run(Workshop.binary, command + ["--log-format", "json"])
      let lines = told.stderr.split(separator: "\n").map {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String]
      }
      #expect(told.status == 78 && lines.count == 1, "\(told.stderr)")
      #expect(lines.first??["message"]?.hasPrefix("bad.yaml:2:9: error: ") == true, "\(told.stderr)")
    }
  }

  @Test("dead letters of several pipelines are dropped by name, and filters that match nothing by their spelling are errors")
  func droppedByName() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\nx\n")
    for name in ["one", "two"] {
      try shop.write("\(name).yaml", "pipeline: \(name)\nfetch: {from: a.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: \(name).csv}\n")
      #expect(try shop.runPipeline("\(name).yaml").status == 65)
    }
    let all = try shop.sluice("dead-letters", "drop", "--all")
    #expect(all.status == 64 && all.stderr.contains("several pipelines (one, two)"), "\(all.stderr)")
    #expect(try shop.sluice("dead-letters", "list").stdout.contains("#2"))
    for filter in [["--stage", "pasre"], ["--code", "invalid_valeu"]] {
      let refused = try shop.run(Workshop.binary, ["dead-letters", "list"] + filter)
      #expect(refused.status == 64 && refused.stderr.contains("“\(filter[1])”"), "\(refused.stderr)")
    }
    #expect(try shop.sluice("dead-letters", "list", "--stage", "parse", "--code", "invalid_value").stdout.contains("#1"))
    #expect(try shop.sluice("dead-letters", "drop", "one", "--all").stdout == "1 dropped\n")
  }
}
