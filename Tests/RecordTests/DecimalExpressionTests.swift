import Foundation
import Records
import Testing

@testable import Parse
@testable import Transform

/// Python's decimal is the oracle: it computes with 300 digits, and the result is brought to the digits of the type once.
@Suite("Expressions of decimals")
struct DecimalExpressionTests {
  static let schema = Schema([
    Field(name: "a", type: .decimal(precision: 18, scale: 2)), Field(name: "b", type: .decimal(precision: 12, scale: 4)),
    Field(name: "c", type: .decimal(precision: 38, scale: 10)), Field(name: "d", type: .decimal(precision: 38, scale: 0)),
    Field(name: "n", type: .bigint), Field(name: "x", type: .double), Field(name: "s", type: .text),
  ])

  /// Expressions, and the same for Python; nothing for those that both spell alike.
  static let expressions: [(sql: String, python: String)] = [
    ("a + b", ""), ("a - b", ""), ("a * b", ""), ("a / b", ""), ("a % b", ""), ("b + a * b", ""), ("a + c", ""), ("c - a", ""),
    ("c * b", ""),
    ("c / a", ""), ("a / c", ""), ("c % b", ""), ("b % c", ""), ("d + d", ""), ("d * b", ""), ("d / b", ""), ("d % b", ""), ("c + d", ""),
    ("d / n", ""), ("a + n", ""), ("n - a", ""), ("a * n", ""), ("n / a", ""), ("a % n", ""), ("-a", ""), ("a * 1.19", "a * D('1.19')"),
    ("a / 1.19", "a / D('1.19')"), ("0.05 + a", "a + D('0.05')"), ("a * 3", ""), ("7 / a", ""), ("a + b + c", ""),
    ("a * -0.1", "a * D('-0.1')"), ("a / 3", ""), ("mod(a, 7)", "a % 7"), ("abs(b)", ""), ("sign(a)", "(a > 0) - (a < 0)"),
    ("floor(b)", "b.to_integral_value(FLOOR)"), ("ceil(b)", "b.to_integral_value(CEILING)"), ("trunc(b)", "b.to_integral_value(DOWN)"),
    ("floor(c)", "c.to_integral_value(FLOOR)"), ("round(b)", "to(b, 0)"), ("round(b, 2)", "to(b, 2)"), ("round(a, 9)", "a"),
    ("round(a, -2)", "to(a, -2)"), ("round(c, -30)", "to(c, -30)"), ("round(a, n % 5)", "to(a, int(n % 5)) if n % 5 < 2 else a"),
    ("round(a * 1.19, 2)", "to(a * D('1.19'), 2)"), ("a < b", ""), ("a >= b", ""), ("c = a", "c == a"), ("c <> d", "c != d"), ("d > c", ""),
    ("a <= n", ""), ("a > 0.5", "a > D('0.5')"), ("a = 1.500", "a == D('1.500')"), ("d < 0.1", "d < D('0.1')"),
    ("a BETWEEN b AND c", "both(a, b, c)"), ("a IN (0, 1.50, 2)", "a in (0, D('1.5'), 2)"), ("greatest(a, b)", "some(max, a, b)"),
    ("least(a, b, n)", "some(min, a, b, n)"),
    ("CASE WHEN a > b THEN a ELSE b END", "case(a is not None and b is not None and a > b, a, b)"),
    ("CASE WHEN a > 0 THEN a ELSE 0.125 END", "case(a is not None and a > 0, a, D('0.125'))"),
    ("coalesce(nullif(a, 0), 1)", "case(a is not None and a != 0, a, D(1))"), ("CAST(b AS decimal(12,1))", "to(b, 1)"),
    ("CAST(b AS decimal(5, 2))", "to(b, 2)"),
    ("CAST(a AS decimal(38,20))", "a"), ("c::numeric(20,3)", "to(c, 3)"), ("CAST(a AS bigint)", "to(a, 0)"), ("CAST(d AS bigint)", "d"),
    ("CAST(n AS decimal(19,0))", "n"), ("CAST(n AS decimal(10,2))", "n"), ("CAST(s AS decimal(20,4))", "D(s)"),
    ("CAST(a AS text)", "text(a, 2)"),
    ("a || '|' || b", "text(a, 2) + '|' + text(b, 4)"), ("CAST(x AS decimal(30,6))", "to(D(x), 6)"), ("CAST(c AS double)", "float(c)"),
    ("CAST(12345678901234567890.125 AS decimal(38,2))", "D('12345678901234567890.13')"),
  ]

  static let python = """
    import csv, io, json, sys, decimal, re
    from decimal import Decimal as D, ROUND_FLOOR as FLOOR, ROUND_CEILING as CEILING, ROUND_DOWN as DOWN, ROUND_HALF_UP
    decimal.getcontext().prec = 300
    decimal.getcontext().rounding = ROUND_HALF_UP
    decimal.getcontext().Emin, decimal.getcontext().Emax = -10**6, 10**6
    def to(v, digits): return v.quantize(D(1).scaleb(-digits)) if digits >= 0 else D(int(v.scaleb(digits).quantize(D(1)))).scaleb(-digits)
    def text(v, scale):
        q = to(D(v), scale)
        return format(abs(q) if q == 0 else q, 'f')
    # What has a value though a part of it is NULL.
    def some(choose, *all): return choose((v for v in all if v is not None), default=None)
    def case(condition, then, otherwise): return then if condition else otherwise
    def both(a, low, high):
        found = [None if a is None or low is None else low <= a, None if a is None or high is None else a <= high]
        return False if False in found else None if None in found else True
    asked = json.loads(sys.stdin.read())
    rows = list(csv.reader(io.StringIO(asked['csv'])))[1:]
    answers = []
    for expression, type in asked['expressions']:
        code = compile(expression, '', 'eval')
        match = re.match(r'decimal\\((\\d+),(\\d+)\\)', type)
        column = []
        for row in rows:
            names = dict(zip('abcdnxs', row))
            read = {k: v if k in 'xs' else D(v) for k, v in names.items() if v != ''}
            used = set(code.co_names) & set('abcdnxs')
            if used - set(read) and not {'some', 'case', 'both'} & set(code.co_names):
                column.append(None)
                continue
            try:
                # Sums, differences and products are rounded to no fewer digits than they have.
                value = eval(code, dict(globals(), **dict(dict.fromkeys(used), **read)))
            except (decimal.DivisionByZero, decimal.InvalidOperation, ZeroDivisionError) as e:
                column.append(None)
                continue
            if value is None: column.append(None)
            elif isinstance(value, str): column.append(value)
            elif isinstance(value, bool): column.append('1' if value else '0')
            elif isinstance(value, float): column.append(repr(value))
            elif match:
                precision, scale = int(match[1]), int(match[2])
                value = to(D(value), scale)
                column.append(text(value, scale) if abs(value) < D(10) ** (precision - scale) else 'too many')
            else:
                value = int(value)
                column.append(str(value) if -2**63 <= value < 2**63 else 'too many')
        answers.append(column)
    print(json.dumps(answers))
    """

  private static func rows(_ count: Int, _ seed: UInt64) -> [String] {
    var state = seed
    func next(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    func decimal(_ precision: Int, _ scale: Int) -> String {
      switch next(12) {
      case 0: return ""
      case 1: return "0"
      default: break
      }
      let isFull = next(4) == 0
      let whole = isFull ? precision - scale : next(min(precision - scale, 7) + 1)
      var text = whole == 0 ? "0" : String(1 + next(9)) + (1..<max(whole, 1)).map { _ in String(next(10)) }.joined()
      // Few digits, so that halves and equal values come.
      let digits = next(3) == 0 ? min(scale, next(3)) : scale
      if digits > 0 { text += "." + (0..<digits).map { _ in next(3) == 0 ? "5" : String(next(10)) }.joined() }
      let isZero = text.allSatisfy { $0 == "0" || $0 == "." }
      return (!isZero && next(2) == 0 ? "-" : "") + text
    }
    return (0..<count).map { _ in
      let double = [0.1, 2.675, -1.0005, 1e15, 123456.7890125, 1e-9, -0.5][next(7)] * Double(1 + next(50))
      let cells = [
        decimal(18, 2), decimal(12, 4), decimal(38, 10), decimal(38, 0),
        next(8) == 0 ? "" : "\(next(3) == 0 ? next(100) : next(1 << 30) - (1 << 29))",
        "\(double)", decimal(19, 4),
      ]
      return cells.joined(separator: ",")
    }
  }

  @Test("10,000 rows of sums, products, quotients and functions are what Python's decimal computes, digit by digit")
  func againstPython() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let csv = "a,b,c,d,n,x,s\n" + Self.rows(10_000, seed).joined(separator: "\n") + "\n"
    let batch = try ExpressionTests.batch(csv, Self.schema)
    #expect(batch.rowCount == 10_000 && batch.faults.isEmpty, "\(batch.faults.first?.reason ?? "")")
    let asked = try JSONSerialization.data(withJSONObject: [
      "csv": csv,
      "expressions": try Self.expressions.map { sql, python in
        [python.isEmpty ? sql : python, try Expression(sql, schema: Self.schema).type.rawValue]
      },
    ])
    let answer = try Oracle.ask(Self.python, String(decoding: asked, as: UTF8.self))
    let want = try #require(JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [[Any]])
    for ((sql, _), column) in zip(Self.expressions, want) {
      let (got, failures) = try ExpressionTests.evaluate(sql, batch)
      var wrong = 0
      var tooMany = 0
      for (row, (value, expected)) in zip(got, column).enumerated() {
        let expected = expected as? String
        let found = failures[UInt32(row)] != nil ? "too many" : value
        if found == "too many" { tooMany += 1 }
        let isSame = found == expected || (sql.hasSuffix("AS double)") && found.flatMap { Double($0) } == expected.flatMap { Double($0) })
        if !isSame, wrong < 3 {
          wrong += 1
          let cells = csv.split(separator: "\n")[row + 1]
          Issue.record("\(sql) of \(cells): \(found ?? "NULL"), and Python says \(expected ?? "NULL"); seed \(seed)")
        }
      }
      #expect(tooMany < got.count, "\(sql): every row fails")
    }
  }

  @Test("types of results")
  func types() throws {
    for (text, type) in [
      ("a + b", "decimal(21,4)"), ("a * b", "decimal(30,6)"), ("a / b", "decimal(35,15)"), ("a % b", "decimal(12,4)"),
      ("a * 3", "decimal(19,2)"),
      ("a * n", "decimal(37,2)"), ("a / 3", "decimal(22,6)"), ("c + c", "decimal(38,10)"), ("c / c", "decimal(38,6)"),
      ("a * 1.19", "decimal(21,4)"),
      ("round(a)", "decimal(17,0)"), ("round(b, 2)", "decimal(11,2)"), ("coalesce(a, 0)", "decimal(18,2)"),
      ("coalesce(a, 0.125)", "decimal(19,3)"),
      ("greatest(a, n)", "decimal(21,2)"), ("-a", "decimal(18,2)"), ("abs(a)", "decimal(18,2)"), ("a > 1.5", "boolean"),
      ("CAST(a AS double) * x", "double"), ("CASE WHEN a > 0 THEN 0 ELSE a END", "decimal(18,2)"), ("1.5 + 1", "double"),
      ("sign(c)", "decimal(1,0)"),
    ] {
      #expect(try Expression(text, schema: Self.schema).type.rawValue == type, "\(text)")
    }
  }

  @Test("what would not be exact is an error of the definition")
  func errors() {
    for (text, offset, part) in [
      ("a * x", 2, "would not be exact; CAST the double"), ("x - a", 2, "would not be exact"), ("a > x", 2, "can't be compared"),
      ("coalesce(a, x)", 0, "different types"), ("c * c * c * c", 10, "more than 38 digits"), ("sqrt(a)", 5, "is a decimal(18,2)"),
      ("CAST(a AS decimal)", 10, "says its digits"), ("CAST(a AS decimal(39,2))", 10, "says its digits"),
      ("a::decimal(3,4)", 3, "says its digits"),
      ("CAST(a AS boolean)", 10, "can't be cast"), ("a || 1 = 2", 7, "can't be compared"), ("round(a, b)", 0, "round takes"),
    ] {
      do {
        _ = try Expression(text, schema: Self.schema)
        Issue.record("\(text) was accepted")
      } catch {
        #expect(error.offset == offset && error.message.contains(part), "\(text): \(error.offset) \(error.message)")
      }
    }
  }

  @Test("functions of decimals in functions nest without work that doubles at each")
  func nested() throws {
    let text = String(repeating: "abs(", count: 150) + "a" + String(repeating: ")", count: 150)
    #expect(try Expression(text, schema: Self.schema).type.rawValue == "decimal(18,2)")
  }

  @Test("times of day: literals, comparisons, casts")
  func times() throws {
    let schema = Schema([Field(name: "t", type: .time), Field(name: "at", type: .timestamp), Field(name: "y", type: .bytes)])
    let batch = try ExpressionTests.batch(
      "t,at,y\n07:08,2024-02-29 23:59:58.5,aGk=\n23:59:59.5,1969-12-31 01:02:03,\n,,/w==\n", schema)
    #expect(batch.faults.isEmpty)
    for (text, want) in [
      ("t", ["07:08:00", "23:59:59.5", nil]), ("t > '12:00'", ["0", "1", nil]), ("t = TIME '07:08:00'", ["1", "0", nil]),
      ("CAST(at AS time)", ["23:59:58.5", "01:02:03", nil]), ("CAST(t AS text)", ["07:08:00", "23:59:59.5", nil]),
      ("CAST('1' || '2:30' AS time)", ["12:30:00", "12:30:00", "12:30:00"]),
      ("greatest(t, '12:00')", ["12:00:00", "23:59:59.5", "12:00:00"]),
      ("y", ["aGk=", nil, "/w=="]), ("TRY_CAST(y AS text)", ["hi", nil, nil]), ("CAST('hé' AS bytes)", ["aMOp", "aMOp", "aMOp"]),
      ("y = CAST('hi' AS bytes)", ["1", nil, "0"]),
    ] as [(String, [String?])] {
      let (got, _) = try ExpressionTests.evaluate(text, batch)
      #expect(got == want, "\(text)")
    }
    #expect(try ExpressionTests.evaluate("CAST(y AS text)", batch).failures[2] == "the bytes are not UTF-8")
  }
}
