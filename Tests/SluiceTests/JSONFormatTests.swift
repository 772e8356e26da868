import Foundation
import Testing

@Suite("JSON documents")
struct JSONFormatTests {
  private func definition(_ parse: String, from: String = "in/*", more: String = "") -> String {
    "pipeline: p\nfetch: {from: '\(from)'}\nparse: {\(parse)}\nwrite: {path: 'out/{item.stem}.jsonl'}\n\(more)"
  }

  @Test("an array's elements, one object, a stream of objects and a place deep in a document are records; a name in .json is enough")
  func jsonRecords() throws {
    let shop = try Workshop()
    // Longer than a block of 64 bytes, with brackets that close nothing in each.
    let long = String(repeating: "] } x [ { ", count: 20) + String(repeating: "] } ", count: 50)
    let array = "[\n  {\"id\": 1, \"t\": \"\(long)a ] }\\\"\"},\n  {\"id\": 2,\n   \"t\": null}\n]\n"
    try shop.write("in/array.json", array)
    try shop.write("in/object.json", "{\n  \"id\": 3,\n  \"t\": \"b\"\n}\n")
    try shop.write("in/stream.json", "{\"id\":4,\"t\":\"c\"}\n{\"id\":5}\n\u{1E}{\"id\":6,\n\"t\":\"d\"}")
    try shop.write("in/empty.json", " [ ] \n")
    try shop.write("pipeline.yaml", definition("fields: {id: bigint, t: text}"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.records == ["read": 6, "written": 6, "filtered": 0, "dead_lettered": 0], "\(outcome)")
    #expect(shop.read("out/array.jsonl") == "{\"id\":1,\"t\":\"\(long)a ] }\\\"\"}\n{\"id\":2,\"t\":null}\n")
    #expect(shop.read("out/object.jsonl") == "{\"id\":3,\"t\":\"b\"}\n")
    #expect(shop.read("out/stream.jsonl") == "{\"id\":4,\"t\":\"c\"}\n{\"id\":5,\"t\":null}\n{\"id\":6,\"t\":\"d\"}\n")
    #expect(shop.read("out/empty.jsonl").isEmpty)

    try shop.write(
      "deep/a.json",
      "{\"meta\":{\"data\":[{\"id\":9}]},\"data\":{\"pages\":[{\"rows\":[{\"id\":1,\"o\":{\"x\":[1,\n2]}}]},{\"rows\":[]},{\"rows\":null},{\"rows\":[{\"id\":2}]}]},\"total\":2}"
    )
    try shop.write("deep.yaml", definition("records: '$.data.pages[*].rows[*]'", from: "deep/*"))
    #expect(try shop.runPipeline("deep.yaml").status == 0)
    #expect(shop.read("out/a.jsonl") == "{\"id\":1,\"o\":{\"x\":[1, 2]}}\n{\"id\":2,\"o\":null}\n")
    // Without a line to go by, and compressed.
    let flat = "[" + (0..<30_000).map { "{\"id\":\($0),\"t\":\"\(String(repeating: "x", count: $0 % 50))\"}" }.joined(separator: ",") + "]"
    try shop.write("flat/b.json", flat)
    _ = try shop.run("/bin/gzip", [shop.path("flat/b.json")])
    try shop.write("flat.yaml", definition("fields: {id: bigint, t: text}", from: "flat/*"))
    #expect(try shop.runPipeline("flat.yaml").records["written"] == 30_000)
    #expect(shop.records("out/b.jsonl").map { $0["id"] as? Int } == Array(0..<30_000))
  }

  @Test("a path that selects nothing is told, with what is there; an array without elements is an item without records")
  func jsonNothingSelected() throws {
    let shop = try Workshop()
    try shop.write("in/a.json", "{\"data\": [{\"id\": 1}], \"total\": 1, \"rows\": {\"next\": null}}")
    for (path, words) in [
      ("$.dta[*]", "parse.records $.dta[*] selects nothing: $ has data, total, rows"), ("$.rows.list[*]", "$.rows has next"),
      ("$.data", "parse.records $.data selects an array, and a record is an object; its elements are $.data[*]"),
      ("$[*].id", "selects nothing"), ("$.data.id", "$.data is an array, whose elements are $.data[*]"),
      ("$.total[*]", "selects nothing"),
    ] {
      try shop.write("pipeline.yaml", definition("records: '\(path)', fields: {id: bigint}"))
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == 69 && outcome.stderr.contains(words) && outcome.stderr.contains("[SL-407]"), "\(path): \(outcome.stderr)")
      #expect(!shop.exists("out/a.jsonl"))
    }
    for text in ["{\"data\": []}", "{\"data\": null}", "{\"data\": []}\n{\"x\": 1}"] {
      try shop.write("in/a.json", text)
      try shop.write("pipeline.yaml", definition("records: '$.data[*]', fields: {id: bigint}"))
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == 0 && outcome.records["read"] == 0, "\(text): \(outcome.stderr)")
    }
    try shop.write("in/a.json", "\n")
    let empty = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(empty.status == 69 && empty.stderr.contains("the item is empty"), "\(empty.stderr)")
    try shop.write("pipeline.yaml", definition("records: '$.data[*]', on_empty: accept, fields: {id: bigint}"))
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
  }

  @Test("a wrong path is refused at its place; keys of other formats are refused")
  func jsonWrongPaths() throws {
    let shop = try Workshop()
    for (path, column, words) in [
      ("data[*]", 13, "a path begins with $"), ("$..id", 14, "“..”"), ("$.a[?(@.x)]", 16, "filters are not supported"),
      ("$.a[-1]", 17, "counted from the front"), ("$.a[1:3]", 18, "slices"), ("$.a[0,1]", 18, "several"), ("$.a[1", 16, "not closed"),
      ("$.a b", 16, "here a step begins"), ("$.", 15, "a name comes behind the point"), ("$.a[b]", 17, "in brackets"),
    ] {
      try shop.write("p.yaml", "pipeline: p\nfetch: {from: a.json}\nparse:\n  records: \"\(path)\"\nwrite: {path: o.jsonl}\n")
      let outcome = try shop.sluice("check", "p.yaml")
      #expect(
        outcome.status == 78 && outcome.stderr.contains("p.yaml:4:\(column): ") && outcome.stderr.contains(words),
        "\(path): \(outcome.stderr)")
    }
    try shop.write("p.yaml", "pipeline: p\nfetch: {from: a.json}\nparse: {format: json, header: true}\nwrite: {path: o.jsonl}\n")
    #expect(try shop.sluice("check", "p.yaml").stderr.contains("header is for csv and tsv, and the format is json"))
    try shop.write("p.yaml", "pipeline: p\nfetch: {from: a.json}\nparse: {format: csv, records: $}\nwrite: {path: o.jsonl}\n")
    #expect(try shop.sluice("check", "p.yaml").stderr.contains("records is for json, and the format is csv"))
  }

  @Test("what breaks the rules between records ends the item, with line, column and byte; keep_records keeps the records before it")
  func jsonDamage() throws {
    let shop = try Workshop()
    let good = (0..<20_000).map { "{\"id\":\($0),\"t\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}" }
    let before = "{\"n\":1,\n\"rows\":[" + good.joined(separator: ",\n")
    for (rest, words) in [
      (" {\"id\":1}]}", "a comma or ] is to stand here"), (",]}", "a value is to stand here"), ("]", "an object of the document is open"),
      (",{\"id\":7", "the text ends within what begins here"), ("], x:1}", "a name in double quotes"), ("]} ]", "a value is to stand here"),
      ("], \"m\": {\"a\": tru }}", "a value is to stand here"), ("],\"m\":01}", "something else follows"),
    ] {
      let text = before + rest
      try shop.write("in/a.json", text)
      try shop.write("pipeline.yaml", definition("records: '$.rows[*]', fields: {id: bigint, t: text}"))
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == 69 && outcome.stderr.contains(words) && outcome.stderr.contains("[SL-406]"), "\(rest): \(outcome.stderr)")
      #expect(!shop.exists("out/a.jsonl"))
      // Python's json breaks off at the same place, or a blank before it.
      let place = try shop.python(
        """
        import json
        try: json.load(open('in/a.json'))
        except json.JSONDecodeError as e: print(e.pos)
        """)
      let found = outcome.stderr.firstMatch(of: /line (\d+), column (\d+) \(byte (\d+)\)/).flatMap { Int($0.3) } ?? -1
      let wanted = try #require(Int(place.stdout.trimmingCharacters(in: .whitespacesAndNewlines)))
      #expect(abs(found - wanted) <= 8, "\(rest): \(found), and Python has \(wanted)")
      try shop.write(
        "pipeline.yaml",
        definition(
          "records: '$.rows[*]', fields: {id: bigint, t: text}", more: "decompress: {on_error: keep_records}\nlimits: {dead_letters: 1}\n"))
      let kept = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(
        kept.status == 0 && kept.records == ["read": 20_001, "written": 20_000, "filtered": 0, "dead_lettered": 1], "\(rest): \(kept)")
      let letter = try shop.sluice("dead-letters", "export", "p", "--which", "open").stdout.split(separator: "\n").last ?? ""
      #expect(letter.contains("\"damaged_item\"") && letter.contains("\"stage\":\"parse\"") && letter.contains(words), "\(letter)")
      try FileManager.default.removeItem(atPath: shop.path("out"))
      try FileManager.default.removeItem(atPath: shop.path(".sluice"))
    }
  }

  @Test("a record that is no object, or broken within its brackets, is a dead letter with its place and bytes; it can be replayed")
  func jsonDeadLetters() throws {
    let shop = try Workshop()
    let text =
      "[\n {\"id\": 1},\n {\n  \"id\": \"x\",\n  \"t\": \"]\"\n }, 5, \"a\\\"]\",\n [1, {}], {\"id\": 1,,}, nul,\n {\"id\":[}], {\"id\": 2}\n]\n"
    try shop.write("in/a.json", text)
    try shop.write("pipeline.yaml", definition("fields: {id: bigint, t: text}", more: "limits: {dead_letters: 10}\n"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.records == ["read": 9, "written": 2, "filtered": 0, "dead_lettered": 7], "\(outcome)")
    let letters = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
    }
    #expect(letters.map { $0["record"] as? Int } == [2, 3, 4, 5, 6, 7, 8])
    #expect(letters.map { $0["line"] as? Int } == [3, 6, 6, 7, 7, 7, 8])
    #expect(letters.map { $0["code"] as? String } == ["invalid_value"] + Array(repeating: "invalid_json", count: 6))
    let bytes = Array(text.utf8)
    for letter in letters {
      let raw = Array((letter["raw"] as? String ?? "?").utf8)
      let offset = try #require(letter["offset"] as? Int)
      #expect(Array(bytes[offset..<offset + raw.count]) == raw, "\(letter)")
    }
    try shop.write("pipeline.yaml", definition("fields: {id: json, t: text}", more: "limits: {dead_letters: 10}\n"))
    let replayed = try shop.sluice("dead-letters", "replay", "pipeline.yaml")
    #expect(replayed.stdout.contains("1 ") && shop.exists("out/a.replay-1.jsonl"), "\(replayed)")
    #expect(shop.read("out/a.replay-1.jsonl") == "{\"id\":\"x\",\"t\":\"]\"}\n")
  }

  @Test(
    "killed at five moments, a run goes on within the array: the same bytes, dead letters and counts", arguments: ["$[*]", "$.a.rows[*]"])
  func jsonResumes(_ path: String) throws {
    let shop = try Workshop()
    _ = try shop.python(
      """
      import sys
      deep = sys.argv[1] != '$[*]'
      with open('big.json','w') as f:
        f.write('{"x": [1,2], "a": {"rows": [' if deep else '[')
        for i in range(600000):
          f.write('%s{"n": %d,%s "x": %s}' % (',' if i else '', i, '\\n' if i % 7 == 0 else '', '"bad"' if i % 9973 == 0 else i / 8))
        f.write(']}}' if deep else ']')
      """, path)
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: big.json}\nparse: {records: '\(path)', fields: {n: bigint not null, x: double}}\ntransform: [{filter: n % 3 <> 0}]\nwrite: {path: out.jsonl, checkpoint: {every: 30ms, bytes: 1MB}}\nlimits: {dead_letters: 1%}\n"
    )
    func letters() throws -> [String] {
      try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.split(separator: "\n").map { line in
        let object = (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]) ?? [:]
        return "\(object["record"] ?? 0) \(object["line"] ?? 0) \(object["offset"] ?? 0) \(object["raw"] ?? "")"
      }
    }
    let begun = ContinuousClock.now
    let whole = try shop.runPipeline()
    let took = begun.duration(to: .now)
    #expect(whole.status == 0 && whole.records["read"] == 600_000, "\(whole)")
    let (want, wantLetters) = (shop.read("out.jsonl"), try letters())
    #expect(wantLetters.count == 61)
    var resumedInside = 0
    for moment in 1...5 {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try? FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
      let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
      usleep(UInt32(took / .microseconds(1) * Double(moment) / 6))
      process.stop(SIGKILL)
      if shop.exists(".out.jsonl.sluice-part") { resumedInside += 1 }
      var resumed = try shop.sluice("resume", "pipeline.yaml", "--output", "json", "--progress", "none")
      if resumed.status == 64 { resumed = try shop.runPipeline() }
      #expect(resumed.status == 0, "\(resumed.stderr)")
      #expect((shop.read("out.jsonl") == want) as Bool, "moment \(moment)")
      #expect(try letters() == wantLetters, "moment \(moment)")
    }
    #expect(resumedInside >= 1)
  }

  @Test("json-test-suite: every y_ file is read, no n_ file gives a record, and nothing crashes", .enabled(if: Workshop.corpora != nil))
  func jsonTestSuite() throws {
    let shop = try Workshop()
    let archive = try #require(Workshop.corpora) + "/json-test-suite.tar.zst"
    try #require(try shop.run("/bin/tar", ["--zstd", "-xf", archive]).status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: shop.path("json-test-suite")).filter { $0.hasSuffix(".json") }
    // As a whole, and as the value of a field, as which a scalar is no bad record.
    for name in names {
      let text = try #require(shop.data("json-test-suite/\(name)"))
      try shop.write("whole/\(name)", text)
      try shop.write("field/\(name)", Data("{\"rows\": [{\"v\": ".utf8) + text + Data("}]}".utf8))
    }
    try shop.write("whole.yaml", definition("fields: {v: json}", from: "whole/*", more: "limits: {dead_letters: 100%}\n"))
    try shop.write(
      "field.yaml",
      "pipeline: f\nfetch: {from: 'field/*'}\nparse: {records: '$.rows[*]', fields: {v: json}}\nwrite: {path: 'values/{item.stem}.jsonl'}\nlimits: {dead_letters: 100%}\n"
    )
    let whole = try shop.runPipeline("whole.yaml")
    let field = try shop.runPipeline("field.yaml")
    #expect(!whole.stderr.contains("SIG") && !field.stderr.contains("SIG"), "\(whole.stderr)\(field.stderr)")
    for name in names {
      let stem = (name as NSString).deletingPathExtension
      if name.hasPrefix("y_") {
        #expect(!whole.stderr.contains("whole/\(name): "), "\(name)")
        #expect(shop.read("values/\(stem).jsonl").split(separator: "\n").count == 1, "\(name)")
      }
      if name.hasPrefix("n_") {
        // Elements of a broken document that are objects by themselves may be out before the place where it breaks.
        #expect(shop.read("out/\(stem).jsonl").isEmpty, "\(name)")
        #expect(shop.read("values/\(stem).jsonl").isEmpty, "\(name)")
      }
    }
    #expect(names.count { $0.hasPrefix("y_") } > 40)
  }

  @Test("init finds the array in an answer of an API, and the definition that it writes runs")
  func jsonDrafts() throws {
    let shop = try Workshop()
    try shop.write(
      "answer.json", "{\"total\":2,\"tags\":[\"x\"],\"result\":{\"items\":[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":null}]}}")
    try shop.write("list.json", "[\n{\"id\":1,\"at\":\"2020-01-01\"},\n{\"id\":2,\"at\":null}\n]\n")
    try shop.write("pretty.json", "{\n  \"id\": 1\n}\n{\n  \"id\": 2\n}\n")
    try shop.write("long.csv", "{\"all\":[" + (0..<300_000).map { "{\"n\":\($0)}" }.joined(separator: ",") + "]}")
    for (name, setting, records) in [
      ("long", "records: '$.all[*]'", 300_000), ("answer", "records: '$.result.items[*]'", 2), ("list", "at: date", 2),
      ("pretty", "id: bigint", 2),
    ] {
      let drafted = try shop.sluice("init", name == "long" ? "long.csv" : "\(name).json")
      #expect(drafted.status == 0, "\(drafted.stderr)")
      let text = shop.read("\(name).yaml")
      #expect(text.contains("format: json") && text.contains(setting), "\(text)")
      let outcome = try shop.runPipeline("\(name).yaml")
      #expect(outcome.status == 0 && outcome.records["written"] == records, "\(name): \(outcome)")
    }
  }

  @Test("a field that no record has is told of, once a run; one that some records have is not", arguments: ["jsonl", "json"])
  func absentFields(_ ending: String) throws {
    let shop = try Workshop()
    try shop.write("a.\(ending)", (0..<50_000).map { "{\"id\": \($0), \"note\": null}\n" }.joined())
    try shop.write("b.\(ending)", "{\"id\": 1, \"rare\": 5}\n")
    let fields = "{id: bigint, nmae: text, note: text, rare: bigint}"
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: ['*.\(ending)']}\nparse: {fields: \(fields)}\nwrite: {path: 'out/{item.stem}.csv'}\n")
    let trial = try shop.sluice("run", "pipeline.yaml", "--dry-run")
    #expect(trial.stdout.contains("no record of them has “nmae”, “rare”, which parse.fields names"), "\(trial.stdout)")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.records["written"] == 50_001)
    let told = outcome.stderr.split(separator: "\n").filter { $0.contains("parse.fields names") }
    #expect(
      told == ["warning: none of the 50,001 records that were read has “nmae”, which parse.fields names: NULL is written for it"], "\(told)"
    )
    #expect(try shop.sluice("status", "pipeline.yaml").stdout.contains("absent fields: nmae: in none of 50001 records"))
    try shop.write(
      "pipeline.yaml",
      shop.read("pipeline.yaml").replacingOccurrences(of: "nmae: text, ", with: ""))
    #expect(try !shop.runPipeline("pipeline.yaml", "--full").stderr.contains("parse.fields names"))
  }

  @Test("what an interrupted run said of absent fields its second half does not say")
  func absentFieldsOfAHalf() throws {
    let shop = try Workshop()
    try shop.write("a.jsonl", (0..<600_000).map { "{\"id\": \($0)\($0 == 5 ? ", \"early\": 1" : "")}\n" }.joined())
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: a.jsonl}\nparse: {fields: {id: bigint, early: bigint}}\nwrite: {path: o.csv, checkpoint: {records: 1000}}\n"
    )
    let killed = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--progress", "none", "--no-supervisor"],
      environment: ["SLUICE_FAILPOINTS": "ledger.checkpoint/after=kill@2"])
    #expect(killed.status != 0, "\(killed.stderr)")
    let resumed = try shop.sluice("resume", "pipeline.yaml")
    #expect(resumed.status == 0 && resumed.stdout.contains("600,000 read"), "\(resumed.stdout)\(resumed.stderr)")
    #expect(!resumed.stderr.contains("parse.fields names"), "\(resumed.stderr)")
  }
}
