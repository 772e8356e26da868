import Foundation
import Testing

/// Decimals, times, bytes, and spellings of a source's own, from a file to a file and to a table.
@Suite("Types")
struct TypeTests {
  private let shop: Workshop

  init() throws { shop = try Workshop() }

  /// Runs a definition over a file and reads what it wrote.
  private func run(
    _ source: String, _ fields: String, named name: String = "in.csv", more: String = "", path: String = "out.jsonl", status: Int32 = 0
  ) throws -> String {
    try shop.write(name, source)
    try shop.write(
      "pipeline.yaml", "pipeline: types\nfetch: {from: \(name)}\nparse:\n  fields:\n\(fields)\n\(more)write: {path: \(path)}\n")
    let outcome = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(outcome.status == status, "\(outcome.stderr)")
    return shop.read(path)
  }

  /// The reasons of the last run's dead letters, in their order.
  private func reasons() throws -> [String] {
    let outcome = try shop.sluice("dead-letters", "export", "pipeline.yaml")
    return outcome.stdout.split(separator: "\n").compactMap {
      ((try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any])?["reason"] as? String
    }
  }

  // MARK: Decimals

  @Test("a million money values stay byte for byte the same from CSV to CSV, copied and computed with")
  func aMillion() throws {
    let made = try shop.python(
      """
      import random, sys
      random.seed(11)
      with open('in.csv', 'w') as f:
          f.write('id,total,exact\\n')
          for i in range(1_000_000):
              sign = '-' if random.random() < 0.3 else ''
              cents = random.choice([random.randrange(1, 100), random.randrange(1, 10**6), random.randrange(1, 10**16)])
              f.write(f'{i},{sign}{cents // 100}.{cents % 100:02d},{random.randrange(10**30, 10**34)}.{random.randrange(10**4):04d}\\n')
      """)
    #expect(made.status == 0, "\(made.stderr)")
    for (name, steps) in [
      ("copied", ""), ("computed", "transform: [{filter: total * 2 <> 0}, {derive: {total: 'CAST(-(-total) AS decimal(18,2))'}}]\n"),
    ] {
      try shop.write(
        "\(name).yaml",
        "pipeline: \(name)\nfetch: {from: in.csv}\nparse:\n  fields:\n    id: bigint\n    total: decimal(18,2) not null\n    exact: decimal(38,4)\n\(steps)write: {path: \(name).csv}\n"
      )
      let outcome = try shop.runPipeline("\(name).yaml")
      #expect(outcome.status == 0 && outcome.records["written"] == 1_000_000, "\(outcome.stderr)")
      #expect(try shop.run("/usr/bin/cmp", ["in.csv", "\(name).csv"]).status == 0, "\(name)")
    }
  }

  @Test("a decimal is written with all digits of its scale, whatever its spelling, from CSV and JSON to both")
  func canonical() throws {
    let fields = "    a: decimal(12,2)\n    b: decimal(5,0)\n    c: decimal(38,38)"
    let csv = "a,b,c\n1.5,7,0.1\n-0.00,007,\n\"12.50\",-3,0\n1e3,1.0,\"\"\n.5,5.,-0.12345678901234567890123456789012345678\n"
    let want = [
      "1.50,7,0.1" + String(repeating: "0", count: 37), "12.50,-3,0." + String(repeating: "0", count: 38), "1000.00,1,",
      "0.50,5,-0.12345678901234567890123456789012345678",
    ]
    #expect(try run(csv, fields, path: "out.csv", status: 65) == "a,b,c\n" + want.joined(separator: "\n") + "\n")
    #expect(try reasons() == ["“007” is not a decimal(5,0); its leading zero would be lost: make the field text"])
    let json = "{\"a\":1.5,\"b\":7}\n{\"a\":\"12.50\",\"b\":1E2,\"c\":null}\n{\"a\":-0.0}\n{\"a\":12.50,\"c\":0.5}\n"
    #expect(
      try run(json, fields, named: "in.jsonl") == """
        {"a":1.50,"b":7,"c":null}
        {"a":12.50,"b":100,"c":null}
        {"a":0.00,"b":null,"c":null}
        {"a":12.50,"b":null,"c":0.50000000000000000000000000000000000000}

        """)
  }

  @Test("a value with more digits than the type is a dead letter, and nothing is rounded")
  func tooManyDigits() throws {
    let out = try run(
      "a\n1.239\n12345678901\n1.2300\n1,5\n+3\nn/a\n", "    a: decimal(12,2)", named: "in.tsv", status: 65)
    #expect(out == "{\"a\":1.23}\n")
    #expect(
      try reasons() == [
        "“1.239” is not a decimal(12,2); it has 3 digits behind the point, and the type 2: nothing is rounded unless an expression says so",
        "“12345678901” is not a decimal(12,2); it has 11 digits before the point, and the type has room for 10",
        "“1,5” is not a decimal(12,2); its comma may be a decimal comma: make the field decimal(12,2) '1234,56'",
        "“+3” is not a decimal(12,2); its + would be lost: make the field text",
        "“n/a” is not a decimal(12,2); if it stands for no value, name it in parse.null_values",
      ])
  }

  @Test("expressions of decimals are exact, and a result that has no room is a dead letter")
  func expressions() throws {
    let out = try run(
      "net,n\n0.10,3\n99999999999999999999999999999999999.99,4\n19.99,0\n", "    net: decimal(38,2)\n    n: bigint",
      more:
        "transform:\n  - derive: {gross: 'round(net * 1.19, 2)', sum: net + net + net, each: 'CAST(net / n AS decimal(38,4))'}\n  - filter: sum <> 0.30 OR n = 3\n",
      status: 65)
    #expect(
      out == """
        {"net":0.10,"n":3,"gross":0.12,"sum":0.30,"each":0.0333}
        {"net":19.99,"n":0,"gross":23.79,"sum":59.97,"each":null}

        """)
    #expect(try reasons() == ["the result has too many digits for a decimal(38,4)"])
  }

  // MARK: Times

  @Test(
    "local times become moments by the zone's rules; those that its clocks skip or show twice are dead letters, or the side that is asked for"
  )
  func zones() throws {
    let good = "id,at\n1,31/03/2024 01:59\n2,31/03/2024 02:30\n3,27/10/2024 02:30\n4,27/10/2024 03:00\n5,\"01/07/1995 12:00\"\n"
    let fields = "    id: bigint\n    at: timestamp '%d/%m/%Y %H:%M' in 'Europe/Berlin'"
    #expect(
      try run(good + "6,\n7,32/01/2024 00:00\n", fields, path: "out.csv", status: 65)
        == "id,at\n1,2024-03-31 00:59:00\n4,2024-10-27 02:00:00\n5,1995-07-01 10:00:00\n6,\n")
    #expect(
      try reasons() == [
        "the clocks of Europe/Berlin skip “31/03/2024 02:30”: they are put forward then; write earlier or later behind the zone to take a moment beside the gap",
        "the clocks of Europe/Berlin show “27/10/2024 02:30” twice: they are put back then; write earlier or later behind the zone to take the first or the second",
        "“32/01/2024 00:00” is not a timestamp '%d/%m/%Y %H:%M' in 'Europe/Berlin'",
      ])
    for (side, gap, overlap) in [("earlier", "00:30", "00:30"), ("later", "01:30", "01:30")] {
      #expect(
        try run(good, "\(fields) \(side) not null", path: "out.csv")
          == "id,at\n1,2024-03-31 00:59:00\n2,2024-03-31 \(gap):00\n3,2024-10-27 \(overlap):00\n4,2024-10-27 02:00:00\n5,1995-07-01 10:00:00\n",
        "\(side)")
    }
  }

  @Test("a text that says its offset is not moved by the zone, and ISO 8601 needs no pattern")
  func offsets() throws {
    #expect(
      try run(
        "{\"a\":\"2024-07-01T12:00\",\"b\":\"27\\/Nov\\/2026:23:00:05 +0130\",\"c\":1700000000}\n{\"a\":\"2024-07-01T12:00:00.5Z\",\"b\":null}\n{\"a\":\"2024-07-01 12:00:00-04:00\"}\n",
        "    a: timestamp in 'America/New_York'\n    b: timestamp '%d/%b/%Y:%T %z' in 'Asia/Tokyo'\n    c: timestamp '%s'",
        named: "in.jsonl")
          == """
          {"a":"2024-07-01 16:00:00","b":"2026-11-27 21:30:05","c":"2023-11-14 22:13:20"}
          {"a":"2024-07-01 12:00:00.5","b":null,"c":null}
          {"a":"2024-07-01 16:00:00","b":null,"c":null}

          """)
  }

  @Test("dates, times of day, numbers with marks and bytes, in the source's spelling and out in SQL's")
  func sourceSpellings() throws {
    let fields = """
          d: date '%d.%m.%Y'
          t: time
          u: time '%I:%M %p'
          x: double '1.234,56'
          m: decimal(12,2) '1.234,56' not null
          n: bigint '1''234'
          b: bytes
          h: bytes 'hex'
      """
    let csv = "d;t;u;x;m;n;b;h\n1.2.2024;07:08;5:30 pm;1.234,5;-1.000.000,5;1'234'567;aGk=;\\xDEad\n;23:59:59.5;12:00 AM;7;0;5;\"\";\n"
    #expect(
      try run(csv, fields, more: "  delimiter: ';'\n")
        == """
        {"d":"2024-02-01","t":"07:08","u":"17:30:00","x":1234.5,"m":-1000000.50,"n":1234567,"b":"aGk=","h":"3q0="}
        {"d":null,"t":"23:59:59.5","u":"00:00:00","x":7.0,"m":0.00,"n":5,"b":"","h":null}

        """)
    _ = try run(
      "d;t;u;x;m;n;b;h\n1/2/2024;;;;1;;;\n;24:00;;;1;;;\n;;17:30;;1;;;\n;;;1.23,5;1;;;\n;;;;1.000.000.000.000;;;\n;;;;;;;\n;;;;1;1.5;;\n;;;;1;;a;\n;;;;1;;;xy\n",
      fields, more: "  delimiter: ';'\n", status: 65)
    #expect(
      try reasons() == [
        "“1/2/2024” is not a date '%d.%m.%Y'", "“24:00” is not a time", "“17:30” is not a time '%I:%M %p'",
        "“1.23,5” is not a double '1.234,56'",
        "“1.000.000.000.000” is not a decimal(12,2) '1.234,56'; it has 13 digits before the point, and the type has room for 10",
        "m is not null, and there is no value", "“1.5” is not a bigint '1''234'",
        "“a” is not bytes in base64", "“xy” is not bytes 'hex'",
      ])
  }

  @Test("the step cast reads texts in a spelling, and a lookup's columns have theirs")
  func steps() throws {
    try shop.write("rates.csv", "day,rate\n01.02.2024,\"1,5\"\n")
    #expect(
      try run(
        "day,sum\n01.02.2024,\"1.000,50\"\n02.02.2024,\"7\"\nx,1\n", "    day: text\n    sum: text",
        more: """
          transform:
            - cast: {day: date '%d.%m.%Y', sum: "decimal(12,2) '1.234,56'"}
            - lookup: {file: rates.csv, fields: {day: date '%d.%m.%Y', rate: "decimal(5,2) '1234,56'"}, on: [day], take: [rate]}
            - derive: {total: sum * rate}

          """, status: 65)
          == """
          {"day":"2024-02-01","sum":1000.50,"rate":1.50,"total":1500.7500}
          {"day":"2024-02-02","sum":7.00,"rate":null,"total":null}

          """)
    #expect(try reasons() == ["“x” is not a date '%d.%m.%Y'"])
  }

  @Test("values in the spelling of their field are no change of a source's types")
  func schemaDrift() throws {
    try shop.write("a.csv", "day,sum\n01.02.2024,\"1,50\"\n03.02.2024,\"2,50\"\n")
    try shop.write("b.csv", "day,sum\n31.12.2024,\"7\"\n")
    try shop.write("c.csv", "day,sum\n2024-12-31,\"7\"\n")
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: drift
      fetch: {from: '${FILES}.csv'}
      parse:
        on_schema_change: fail
        fields:
          day: date '%d.%m.%Y'
          sum: double '1.234,56'
      write: {path: 'out/{item.stem}.jsonl'}
      """)
    #expect(try shop.runPipeline("pipeline.yaml", "--var", "FILES=[ab]").status == 0)
    let changed = try shop.runPipeline("pipeline.yaml", "--var", "FILES=c")
    #expect(changed.status != 0 && changed.stderr.contains("day is"), "\(changed.stderr)")
  }

  // MARK: Tables

  @Test("SQLite keeps decimals as text, or as integers where they have no fraction, and bytes as blobs")
  func sqlite() throws {
    try shop.write("in.csv", "a,b,c,t,y\n12.50,7,12345678901234567890123456789,07:08,AAE=\n-0.05,,,,\n0.10,-9,1,,\"\"\n")
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: types
      fetch: {from: in.csv}
      parse:
        fields: {a: "decimal(12,2)", b: "decimal(18,0)", c: "decimal(38,0)", t: time, y: bytes}
      write: {table: t, database: out.db}
      """)
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let rows = try shop.run(
      "/usr/bin/env",
      ["sqlite3", shop.path("out.db"), "SELECT a, typeof(a), b, typeof(b), c, typeof(c), t, typeof(t), hex(y), typeof(y) FROM t"])
    #expect(
      rows.stdout == """
        12.50|text|7|integer|12345678901234567890123456789|text|07:08:00|text|0001|blob
        -0.05|text||null||null||null||null
        0.10|text|-9|integer|1|text||null||blob

        """)
  }

  // MARK: Definitions

  @Test(
    "a wrong type is told with its place and a remedy",
    arguments: [
      ("decimal", "11", "a decimal says its digits, and those behind the point: decimal(12,2)"),
      ("decimal(39,2)", "19", "there are 1 to 38 digits"), ("decimal(2,3)", "19", "there are 1 to 38 digits"),
      ("numeric(12,2)", "11", "did you mean decimal(18,2)?"),
      ("timestamp '%d/%q'", "22", "%q is no directive"), ("timestamp '%H:%M'", "22", "does not say the whole day"),
      ("timestamp '%d/%m/%Y' in 'Europe/Berln'", "36", "there is no time zone “Europe/Berln”; did you mean Europe/Berlin?"),
      ("timestamp in Europe/Berlin", "21", "behind in stands the name of a time zone in single quotes"),
      ("timestamp in 'UTC' first", "30", "behind a zone stands earlier or later"),
      ("date '%d.%m.%Y' in 'UTC'", "31", "a zone is for a timestamp"),
      ("date '%d.%m.%Y %H'", "17", "a date has no time"), ("time '%F %T'", "17", "a time has no day"),
      ("double '1.5'", "19", "a number is spelled by the sample"),
      ("bigint '1.234,56'", "19", "a bigint has no fraction"), ("text 'x'", "17", "has no spelling of its own"),
      ("bytes 'base32'", "18", "'base64' or 'hex'"),
      ("date '%d.%m.%Y' not nul", "27", "behind not stands null"), ("date '%d.%m", "16", "the quote is not closed"),
      ("varchar", "11", "did you mean text?"),
    ])
  func wrongTypes(_ type: String, _ column: String, _ message: String) throws {
    try shop.write(
      "pipeline.yaml", "pipeline: types\nfetch: {from: in.csv}\nparse:\n  fields:\n    field: \(type)\nwrite: {path: out.csv}\n")
    let outcome = try shop.sluice("check", "pipeline.yaml")
    #expect(outcome.status == 78 && outcome.stderr.contains(message), "\(outcome.stderr)")
    #expect(outcome.stderr.contains("pipeline.yaml:5:\(Int(column).map { $0 + 1 } ?? 0):"), "\(outcome.stderr)")
  }

  @Test("in a map of braces the comma of a decimal ends the value, and the message says so")
  func braces() throws {
    try shop.write(
      "pipeline.yaml", "pipeline: types\nfetch: {from: in.csv}\nparse: {fields: {a: decimal(12,2), b: text}}\nwrite: {path: out.csv}\n")
    let outcome = try shop.sluice("check", "pipeline.yaml")
    #expect(outcome.status == 78 && outcome.stderr.contains("write the type in quotes: \"decimal(12,2)\""), "\(outcome.stderr)")
  }

  // MARK: init

  @Test("init proposes decimals, dates, times and marks where one reading alone fits, and never a zone")
  func proposals() throws {
    try shop.write(
      "t.csv",
      "id;price;measure;day;either;at;hour;sum;thousands;odd\n1;12.5;1.25;31.12.2020;01/02/2020;31/12/2020 17:05;07:30;1.234,56;1,234;1,50\n2;3;22.5;01.02.2021;02/01/2020;01/02/2021 08:00;08:15;7,50;2,345;x\n3;100.05;0.125;15.02.2021;03/03/2020;15/02/2021 23:59;23:59;-12,00;3,456;3,00\n"
    )
    let made = try shop.sluice("init", "t.csv", "--to", "p.yaml", "--name", "p")
    #expect(made.status == 0, "\(made.stderr)")
    let definition = shop.read("p.yaml")
    for line in [
      "price: decimal(18,2) ", "measure: double ", "day: date '%d.%m.%Y' ", "either: text ", "at: timestamp '%d/%m/%Y %H:%M' ",
      "hour: time ",
      "sum: decimal(18,2) '1.234,56' ", "thousands: text ", "odd: text ",
    ] {
      #expect(definition.contains("    \(line)"), "\(line)\n\(definition)")
    }
    #expect(made.stdout.contains("its clock counts as UTC unless a zone stands behind"), "\(made.stdout)")
    #expect(try shop.runPipeline("p.yaml").status == 0)
    #expect(
      shop.read("out/t.jsonl").split(separator: "\n").first
        == "{\"id\":1,\"price\":12.50,\"measure\":1.25,\"day\":\"2020-12-31\",\"either\":\"01/02/2020\",\"at\":\"2020-12-31 17:05:00\",\"hour\":\"07:30\",\"sum\":1234.56,\"thousands\":\"1,234\",\"odd\":\"1,50\"}"
    )
  }
}
