import Foundation
import Testing

/// The bounds of expressions: their cost, and their effects.
@Suite("Evaluation")
struct EvaluationTests {
  private static func definition(_ steps: String, fields: String = "id: bigint, s: text", more: String = "", write: String = "out.jsonl")
    -> String
  {
    "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {\(fields)}\(more)}\ntransform:\n\(steps)\nwrite: {path: \(write)}\n"
  }

  @Test("what is out of its type's range is a dead letter: abs, + - * /, power, exp, round, casts, times; division by zero is NULL")
  func overflowIsADeadLetter() throws {
    let shop = try Workshop()
    let failing = [
      "abs(CAST('-9223372036854775808' AS bigint))", "9223372036854775807 + id", "-9223372036854775807 - id - id",
      "id * 9223372036854775807 * 2",
      "- CAST('-9223372036854775808' AS bigint)", "id * 1e308 * 10", "1e308 + id * 1e308", "-1e308 - id * 1e308", "id / 1e-320",
      "power(10, 400)",
      "power(0, -1)", "exp(1000)", "round(1.7e308, -308)", "CAST('1e400' AS double)", "CAST(1e19 AS bigint)", "to_timestamp(1e12)",
      "to_timestamp(-1e11)", "to_timestamp(1e300)",
    ]
    let null = [
      "id / 0", "id % 0", "id / 0.0", "0.0 / 0", "mod(id, 0)", "sqrt(-1)", "ln(0)", "power(-8, 0.5)", "TRY_CAST('1e400' AS double)",
    ]
    try shop.write("in.csv", "id,s\n1,x\n")
    for expression in failing {
      try shop.write("pipeline.yaml", Self.definition("  - derive: {c: \"\(expression)\"}"))
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == 65 && outcome.records["dead_lettered"] == 1, "\(expression): \(outcome.stdout) \(outcome.stderr)")
    }
    let entries = null.enumerated().map { "c\($0): \"\($1)\"" }.joined(separator: ", ")
    try shop.write("pipeline.yaml", Self.definition("  - derive: {\(entries), r: \"right(s, CAST('-9223372036854775808' AS bigint))\"}"))
    let outcome = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let record = try #require(shop.records("out.jsonl").first)
    for i in null.indices { #expect(record["c\(i)"] is NSNull, "\(null[i])") }
    #expect(record["r"] as? String == "")
  }

  @Test("round gives the double nearest to the decimal rounding, halves away from zero, of numbers of every size")
  func roundIsDecimal() throws {
    let shop = try Workshop()
    let made = try shop.python(
      """
      import random, struct
      random.seed(7)
      rows = ['1e300,5', '1.005,2', '2.675,2', '0.5,0', '-2.5,0', '999.995,2', '9.99,1', '5e-324,3', '1.7976931348623157e308,2', '4503599627370497.5,0', '150,-2', '-0.04,1', '4,-1', '6,-1']
      while len(rows) < 1500:
          x = struct.unpack('d', random.randbytes(8))[0] if random.random() < .3 else random.choice([random.uniform(-1000, 1000), round(random.uniform(-100, 100), 3), random.randrange(10**6) / 1000])
          if x == x and abs(x) < 1e300: rows.append('%r,%d' % (x, random.randint(-4, 12)))
      print('d,n'); print('\\n'.join(rows))
      """)
    try shop.write("in.csv", made.stdout)
    try shop.write(
      "pipeline.yaml", Self.definition("  - derive: {r: \"round(d, n)\", same: \"round(d, n) = d\"}", fields: "d: double, n: bigint"))
    #expect(try shop.runPipeline().status == 0)
    let compared = try shop.python(
      """
      import csv, decimal, json, sys
      decimal.getcontext().prec = 1000
      rows = list(csv.reader(open(sys.argv[1])))[1:]
      for row, line in zip(rows, open(sys.argv[2])):
          x, n = float(row[0]), int(row[1])
          wanted = float(decimal.Decimal(repr(x)).quantize(decimal.Decimal(1).scaleb(-n), decimal.ROUND_HALF_UP))
          found = json.loads(line)['r']
          if found != wanted: print(row, found, wanted)
      """, shop.path("in.csv"), shop.path("out.jsonl"))
    #expect(compared.stdout == "")
  }

  @Test("ILIKE, ~*, lower and upper have one notion of case, for all of Unicode's simple mappings")
  func oneNotionOfCase() throws {
    let shop = try Workshop()
    let made = try shop.python(
      """
      import sys
      print('n,a,b')
      n = 0
      for i in range(0x80, 0x20000):
          if 0xD800 <= i < 0xE000: continue
          c = chr(i)
          # The Turkish dotless i is no i where case is ignored (CaseFolding.txt, C and S).
          for d in {c.lower(), c.upper()} - {c}:
              if len(d) == 1 and i != 0x131:
                  n += 1
                  print('%d,x%sy,x%sy' % (n, c, d))
      """)
    try shop.write("in.csv", made.stdout)
    try shop.write(
      "pipeline.yaml",
      Self.definition(
        "  - derive: {alike: a ILIKE b, back: b ILIKE '%' || a, found: a ~* b, lower: lower(a) = lower(b) OR upper(a) = upper(b)}\n"
          + "  - filter: NOT (alike AND back AND found AND lower AND a NOT ILIKE b || 'z')",
        fields: "n: bigint, a: text, b: text"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && (outcome.records["filtered"] ?? 0) > 2700, "\(outcome.stdout) \(outcome.stderr)")
    #expect(shop.read("out.jsonl") == "", "\(shop.read("out.jsonl").prefix(2000))")
    // Two other cases of one character are each other's: K and the Kelvin sign, σ and ς, s and ſ.
    try shop.write("in.csv", "a,b\nK,\u{212A}\nς,Σ\nς,σ\nſ,S\nÅ,\u{212B}\nß,ẞ\n")
    try shop.write("pipeline.yaml", Self.definition("  - filter: NOT (a ILIKE b AND a ~* b AND b ILIKE a)", fields: "a: text, b: text"))
    #expect(try shop.runPipeline("pipeline.yaml", "--full").records["filtered"] == 6, "\(shop.read("out.jsonl"))")
    try shop.write("in.csv", "a,b\nß,ss\nı,i\nä,o\n")
    try shop.write("pipeline.yaml", Self.definition("  - filter: a ILIKE b OR a ~* b", fields: "a: text, b: text"))
    #expect(try shop.runPipeline("pipeline.yaml", "--full").records["filtered"] == 3, "\(shop.read("out.jsonl"))")
    // Characters, not bytes, are trimmed.
    try shop.write("in.csv", "a,b\néaé,è\n→x→,→\n")
    try shop.write("pipeline.yaml", Self.definition("  - derive: {t: 'trim(a, b)'}", fields: "a: text, b: text"))
    #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
    #expect(shop.records("out.jsonl").map { $0["t"] as? String } == ["éaé", "x"])
  }

  @Test("a pattern that backtracks ends as a dead letter for each record, and SIGTERM is obeyed while it is at work")
  func backtrackingPatternsEnd() throws {
    let shop = try Workshop()
    let text = String(repeating: "a", count: 5000) + "!"
    try shop.write("in.csv", "id,s\n" + (0..<20_000).map { "\($0),\($0 < 3 ? "aaa" : text)\n" }.joined())
    try shop.write("pipeline.yaml", Self.definition("  - filter: \"s ~ '^(a+)+$'\""))
    let run = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
    // It is at the pattern once the engine has used some time: the file takes far less to read.
    let engine = try run.engine()
    func ticks() -> Int {
      let stat = (try? String(contentsOfFile: "/proc/\(engine)/stat", encoding: .utf8)) ?? ""
      let parts = stat.split(separator: ")").last?.split(separator: " ") ?? []
      return parts.count > 12 ? (Int(parts[11]) ?? 0) + (Int(parts[12]) ?? 0) : 0
    }
    for _ in 0..<4000 where ticks() < 300 && run.isRunning { usleep(5000) }
    #expect(run.isRunning, "there is nothing left to stop")
    #expect(run.stop(SIGTERM) == 75)
    let state = try shop.sluice("runs", "pipeline.yaml")
    #expect(state.stdout.contains("interrupted"), "\(state.stdout)")
    // A few of them run to their end.
    // The library's own limit would let the short text do its millions of steps.
    let short = String(repeating: "a", count: 20) + "!"
    try shop.write("in.csv", "id,s\n0,aaa\n1,\(text)\n2,\(text.dropLast())\n3,\(short)\n")
    let outcome = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(outcome.status == 65 && outcome.records["dead_lettered"] == 2 && outcome.records["written"] == 2, "\(outcome.stdout)")
    #expect(try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout.contains("the regular expression gave up"))
  }

  @Test("an expression that is too deep or too large is SL-108 with its place, to check and to run; what is within runs")
  func deepExpressions() throws {
    let shop = try Workshop()
    try shop.write("in.csv", "id,s\n1,x\n")
    func repeated(_ text: String, _ n: Int) -> String { String(repeating: text, count: n) }
    let deep = [
      repeated("(", 8000) + "id" + repeated(")", 8000), repeated("NOT ", 100_000) + "TRUE", "id" + repeated("+1", 100_000),
      repeated("CASE WHEN TRUE THEN ", 5000) + "1" + repeated(" END", 5000), repeated("- ", 100_000) + "id", repeated("+ ", 100_000) + "id",
      repeated("abs(", 5000) + "id" + repeated(")", 5000), "id" + repeated("::text", 5000), "s" + repeated(" IS NULL", 5000),
      repeated("nullif(", 60) + "id" + repeated(", 7)", 60), repeated("(", 60) + "id" + repeated(" BETWEEN 0 AND 1) IS TRUE", 60),
      repeated("CASE ", 60) + "TRUE" + repeated(" WHEN TRUE THEN TRUE WHEN FALSE THEN FALSE END", 60), repeated("CAST(", 5000) + "id",
    ]
    for expression in deep {
      try shop.write("pipeline.yaml", Self.definition("  - derive: {c: \"\(expression)\"}"))
      for command in ["check", "run"] {
        let outcome = try shop.sluice(command, "pipeline.yaml")
        #expect(
          outcome.status == 78 && outcome.stderr.contains("pipeline.yaml:5:") && outcome.stderr.contains("[SL-108]"),
          "\(expression.prefix(40)): \(outcome.status)")
      }
    }
    let within = [
      repeated("(", 190) + "id" + repeated(")", 190), repeated("NOT ", 190) + "TRUE", "id" + repeated("+1", 490),
      "s" + repeated(" || s", 20_000),
      "id = 0" + repeated(" OR id = 1", 20_000), repeated("abs(", 190) + "id" + repeated(")", 190),
      repeated("CASE WHEN TRUE THEN ", 190) + "1" + repeated(" END", 190), "id IN (0" + repeated(",1", 90_000) + ")",
    ]
    for expression in within {
      try shop.write("pipeline.yaml", Self.definition("  - derive: {c: \"\(expression)\"}"))
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == 0, "\(expression.prefix(40)): \(outcome.stderr.prefix(400))")
    }
  }

  @Test("a value that grows by doubling is a dead letter past parse.limits.record, and the other records are written")
  func growingValues() throws {
    let shop = try Workshop()
    try shop.write("in.csv", "id,s\n1,\n2,abcdefgh\n3,x\n")
    for doubling in ["s || s", "concat(s, s)", "replace(s, left(s, 1), s)", "regexp_replace(s, '.', s, 'g')", "concat(s, '', s)"] {
      let steps = repeatElement("  - derive: {s: \"\(doubling)\"}", count: 14).joined(separator: "\n")
      try shop.write(
        "pipeline.yaml", Self.definition(steps + "\n  - derive: {n: length(s)}\n  - drop: [s]", more: ", limits: {record: 100KB}"))
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(
        outcome.status == 65 && outcome.records["dead_lettered"] == 1 && outcome.records["written"] == 2, "\(doubling): \(outcome.stdout)")
      #expect(
        try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout.contains("longer than the 100000 bytes of parse.limits.record"))
    }
    // Many at once: what they hold together is bounded too.
    try shop.write("in.csv", "id,s\n" + (0..<2000).map { "\($0),abcdefgh\n" }.joined())
    let steps = repeatElement("  - derive: {s: s || s}", count: 17).joined(separator: "\n")
    try shop.write("pipeline.yaml", Self.definition(steps + "\n  - drop: [s]") + "limits: {memory: 64MB}\n")
    let outcome = try shop.runPipeline("pipeline.yaml", "--full")
    #expect(outcome.status == 65 && (outcome.records["dead_lettered"] ?? 0) > 1800, "\(outcome.stdout) \(outcome.stderr)")
    #expect(try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout.contains("limits.memory"))
  }
}

/// The errors of `check`, without a look at data.
@Suite("Checking definitions")
struct CheckTests {
  private static func check(_ shop: Workshop, _ definition: String, environment: [String: String] = [:]) throws -> Outcome {
    try shop.write("pipeline.yaml", definition)
    return try shop.run(Workshop.binary, ["check", "pipeline.yaml"], environment: environment)
  }

  @Test("without parse.fields syntax, functions, arguments, patterns, types and steps are checked all the same")
  func checksWithoutFields() throws {
    let shop = try Workshop()
    func with(_ step: String) -> String { "pipeline: p\nfetch: {from: in.csv}\ntransform:\n\(step)\nwrite: {path: out.jsonl}\n" }
    for (step, words) in [
      ("  - filter: a +* 2", "stands where a value is expected"), ("  - derive: {b: lenght(a)}", "did you mean length?"),
      ("  - derive: {b: 'substr(a)'}", "substr takes"), ("  - derive: {b: 'left(a, 1, 2)'}", "left takes"),
      ("  - filter: \"a ~ '['\"", "the regular expression is wrong"), ("  - derive: {b: CAST(a AS bigit)}", "did you mean bigint?"),
      ("  - expect: {known: 'a = '}", "a value is expected"), ("  - derive: {b: \"date_part('yeer', a)\"}", "did you mean year?"),
      ("  - derive: {b: \"'x' + a\"}", "needs numbers"), ("  - filter: upper(a)", "must be true or false"),
      ("  - select: [a, b]\n  - derive: {c: d + 1}", "there is no field “d”"), ("  - select: [a]\n  - drop: [b]", "there is no field “b”"),
      ("  - derive: {n: length(a)}\n  - filter: n = 'x'", "can't be compared"),
      ("  - cast: {a: bigint}\n  - derive: {c: lower(a)}", "lower takes"),
      ("  - exec: {command: [cat], fields: {x: text}}\n  - filter: y > 1", "there is no field “y”"),
      ("  - filter: FALSE\n  - derive: {c: a}", "no record ever comes here"),
    ] {
      let outcome = try Self.check(shop, with(step))
      #expect(outcome.status == 78 && outcome.stderr.contains(words), "\(step): \(outcome.stdout) \(outcome.stderr)")
    }
    let good = try Self.check(
      shop,
      with(
        """
          - filter: a IS NOT NULL AND (b + 1) * 2 > c / 4 OR d IN (1, 2) OR e LIKE f
          - derive: {n: a + 1, m: abs(b), l: "left(s, n)", g: "greatest(a, b)", k: "coalesce(x, 1)", w: "CASE WHEN q THEN z ELSE y END", t: "date_trunc('day', at)"}
          - rename: {n: nn}
          - derive: {o: nn || m, p: "left(s, k)", r: "round(w, 2)", u: "- m", v: "nullif(z, 'x')"}
          - filter: o <> '' AND nn > 1 AND k > 1.5 AND g < w
          - drop: [other]
          - cast: {m: text}
          - derive: {q: lower(m)}
        """))
    #expect(good.status == 0, "\(good.stderr)")
  }

  @Test("all that is wrong is told at once, whatever key is misspelt; what follows from it is not")
  func allErrorsAtOnce() throws {
    let shop = try Workshop()
    func errors(_ definition: String) throws -> [String] {
      try Self.check(shop, definition).stderr.split(separator: "\n").filter { $0.contains(": error: ") }.map(String.init)
    }
    var found = try errors(
      """
      pipeline: p
      fetch: {from: in.csv, tiemout: {idle: 3s}}
      parse: {fields: {a: bigint, b: txt}}
      transform:
        - derive: {c: lenght(b), d: a + missing}
        - fitler: a > 1
        - derive: {e: "upper(a, a)", f: whatever + 1}
        - expect: {known: "a IS"}
      write: {path: out.jsonl, fromat: csv}
      """)
    let words = ["tiemout", "“txt”", "lenght", "“missing”", "fitler", "upper takes", "expected NULL", "fromat"]
    #expect(found.count == words.count, "\(found)")
    for word in words { #expect(found.contains { $0.contains(word) }, "\(word): \(found)") }
    for (definition, word) in [
      ("pipeline: p\nfetch: {from: ['${NOT_SET_HERE}']}\nwrite: {path: out.jsonl}\n", "NOT_SET_HERE is not set"),
      ("pipeline: p\nfetch: {from: in.csv}\nwrite: {path: '${NOT_SET_HERE}'}\n", "NOT_SET_HERE is not set"),
      (
        "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: [a]}\ntransform: [{filter: a > 1}]\nwrite: {path: out.jsonl}\n",
        "expected a map"
      ),
      ("pipeline: p\nfetch: {from: in.csv}\nparse: {delimiter: '${NOT_SET_HERE}'}\nwrite: {path: out.jsonl}\n", "NOT_SET_HERE is not set"),
      ("pipeline: p\nfetch: {from: in.csv}\ntransform: [{exec: {comand: [cat]}}]\nwrite: {path: out.jsonl}\n", "did you mean “command”"),
      (
        "pipeline: p\nfetch: {from: in.csv}\ntransform: [{exec: {command: ['${NOT_SET_HERE}']}}]\nwrite: {path: out.jsonl}\n",
        "NOT_SET_HERE is not set"
      ),
      ("pipeline: p\nfetch: {from: in.csv}\ntransform: [{fitler: a > 1}]\nwrite: {path: out.jsonl}\n", "did you mean “filter”"),
      (
        "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {a: text}}\ntransform: [{derive: {b: '${NOT_SET_HERE}'}}, {filter: b > 1}]\nwrite: {path: out.jsonl}\n",
        "NOT_SET_HERE is not set"
      ),
      (
        "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {a: text}}\ntransform: [{derive: {b: lenght(a)}}, {filter: b > 1}]\nwrite: {path: out.jsonl}\n",
        "did you mean length"
      ),
      ("pipeline: p\nfetch: {from: in.csv}\nwrite: {path: out.jsonl}\nnotify: {url: '${NOT_SET_HERE}'}\n", "NOT_SET_HERE is not set"),
    ] {
      found = try errors(definition)
      #expect(found.count == 1 && found.first?.contains(word) == true, "\(definition): \(found)")
    }
  }
}
