import Foundation
import Testing

@Suite("Running")
struct RunningTests {
  @Test("all sample months come out as Python's csv and json have them, and the counts add up")
  func quickstart() throws {
    let shop = try Workshop()
    try shop.write("pipeline.yaml", Flights.definition(from: Workshop.sampleData + "/flights-2013-*.csv.gz", path: "out/{item.stem}.jsonl"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let records = outcome.records
    #expect(records["read"] == 336_776)
    #expect(records["read"] == (records["written"] ?? 0) + (records["filtered"] ?? 0) + (records["dead_lettered"] ?? 0))
    let oracle = try shop.run("/usr/bin/env", ["python3", "-c", Flights.oracle] + Flights.months)
    let want = try shop.write("want", oracle.stdout)
    let outputs = (1...12).map { shop.path(String(format: "out/flights-2013-%02d.jsonl", $0)) }
    let compared = try shop.run("/usr/bin/env", ["python3", "-c", Flights.compare, want] + outputs)
    #expect(compared.status == 0, "\(compared.stderr)")
    #expect(Int(compared.stdout.trimmingCharacters(in: .whitespacesAndNewlines)) == records["written"])
  }

  @Test("a second run finds nothing to do, and one changed item is done again alone")
  func incremental() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "x,y\n1,2\n")
    try shop.write("in/b.csv", "x,y\n3,4\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in/*.csv}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    #expect(try shop.runPipeline().items["done"] == 2)
    let again = try shop.runPipeline()
    #expect(again.status == 0)
    #expect(again.items == ["total": 2, "done": 0, "skipped": 2, "failed": 0])
    try shop.write("in/b.csv", "x,y\n5,6\n7,8\n")
    let changed = try shop.runPipeline()
    #expect(changed.items == ["total": 2, "done": 1, "skipped": 1, "failed": 0])
    #expect(shop.read("out/b.jsonl") == "{\"x\":5,\"y\":6}\n{\"x\":7,\"y\":8}\n")
    #expect(try shop.runPipeline("pipeline.yaml", "--full").items["done"] == 2)
  }

  @Test("one file for the run holds all items in order, under one CSV header, also compressed")
  func oneOutput() throws {
    let shop = try Workshop()
    for i in 1...9 {
      try shop.write("in/\(i).csv", "n,text\n" + (0..<2000).map { "\(i * 10000 + $0),\"t,\($0)\"" }.joined(separator: "\n") + "\n")
    }
    let want = "n,text\n" + (1...9).flatMap { i in (0..<2000).map { "\(i * 10000 + $0),\"t,\($0)\"" } }.joined(separator: "\n") + "\n"
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in/*.csv}\nwrite: {path: out/all.csv}\n")
    #expect(try shop.runPipeline().status == 0)
    #expect((shop.read("out/all.csv") == want) as Bool)
    try shop.write("zipped.yaml", "pipeline: z\nfetch: {from: in/*.csv}\nwrite: {path: out/all.csv.gz}\n")
    #expect(try shop.runPipeline("zipped.yaml").status == 0)
    #expect(try shop.run("/bin/zcat", [shop.path("out/all.csv.gz")]).stdout == want)
    // A new item: the file is made again from all.
    try shop.write("in/a.csv", "n,text\n1,new\n")
    #expect(try shop.runPipeline().items["done"] == 10)
    #expect((shop.read("out/all.csv") == want + "1,new\n") as Bool)
  }

  @Test(
    "of many small items, which go in groups, those that are bad fail alone, and the others keep their order", arguments: [true, false])
  func groups(each: Bool) throws {
    let shop = try Workshop()
    // One is empty, one has only a header, one inflates to many chunks, one is damaged, one is cut, one lacks a column, one is large.
    let made = try shop.python(
      """
      import gzip, os
      os.mkdir('in')
      for i in range(400):
          rows = {10: 0, 20: 300000, 350: 100000}.get(i, i % 50)
          text = 'n,pad\\n' + ''.join('%d,%s\\n' % (i * 1000000 + k, 'x' if i != 350 else str(k * k)) for k in range(rows))
          if i == 30: text = 'm,pad\\n1,x\\n'
          body = gzip.compress(text.encode(), mtime=0)
          if i == 5: body = b''
          if i == 40: body = body[:20] + bytes([body[20] ^ 255]) + body[21:]
          if i == 42: body = body[:-9]
          if i == 50: body = gzip.compress(b'n,pad\\n50000000,x\\nbad,x\\n50000001,x\\n')
          open('in/%03d.csv.gz' % i, 'wb').write(body)
          if i not in (5, 30, 40, 42): print('\\n'.join(str(i * 1000000 + k) for k in range(2 if i == 50 else rows)))
      """)
    let want = made.stdout.split(separator: "\n").joined(separator: "\n")
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: p
      fetch: {from: in/*.csv.gz}
      parse: {fields: {n: bigint not null, pad: text}}
      transform: [{select: [n]}]
      write: {path: 'out/\(each ? "{item.stem}" : "all").jsonl'}
      limits: {dead_letters: 10}
      """)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69, "\(outcome.stderr)")
    #expect(outcome.items["failed"] == 4 && outcome.items["done"] == 396, "\(outcome.items)")
    let names = try FileManager.default.contentsOfDirectory(atPath: shop.path("out")).filter { !$0.hasPrefix(".") }.sorted()
    #expect(names.count == (each ? 396 : 1))
    let got = names.flatMap { shop.read("out/" + $0).split(separator: "\n") }.map { $0.dropFirst(5).dropLast() }.joined(separator: "\n")
    #expect((got == want) as Bool)
    #expect(outcome.records["dead_lettered"] == 1)
    // The failed items are mended: resume works on those alone, where each has its own output.
    _ = try shop.python(
      """
      import gzip
      for i, text in [(5, 'n,pad\\n5000000,x\\n'), (30, 'n,pad\\n30000000,x\\n'), (40, 'n,pad\\n'), (42, 'n,pad\\n')]:
          gzip.open('in/%03d.csv.gz' % i, 'wt').write(text)
      """)
    let resumed = try shop.run(Workshop.binary, ["resume", "pipeline.yaml", "--output", "json"])
    #expect(resumed.status == 0, "\(resumed.stderr)")
    #expect(shop.read(each ? "out/005.jsonl" : "out/all.jsonl").contains("5000000"))
    #expect(!each || shop.read("out/030.jsonl") == "{\"n\":30000000}\n")
  }

  @Test("a huge item goes through in bounded memory and its order is kept")
  func order() throws {
    let shop = try Workshop()
    _ = try shop.python(
      "with open('big.csv','w') as f:\n  f.write('n,pad\\n')\n  for i in range(1500000): f.write('%d,%s\\n' % (i, 'x' * (i % 40)))")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: big.csv}\nparse: {fields: {n: bigint not null}}\nwrite: {path: out.csv}\n")
    let (outcome, kilobytes) = try shop.runMeasured()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect((shop.read("out.csv") == "n\n" + (0..<1_500_000).map { "\($0)" }.joined(separator: "\n") + "\n") as Bool)
    #expect(kilobytes < 200_000)
  }

  @Test("definitions report all that is wrong, with places and the nearest names, and exit 78")
  func definitionErrors() throws {
    let shop = try Workshop()
    try shop.write(
      "bad.yaml",
      """
      pipeline: bad
      fetch:
        form: x.csv
        workers: many
      parse:
        fields:
          fare: dubble
          distance: double
      transform:
        - filter: fares > 10
        - derive: {x: uper(distance)}
      write:
        path: out/{item.stm}.jsonl
      """)
    let outcome = try shop.sluice("check", "bad.yaml")
    #expect(outcome.status == 78)
    #expect(outcome.stdout == "")
    for line in [
      "bad.yaml:3:3: error: there is no key “form” here; did you mean “from”?",
      "bad.yaml:4:12: error: expected a whole number from 1 up, or a map with max, found “many”", "bad.yaml:7:11: error: expected a type",
      "bad.yaml:13:9: error: “{item.stm}” stands for nothing; did you mean {item.stem}?",
    ] { #expect(outcome.stderr.contains(line), "\(line) is not in:\n\(outcome.stderr)") }
    try shop.write(
      "fields.yaml",
      """
      pipeline: fields
      fetch: {from: x.csv}
      parse: {fields: {fare: double, note: text}}
      transform:
        - filter: fares > 10
        - derive: {x: upper(fare), y: 'note + 1'}
        - select: [fare, nope]
      write: {path: out.jsonl, every: '${UNSET_VARIABLE}'}
      """)
    #expect(try shop.sluice("check", "fields.yaml").stderr.contains("fields.yaml:8:26: error: there is no key “every” here"))
    try shop.write("fields.yaml", shop.read("fields.yaml").replacingOccurrences(of: ", every: '${UNSET_VARIABLE}'", with: ""))
    let fields = try shop.sluice("check", "fields.yaml")
    #expect(fields.status == 78)
    #expect(fields.stderr.contains("fields.yaml:5:13: error: there is no field “fares” here; did you mean “fare”?"), "\(fields.stderr)")
    #expect(fields.stderr.contains("fields.yaml:6:23: error: upper takes 1 value (text); value 1 is a double"))
    #expect(fields.stderr.contains("error: there is no field “nope” here"))
    try shop.write("variable.yaml", "pipeline: v\nfetch: {from: '${NOT_SET}/x.csv'}\nwrite: {path: o.jsonl}\n")
    #expect(try shop.sluice("check", "variable.yaml").stderr.contains("variable.yaml:2:16: error: the variable NOT_SET is not set"))
    #expect(try shop.sluice("check", "variable.yaml", "--var", "NOT_SET=/tmp").stdout == "ok\n")
  }

  @Test("the JSON Schema is one, and accepts the pipelines here")
  func schema() throws {
    let shop = try Workshop()
    let schema = try shop.sluice("schema").json
    #expect(schema["additionalProperties"] as? Bool == false)
    #expect((schema["required"] as? [String])?.sorted() == ["fetch", "pipeline", "write"])
    let properties = try #require(schema["properties"] as? [String: Any])
    #expect(Set(properties.keys).isSuperset(of: ["pipeline", "fetch", "decompress", "parse", "transform", "write", "limits", "supervise"]))
  }

  @Test("a dry run tells all and writes nothing")
  func dryRun() throws {
    let shop = try Workshop()
    try FileManager.default.copyItem(atPath: Workshop.sampleData + "/messy.csv", toPath: shop.path("messy.csv"))
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: messy.csv}\nparse: {fields: {id: bigint not null, flown_on: date, carrier: text, distance: double, note: text}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
    )
    let before = try shop.tree()
    let outcome = try shop.sluice("run", "pipeline.yaml", "--dry-run", "--output", "json")
    #expect(outcome.status == 65)
    #expect(try shop.tree() == before)
    #expect((outcome.json["rejected"] as? [Any])?.count == 8)
    #expect((outcome.json["records"] as? [String])?.count == 5)
    #expect(
      (outcome.json["schema"] as? [[String: Any]])?.map { $0["name"] as? String } == ["id", "flown_on", "carrier", "distance", "note"])
  }

  @Test("a path that matches nothing exits 66; a full disk exits 74 and is resumable; a wrong option exits 64")
  func exits() throws {
    let shop = try Workshop()
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: nothing-*.csv}\nwrite: {path: out.jsonl}\n")
    #expect(try shop.runPipeline().status == 66)
    #expect(try shop.sluice("run", "pipeline.yaml", "--nonsense").status == 64)
    try shop.write("in.csv", "a\n1\n")
    try shop.write("folder.yaml", "pipeline: f\nfetch: {from: in.csv}\nwrite: {path: in.csv/out.jsonl}\n")
    let outcome = try shop.runPipeline("folder.yaml")
    #expect(outcome.status == 74, "\(outcome.stderr)")
    try shop.write("in.csv", "a\n1\n")
  }

  @Test("--quiet prints nothing where all is well")
  func quiet() throws {
    let shop = try Workshop()
    try shop.write("in.csv", "a\n1\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in.csv}\nwrite: {path: out.jsonl}\n")
    let outcome = try shop.sluice("run", "pipeline.yaml", "--quiet")
    #expect(outcome.status == 0)
    #expect(outcome.stdout + outcome.stderr == "")
  }

  @Test(
    "an item that several patterns find, in one entry or in two, is done once",
    arguments: ["'in/{a*,*b}.csv'", "['in/a*.csv', 'in/*b.csv']", "['in/{ab,ab}.csv', in/ac.csv]", "'**/**/*.csv'"])
  func overlapping(_ from: String) throws {
    let shop = try Workshop()
    try shop.write("in/ab.csv", "n\n1\n")
    try shop.write("in/ac.csv", "n\n2\n")
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: \(from)}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.items["total"] == 2 && outcome.records["written"] == 2, "\(outcome.stdout)\(outcome.stderr)")
  }

  @Test("a dry run names the outputs that the run will write, where another pipeline of the state folder ran in between")
  func dryRunNumber() throws {
    let shop = try Workshop()
    try shop.write("in.csv", "id\n1\n")
    for name in ["a", "b"] {
      try shop.write("\(name).yaml", "pipeline: \(name)\nfetch: {from: in.csv}\nwrite: {path: 'out/\(name)-{run.id}.jsonl'}\n")
    }
    #expect(try shop.sluice("run", "a.yaml", "--progress", "none").status == 0)
    for _ in 0..<3 { #expect(try shop.sluice("run", "b.yaml", "--full", "--progress", "none").status == 0) }
    #expect(try shop.sluice("run", "a.yaml", "--dry-run", "--full", "--output", "json").stdout.contains("/out/a-5.jsonl\""))
    #expect(try shop.sluice("run", "a.yaml", "--full", "--progress", "none").status == 0)
    #expect(shop.exists("out/a-5.jsonl"))
  }

  @Test("--limit-items does not make the one output again without items that are in it")
  func limitedOutput() throws {
    for write in ["path: all.jsonl", "table: t, database: t.db, mode: replace"] {
      let shop = try Workshop()
      try shop.write("a.csv", "id\n1\n")
      try shop.write("b.csv", "id\n2\n")
      try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: '*.csv'}\nparse: {fields: {id: bigint}}\nwrite: {\(write)}\n")
      let first = try shop.runPipeline("pipeline.yaml", "--limit-items", "1")
      #expect(first.status == 0 && first.records["written"] == 1, "\(first.stderr)")
      #expect(try shop.runPipeline().records["written"] == 2)
      for words in [["--full"], ["--full", "--dry-run"]] {
        let refused = try shop.run(Workshop.binary, ["run", "pipeline.yaml", "--limit-items", "1"] + words)
        #expect(refused.status == 64 && refused.stderr.contains("--limit-items would leave b.csv"), "\(refused.stderr)")
      }
    }
  }

  @Test(
    "a place for outputs that nothing writes to is refused",
    arguments: [("s3://bucket/x.jsonl", "nothing writes to s3:// yet"), ("~/x.jsonl", "write ${HOME}/x.jsonl")])
  func foreignOutput(_ path: String, _ message: String) throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: '\(path)'}\n")
    let refused = try shop.sluice("check", "pipeline.yaml")
    #expect(refused.status == 78 && refused.stderr.contains(message) && refused.stderr.contains("pipeline.yaml:3:16"), "\(refused.stderr)")
  }

  @Test("a --state that is no folder's path is refused, and shows no password")
  func foreignState() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: o.jsonl}\n")
    let refused = try shop.sluice("run", "pipeline.yaml", "--state", "postgres://me:secret@host/db")
    #expect(refused.status == 64 && refused.stderr.contains("no kind of ledger"), "\(refused.stderr)")
    #expect(!refused.stderr.contains("secret") && !shop.exists("postgres:"))
    #expect(try shop.sluice("run", "pipeline.yaml", "--state", "").status == 64)
  }
}
