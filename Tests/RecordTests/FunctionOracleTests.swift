import Foundation
import Records
import Testing

@testable import Transform

/// Functions against what SQLite, DuckDB and Python say, row by row.
@Suite("Functions against oracles")
struct FunctionOracleTests {
  static let schema = Schema([
    Field(name: "s", type: .text), Field(name: "t", type: .text), Field(name: "n", type: .bigint), Field(name: "tm", type: .timestamp),
    Field(name: "bt", type: .timestamp), Field(name: "d", type: .date), Field(name: "e", type: .date), Field(name: "j", type: .json),
  ])

  static let texts = [
    "", "abc", "a,b;c", "naïve café", "日本語", "100% sure & more", "%41%zz%e4%bd%a0", "a-1-b22-c", "Ünïcode ß", "x", "tab\tand 'quote'", "..",
  ]
  static let documents = [
    #"{"a":1,"b":"text","c":[1,2,3],"d":{"e":null,"f":"x\ny"}}"#, #"{"a":null}"#, #"[10,20,[30,{"a":"deep"}]]"#, #"{"a":{"a":{"a":7.5}}}"#,
    #""only text""#, "12", #"{"u":"\u00e9\ud83d\ude00","a b":"yes"}"#, #"{"c":[]}"#, #"{}"#, #"[]"#, #"{"c":["x","y"],"b":"no"}"#,
  ]

  /// Rows by a seed: NULLs, ends of months, leap days, times before 1970.
  static func rows(_ count: Int, _ seed: UInt64) -> [[String?]] {
    var state = seed
    func next(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    func date() -> String? {
      if next(12) == 0 { return nil }
      let year = [1583, 1900, 1969, 1970, 1999, 2000, 2024, 2025, 2100][next(9)]
      let month = next(12) + 1
      let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
      let last = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
      return "\(year)-\(two(month))-\(two(next(2) == 0 ? last : next(last) + 1))"
    }
    func time() -> String? {
      date().map { "\($0) \(two(next(24))):\(two(next(60))):\(two(next(60)))" + (next(2) == 0 ? "" : ".\(two(next(99) + 1))5") }
    }
    return (0..<count).map { _ in
      [
        next(10) == 0 ? nil : texts[next(texts.count)], texts[next(texts.count)], next(10) == 0 ? nil : "\(next(12) - 2)", time(), time(),
        date(),
        date(), next(12) == 0 ? nil : documents[next(documents.count)],
      ]
    }
  }

  static func csv(_ rows: [[String?]]) -> String {
    let lines = rows.map { row in
      row.map { cell in cell.map { "\"\($0.replacingOccurrences(of: "\"", with: "\"\""))\"" } ?? "" }.joined(separator: ",")
    }
    return schema.fields.map(\.name).joined(separator: ",") + "\n" + lines.joined(separator: "\n") + "\n"
  }

  /// Computes our expressions, asks the oracle for its own of the same rows, and compares the texts.
  private func compare(_ pairs: [(ours: String, theirs: String)], _ script: String, _ oracle: String, python: String = "python3") throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let rows = Self.rows(300, seed)
    let batch = try ExpressionTests.batch(Self.csv(rows), Self.schema)
    #expect(batch.rowCount == rows.count && batch.faults.isEmpty)
    let asked = try JSONSerialization.data(withJSONObject: [
      "rows": rows.map { $0.map { $0 as Any? ?? NSNull() } }, "expressions": pairs.map(\.theirs),
    ])
    let answer = try Oracle.ask(script, String(decoding: asked, as: UTF8.self), python: python)
    let want = try #require(JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [[Any]], "\(answer)")
    #expect(want.count == pairs.count)
    for (pair, column) in zip(pairs, want) {
      let (got, failures) = try ExpressionTests.evaluate(pair.ours, batch)
      #expect(failures.isEmpty, "\(pair.ours): \(String(describing: failures.first))")
      for (row, (mine, their)) in zip(got, column).enumerated() where mine != their as? String {
        Issue.record("\(pair.ours) of \(rows[row]) is \(mine ?? "NULL"), and \(oracle) says \(their); seed \(seed)")
        break
      }
    }
  }

  // MARK: DuckDB

  static let duckdb = """
    import duckdb, json, sys
    asked = json.load(sys.stdin)
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.execute('CREATE TABLE r (i INTEGER, s VARCHAR, t VARCHAR, n INTEGER, tm TIMESTAMP, bt TIMESTAMP, d DATE, e DATE, j JSON)')
    db.executemany('INSERT INTO r VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [[i] + row for i, row in enumerate(asked['rows'])])
    print(json.dumps([[row[0] for row in db.execute('SELECT CAST(' + e + ' AS VARCHAR) FROM r ORDER BY i').fetchall()] for e in asked['expressions']]))
    """

  @Test(
    "texts, JSON, intervals and dates give what DuckDB gives",
    .enabled(if: FileManager.default.isExecutableFile(atPath: Oracle.duckdbPython), "Scripts/test installs DuckDB"))
  func againstDuckDB() throws {
    let parts = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"]
    let same =
      [
        "md5(s)", "sha256(s)", "url_encode(s)", "reverse(s)", "lpad(s, 7, 'ab')", "rpad(s, 7, '日-')", "lpad(s, 2, '.')", "rpad(s, 3, '.')",
        "j ->> 'a'", "j ->> 'b'", "j ->> 'u'", "j ->> '$.d.f'", "j ->> '$.a.a.a'", "j ->> 0", "j ->> '$[2][1].a'", "j ->> 'a b'",
        "j ->> '$.c[1]'",
        "tm + INTERVAL '1 month'", "tm - INTERVAL '1 month'", "tm + INTERVAL 90 minute",
        "tm - INTERVAL '1 year 2 months 3 days 04:05:06.7'",
        "INTERVAL '3 weeks' + tm", "tm + INTERVAL (n) day", "tm + INTERVAL (n) month", "tm - INTERVAL (n) hour",
        "tm + INTERVAL (n) quarter",
        "d + INTERVAL '1 month'", "d - INTERVAL 5 hour", "d + 5", "d - 40", "d + n", "n + d", "d - e", "e - d",
        "date_add(d, INTERVAL '13 months')", "date_add(tm, INTERVAL '-2 days')", "tm + INTERVAL '1' day", "tm + INTERVAL '1.5 hours'",
        "date_diff('day', d, e)", "tm - INTERVAL '1 day' < bt", "d + TIME '10:15:30.5'", "CAST(tm AS time) + INTERVAL '13 hours'",
        "TIME '01:00' - INTERVAL (n) hour",
        "hour(CAST(tm AS time))", "date_part('microsecond', CAST(tm AS time))",
        "json_extract_string(j, '$.c[0]')",
      ] + parts.map { "date_diff('\($0)', tm, bt)" }
      + ["isodow", "isoyear", "millisecond", "microsecond", "week", "doy", "quarter", "dow"].map { "date_part('\($0)', tm)" }
    func text(_ expression: String) -> String { "CASE WHEN \(expression) THEN '1' ELSE '0' END" }
    var pairs = same.map {
      (ours: $0, theirs: $0.contains("<") ? "CASE WHEN tm IS NULL OR bt IS NULL THEN NULL ELSE \(text($0)) END" : "(\($0))")
    }
    // JSON's null is NULL here.
    pairs += [
      "j -> 'a'", "j -> 'c'", "j -> '$.d'", "j -> 1", "j -> -1", "j -> '$.c[2]'", "json_extract(j, '$.d.e')",
    ]
    .map { ($0, "nullif(CAST((\($0)) AS VARCHAR), 'null')") }
    pairs += [
      ("hex(s)", "hex(s)"), ("base64(s)", "base64(encode(s))"), ("to_base64(t)", "to_base64(encode(t))"),
      ("regexp_split(t, '[,;-]')", "to_json(regexp_split_to_array(t, '[,;-]'))"),
      ("regexp_split(s, ' +|a')", "to_json(regexp_split_to_array(s, ' +|a'))"),
    ]
    try compare(pairs, Self.duckdb, "DuckDB", python: Oracle.duckdbPython)
  }

  // MARK: SQLite

  static let sqlite = """
    import json, sqlite3, sys
    asked = json.load(sys.stdin)
    db = sqlite3.connect(':memory:')
    db.execute('CREATE TABLE r (i INTEGER, s TEXT, t TEXT, n INTEGER, tm TEXT, bt TEXT, d TEXT, e TEXT, j TEXT)')
    db.executemany('INSERT INTO r VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [[i] + row for i, row in enumerate(asked['rows'])])
    print(json.dumps([[row[0] for row in db.execute('SELECT CAST(' + e + ' AS TEXT) FROM r ORDER BY i')] for e in asked['expressions']]))
    """

  @Test("JSON's arrows and hex give what SQLite gives")
  func againstSQLite() throws {
    let arrows = ["j -> 'a'", "j -> 'c'", "j -> '$.d.e'", "j -> 2", "j -> '$.a.a'", "j -> '$.c[0]'"]
    let texts = ["j ->> 'b'", "j ->> '$.d.f'", "j ->> 1", "j ->> 'a b'", "j -> 'a' ->> 'a'", "j -> 'c' -> 1", "j -> 2 ->> '$[1].a'"]
    try compare(
      arrows.map { ($0, "nullif(\($0), 'null')") } + texts.map { ($0, $0) } + [
        ("hex(t)", "hex(t)"), ("j ->> '$.\"a b\"'", "j ->> '$.\"a b\"'"),
      ], Self.sqlite, "SQLite")
  }

  // MARK: Python

  static let python = """
    import base64, hashlib, json, re, sys, urllib.parse, uuid
    from datetime import datetime, timezone
    from zoneinfo import ZoneInfo
    def moment(text): return datetime.fromisoformat(text if '.' not in text else (text + '000000')[:26]).replace(tzinfo=timezone.utc)
    def clock(text, zone): return moment(text).astimezone(ZoneInfo(zone))
    def utc(text, zone): return moment(text).replace(tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)
    def sql(time): return (time.replace(tzinfo=None).isoformat(' ') + ('' if time.microsecond == 0 else '#')).replace('#', '').rstrip('0' if time.microsecond else '')
    asked = json.load(sys.stdin)
    names = ['s', 't', 'n', 'tm', 'bt', 'd', 'e', 'j']
    def value(e, row):
        scope = dict(zip(names, row))
        try: return eval(e, globals(), scope)
        except (TypeError, AttributeError): return None
    print(json.dumps([[value(e, row) for row in asked['rows']] for e in asked['expressions']]))
    """

  @Test("hashes, UUIDs and encodings give what Python gives")
  func againstPython() throws {
    try compare(
      [
        ("md5(s)", "hashlib.md5(s.encode()).hexdigest()"), ("sha256(t)", "hashlib.sha256(t.encode()).hexdigest()"),
        ("uuid5('url', s)", "str(uuid.uuid5(uuid.NAMESPACE_URL, s))"), ("uuid5('DNS', t)", "str(uuid.uuid5(uuid.NAMESPACE_DNS, t))"),
        ("uuid5('oid', t)", "str(uuid.uuid5(uuid.NAMESPACE_OID, t))"), ("uuid5('x500', t)", "str(uuid.uuid5(uuid.NAMESPACE_X500, t))"),
        (
          "uuid5('2ED6657D-e927-568b-95e1-2665a8aea6a2', t, n)",
          "str(uuid.uuid5(uuid.uuid5(uuid.UUID('2ed6657d-e927-568b-95e1-2665a8aea6a2'), t), n + ''))"
        ), ("hex(s)", "s.encode().hex().upper()"), ("base64(s)", "base64.b64encode(s.encode()).decode()"),
        ("url_encode(s)", "urllib.parse.quote(s, safe='')"), ("url_decode(s)", "urllib.parse.unquote(s)"),
        ("url_decode(url_encode(s))", "s"), ("reverse(s)", "s[::-1]"), ("lpad(s, 9)", "s.rjust(9)[:9]"),
        ("rpad(s, 5, '*')", "s.ljust(5, '*')[:5]"),
        ("json_extract(regexp_split(t, '[0-9]+'), 0)", "json.dumps(re.split('[0-9]+', t)[0], ensure_ascii=False)"),
        ("json_extract_text(regexp_split(t, ''), -1)", "t[-1:]"),
        ("json_extract_text(regexp_split(t, 'A', 'i'), 1)", "(re.split('a', t, flags=re.I) + [None])[1]"),
        (#"'{"a":1,"b":2,"a":3}' ->> 'a'"#, "'3'"), ("CAST(unhex(hex(s)) AS text)", "s"),
        ("base64(from_base64(base64(s)))", "base64.b64encode(s.encode()).decode()"),
        ("md5(from_base64(base64(s)))", "hashlib.md5(s.encode()).hexdigest()"),
        (
          "strftime(tm, '%d.%m.%Y %H:%M:%S %a %b %j %G-W%V-%u %I %p %f')",
          "moment(tm).strftime('%d.%m.%Y %H:%M:%S %a %b %j %G-W%V-%u %I %p %f')"
        ),
        ("strftime(d, '%A, %d %B %y')", "moment(d).strftime('%A, %d %B %y')"),
        ("strftime(tm, '%F %T %Z', 'America/New_York')", "clock(tm, 'America/New_York').strftime('%F %T %Z')"),
        ("at_time_zone(tm, 'Asia/Kathmandu')", "sql(clock(tm, 'Asia/Kathmandu'))"),
        ("tm AT TIME ZONE 'Australia/Lord_Howe' AT TIME ZONE 'UTC'", "sql(clock(tm, 'Australia/Lord_Howe'))"),
        (
          "at_time_zone(d, CASE WHEN n > 3 THEN 'Europe/Berlin' ELSE '+05:30' END)",
          "sql(clock(d, 'Europe/Berlin' if int(n or 0) > 3 else 'Asia/Kolkata')) if int(n or 0) > 3 or d > '1946' else sql(moment(d) + (datetime(1970,1,1,5,30) - datetime(1970,1,1)))"
        ),
        ("strptime(strftime(tm, '%d/%m/%Y %I:%M:%S.%f %p'), '%d/%m/%Y %I:%M:%S.%f %p')", "sql(moment(tm))"),
        ("strptime(strftime(d, '%d.%m.%Y') || ' 12:00', '%d.%m.%Y %H:%M', 'Asia/Tokyo')", "sql(utc(d + ' 12:00', 'Asia/Tokyo'))"),
        ("strptime(s || strftime(d, '%j %Y'), replace(s, '%', '%%') || '%j %Y')", "sql(moment(d)) if s is not None else None"),
        ("try_strptime(s, '%d.%m.%Y')", "None"),
        (#"'{"\u0061":[1]}' -> '$[''a''][0]'"#, "'1'"),
      ], Self.python, "Python")
  }

  // MARK: Failures

  @Test("what can't be computed fails its record: times out of range, bytes that are no UTF-8, JSON that is none, paths that are wrong")
  func failures() throws {
    let batch = try ExpressionTests.batch(
      Self.csv([["%ff", "$.a[", "9000", "9999-12-31 00:00:00", nil, "9999-12-31", nil, "{}"]]), Self.schema)
    for text in [
      "url_decode(s)", "tm + INTERVAL '1 day'", "tm + INTERVAL (n) year", "tm + INTERVAL (n * 1000000000000000) year", "d + 1",
      "d + n * 1000000000",
      "s -> 'a'", "j -> t", "uuid5(t, s)", "tm - INTERVAL (n + 1000) year",
      "tm + INTERVAL (9223372036854775807) microsecond", #"'{"a":"\ud800"}' ->> 'a'"#, "unhex(s)", "from_base64('abc!')",
      "strptime(s, '%F')", "strptime('31.03.2024 02:30', '%d.%m.%Y %H:%M', 'Europe/Berlin')", "strptime('2024-01-01', t)",
      "strftime(d, t || '%Q')",
      "tm AT TIME ZONE s", "tm AT TIME ZONE '+14:00' AT TIME ZONE '+14:00'",
    ] { #expect(try ExpressionTests.evaluate(text, batch).failures.keys.sorted() == [0], "\(text)") }
    for text in ["lpad(s, 1000000000)", "rpad(s, 9223372036854775807, 'ab')"] {
      #expect(try ExpressionTests.evaluate(text, batch).failures.values.contains { $0.contains("parse.limits.record") }, "\(text)")
    }
  }

  @Test("errors of intervals, paths and namespaces have their place, and the nearest name")
  func errors() {
    for (text, offset, part) in [
      ("tm + INTERVAL '2 dais'", 14, "is no interval"), ("tm + INTERVAL 2 dai", 16, "did you mean day?"),
      ("INTERVAL '1 day'", 0, "is no value"),
      ("s + INTERVAL '1 day'", 0, "not to a text"), ("tm + INTERVAL (1.5) day", 15, "whole number"),
      ("j -> '$.a['", 2, "the path “$.a[” is wrong"),
      ("json_extract(j, '$[*]')", 0, "many values"), ("n -> 'a'", 0, "takes 2"), ("uuid5('dnt', s)", 0, "is no namespace"),
      ("item_key(1)", 0, "takes no values"), ("date_diff('days', d, e)", 0, "did you mean day?"), ("date_add(d, 1)", 0, "an interval"),
      ("tm AT TIME ZONE 'Europe/Berlni'", 3, "did you mean Europe/Berlin?"),
      ("strptime(s, '%d.%m')", 0, "does not say the whole day"), ("strftime(d, '%Q')", 0, "%Q"),
      ("strptime(s, '%F', 'UTC', 'last')", 0, "earlier or later"),
      ("date_part('year', CAST(tm AS time))", 0, "is no part here"), ("d + 1.5", 2, "needs numbers"), ("d + e", 2, "needs numbers"),
      ("INTERVAL '1.5 months' + tm", 9, "is no interval"),
    ] {
      do {
        _ = try Expression(text, schema: Self.schema)
        Issue.record("\(text) was accepted")
      } catch {
        #expect(error.offset == offset && error.message.contains(part), "\(text): \(error.offset) \(error.message)")
      }
    }
  }

  @Test("a local time that the clocks of its zone skip or show twice is taken by its side")
  func sides() throws {
    let batch = try ExpressionTests.batch("s\n31.03.2024 02:30\n27.10.2024 02:30\n", Schema([Field(name: "s", type: .text)]))
    for (side, want) in [
      ("earlier", ["2024-03-31 00:30:00", "2024-10-27 00:30:00"]), ("later", ["2024-03-31 01:30:00", "2024-10-27 01:30:00"]),
    ] {
      #expect(try ExpressionTests.evaluate("strptime(s, '%d.%m.%Y %H:%M', 'Europe/Berlin', '\(side)')", batch).values == want)
    }
    #expect(try ExpressionTests.evaluate("try_strptime(s, '%d.%m.%Y %H:%M', 'Europe/Berlin')", batch).values == [nil, nil])
  }

  @Test("interval and at are names of fields too, and an expression that is cut off anywhere is an error and no crash")
  func names() throws {
    let schema = Schema([Field(name: "interval", type: .bigint), Field(name: "at", type: .timestamp), Field(name: "zone", type: .text)])
    for text in ["interval + 1", "interval = 2", "at < at", "-interval", "interval IN (1, 2)", "zone || 'x'"] {
      #expect(throws: Never.self) { try Expression(text, schema: schema) }
    }
    let whole = "at + INTERVAL '1 day' - INTERVAL 2 hours + INTERVAL (interval) month > at AT TIME ZONE 'UTC' AND (j -> 'a' ->> -1) = 'x'"
    for end in whole.indices { _ = try? ExpressionParser.parse(String(whole[..<end])) }
  }
}
