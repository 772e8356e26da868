import Foundation
import Records
import Testing

@testable import Transform

@testable import Parse

@Suite("Expressions")
struct ExpressionTests {
  static let schema = Schema([
    Field(name: "a", type: .bigint), Field(name: "b", type: .bigint), Field(name: "x", type: .double), Field(name: "y", type: .double),
    Field(name: "s", type: .text), Field(name: "t", type: .text),
  ])

  /// Rows with NULLs, zeros, negatives, quotes, several scripts.
  static let rows: [[String]] = {
    let numbers = ["", "0", "1", "-7", "42", "1000000"]
    let reals = ["", "0", "0.5", "-2.25", "1e3", "3.75"]
    let texts = ["", "abc", "ABC", "a%c", "\"quoted, \"\"so\"\"\"", "naïve", "日本語", "  pad "]
    return (0..<48).map { i in
      [numbers[i % 6], numbers[(i * 5 + 1) % 6], reals[(i * 7 + 2) % 6], reals[(i + 3) % 6], texts[i % 8], texts[(i * 3 + 1) % 8]]
    }
  }()

  static let csv = "a,b,x,y,s,t\n" + rows.map { $0.joined(separator: ",") }.joined(separator: "\n") + "\n"

  static func batch(_ csv: String, _ schema: Schema) throws -> RecordBatch {
    let format = CSV(CSVDialect(), recordLimit: 1 << 20)
    let buffer = ByteBuffer(capacity: csv.utf8.count)
    buffer.append(csv)
    var framer = format.makeFramer()
    let prologue = try #require(try buffer.withSpan { try framer.begin($0, isFinal: true) })
    let body = ByteBuffer(capacity: buffer.count)
    body.append(buffer.bytes + prologue.bytes, buffer.count - prologue.bytes)
    let mapping = try ColumnMapping(schema: schema, prologue: prologue, decoded: schema.fields.map { _ in false })
    return format.parse(RecordChunk(buffer: body, offset: prologue.bytes, sequence: 0), mapping)
  }

  static func evaluate(_ text: String, _ batch: RecordBatch) throws -> (values: [String?], failures: [UInt32: String]) {
    let expression = try Expression(text, schema: batch.schema)
    let evaluation = Evaluation(batch)
    let rows = batch.selected
    let vector = evaluation.values(expression.node, rows)
    let values = rows.indices.map { i -> String? in
      if vector.isNull(i) { return nil }
      if case .booleans(let truth) = vector { return truth[i] == 1 ? "1" : "0" }
      let out = ByteBuffer(capacity: 32)
      ValueText.write(vector, i, expression.type, to: out)
      return String(decoding: out.copy(0..<out.count), as: UTF8.self)
    }
    return (values, evaluation.failures)
  }

  static let fixed = [
    "a + b * 2 - 3", "-a", "a / b", "a % b", "x / y", "x * y + a", "a = b", "a <> b", "a < x", "x >= y", "a BETWEEN 0 AND 100",
    "a NOT BETWEEN 0 AND 100", "s = t", "s < t", "s || t", "s || '-' || t", "s IN ('abc', 'ABC')", "s NOT IN ('abc')", "a IN (1, 42, NULL)",
    "a IS NULL", "s IS NOT NULL", "NOT (a > 0)", "a > 0 AND x > 0", "a > 0 OR x > 0", "a > 0 AND NOT x > 0 OR b = 1",
    "CASE WHEN a > 0 THEN 'pos' WHEN a < 0 THEN 'neg' ELSE 'zero' END", "CASE a WHEN 1 THEN 'one' WHEN 42 THEN 'many' END",
    "CASE WHEN a <> 0 THEN 100 / a END", "coalesce(a, b, -1)", "nullif(a, 0)", "ifnull(x, 0.5)", "iif(a > b, 'gt', 'le')", "length(s)",
    "substr(s, 2)", "substr(s, 2, 2)", "replace(s, 'b', 'xx')", "trim(s)", "ltrim(s)", "rtrim(s)", "instr(s, 'b')", "abs(a)", "abs(x)",
    "CAST(a AS double)", "CAST(a AS text)", "s LIKE 'a%'", "s LIKE '%c'", "s LIKE '_b_'", "s NOT LIKE '%b%'", "s LIKE 'a\\%c' ESCAPE '\\'",
    "a IS NOT DISTINCT FROM b", "(a > 0) IS TRUE", "x IS NULL OR y IS NULL",
  ]

  /// Random expressions of the same grammar, by a seed.
  static func random(_ count: Int, _ seed: UInt64) -> [String] {
    var state = seed
    func next(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    func number(_ depth: Int) -> String {
      if depth == 0 { return ["a", "b", "x", "y", "3", "-1", "0", "2.5"][next(8)] }
      switch next(6) {
      case 0: return "(\(number(depth - 1)) + \(number(depth - 1)))"
      case 1: return "(\(number(depth - 1)) - \(number(depth - 1)))"
      case 2: return "(\(number(depth - 1)) * \(number(depth - 1)))"
      case 3: return "coalesce(\(number(depth - 1)), 7)"
      case 4: return "CASE WHEN \(truth(depth - 1)) THEN \(number(depth - 1)) ELSE \(number(depth - 1)) END"
      default: return "abs(\(number(depth - 1)))"
      }
    }
    func truth(_ depth: Int) -> String {
      if depth == 0 { return ["a > 0", "s = 'abc'", "x IS NULL", "b < a", "t LIKE '%b%'", "s < t"][next(6)] }
      switch next(5) {
      case 0: return "(\(truth(depth - 1)) AND \(truth(depth - 1)))"
      case 1: return "(\(truth(depth - 1)) OR \(truth(depth - 1)))"
      case 2: return "(NOT \(truth(depth - 1)))"
      case 3: return "(\(number(depth - 1)) \(["=", "<", ">=", "<>"][next(4)]) \(number(depth - 1)))"
      default: return "(\(number(depth - 1)) IN (\(number(0)), 42, \(number(0))))"
      }
    }
    return (0..<count).map { _ in next(2) == 0 ? number(3) : truth(3) }
  }

  static let sqlite = """
    import csv, io, json, sqlite3, sys
    asked = json.loads(sys.stdin.read())
    db = sqlite3.connect(':memory:')
    db.execute('PRAGMA case_sensitive_like = ON')
    db.execute('CREATE TABLE r (i INTEGER, a INTEGER, b INTEGER, x REAL, y REAL, s TEXT, t TEXT)')
    for i, row in enumerate(csv.reader(io.StringIO(asked['csv']))):
        if i: db.execute('INSERT INTO r VALUES (?, ?, ?, ?, ?, ?, ?)', [i] + [None if cell == '' else cell for cell in row])
    print(json.dumps([[row[0] for row in db.execute('SELECT ' + e.replace(' AS double', ' AS REAL') + ' FROM r ORDER BY i')] for e in asked['expressions']]))
    """

  @Test("fixed and random expressions give what SQLite gives")
  func againstSQLite() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let expressions = Self.fixed + Self.random(300, seed)
    let batch = try Self.batch(Self.csv, Self.schema)
    #expect(batch.rowCount == 48 && batch.faults.isEmpty)
    let asked = try JSONSerialization.data(withJSONObject: ["csv": Self.csv, "expressions": expressions])
    let answer = try Oracle.ask(Self.sqlite, String(decoding: asked, as: UTF8.self))
    let want = try #require(JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [[Any]])
    for (text, column) in zip(expressions, want) {
      let (got, failures) = try Self.evaluate(text, batch)
      #expect(failures.isEmpty, "\(text)")
      for (row, pair) in zip(got, column).enumerated() where !Self.same(pair.0, pair.1) {
        Issue.record("\(text), row \(row + 1) (\(Self.rows[row])): \(pair.0 ?? "NULL"), and SQLite says \(pair.1); seed \(seed)")
      }
    }
  }

  private static func same(_ got: String?, _ want: Any) -> Bool {
    guard let got else { return want is NSNull }
    if let text = want as? String { return got == text }
    guard let number = (want as? NSNumber)?.doubleValue, let value = Double(got) else { return false }
    return value == number || abs(value - number) <= 1e-12 * max(abs(value), abs(number))
  }

  @Test("what can't be computed fails that record alone: overflow, a cast that does not fit")
  func failures() throws {
    let batch = try Self.batch(
      "a,s\n9223372036854775807,x\n1,12\n", Schema([Field(name: "a", type: .bigint), Field(name: "s", type: .text)]))
    #expect(try Self.evaluate("a + 1", batch).failures.keys.sorted() == [0])
    #expect(try Self.evaluate("CAST(s AS bigint)", batch).failures.keys.sorted() == [0])
    #expect(try Self.evaluate("CASE WHEN s = '12' THEN CAST(s AS bigint) END", batch).failures.isEmpty)
    #expect(try Self.evaluate("TRY_CAST(s AS bigint)", batch).values == [nil, "12"])
  }

  @Test("dates, times and patterns")
  func functions() throws {
    let schema = Schema([Field(name: "at", type: .timestamp), Field(name: "d", type: .date), Field(name: "s", type: .text)])
    let batch = try Self.batch("at,d,s\n2024-02-29T23:59:58.5Z,2024-12-30,N14228\n1969-12-31 18:00:00-06:00,1970-01-01,x\n", schema)
    for (text, want) in [
      ("date_part('year', at)", ["2024", "1970"]), ("extract(dow from at)", ["4", "4"]), ("date_part('week', d)", ["1", "1"]),
      ("date_trunc('month', at)", ["2024-02-01 00:00:00", "1970-01-01 00:00:00"]), ("at > '2000-01-01'", ["1", "0"]),
      ("CAST(d AS timestamp)", ["2024-12-30 00:00:00", "1970-01-01 00:00:00"]),
      ("CAST(at AS text)", ["2024-02-29 23:59:58.5", "1970-01-01 00:00:00"]),
      ("s ~ '^N[0-9]+$'", ["1", "0"]), ("regexp_replace(s, '([0-9])', '<\\1>', 'g')", ["N<1><4><2><2><8>", "x"]),
      ("regexp_extract(s, '[0-9]+')", ["14228", ""]), ("upper(s)", ["N14228", "X"]), ("round(2.345 * 100, 0)", ["235.0", "235.0"]),
      ("concat(s, '-', 7)", ["N14228-7", "x-7"]),
    ] { #expect(try Self.evaluate(text, batch).values == want, "\(text)") }
  }

  @Test("errors name the place and the nearest name")
  func errors() {
    for (text, offset, part) in [
      ("fares > 1", 0, "no field “fares”"), ("lenght(s) > 1", 0, "did you mean length"), ("a + ", 4, "a value is expected"),
      ("a = s", 2, "can't be compared"), ("a +* 2", 3, "stands where a value"), ("upper(a)", 6, "takes"), ("(a", 2, "expected )"),
      ("s ~ '['", 2, "regular expression is wrong"), ("date_part('yeer', '2020-01-01'::date)", 0, "did you mean year"),
    ] {
      do {
        _ = try Expression(text, schema: Self.schema)
        Issue.record("\(text) was accepted")
      } catch {
        #expect(error.offset == offset && error.message.contains(part), "\(text): \(error.offset) \(error.message)")
      }
    }
  }

  @Test("every function that can be called is in the reference, once")
  func reference() {
    let told = FunctionReference.kinds.flatMap(\.functions).flatMap { [$0.name] + $0.aliases }
    #expect(told.sorted() == FunctionReference.callable)
  }

  @Test("an expression that is cut off anywhere, or has a word too many, is an error and no crash")
  func cut() {
    let whole = [
      "CASE WHEN a BETWEEN 1 AND 2 THEN lower(s)::text ELSE TRY_CAST(t AS double precision) END",
      "x IS NOT DISTINCT FROM y OR NOT s LIKE 'a%' ESCAPE '!' AND a NOT IN (1, -2.5e3) OR s !~* 'b' || \"t\"",
      "EXTRACT(year FROM TIMESTAMP '2013-08-09 17:45:00') % 2 <> coalesce(a, b) AND b IS TRUE",
    ]
    for text in whole {
      for end in text.indices { _ = try? ExpressionParser.parse(String(text[..<end])) }
      for token in (try? Lexer.tokens(text)) ?? [] {
        let at = text.utf8.index(text.utf8.startIndex, offsetBy: token.offset)
        _ = try? ExpressionParser.parse(String(text[at...]))
        let doubled = String(text[..<at]) + " OR " + String(text[at...])
        _ = try? ExpressionParser.parse(doubled)
      }
    }
    for text in ["a AND OR b", "OR", "a = AND", "CAST(x AS", "a IN"] {
      #expect(throws: ExpressionError.self) { try ExpressionParser.parse(text) }
    }
    #expect(throws: Never.self) { try ExpressionParser.parse("\"or\" AND \"from\" = 1") }
  }
}
