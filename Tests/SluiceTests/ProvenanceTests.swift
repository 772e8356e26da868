import Foundation
import Testing

/// The functions that tell where a record comes from.
@Suite("Provenance")
struct ProvenanceTests {
  private static let derived =
    "{key: item_key(), name: item_name(), member: member_name(), num: record_number(), line: record_line(), at: record_offset(), run: run_id(), began: run_started_at()}"

  /// The number, line and byte of each record of a CSV with a header, by Python. `bad` records count and are not written.
  private static let oracle = """
    import json, sys
    def expected(path):
        data = open(path, 'rb').read()
        at = data.index(b'\\n') + 1
        line, number, out = 2, 0, []
        while at < len(data):
            quoted, end = False, at
            while end < len(data) and (quoted or data[end] != 10):
                if data[end] == 34: quoted = not quoted
                end += 1
            text = data[at:end]
            if text.strip(b'\\r') != b'':
                number += 1
                first = text.split(b',')[0]
                if first != b'bad' and int(first) % 3: out.append((int(first), number, line, at))
            line += text.count(b'\\n') + 1
            at = end + 1
        return out
    want = [row for path in sys.argv[2:] for row in expected(path)]
    got = [(r['n'], r['num'], r['line'], r['at']) for r in map(json.loads, open(sys.argv[1]))]
    assert len(want) > 0 and len(got) == len(want), (len(got), len(want))
    for a, b in zip(got, want): assert a == b, (a, b)
    """

  /// A CSV of some megabytes: quoted line ends, blank lines, bad records.
  private func large(_ shop: Workshop, _ name: String = "big.csv", count: Int) throws {
    _ = try shop.python(
      """
      import random, sys
      random.seed(5)
      with open(sys.argv[1], 'w') as f:
        f.write('n,x\\n')
        for i in range(int(sys.argv[2])):
          if i % 9973 == 0: f.write('bad,1\\n')
          elif i % 701 == 0: f.write('%d,"two\\nlines, %d"\\n\\n' % (i, i))
          else: f.write('%d,%s\\n' % (i, 'x' * random.randrange(30)))
      """, shop.path(name), "\(count)")
  }

  private func definition(_ steps: String = "", fields: String = "n: bigint not null, x: text", more: String = "") -> String {
    """
    pipeline: p
    fetch: {from: big.csv}
    parse: {fields: {\(fields)}}
    transform:
      - filter: n % 3 <> 0
    \(steps)  - derive: \(Self.derived)
    write: {path: out.jsonl, checkpoint: {every: 20ms}}
    limits: {dead_letters: 1%}
    \(more)
    """
  }

  private func check(_ shop: Workshop, _ place: SourceLocation = #_sourceLocation) throws {
    let checked = try shop.run("/usr/bin/env", ["python3", "-c", Self.oracle, shop.path("out.jsonl"), shop.path("big.csv")])
    #expect(checked.status == 0, "\(checked.stderr)", sourceLocation: place)
  }

  /// The different values of a field of the output.
  private func values(_ shop: Workshop, _ field: String) -> Set<String> {
    Set(shop.records("out.jsonl").map { "\($0[field] ?? "-")" })
  }

  @Test("each record of a large item knows its number, line and byte, whatever the order that its chunks are parsed in")
  func numbers() throws {
    let shop = try Workshop()
    try large(shop, count: 300_000)
    try shop.write("pipeline.yaml", definition())
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    try check(shop)
    #expect(values(shop, "key") == ["big.csv"] && values(shop, "name") == ["big.csv"] && values(shop, "run") == ["1"])
    #expect(shop.records("out.jsonl").allSatisfy { $0["member"] is NSNull })
  }

  @Test("a worker that throws, and programs between the steps, change nothing of it")
  func workersAndPrograms() throws {
    let shop = try Workshop()
    try large(shop, count: 60_000)
    try shop.write("pipeline.yaml", definition("  - exec: {command: [cat]}\n"))
    let outcome = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--output", "json", "--progress", "none"],
      environment: ["SLUICE_POISON": "throw=22222"])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    try check(shop)
  }

  @Test("a record that kills the engine is found, and the records beside it, read one by one, have their numbers")
  func careful() throws {
    let shop = try Workshop()
    try large(shop, count: 100_000)
    try shop.write("pipeline.yaml", definition(fields: "n: bigint, x: text"))
    let data = try #require(shop.data("big.csv"))
    try shop.write("big.csv", String(decoding: data, as: UTF8.self).replacingOccurrences(of: "\n44444,", with: "\n44444,TRAPPING"))
    let outcome = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--output", "json", "--progress", "none"],
      environment: ["SLUICE_POISON": "trap=TRAPPING"])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    // Python must leave it out too, and count it.
    try shop.write("big.csv", shop.read("big.csv").replacingOccurrences(of: "\n44444,TR", with: "\nbad,xxTR"))
    try check(shop)
    #expect(values(shop, "run").count == 1 && values(shop, "began").count == 1)
  }

  @Test("killed at moments of its way and resumed, a run gives every record the same, and its own beginning")
  func resumed() throws {
    let shop = try Workshop()
    try large(shop, count: 250_000)
    try shop.write("pipeline.yaml", definition())
    for moment in 1...3 {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try? FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
      let killed = try shop.run(
        Workshop.failpointBinary, ["run", "pipeline.yaml", "--progress", "none", "--no-supervisor"],
        environment: ["SLUICE_FAILPOINTS": "part.write/after=kill@\(moment)"])
      #expect(killed.status == SIGKILL && !shop.exists("out.jsonl"), "\(killed.status)")
      var done = try shop.sluice("resume", "pipeline.yaml", "--output", "json", "--progress", "none")
      if done.status == 64 { done = try shop.runPipeline() }
      #expect(done.status == 0, "\(done.stderr)")
      try check(shop)
      let began = values(shop, "began")
      #expect(began.count == 1 && values(shop, "run") == ["1"], "moment \(moment): \(began)")
      let told = try shop.sluice("status", "pipeline.yaml", "--output", "json").json["started_at"] as? String ?? ""
      #expect(began.first?.replacingOccurrences(of: " ", with: "T").hasPrefix(told.dropLast()) == true, "\(began) \(told)")
    }
  }

  @Test("small items, members of an archive and lines of a document know where they are")
  func items() throws {
    let shop = try Workshop()
    _ = try shop.python(
      """
      import os, zipfile
      os.makedirs('in/deep')
      for i in range(40): open('in/%d.csv' % i, 'w').write('n\\n' + ''.join('%d\\n' % k for k in range(i)))
      with zipfile.ZipFile('in/deep/all.zip', 'w') as z:
        z.writestr('2026/a.csv', 'n,x\\n7,\\n\\n8,\\n')
        z.writestr('b.csv', 'n\\r\\n9\\r\\n')
      """)
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: ['in/*.csv', 'in/deep/all.zip']}\nparse: {fields: {n: bigint}}\ntransform:\n  - derive: \(Self.derived)\nwrite: {path: out.jsonl}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let records = shop.records("out.jsonl")
    #expect(records.count == 40 * 39 / 2 + 3)
    for record in records {
      guard let n = record["n"] as? Int, let key = record["key"] as? String else { continue }
      if !key.contains("!/") {
        #expect(record["num"] as? Int == n + 1 && record["line"] as? Int == n + 2 && key == "in/\(record["name"] ?? "")")
        #expect(record["at"] as? Int == 2 + (0..<n).reduce(0) { $0 + "\($1)\n".count } && record["member"] is NSNull)
      }
    }
    let members = records.filter { ($0["key"] as? String ?? "").contains("!/") }.map {
      "\($0["key"] ?? "") \($0["member"] ?? "") \($0["name"] ?? "") \($0["n"] ?? "") \($0["num"] ?? "") \($0["line"] ?? "") \($0["at"] ?? "")"
    }
    #expect(
      members.sorted() == [
        "in/deep/all.zip!/2026/a.csv 2026/a.csv a.csv 7 1 2 4", "in/deep/all.zip!/2026/a.csv 2026/a.csv a.csv 8 2 4 8",
        "in/deep/all.zip!/b.csv b.csv b.csv 9 1 2 3",
      ])
  }

  @Test("a JSON document's records know their lines and bytes")
  func document() throws {
    let shop = try Workshop()
    let text = "{\"rows\": [\n {\"n\": 1}, {\"n\": 2},\n\n {\"n\":\n 3}\n]}\n"
    try shop.write("in.json", text)
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: in.json}\nparse: {format: json, records: '$.rows[*]', fields: {n: bigint}}\ntransform:\n  - derive: \(Self.derived)\nwrite: {path: out.jsonl}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let found = shop.records("out.jsonl").map { "\($0["num"] ?? "") \($0["line"] ?? "") \($0["at"] ?? "")" }
    let places = text.matches(of: /\{"n/).map { text.utf8.distance(from: text.startIndex, to: $0.range.lowerBound) }
    #expect(found == ["1 2 \(places[0])", "2 2 \(places[1])", "3 4 \(places[2])"], "\(found)")
  }

  @Test("dead letters that are replayed have the place and the run in which they were read")
  func replayed() throws {
    let shop = try Workshop()
    try shop.write("big.csv", "n,x\n1,a\n\nbad,b\n4,c\n5,d\n")
    try shop.write("pipeline.yaml", definition(more: "").replacingOccurrences(of: "1%", with: "10"))
    #expect(try shop.runPipeline().status == 0)
    try shop.write(
      "pipeline.yaml",
      definition().replacingOccurrences(of: "n: bigint not null", with: "n: text").replacingOccurrences(of: "n % 3 <> 0", with: "n <> ''"))
    let replay = try shop.sluice("dead-letters", "replay", "pipeline.yaml")
    #expect(replay.status == 0, "\(replay.stderr)")
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: shop.folder).first { $0.contains("replay") })
    let record = try #require(shop.records(name).first)
    let first = try #require(shop.records("out.jsonl").first)
    #expect(record["num"] as? Int == 2 && record["line"] as? Int == 4 && record["at"] as? Int == 9, "\(record)")
    #expect(record["run"] as? Int == 1 && record["began"] as? String == first["began"] as? String && record["key"] as? String == "big.csv")
  }

  @Test("a dry run shows what the run would give; a test of the definition has an item and a run of its own")
  func withoutARun() throws {
    let shop = try Workshop()
    try shop.write("big.csv", "n,x\n1,a\n2,b\n")
    try shop.write(
      "pipeline.yaml",
      definition(
        more: """
          tests:
            - name: by default
              records: [{n: 1, x: a}]
              expect: [{key: big.csv, name: big.csv, member: null, num: 1, line: 1, at: 0, run: 1, began: "2000-01-01 00:00:00"}]
            - name: an item
              item: in/all.zip!/2026/a.csv
              input: |
                n,x
                3,b
                4,c
              expect: [{key: in/all.zip!/2026/a.csv, name: a.csv, member: 2026/a.csv, num: 2, line: 3, at: 8}]
          """))
    let tested = try shop.sluice("test", "pipeline.yaml")
    #expect(tested.status == 0, "\(tested.stdout)\(tested.stderr)")
    let dry = try shop.sluice("run", "pipeline.yaml", "--dry-run")
    #expect(dry.status == 0 && dry.stdout.contains("big.csv") && !dry.stdout.contains("1970"), "\(dry.stdout)\(dry.stderr)")
    let run = try shop.runPipeline()
    #expect(run.status == 0 && shop.records("out.jsonl").first?["line"] as? Int == 2)
  }

  @Test("the condition of a sink may ask where a record is from, though no step does")
  func conditions() throws {
    let shop = try Workshop()
    try shop.write("big.csv", "n,x\n1,a\n2,b\n3,c\n4,d\n")
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: p
      fetch: {from: big.csv}
      parse: {fields: {n: bigint}}
      write:
        - {path: even.jsonl, when: record_number() % 2 = 0}
        - {path: late.jsonl, when: record_line() > 3 AND run_id() = 1}
      """)
    let run = try shop.runPipeline()
    #expect(run.status == 0, "\(run.stderr)")
    #expect(shop.read("even.jsonl") == "{\"n\":2}\n{\"n\":4}\n" && shop.read("late.jsonl") == "{\"n\":3}\n{\"n\":4}\n")
  }

  @Test("a filter by where a record is from is no filter that is never true")
  func filtered() throws {
    let shop = try Workshop()
    try shop.write("big.csv", "n,x\n1,a\n2,b\n3,c\n4,d\n")
    try shop.write("pipeline.yaml", definition("  - filter: record_number() > 1 AND item_key() = 'big.csv'\n"))
    #expect(try shop.runPipeline().status == 0)
    #expect(shop.records("out.jsonl").compactMap { $0["n"] as? Int } == [2, 4])
  }
}
