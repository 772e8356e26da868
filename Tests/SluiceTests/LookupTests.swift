import Foundation
import Testing

/// The step `lookup`: fields from a table that is loaded before the run.
@Suite("Lookups")
struct LookupTests {
  private static let table = "code,name,population\nde,Deutschland,83\nfr,\"France, la\",68\nno,,5\n"

  private func workshop(
    _ lookup: String = "file: countries.csv, on: {country: code}, take: [name, population]", table: String = table,
    records: String = "id,country\n1,de\n2,xx\n3,\n4,no\n5,fr\n", more: String = ""
  ) throws -> Workshop {
    let shop = try Workshop()
    try shop.write("countries.csv", table)
    try shop.write("in.csv", records)
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: lookups
      fetch: {from: in.csv}
      parse: {fields: {id: bigint, country: text}}
      transform:
        - lookup: {\(lookup)}
      write: {path: out.jsonl}
      \(more)
      """)
    return shop
  }

  @Test("a record has the table's fields, typed; a key that the table has not, and NULL, give NULL")
  func left() throws {
    let shop = try workshop()
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(
      shop.read("out.jsonl")
        == """
        {"id":1,"country":"de","name":"Deutschland","population":83}
        {"id":2,"country":"xx","name":null,"population":null}
        {"id":3,"country":null,"name":null,"population":null}
        {"id":4,"country":"no","name":null,"population":5}
        {"id":5,"country":"fr","name":"France, la","population":68}

        """)
    #expect(outcome.stderr.contains("countries.csv is loaded: 3 records, "), "\(outcome.stderr)")
  }

  @Test("keys are compared by the value of their type, which the record's field gives: 1 is 01 as a bigint, and not as text")
  func typedKeys() throws {
    let shop = try workshop(
      "file: t.jsonl, on: {id: n, country: c}, take: {mark: m}",
      records: "id,country\n1,01\n2,2\n+3,3\n")
    try shop.write(
      "t.jsonl", #"{"n":1,"c":"01","m":"a"}"# + "\n" + #"{"n":2,"c":"02","m":"b"}"# + "\n\n" + #"{"c":"3","n":3,"m":"c"}"# + "\n")
    #expect(try shop.runPipeline().status == 65)
    #expect(shop.records("out.jsonl").map { $0["mark"] as? String } == ["a", nil])
    let csv = try workshop("file: t.csv, on: [id], take: [m]", records: "id,country\n1,x\n2,y\n")
    try csv.write("t.csv", "id,m\n\"1\",one\n 2,two\n")
    let refused = try csv.runPipeline()
    #expect(refused.status == 78 && refused.stderr.contains("t.csv:3: id: “ 2” is not a bigint"), "\(refused.stderr)")
    try csv.write("t.csv", "id,m\n\"1\",one\n2,two\n")
    #expect(try csv.runPipeline().status == 0)
    #expect(csv.records("out.jsonl").map { $0["m"] as? String } == ["one", "two"])
  }

  @Test("a table without a header has its columns by number")
  func withoutHeader() throws {
    let shop = try workshop(
      "file: countries.csv, header: false, on: {country: column_1}, take: {name: column_3}",
      table: "de,83,Deutschland\nfr,68,\"France, la\"\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(shop.records("out.jsonl").map { $0["name"] as? String } == ["Deutschland", nil, nil, nil, "France, la"])
    for trim in [false, true] {
      let shop = try workshop("file: countries.csv, header: false, trim: \(trim), on: {country: column_1}", table: "\"x\ny\"\nde\nde\n")
      let refused = try shop.sluice("check", "pipeline.yaml")
      #expect(
        refused.status == 78 && refused.stderr.contains("countries.csv:4: column_1 = “de” stands in line 3 already"), "\(refused.stderr)")
    }
    let unknown = try workshop("file: countries.csv, header: false, on: {country: column_1}, take: [column_9]", table: "de,83\n")
    #expect(try unknown.sluice("check", "pipeline.yaml").stderr.contains("has no column “column_9”"))
  }

  @Test("on_missing: a dead letter that names the key, or left out and counted as filtered")
  func missing() throws {
    let shop = try workshop("file: countries.csv, on: {country: code}, on_missing: dead_letter")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 65 && outcome.records == ["read": 5, "written": 3, "filtered": 0, "dead_lettered": 2])
    let listed = try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout
    let letters = listed.split(separator: "\n").compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    #expect(
      Set(letters.compactMap { $0["reason"] as? String })
        == ["countries.csv has no row with code = “xx”", "countries.csv has no row with code = NULL"])
    #expect(
      letters.allSatisfy {
        $0["code"] as? String == "no_match" && $0["field"] as? String == "country" && $0["stage"] as? String == "transform"
      },
      "\(listed)")
    // The table is mended, and its letters are taken through it again.
    try shop.write("countries.csv", Self.table + "xx,Nowhere,0\n")
    let replay = try shop.sluice("dead-letters", "replay", "pipeline.yaml")
    #expect(replay.status == 65 && replay.stdout.contains("1 passed"), "\(replay.stdout)\(replay.stderr)")
    #expect(shop.read("out.replay-1.jsonl") == "{\"id\":2,\"country\":\"xx\"}\n")

    let skipping = try workshop("file: countries.csv, on: {country: code}, take: [name], on_missing: skip")
    let skipped = try skipping.runPipeline()
    #expect(skipped.status == 0 && skipped.records == ["read": 5, "written": 3, "filtered": 2, "dead_lettered": 0])
    #expect(skipping.records("out.jsonl").map { $0["id"] as? Int } == [1, 4, 5])
  }

  @Test("keys that the table has twice are an error that names both lines, unless the first or the last is said to count")
  func duplicates() throws {
    let table = "code,name\nde,a\n\nfr,\"b\nc\"\nde,d\nde,e\n"
    let shop = try workshop("file: countries.csv, on: {country: code}, take: [name]", table: table)
    let refused = try shop.sluice("check", "pipeline.yaml")
    #expect(refused.status == 78)
    #expect(
      refused.stderr.contains("pipeline.yaml:5:20: error: countries.csv:6: code = “de” stands in line 2 already"), "\(refused.stderr)")
    #expect(refused.stderr.contains("SL-115"))
    for (choice, name) in [("first", "a"), ("last", "e")] {
      let shop = try workshop("file: countries.csv, on: {country: code}, take: [name], on_duplicate: \(choice)", table: table)
      #expect(try shop.runPipeline().status == 0)
      #expect(shop.records("out.jsonl").first?["name"] as? String == name)
    }
    // NULL is like nothing, itself too.
    let nulls = try workshop(table: "code,name,population\n,a,1\n,b,2\nde,c,3\n")
    #expect(try nulls.runPipeline().status == 0)
    #expect(nulls.records("out.jsonl").compactMap { $0["name"] as? String } == ["c"])
  }

  @Test(
    "what is wrong with the file or the step is told by check, dry run and run, with its place",
    arguments: [
      ("file: nowhere.csv, on: [country]", "nowhere.csv: No such file or directory"),
      ("file: ., on: [country], format: csv", "it is no file"),
      ("file: countries.csv, on: [country], format: xls", "expected one of "),
      ("file: countries.csv, on: {country: code}, format: exec", "format exec needs exec"),
      ("file: countries.csv, on: {country: cod}", "countries.csv has no column “cod”; did you mean “code”?"),
      ("file: countries.csv, on: {country: code}, take: [capital]", "has no column “capital”; it has code, name, population"),
      ("file: countries.csv, on: {contry: code}", "there is no field “contry” here; did you mean “country”?"),
      ("file: countries.csv, on: {country: code}, take: {id: name}", "there is a field “id” already; take it under another name"),
      ("file: countries.csv, on: {id: code}", "countries.csv:2: code: “de” is not a bigint"),
      (
        "file: countries.csv, on: {country: population}, fields: {population: bigint}",
        "country is a text, and population of countries.csv a bigint"
      ),
      ("file: countries.csv, on: {country: code}, take: [name], fields: {name: text not null}", "countries.csv:4: name: name is not null"),
      ("file: ragged.csv, on: {country: code}", "ragged.csv:3: "),
      ("file: latin.csv, on: {country: code}", "latin.csv:3: it is no text in the encoding"),
      ("file: empty.csv, on: {country: code}", "empty.csv: the item is empty"),
      ("file: countries.csv, on: {country: code}, memory: 10B", "it has 64 bytes, and may have 10"),
      ("file: countries.csv, on: {country: code}, take: [name], memory: 100B", "as a table, and may take 100"),
      ("file: countries.csv, on: []", "on names no field to look up by"),
      ("file: countries.csv, on: {country: code}, delimiter: ''", "a delimiter is one or more characters"),
    ])
  func errors(_ lookup: String, _ message: String) throws {
    let shop = try workshop(lookup)
    try shop.write("ragged.csv", "code,name\nde,a\nfr\n")
    try shop.write("latin.csv", Data([UInt8]("code,name\nde,a\nfr,".utf8) + [0xE9, 0x0A]))
    try shop.write("empty.csv", "")
    for outcome in [
      try shop.sluice("check", "pipeline.yaml"), try shop.sluice("run", "pipeline.yaml", "--dry-run"), try shop.runPipeline(),
    ] {
      #expect(outcome.status == 78 && outcome.stderr.contains(message), "\(outcome.status) \(outcome.stderr)")
      #expect(outcome.stderr.contains("pipeline.yaml:5:"), "\(outcome.stderr)")
    }
    #expect(!shop.exists("out.jsonl"))
  }

  @Test("resume goes on only with the content that the run began with; run takes the new one, in a new run")
  func changedTable() throws {
    let shop = try workshop()
    let good = shop.read("pipeline.yaml").replacing("from: in.csv", with: "from: ['a.csv.gz', 'b.csv.gz']")
      .replacing("out.jsonl", with: "'out/{item.stem}.jsonl'")
    try shop.write("pipeline.yaml", good)
    _ = try shop.python(
      "import gzip\nfor n in 'ab': open(n+'.csv.gz','wb').write(gzip.compress(b'id,country\\n1,de\\n'))\nopen('b.csv.gz','ab').truncate(20)"
    )
    #expect(try shop.runPipeline().status == 69)
    _ = try shop.python("import gzip\nopen('b.csv.gz','wb').write(gzip.compress(b'id,country\\n2,fr\\n'))")
    try shop.write("countries.csv", Self.table.replacing("83", with: "84"))
    let refused = try shop.sluice("resume", "pipeline.yaml")
    #expect(refused.status == 64)
    #expect(
      refused.stderr.contains("(countries.csv) has changed since it began") && refused.stderr.contains("sluice run pipeline.yaml"),
      "\(refused.stderr)")
    #expect(!shop.exists("out/b.jsonl"))
    try shop.write("countries.csv", Self.table)
    let resumed = try shop.sluice("resume", "pipeline.yaml")
    #expect(resumed.status == 0, "\(resumed.stderr)")
    #expect(shop.records("out/b.jsonl").first?["population"] as? Int == 68)

    // Done items stay done, and the run says that they were made with other content; --full makes them anew.
    try shop.write("countries.csv", Self.table.replacing("83", with: "84"))
    let again = try shop.runPipeline()
    #expect(again.status == 0 && again.stderr.contains("--full"), "\(again.stderr)")
    #expect(shop.records("out/a.jsonl").first?["population"] as? Int == 83)
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
    #expect(shop.records("out/a.jsonl").first?["population"] as? Int == 84)
  }

  @Test("run begins a new run where the table has changed since the last one was interrupted")
  func newRun() throws {
    let shop = try workshop()
    try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacing("from: in.csv", with: "from: in.csv.gz"))
    _ = try shop.python("import gzip\nopen('in.csv.gz','wb').write(gzip.compress(b'id,country\\n1,de\\n')[:-9])")
    #expect(try shop.runPipeline().status == 69)
    _ = try shop.python("import gzip\nopen('in.csv.gz','wb').write(gzip.compress(b'id,country\\n1,de\\n'))")
    try shop.write("countries.csv", Self.table.replacing("83", with: "84"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.json["run"] as? Int == 2, "\(outcome.stdout)\(outcome.stderr)")
    #expect(shop.records("out.jsonl").first?["population"] as? Int == 84)
  }

  @Test("definitions' tests and the dry run look up too, with the types that the table gives")
  func elsewhere() throws {
    let shop = try workshop(
      more: """
        tests:
          - name: people
            records: [{id: 1, country: de}, {id: 2, country: xx}]
            expect: [{id: 1, name: Deutschland, population: 83}, {id: 2, name: null}]
        """)
    let tested = try shop.sluice("test", "pipeline.yaml")
    #expect(tested.status == 0, "\(tested.stdout)\(tested.stderr)")
    let dry = try shop.sluice("run", "pipeline.yaml", "--dry-run", "--output", "json")
    #expect(dry.status == 0 && dry.stdout.contains("Deutschland"), "\(dry.stderr)")
    // Steps below know the types.
    try shop.write(
      "pipeline.yaml", shop.read("pipeline.yaml").replacing("write:", with: "  - derive: {more: population || 1 + name}\nwrite:"))
    let wrong = try shop.sluice("check", "pipeline.yaml")
    #expect(wrong.status == 78 && wrong.stderr.contains("pipeline.yaml:6:"), "\(wrong.stderr)")
  }

  @Test("the keys of parse say how the file is read")
  func dialects() throws {
    let shop = try workshop(
      "file: t.txt, on: {country: code}, take: [name], delimiter: ';', encoding: latin-1, columns: [code, name], header: false, null_values: [-]"
    )
    try shop.write("t.txt", Data([UInt8]("de;M".utf8) + [0xFC] + [UInt8]("nchen\nno;-\n".utf8)))
    #expect(try shop.runPipeline().status == 0)
    #expect(shop.records("out.jsonl").map { $0["name"] as? String } == ["München", nil, nil, nil, nil])
  }

  @Test("a table may be a JSON document, with its records where a path says")
  func document() throws {
    let shop = try workshop("file: t.json, records: '$.data[*]', on: {country: code}, take: [name]")
    try shop.write("t.json", "{\"data\": [\n  {\"code\": \"de\", \"name\": \"D\"},\n  {\"name\": null,\n   \"code\": \"no\"}\n]}\n")
    #expect(try shop.runPipeline().status == 0)
    #expect(shop.records("out.jsonl").map { $0["name"] as? String } == ["D", nil, nil, nil, nil])
    try shop.write("t.json", shop.read("t.json").replacing("no", with: "de"))
    let refused = try shop.sluice("check", "pipeline.yaml")
    #expect(refused.status == 78 && refused.stderr.contains("t.json:3: code = “de” stands in line 2 already"), "\(refused.stderr)")
  }

  @Test("an output does not replace a table")
  func output() throws {
    let shop = try workshop()
    try shop.write("pipeline.yaml", shop.read("pipeline.yaml").replacing("path: out.jsonl", with: "format: csv, path: ./countries.csv"))
    for outcome in [try shop.sluice("check", "pipeline.yaml"), try shop.runPipeline()] {
      #expect(outcome.status == 78 && outcome.stderr.contains("is countries.csv, which a step loads"), "\(outcome.stderr)")
    }
    #expect(shop.read("countries.csv") == Self.table)
  }

  /// Tables and records of random values with NULLs, quotes and several scripts; SQLite joins the same.
  @Test("a LEFT JOIN of SQLite's gives the same, whatever the keys' types", arguments: [1, 2, 3, 4])
  func differential(_ seed: Int) throws {
    let shop = try Workshop()
    _ = try shop.python(
      """
      import csv, json, random, sqlite3, sys
      seed = int(sys.argv[1]); r = random.Random(seed)
      kinds = {1: ['bigint'], 2: ['text', 'bigint'], 3: ['double', 'date'], 4: ['text', 'boolean', 'timestamp']}[seed]
      def value(kind, null):
          if r.random() < null: return None
          if kind == 'bigint': return r.choice([0, -1, 7, 2**62, r.randrange(3000)])
          if kind == 'double': return r.choice([0.0, -0.5, 1e300, r.randrange(1000) / 8])
          if kind == 'date': return '20%02d-%02d-%02d' % (r.randrange(30), r.randrange(1, 13), r.randrange(1, 29))
          if kind == 'timestamp': return '2020-01-%02dT%02d:00:00Z' % (r.randrange(1, 29), r.randrange(24))
          if kind == 'boolean': return r.choice(['true', 'false'])
          return ''.join(r.choice('ab"é, 日\\n') for _ in range(r.randrange(1, 12)))
      keys = ['k%d' % i for i in range(len(kinds))]
      table = {}
      for i in range(4000):
          row = [value(k, 0.02) for k in kinds]
          table.setdefault(tuple(row) if None not in row else i, row + [i, value('text', 0.1), value('double', 0.1)])
      rows = list(table.values()); r.shuffle(rows)
      records = [[i] + (r.choice(rows)[:len(kinds)] if r.random() < 0.7 else [value(k, 0.1) for k in kinds]) for i in range(20000)]
      def write(path, names, rows):
          with open(path, 'w', newline='', encoding='utf-8') as f:
              w = csv.writer(f, lineterminator='\\n'); w.writerow(names); w.writerows(rows)
      if seed % 2:
          write('table.csv', keys + ['number', 'word', 'weight'], rows); name = 'table.csv'
      else:
          with open('table.ndjson', 'w', encoding='utf-8') as f:
              for row in rows:
                  cells = dict(zip(keys + ['number', 'word', 'weight'], row))
                  for k, kind in zip(keys, kinds):
                      if kind == 'boolean' and cells[k] is not None: cells[k] = cells[k] == 'true'
                  items = list(cells.items()); r.shuffle(items)
                  f.write(json.dumps(dict(items), ensure_ascii=r.random() < 0.5) + '\\n')
          name = 'table.ndjson'
      write('in.csv', ['i'] + keys, records)
      open('pipeline.yaml', 'w').write('''pipeline: join
      fetch: {from: in.csv}
      parse: {fields: {i: bigint, %s}}
      transform:
        - lookup: {file: %s, on: [%s], take: [number, word, weight], fields: {word: text, weight: double}}
        - select: [i, number, word, weight]
      write: {path: out.jsonl}
      ''' % (', '.join('%s: %s' % p for p in zip(keys, kinds)), name, ', '.join(keys)))
      db = sqlite3.connect(':memory:')
      names = ', '.join(keys)
      db.execute('CREATE TABLE t (%s, number, word, weight)' % names)
      db.execute('CREATE TABLE r (i, %s)' % names)
      db.executemany('INSERT INTO t VALUES (%s)' % ','.join('?' * (len(keys) + 3)), rows)
      db.executemany('INSERT INTO r VALUES (%s)' % ','.join('?' * (len(keys) + 1)), records)
      db.execute('CREATE INDEX x ON t (%s)' % names)
      on = ' AND '.join('r.%s = t.%s' % (k, k) for k in keys)
      joined = db.execute('SELECT i, number, word, weight FROM r LEFT JOIN t ON %s ORDER BY i' % on).fetchall()
      json.dump(joined, open('expected.json', 'w'))
      print(sum(row[1] is not None for row in joined))
      """, "\(seed)")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let same = try shop.python(
      """
      import json
      expected = [tuple(r) for r in json.load(open('expected.json'))]
      found = [tuple(json.loads(l).values()) for l in open('out.jsonl', encoding='utf-8')]
      assert len(expected) == len(found) == 20000
      wrong = [p for p in zip(expected, found) if p[0] != p[1]]
      assert not wrong, wrong[:3]
      hits = sum(f[1] is not None for f in found)
      assert 10000 < hits < 20000, hits
      print('same')
      """)
    #expect(same.stdout == "same\n")
  }
}
