import Foundation
import Testing

/// CSV as it is found in the world: each text, how it is declared, and the records that are in it.
@Suite("Dialects of CSV")
struct DialectTests {
  /// Runs `text` by `parse`, all fields as text; gives records as lists of values and what the run counted.
  private func read(_ text: String, _ parse: String, bytes: Data? = nil) throws -> (rows: [[String?]], outcome: Outcome, output: String) {
    let shop = try Workshop()
    try shop.write("in.csv", bytes ?? Data(text.utf8))
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: in.csv}\nparse: {\(parse)}\nwrite: {path: out.jsonl}\nlimits: {dead_letters: 100%}\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let order = try shop.python(
      "import json, os\nrows = [list(json.loads(l).values()) for l in open('out.jsonl', encoding='utf-8', newline='\\n')]\nprint(json.dumps([[None if v is None else v if isinstance(v, str) else json.dumps(v) for v in r] for r in rows]))"
    )
    let rows = try #require(JSONSerialization.jsonObject(with: Data(order.stdout.utf8)) as? [[Any]])
    return (rows.map { $0.map { $0 as? String } }, outcome, shop.read("out.jsonl"))
  }

  @Test("doubled quotes are read where another character escapes, too")
  func doubledQuotesBesideAnEscape() throws {
    let text = "a,b\n\"say \\\"hi\\\"\",1\n\"say \"\"hi\"\"\",2\n\"\"\"x\"\"\",\"\"\n\"back\\\\\",\"\"\"\"\nlone\\,comma,5\n"
    let rows = try read(text, "escape: '\\', fields: {a: text, b: text}").rows
    #expect(rows == [["say \"hi\"", "1"], ["say \"hi\"", "2"], ["\"x\"", ""], ["back\\", "\""], ["lone,comma", "5"]])
  }

  @Test("columns names the columns whatever the header says: row names of R, a delimiter at the end, a header that is wider")
  func columnsOverrideTheHeader() throws {
    let row = "columns: [row, a, b], delimiter: \"\\t\""
    #expect(try read("\"a\"\t\"b\"\n\"r1\"\t1\t2\n\"r2\"\t3\t4\n", row).rows == [["r1", "1", "2"], ["r2", "3", "4"]])
    #expect(try read("a,b\n1,2,\n3,4,\n", "columns: [a, b, end], fields: {b: bigint, a: bigint}").rows == [["2", "1"], ["4", "3"]])
    #expect(try read(",a,b,x\n1,2\n", "columns: [a, b]").rows == [["1", "2"]])
    #expect(try read("1,2\n", "columns: [a, b], header: false, fields: {b: text}").rows == [["2"]])
    let shop = try Workshop()
    try shop.write(
      "p.yaml", "pipeline: p\nfetch: {from: x.csv}\nparse: {columns: [id, name, id], fields: {nane: text}}\nwrite: {path: o.csv}\n")
    let check = try shop.sluice("check", "p.yaml")
    #expect(
      check.status == 78 && check.stderr.contains("“id” stands twice") && check.stderr.contains("did you mean name?"), "\(check.stderr)")
  }

  @Test("where columns are named, a change of the header that stands in the items is still told")
  func headersAreWatchedUnderColumns() throws {
    let shop = try Workshop()
    try shop.write("in/1.csv", "a,b\n1,2\n")
    try shop.write("in/2.csv", "b,a\n3,4\n")
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: 'in/*.csv'}\nparse: {columns: [x, y]}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.stderr.contains(".csv: its columns are other than before: in another order"), "\(outcome.stderr)")
  }

  @Test("lines that end in CR CR LF have no stray characters, quoted or not, however they are cut")
  func returnsBeforeReturns() throws {
    let text = "name,v\r\r\n\"A, a\",1\r\r\n\"B\r\nb\",2\r\r\nC,\r\r\n\"D\",\"x\"\r\r\nE,5"
    #expect(
      try read(text, "fields: {name: text, v: text}").rows == [["A, a", "1"], ["B\r\nb", "2"], ["C", nil], ["D", "x"], ["E", "5"]])
    let many = "n,t\r\r\n" + (0..<120_000).map { "\($0),t\($0 % 7)\r\r\n" }.joined()
    let (rows, outcome, _) = try read(many, "fields: {n: bigint, t: text}")
    #expect(outcome.records["written"] == 120_000 && rows.last == ["119999", "t\(119_999 % 7)"])
    #expect(rows.enumerated().allSatisfy { $1 == ["\($0)", "t\($0 % 7)"] })
  }

  @Test("NUL bytes are characters of their values, and of names")
  func nulBytesAreCharacters() throws {
    let (rows, _, output) = try read("", "fields: {id: bigint, \"n\\0m\": text}", bytes: Data("id,n\0m\n1,a\0b\n2,\0\n".utf8))
    #expect(rows == [["1", "a\0b"], ["2", "\0"]])
    #expect(output.hasPrefix("{\"id\":1,\"n\\u0000m\":\"a\\u0000b\"}\n"))
  }

  @Test("names with line ends, control characters and U+FEFF are the names that the output has")
  func namesOfAnyCharacters() throws {
    let names = ["two\nlines", "tab\there", "\u{FEFF}mark", "bell\u{7}", "quote\"d", "back\\slash"]
    let header = names.map { "\"" + $0.replacingOccurrences(of: "\"", with: "\"\"") + "\"" }.joined(separator: ",")
    let shop = try Workshop()
    try shop.write("in.csv", header + "\n" + "1,2,3,4,5,6\n")
    for output in ["out.jsonl", "out.csv"] {
      try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in.csv}\nwrite: {path: \(output)}\n")
      #expect(try shop.runPipeline("pipeline.yaml", "--full").status == 0)
    }
    let found = try shop.python(
      "import csv, json\nprint(json.dumps([list(json.loads(open('out.jsonl').read())), next(csv.reader(open('out.csv', newline='', encoding='utf-8')))]))"
    ).stdout
    let lists = try #require(JSONSerialization.jsonObject(with: Data(found.utf8)) as? [[String]])
    #expect(lists == [names, names])
    // By name they are found again.
    let fields = try #require(
      String(data: JSONSerialization.data(withJSONObject: [names[0]: "bigint", names[2]: "bigint"]), encoding: .utf8)
    )
    // YAML passes a mark over that is not escaped.
    .replacingOccurrences(of: "\u{FEFF}", with: "\\uFEFF")
    try shop.write("fields.yaml", "pipeline: f\nfetch: {from: in.csv}\nparse: {fields: \(fields)}\nwrite: {path: f.jsonl}\n")
    let outcome = try shop.runPipeline("fields.yaml")
    #expect(outcome.status == 0, "\(outcome.stderr)\(fields)")
    let line = shop.read("f.jsonl").unicodeScalars
    #expect(line.contains("\u{FEFF}") && line.count == #"{"two\nlines":1,"_mark":3}_"#.unicodeScalars.count, "\(shop.read("f.jsonl"))")
  }

  @Test("delimiters of several characters, and columns that are aligned by blanks")
  func otherDelimiters() throws {
    #expect(try read("a::b::c\n1::\"x::y\"::\n:::::z\n", "delimiter: '::'").rows == [["1", "x::y", nil], [nil, nil, ":z"]])
    let aligned = "  x   y\tname \n 1.0  2.0 \"a b\"\n\n10.5 2.25   c  \r\n3 4 d"
    #expect(
      try read(aligned, "delimiter: whitespace, fields: {x: text, y: text, name: text}").rows == [
        ["1.0", "2.0", "a b"], ["10.5", "2.25", "c"], ["3", "4", "d"],
      ])
    let many = " n   t\n" + (0..<90_000).map { "   \($0)     t\($0 % 7)  \n" }.joined()
    let (rows, outcome, _) = try read(many, "delimiter: whitespace, fields: {n: text, t: text}")
    #expect(outcome.records["written"] == 90_000 && rows.enumerated().allSatisfy { $1 == ["\($0)", "t\($0 % 7)"] })
  }

  @Test("stray quotes: keep makes them characters where the fields come out right; else, and by default, the record is a dead letter")
  func strayQuotesAreKept() throws {
    let text = "id,said,type\n1,\"he said:\"fine.\"\",A\n5,6,\"\n2,\"a \"short\" one\",B\n\"3,x,C\n7,\"y\"z,\"q\",D\n8,plain,E\n"
    let kept = try read(text, "stray_quotes: keep, fields: {id: text, said: text, type: text}")
    #expect(
      kept.rows == [
        ["1", "he said:\"fine.\"", "A"], ["5", "6", "\""], ["2", "a \"short\" one", "B"], ["\"3", "x", "C"], ["7", "y\"z,\"q", "D"],
        ["8", "plain", "E"],
      ])
    #expect(kept.outcome.records == ["read": 6, "written": 6, "filtered": 0, "dead_lettered": 0])
    let rejected = try read(text, "fields: {id: text, said: text, type: text}")
    #expect(rejected.rows == [["8", "plain", "E"]])
    #expect(rejected.outcome.records["dead_lettered"] == 5)
    // Two fields more than there should be are no matter of quotes.
    #expect(try read("a,b\n\"x\" y,1,2\n", "stray_quotes: keep, fields: {a: text, b: text}").outcome.records["dead_lettered"] == 1)
  }

  @Test("an empty item fails and is called empty, compressed or not; on_empty: accept makes it one without records")
  func emptyItemsAreToldOrAccepted() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "")
    try shop.write("in/b.csv", "\r\n")
    try shop.write("in/d.csv", "id\n1\n")
    try shop.write("in/c.csv", "")
    _ = try shop.run("/bin/gzip", ["in/c.csv"])
    for (key, status, failed) in [("fail", 69, 3), ("accept", 0, 0)] as [(String, Int32, Int)] {
      try shop.write(
        "pipeline.yaml", "pipeline: p\nfetch: {from: 'in/*'}\nparse: {on_empty: \(key)}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == status && outcome.items["failed"] == failed && outcome.records["written"] == 1, "\(outcome.stderr)")
      if failed > 0 { #expect(outcome.stderr.components(separatedBy: "the item is empty").count == 4, "\(outcome.stderr)") }
    }
    #expect(shop.data("out/a.jsonl")?.isEmpty == true && shop.data("out/c.jsonl")?.isEmpty == true)
  }

  @Test("the stem of an item's name is without the endings of compressions and formats")
  func stemsAreWithoutEndings() throws {
    let shop = try Workshop()
    let names = [
      "a.csv.zst", "b.tsv.bz2", "c.xml.xz", "d.parquet", "e.xlsx", "f.JSONL.GZ", "g.dat.Z", "h.psv.lz4", "i.tab.br", "j.geojson", "k.avro",
      "l.csv.zip",
      "m.2024.csv", ".gz", "n.tar.gz", "o.backup",
    ]
    for name in names { try shop.write("in/\(name)", "id\n1\n") }
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: ['in/*', in/.gz]}\ndecompress: {format: none}\nparse: {format: csv, header: false, fields: {id: text}}\nwrite: {path: 'out/{item.stem}.csv'}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let found = try FileManager.default.contentsOfDirectory(atPath: shop.path("out")).sorted()
    #expect(found == (["_gz"] + "abcdefghijkl".map(String.init) + ["m.2024", "n", "o.backup"]).map { $0 + ".csv" }, "\(found)")
  }

  @Test("UTF-16 without a mark is read by its name")
  func utf16WithoutAMark() throws {
    for (name, encoding) in [("utf-16le", String.Encoding.utf16LittleEndian), ("utf-16be", .utf16BigEndian)] {
      let bytes = try #require("id,name\r\n1,Ann Ω\r\n".data(using: encoding))
      #expect(try read("", "encoding: \(name)", bytes: bytes).rows == [["1", "Ann Ω"]])
    }
  }
}
