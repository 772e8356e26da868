import Foundation
import Testing

/// Values from source to output, held against Python's json and csv.
@Suite("Values")
struct ValueTests {
  /// Compares a file of JSON Lines with one of CSV of the same records, value by value; prints what differs.
  static let sameRecords = """
    import csv, json, sys
    def loads(line):
        return json.loads(line, parse_int=str, parse_float=str)
    lines = open(sys.argv[1], newline='\\n', encoding='utf-8').read().split('\\n')[:-1]
    rows = list(csv.reader(open(sys.argv[2], newline='', encoding='utf-8')))
    names, rows = rows[0], rows[1:]
    if len(lines) != len(rows): print('records', len(lines), len(rows))
    for line, row in zip(lines, rows):
        record = loads(line)
        if any(c < ' ' for c in line): print('control', ascii(line))
        for name, cell in zip(names, row):
            value = record[name]
            text = '' if value is None else json.dumps(value) if isinstance(value, (dict, list)) else str(value).lower() if isinstance(value, bool) else value
            if text != cell: print(name, ascii(value), ascii(cell))
    """

  static func differences(_ shop: Workshop, _ json: String, _ csv: String) throws -> String {
    try shop.python(sameRecords, shop.path(json), shop.path(csv)).stdout
  }

  /// Runs one source into both formats; what is said of `records` is the same for both.
  @discardableResult
  static func both(_ shop: Workshop, _ source: String, _ parse: String, transform: String = "", status: Int32 = 0) throws -> Outcome {
    var last: Outcome?
    for format in ["jsonl", "csv"] {
      try shop.write(
        "\(format).yaml", "pipeline: \(format)\nfetch: {from: \(source)}\nparse: {\(parse)}\n\(transform)write: {path: out.\(format)}\n")
      let outcome = try shop.runPipeline("\(format).yaml", "--full")
      #expect(outcome.status == status, "\(format): \(outcome.stdout) \(outcome.stderr)")
      if let last { #expect(last.records == outcome.records, "\(format) has other records") }
      last = outcome
    }
    return try #require(last)
  }

  @Test("a control character in an unquoted cell is escaped in JSON Lines and in what programs are sent, and quoted where CSV needs it")
  func controlCharactersAreEscaped() throws {
    let shop = try Workshop()
    // Each of the 33 within a long cell and at the end of a line, where the scans by blocks could miss it.
    func cells(_ delimiter: String, _ end: String, without left: [UInt8]) -> String {
      let codes = (Array(0..<0x20) + [0x7F]).filter { !left.contains($0) }
      return codes.map { code in
        let c = String(Character(Unicode.Scalar(code)))
        return "\(code)\(delimiter)abcdefghijklmnop\(c)qrs\(delimiter)end\(c)\(end)"
      }.joined()
    }
    for (name, parse, delimiter, left) in [
      ("lf", "record_delimiter: lf", ",", [10]), ("cr", "record_delimiter: cr", ",", [13]), ("auto", "quote: '\"'", ",", [10]),
      ("semicolon", "delimiter: ';', record_delimiter: lf", ";", [10]), ("tab", "delimiter: \"\\t\", record_delimiter: lf", "\t", [9, 10]),
      ("latin", "encoding: latin-1, record_delimiter: lf", ",", [10]), ("inferred", "record_delimiter: lf", ",", [10]),
      ("trimming", "record_delimiter: lf, null_values: [none]", ",", [10]),
    ] as [(String, String, String, [UInt8])] {
      let end = name == "cr" ? "\r" : "\n"
      try shop.write("\(name).csv", "n\(delimiter)mid\(delimiter)last\(end)" + cells(delimiter, end, without: left))
      let fields = name == "inferred" ? "" : ", fields: {n: bigint, mid: text, last: text}"
      try Self.both(shop, "\(name).csv", parse + fields)
      #expect(try Self.differences(shop, "out.jsonl", "out.csv") == "", "\(name)")
      try Self.both(shop, "\(name).csv", parse + fields, transform: "transform: [{filter: n >= 0}, {derive: {again: mid || last}}]\n")
      #expect(try Self.differences(shop, "out.jsonl", "out.csv") == "", "\(name), derived")
      try shop.write(
        "exec.yaml",
        "pipeline: exec\nfetch: {from: \(name).csv}\nparse: {\(parse)\(fields)}\ntransform: [{exec: {command: [cat]}}]\nwrite: {path: exec.csv}\n"
      )
      #expect(try shop.runPipeline("exec.yaml", "--full").status == 0)
      try Self.both(shop, "\(name).csv", parse + fields)
      #expect(try Self.differences(shop, "out.jsonl", "exec.csv") == "", "\(name), through a program")
    }
    // CR CR LF: the last cell ends with a return.
    try shop.write("returns.csv", "1,a\r\r\n2,b\r\r\n")
    try Self.both(shop, "returns.csv", "header: false, record_delimiter: lf")
    #expect(try Self.differences(shop, "out.jsonl", "out.csv") == "")
  }

  @Test("a JSON value with line ends between its tokens stays on its line")
  func jsonStaysOnItsLine() throws {
    let shop = try Workshop()
    try shop.write("in.csv", "n,j\n1,\"[1,\n\t2]\"\n2,\"{\"\"a\"\":\r\n1}\"\n")
    try Self.both(shop, "in.csv", "fields: {n: bigint, j: json}")
    #expect(shop.records("out.jsonl").count == 2)
    #expect(shop.read("out.jsonl").split(separator: "\n").count == 2)
    try Self.both(shop, "in.csv", "fields: {n: bigint, j: text}", transform: "transform: [{derive: {k: CAST(j AS json)}}]\n")
    #expect(shop.read("out.jsonl").split(separator: "\n").count == 2)
    try shop.write("in.jsonl", "{\"j\":[1,\r2],\"s\":\"x\"}\n")
    try Self.both(shop, "in.jsonl", "fields: {j: json, s: json}")
    #expect(!shop.read("out.jsonl").contains("\r"))
    // A JSON text is JSON in a cell too: it can be read as JSON again.
    #expect(shop.read("out.csv").contains("\"\"\"x\"\"\""), "\(shop.read("out.csv"))")
  }

  @Test("numbers of every spelling: both outputs have the same text, and what a number would lose is a dead letter")
  func writersAgreeOnNumbers() throws {
    let shop = try Workshop()
    let accepted = [
      "0", "-0", "12", "-3.50", ".5", "-.5", "1.", "1.e5", "1e5", "2E-07", "-0.0", "1e-400", "9007199254740993", "0.1",
      "100000000000000000000",
      String(repeating: "9", count: 300), "0." + String(repeating: "1", count: 400), "\"4\"", "\".25\"", "",
    ]
    let refused = [
      "007", "-007", "00", "+5", "+4915112345678", "+.5", "007.5", "\"08\"", "0x10", " 12", "12 ", "1_000", "NaN", "nan", "Infinity",
      "-inf",
      "1e400", String(repeating: "9", count: 400), "1,5", "1.000.437", "1..2", "--1", "1e", "e1", ".", "-", "１２",
    ]
    let cells = accepted + refused
    try shop.write("in.csv", "k,d\n" + cells.enumerated().map { "\($0),\($1.contains(",") ? "\"\($1)\"" : $1)\n" }.joined())
    for transform in ["", "transform: [{filter: d IS NULL OR d <= 0 OR d > 0}]\n"] {
      let outcome = try Self.both(shop, "in.csv", "fields: {k: bigint, d: double}", transform: transform, status: 65)
      #expect(outcome.records["written"] == accepted.count && outcome.records["dead_lettered"] == refused.count, "\(outcome.records)")
      #expect(try Self.differences(shop, "out.jsonl", "out.csv") == "")
    }
    let whole = ["0", "-0", "12", "-3", "9223372036854775807", "-9223372036854775808", "\"4\"", ""]
    let notWhole = ["007", "-01", "+5", "\"+5\"", "1.0", "1e5", "9223372036854775808", "0x10", " 1", "1_0"]
    try shop.write("in.csv", "k,i\n" + (whole + notWhole).enumerated().map { "\($0),\($1)\n" }.joined())
    for transform in ["", "transform: [{filter: i IS NULL OR i <= 0 OR i > 0}]\n"] {
      let outcome = try Self.both(shop, "in.csv", "fields: {k: bigint, i: bigint}", transform: transform, status: 65)
      #expect(outcome.records["written"] == whole.count && outcome.records["dead_lettered"] == notWhole.count, "\(outcome.records)")
      #expect(try Self.differences(shop, "out.jsonl", "out.csv") == "")
    }
    // Truth values too.
    try shop.write("in.csv", "b\ntrue\nT\nyes\n1\noff\nFALSE\n\"no\"\n\n0\n")
    try Self.both(shop, "in.csv", "fields: {b: boolean}")
    #expect(try Self.differences(shop, "out.jsonl", "out.csv") == "")
  }

  @Test("a value that does not fit says what would make it fit")
  func refusalsSayWhatToDo() throws {
    let shop = try Workshop()
    let cases = [
      ("007", "its leading zero would be lost: make the field text"), ("+4915112345678", "its + would be lost: make the field text"),
      ("1.000.437", "its points may separate thousands"), ("1,5", "its comma may be a decimal comma"), ("1.234,56", "decimal comma"),
      ("1,234,567.5", "its commas may separate thousands"), ("1e400", "beyond a double"), (" 7", "parse.trim takes the blanks away"),
      ("NA", "name it in parse.null_values"),
    ]
    try shop.write("in.csv", "d\n" + cases.map { "\"\($0.0)\"\n" }.joined())
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {d: double}}\nwrite: {path: out.csv}\n")
    _ = try shop.runPipeline()
    let list = try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout.split(separator: "\n").filter { $0.contains(" is not a ") }
    #expect(list.count == cases.count)
    for (line, (value, words)) in zip(list, cases) { #expect(line.contains(words), "\(value): \(line)") }
  }

  @Test("what init found no number to be stays text, and a later code is no number either")
  func codesAreNoNumbers() throws {
    let shop = try Workshop()
    try shop.write("phones.csv", "id,phone\n1,+4915112345678\n2,+4915112345679\n")
    #expect(try shop.sluice("init", "phones.csv", "--to", "phones.yaml").status == 0)
    #expect(try shop.runPipeline("phones.yaml").status == 0)
    #expect(shop.read("out/phones.jsonl").contains("\"phone\":\"+4915112345678\""), "\(shop.read("out/phones.jsonl"))")
    try shop.write("zip.csv", "id,zip\n" + (0..<20).map { "\($0),27302\n" }.joined() + "20,02215\n")
    let outcome = try Self.both(shop, "zip.csv", "fields: {id: bigint, zip: bigint}", status: 65)
    #expect(outcome.records["written"] == 20 && outcome.records["dead_lettered"] == 1)
  }

  @Test("a word that is NULL among numbers stays a word in a field of text, where the definition says so, as init's do")
  func nullWordsInText() throws {
    let shop = try Workshop()
    try shop.write("lands.csv", "code,name,visitors\nNA,Namibia,NA\nNO,Norway,12\nSE,Sweden,\"NA\"\nDK,\"NA\",14\n")
    let fields = "fields: {code: text, name: text, visitors: bigint}, null_values: [NA]"
    try Self.both(shop, "lands.csv", fields + ", null_values_in_text: false")
    #expect(
      shop.read("out.jsonl") == """
        {"code":"NA","name":"Namibia","visitors":null}
        {"code":"NO","name":"Norway","visitors":12}
        {"code":"SE","name":"Sweden","visitors":null}
        {"code":"DK","name":"NA","visitors":14}

        """, "\(shop.read("out.jsonl"))")
    try Self.both(shop, "lands.csv", fields)
    #expect(shop.records("out.jsonl").first?["code"] is NSNull && shop.records("out.jsonl").last?["name"] as? String == "NA")
    #expect(try shop.sluice("init", "lands.csv", "--to", "drafted.yaml").status == 0)
    #expect(try shop.runPipeline("drafted.yaml").status == 0)
    #expect(shop.records("out/lands.jsonl").first?["code"] as? String == "NA")
  }

  @Test("a quoted empty cell is NULL where the field is not text, in every spelling of CSV, and an empty text where it is")
  func quotedEmptyCells() throws {
    let shop = try Workshop()
    let types = ["n": "bigint", "d": "double", "b": "boolean", "day": "date", "at": "timestamp", "j": "json", "t": "text"]
    let names = ["n", "d", "b", "day", "at", "j", "t"]
    try shop.write(
      "in.csv",
      """
      n,d,b,day,at,j,t
      "1","1.5","true","2026-01-02","2026-01-02T03:04:05Z","[1]","x"
      "","","","","","",""
      ,,,,,,
      2,2.5,false,2026-01-03,2026-01-03T03:04:05Z,[2],y

      """)
    let fields = "fields: {" + names.map { "\($0): \(types[$0] ?? "")" }.joined(separator: ", ") + "}"
    // A trim or a filter that looks at a field takes other ways to the same values.
    for (dialect, transform) in [
      ("", ""), (", trim: true", ""), ("", "\ntransform: [{filter: 'n IS NULL OR d > 0 OR b OR day = at OR j = t'}]"),
    ] {
      for format in ["jsonl", "csv"] {
        try shop.write(
          "pipeline.yaml",
          "pipeline: p\nfetch: {from: in.csv}\nparse: {\(fields)\(dialect)}\(transform)\nwrite: {path: out.\(format), format: \(format)}\n")
        let outcome = try shop.runPipeline("pipeline.yaml", "--full")
        #expect(outcome.status == 0, "\(outcome.stderr)")
      }
      let records = shop.records("out.jsonl")
      guard records.count == 4 else {
        Issue.record("\(shop.read("out.jsonl"))")
        continue
      }
      #expect(names.dropLast().allSatisfy { records[1][$0] is NSNull } && records[1]["t"] as? String == "")
      #expect(names.allSatisfy { records[2][$0] is NSNull })
      #expect(records[0]["n"] as? Int == 1 && records[3]["d"] as? Double == 2.5)
      let lines = shop.read("out.csv").split(separator: "\n")
      #expect(lines.count == 5 && lines[2] == ",,,,,,\"\"" && lines[3] == ",,,,,,", "\(lines)")
    }
    // As init and a run without fields have it.
    try shop.write("m.csv", "id,size,name\n\"1\",\"\",\"a\"\n\"2\",\"5\",\"\"\n\"3\",\"7\",\"c\"\n")
    #expect(try shop.sluice("init", "m.csv", "--to", "drafted.yaml").status == 0)
    #expect(shop.read("drafted.yaml").contains("size: bigint"), "\(shop.read("drafted.yaml"))")
    try shop.write("inferred.yaml", "pipeline: i\nfetch: {from: m.csv}\nwrite: {path: inferred.jsonl}\n")
    #expect(try shop.runPipeline("drafted.yaml").status == 0 && shop.runPipeline("inferred.yaml").status == 0)
    let want = "{\"id\":1,\"size\":null,\"name\":\"a\"}\n{\"id\":2,\"size\":5,\"name\":\"\"}\n{\"id\":3,\"size\":7,\"name\":\"c\"}\n"
    #expect(shop.read("inferred.jsonl") == want && shop.read("out/m.jsonl") == want, "\(shop.read("inferred.jsonl"))")
    // A field that must not be NULL refuses it.
    try shop.write(
      "strict.yaml", "pipeline: s\nfetch: {from: m.csv}\nparse: {fields: {size: bigint not null}}\nwrite: {path: s.jsonl}\n"
    )
    #expect(try shop.runPipeline("strict.yaml").status == 65)
  }

  @Test("half of a surrogate pair stays in JSON, and is a dead letter where it has to become a character")
  func loneSurrogates() throws {
    let shop = try Workshop()
    try shop.write(
      "in.jsonl",
      #"{"n":1,"s":"a\ud83db"}"# + "\n" + #"{"n":2,"s":"\ud83d\ude00"}"# + "\n" + #"{"n":3,"s":"\ude00\ud83d"}"# + "\n"
        + #"{"n":4,"s":"\\ud83d"}"# + "\n")
    func run(_ path: String, _ transform: String = "") throws -> Outcome {
      try shop.write(
        "pipeline.yaml", "pipeline: p\nfetch: {from: in.jsonl}\nparse: {fields: {n: bigint, s: text}}\n\(transform)write: {path: \(path)}\n"
      )
      return try shop.runPipeline("pipeline.yaml", "--full")
    }
    #expect(try run("out.jsonl").status == 0)
    #expect(shop.read("out.jsonl") == shop.read("in.jsonl"))
    for (path, transform) in [
      ("out.csv", ""), ("u.jsonl", "transform: [{derive: {u: upper(s)}}]\n"), ("f.jsonl", "transform: [{filter: s <> 'x'}]\n"),
    ] {
      let outcome = try run(path, transform)
      #expect(
        outcome.status == 65 && outcome.records["written"] == 2 && outcome.records["dead_lettered"] == 2, "\(path): \(outcome.stdout)")
      #expect(!shop.read(path).contains("\u{FFFD}"))
      #expect(try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout.contains("half of a surrogate pair"))
    }
    #expect(shop.read("out.csv") == "n,s\n2,😀\n4,\\ud83d\n")
  }
}
