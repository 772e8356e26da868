import Foundation
import Testing

/// Kinds of tables that are hard to guess. Each is drafted by init and run as it is; the cells are those that a careful person reads.
@Suite("Hard tables, by init and run")
struct InitKindsTests {
  /// The output of init for the last draft, and the records that a run of it wrote, as rows of JSON values.
  struct Drafted {
    var guesses: [[String: String]]
    var definition: String
    var names: [String]
    /// The cells as text, as Python's json reads them; NULL is ∅.
    var rows: [[String]]
    var run: Outcome

    func value(_ what: String) -> String? { guesses.first { $0["what"] == what }?["value"] }
    func certainty(_ what: String) -> String? { guesses.first { $0["what"] == what }?["certainty"] }
  }

  static func draft(_ bytes: Data, name: String = "t.csv", exit: Int32 = 0) throws -> Drafted {
    let shop = try Workshop()
    try shop.write(name, bytes)
    let made = try shop.sluice("init", name, "--to", "p.yaml", "--name", "p", "--output", "json")
    #expect(made.status == 0, "\(name): \(made.stderr)")
    let run = try shop.runPipeline("p.yaml")
    #expect(run.status == exit, "\(run.stderr)\n\(shop.read("p.yaml"))")
    let output = (try? FileManager.default.contentsOfDirectory(atPath: shop.path("out")))?.first ?? ""
    let cells = try shop.python(
      """
      import json, sys
      rows = [json.loads(line) for line in open(sys.argv[1], encoding='utf-8', newline='\\n')]
      text = lambda v: '∅' if v is None else v if isinstance(v, str) else json.dumps(v)
      print(json.dumps([list(rows[0]) if rows else [], [[text(v) for v in row.values()] for row in rows]]))
      """, output.isEmpty ? "/dev/null" : "out/" + output
    ).stdout
    let parts = (try JSONSerialization.jsonObject(with: Data(cells.utf8))) as? [[Any]] ?? [[], []]
    return Drafted(
      guesses: made.json["guesses"] as? [[String: String]] ?? [], definition: shop.read("p.yaml"), names: parts[0] as? [String] ?? [],
      rows: parts[1] as? [[String]] ?? [], run: run)
  }

  struct Kind: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var file = "t.csv"
    var text: String
    var names: [String]
    var rows: [[String]]

    init(_ what: String, file: String = "t.csv", _ text: String, _ names: [String], _ rows: [[String]]) {
      testDescription = what
      self.file = file
      self.text = text
      self.names = names
      self.rows = rows
    }
  }

  static let kinds: [Kind] = [
    Kind(
      "comments above the header and within", "# made by hand\n# on a Monday\nplant,height\nfir,30.5\n# remeasured\nelm,21.5\noak,19\n",
      ["plant", "height"], [["fir", "30.5"], ["elm", "21.5"], ["oak", "19"]]),
    Kind(
      "names in a comment, several comments above", "# a list\n# of codes\n#code,place\nAA,Ulm\nBB,Bern\n# more\nCC,Graz\n",
      ["code", "place"],
      [["AA", "Ulm"], ["BB", "Bern"], ["CC", "Graz"]]),
    Kind(
      "a title and a blank line above the header", "Rainfall, monthly\nStation report\n\nplace,month,rain\nUlm,1,49\nUlm,2,36\nBern,1,60\n",
      ["place", "month", "rain"], [["Ulm", "1", "49"], ["Ulm", "2", "36"], ["Bern", "1", "60"]]),
    Kind("the line sep=;", "sep=;\na;b\n1;x,y\n2;z\n", ["a", "b"], [["1", "x,y"], ["2", "z"]]),
    Kind(
      "quotes that quote nothing, between tabs", file: "t.tsv",
      "no\tsong\tyear\n1\t\"Heroes\" live\t1977\n2\t\"Open\t1978\n3\ta 7\" single\t1979\n4\tPlain\t1980\n", ["no", "song", "year"],
      [["1", "\"Heroes\" live", "1977"], ["2", "\"Open", "1978"], ["3", "a 7\" single", "1979"], ["4", "Plain", "1980"]]),
    Kind(
      "a backslash before quotes", "no,said\n1,\"go \\\"now\\\", he said\"\n2,\"nothing\"\n3,\"a \\\"b\\\"\"\n", ["no", "said"],
      [["1", "go \"now\", he said"], ["2", "nothing"], ["3", "a \"b\""]]),
    Kind(
      "two colons", file: "t.dat", "1::The Film (1995)::A|B\n2::More: a film (1996)::B\n3::Last, of all (1997)::C\n",
      ["column_1", "column_2", "column_3"],
      [["1", "The Film (1995)", "A|B"], ["2", "More: a film (1996)", "B"], ["3", "Last, of all (1997)", "C"]]),
    Kind("a blank", file: "t.txt", "x y\n1 2.5\n3 4.5\n5 6.5\n", ["x", "y"], [["1", "2.5"], ["3", "4.5"], ["5", "6.5"]]),
    Kind(
      "runs of blanks, at the begin and the end too", file: "t.dat",
      "   x     y  name\n 1.0   2.0  fir\n 10.5 22.25 elm \n  3   -4.0  \"big oak\"\n",
      ["x", "y", "name"], [["1.0", "2.0", "fir"], ["10.5", "22.25", "elm"], ["3", "-4.0", "big oak"]]),
    Kind("bars", "a|b|c\n1|x, y|2\n2|z|3\n", ["a", "b", "c"], [["1", "x, y", "2"], ["2", "z", "3"]]),
    Kind(
      "semicolons with decimal commas", "place;size\nUlm;1,5\nBern;2,25\nGraz;3,5\n", ["place", "size"],
      [["Ulm", "1.5"], ["Bern", "2.25"], ["Graz", "3.5"]]),
    Kind("tildes", file: "t.txt", "a~b\n1~x\n2~y\n", ["a", "b"], [["1", "x"], ["2", "y"]]),
    Kind("carets", file: "t.txt", "a^b^c\n1^x^2\n2^y^3\n", ["a", "b", "c"], [["1", "x", "2"], ["2", "y", "3"]]),
    Kind(
      "Hive's control character", file: "t.txt", "1\u{1}fir\u{1}2.5\n2\u{1}elm\u{1}3.5\n", ["column_1", "column_2", "column_3"],
      [["1", "fir", "2.5"], ["2", "elm", "3.5"]]),
    Kind(
      "row names of R", file: "t.tsv", "make\tcyl\n1\taudi\t4\n2\tford\t6\n3\tseat\t4\n", ["column_1", "make", "cyl"],
      [["1", "audi", "4"], ["2", "ford", "6"], ["3", "seat", "4"]]),
    Kind(
      "records that end in a delimiter, a header that does not", "a,b\n1,x,\n2,y,\n3,z,\n", ["a", "b", "column_3"],
      [["1", "x", "∅"], ["2", "y", "∅"], ["3", "z", "∅"]]),
    Kind(
      "records that leave out their last fields", "a,b,c\n1,x,5\n2,y\n3\n4,z,7\n", ["a", "b", "c"],
      [["1", "x", "5"], ["2", "y", "∅"], ["3", "∅", "∅"], ["4", "z", "7"]]),
    Kind(
      "a blank after each comma", "age, work, pay\n39, \"clerk, old\", 775\n50, farmer, 833\n", ["age", "work", "pay"],
      [["39", "clerk, old", "775"], ["50", "farmer", "833"]]),
    Kind(
      "two lines of header", "place,rain,rain\n,jan,feb\nUlm,49,36\nBern,60,52\n", ["place", "rain jan", "rain feb"],
      [["Ulm", "49", "36"], ["Bern", "60", "52"]]),
    Kind(
      "a line of units", "time,speed\ns,m/s\n0.5,12.5\n1.5,13.5\n", ["time s", "speed m/s"], [["0.5", "12.5"], ["1.5", "13.5"]]),
    Kind(
      "years as names", "land,2019,2020,2021\nA,1.5,2.5,3.5\nB,2.5,3.5,4.5\n", ["land", "2019", "2020", "2021"],
      [["A", "1.5", "2.5", "3.5"], ["B", "2.5", "3.5", "4.5"]]),
    Kind(
      "numbers as names", "gene,1,2,3,4\nx,0.5,0.25,9,1\ny,3,2.5,0.5,4\n", ["gene", "1", "2", "3", "4"],
      [["x", "0.5", "0.25", "9", "1"], ["y", "3", "2.5", "0.5", "4"]]),
    Kind(
      "two years in each record are no names", "Ann,1950,2001\nBob,1961,2019\nCyd,1972,2020\n", ["column_1", "column_2", "column_3"],
      [["Ann", "1950", "2001"], ["Bob", "1961", "2019"], ["Cyd", "1972", "2020"]]),
    Kind(
      "names with control characters, line ends and U+FEFF",
      "id,\u{FEFF}na\u{7}me,\"two\nlines\",it's,\"a\"\"b\",null\n1,a,b,c,d,e\n2,f,g,h,i,j\n",
      ["id", "\u{FEFF}na\u{7}me", "two\nlines", "it's", "a\"b", "null"], [["1", "a", "b", "c", "d", "e"], ["2", "f", "g", "h", "i", "j"]]),
    Kind(
      "names that come twice and names that are missing", "a,a,,a_2\n1,2,3,4\n5,6,7,8\n", ["a", "a_2", "column_3", "a_2_2"],
      [["1", "2", "3", "4"], ["5", "6", "7", "8"]]),
    Kind(
      "null in quotes and without, in a column of numbers", "who,age\n\"Ann\",\"null\"\n\"Bob\",5\n\"Cyd\",null\n", ["who", "age"],
      [["Ann", "∅"], ["Bob", "5"], ["Cyd", "∅"]]),
    Kind(
      "NA is missing in numbers, and Namibia in codes", "code,land,visits\nNA,Namibia,NA\nNO,Norway,12\nSE,Sweden,NA\n",
      ["code", "land", "visits"],
      [["NA", "Namibia", "∅"], ["NO", "Norway", "12"], ["SE", "Sweden", "∅"]]),
    Kind("a NUL in a value", "id,name\n1,An\u{0}n\n2,Bob\n", ["id", "name"], [["1", "An\u{0}n"], ["2", "Bob"]]),
    Kind(
      "a note below the table", "place,month,rain\nUlm,1,49\nUlm,2,36\nBern,1,60\n\nSource: made up\n", ["place", "month", "rain"],
      [["Ulm", "1", "49"], ["Ulm", "2", "36"], ["Bern", "1", "60"]]),
    Kind("apostrophes around fields", "id,name\n1,'Doe, Ann'\n2,'Roe, Bob'\n", ["id", "name"], [["1", "Doe, Ann"], ["2", "Roe, Bob"]]),
    Kind("returns alone", "a,b\r1,x\r2,y\r", ["a", "b"], [["1", "x"], ["2", "y"]]),
    Kind("one column, with a blank line", "n\n1\n2\n3\n", ["n"], [["1"], ["2"], ["3"]]),
    Kind(
      "telephone numbers, leading zeros, shares and dates stay text",
      "id,phone,zip,part,day\n1,+4915112345678,02215,19 %,31/12/2020\n2,+4915112345679,10115,7 %,01/02/2021\n",
      ["id", "phone", "zip", "part", "day"],
      [["1", "+4915112345678", "02215", "19 %", "31/12/2020"], ["2", "+4915112345679", "10115", "7 %", "01/02/2021"]]),
    Kind(
      "a header that stands above codes of one form", "AF,AFG\nAX,ALA\nAL,ALB\nDZ,DZA\nAD,AND\n", ["column_1", "column_2"],
      [["AF", "AFG"], ["AX", "ALA"], ["AL", "ALB"], ["DZ", "DZA"], ["AD", "AND"]]),
    Kind(
      "words for NULL of MySQL", file: "t.tsv", "id\tname\tn\n1\tAnn\t5\n2\t\\N\t\\N\n3\tCyd\t7\n", ["id", "name", "n"],
      [["1", "Ann", "5"], ["2", "∅", "∅"], ["3", "Cyd", "7"]]),
  ]

  @Test("a hard kind of table is read as a careful person reads it", arguments: kinds)
  func kind(_ kind: Kind) throws {
    let drafted = try Self.draft(Data(kind.text.utf8), name: kind.file)
    #expect(drafted.names == kind.names)
    #expect(drafted.rows == kind.rows, "\(drafted.definition)")
    #expect(drafted.value("dead letters") == nil)
  }

  @Test(
    "encodings are told by their letters, and none is called likely that is not",
    arguments: [
      ("windows-1251", "id;город;река\n1;Москва;Волга и Ока\n2;Казань;в городе Казани\n3;Новосибирск;Обь течёт\n"),
      ("koi8-r", "id;город;река\n1;Москва;Волга и Ока\n2;Казань;в городе Казани\n3;Новосибирск;Обь течёт\n"),
      ("iso-8859-7", "id;πόλη\n1;Αθήνα και Πειραιάς\n2;Θεσσαλονίκη\n3;το νησί Κέρκυρα\n"),
      ("shift_jis", "番号,名前,町\n1,山田さん,東京\n2,すずき,おおさか\n"), ("euc-jp", "番号,名前,町\n1,山田さん,東京\n2,すずき,おおさか\n"),
      ("euc-kr", "번호,이름,도시\n1,김철수,서울특별시\n2,이영희,부산광역시\n"), ("gb18030", "编号,姓名,城市\n1,王小明,北京市\n2,李华,上海浦东新区\n"),
      ("big5", "編號,姓名,城市\n1,王小明,臺北市\n2,李美華,高雄市區\n"), ("windows-1250", "id,město\n1,Přerov\n2,Žďár nad Sázavou\n3,Ústí nad Labem\n"),
      ("latin-1", "id,ville\n1,Orléans\n2,Besançon\n3,Nîmes\n"), ("windows-1252", "id,what\n1,it’s “so”\n2,5 €\n3,Orléans – Tours\n"),
    ])
  func encodings(_ name: String, _ text: String) throws {
    let shop = try Workshop()
    try shop.write("u.txt", text)
    _ = try shop.python(
      "import sys\nopen('t.csv','w',encoding=sys.argv[1],newline='').write(open('u.txt',encoding='utf-8',newline='').read())", name)
    let drafted = try Self.draft(try #require(shop.data("t.csv")))
    let delimiter: Character = text.contains(";") ? ";" : ","
    let wanted = text.split(separator: "\n").dropFirst().map { $0.split(separator: delimiter).map(String.init) }
    #expect(drafted.rows == wanted, "\(name): \(drafted.value("encoding") ?? "utf-8")")
  }

  @Test("bytes that no encoding makes text of are called not sure, with the key that says it")
  func noEncoding() throws {
    var bytes = Data("id,what\n".utf8)
    for i in 0..<40 { bytes += Data("\(i),x".utf8) + Data([0x81, 0x8D, 0xFF, UInt8(0x90 + i % 8), 0x80, 0xFE]) + Data("\n".utf8) }
    let drafted = try Self.draft(bytes)
    #expect(drafted.certainty("encoding") == "not sure")
    #expect(drafted.guesses.contains { $0["evidence"]?.contains("parse.encoding") == true })
  }

  @Test("UTF-16 without a byte order mark, either way round", arguments: [String.Encoding.utf16LittleEndian, .utf16BigEndian])
  func sixteen(_ encoding: String.Encoding) throws {
    let drafted = try Self.draft(try #require("id,name\n1,Zoë\n2,Bob\n".data(using: encoding)))
    #expect(drafted.rows == [["1", "Zoë"], ["2", "Bob"]])
    #expect(drafted.value("encoding") == (encoding == .utf16LittleEndian ? "utf-16le" : "utf-16be"))
  }

  @Test("types hold for the whole of a local file: letters, leading zeros, fractions and words for NULL that come late")
  func later() throws {
    var text = "id,division,zip,size,alt,pad\n"
    for i in 0..<24_000 {
      let isLate = i >= 23_000
      text +=
        "\(i),\(isLate ? "F1" : "1"),\(isLate ? "02215" : "27302"),\(isLate ? "565.5" : "565"),\(isLate ? "\\N" : "10"),xxxxxxxxxxxxxxxxxxxxxxxxxx\n"
    }
    let drafted = try Self.draft(Data(text.utf8))
    #expect(drafted.rows.count == 24_000)
    #expect(drafted.rows.first == ["0", "1", "27302", "565", "10", "xxxxxxxxxxxxxxxxxxxxxxxxxx"])
    #expect(drafted.rows.last == ["23999", "F1", "02215", "565.5", "∅", "xxxxxxxxxxxxxxxxxxxxxxxxxx"])
  }

  @Test("what init would still dead-letter it says, with how many and the first")
  func deadLettersOfADraft() throws {
    let drafted = try Self.draft(
      Data("\"id\",\"said\"\n\"1\",\"he said \"go\" to me\"\n\"2\",\"plain\"\n\"3\",\"more\"\n\"4\",\"most\"\n".utf8), exit: 65)
    #expect(drafted.value("dead letters") == "1")
    #expect(drafted.certainty("format") == "not sure")
    #expect(drafted.guesses.contains { $0["evidence"]?.contains("record 1, line 2") == true })
    #expect(drafted.definition.contains("# 1 of these records are dead letters"))
  }

  @Test("the expressions that init offers for numbers and dates of other spellings work, and so do its examples for names with blanks")
  func hints() throws {
    let shop = try Workshop()
    try shop.write(
      "t.csv",
      "Order ID;sum;part;day;plus\n1;1.234,56;19 %;31/12/2020;+1.5\n2;7,5;7,5 %;01/02/2021;-2\n3;12;100 %;15/02/2021;+3\n")
    #expect(try shop.sluice("init", "t.csv", "--to", "p.yaml", "--name", "p").status == 0)
    let definition = shop.read("p.yaml")
    #expect(definition.contains("#   - filter: '\"Order ID\" IS NOT NULL'"))
    // The examples as they stand, without the signs that make them comments.
    let lines = definition.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
      line.hasPrefix("# transform:") || line.hasPrefix("#   - ") ? String(line.dropFirst(2)) : String(line)
    }
    try shop.write("p.yaml", lines.filter { !$0.contains("- select:") }.joined(separator: "\n"))
    let run = try shop.runPipeline("p.yaml")
    #expect(run.status == 0, "\(run.stderr)\n\(shop.read("p.yaml"))")
    let records = shop.records("out/t.jsonl")
    #expect(records.map { $0["sum"] as? Double } == [1234.56, 7.5, 12])
    #expect(records.map { $0["part"] as? Double } == [0.19, 0.075, 1])
    #expect(records.map { $0["day"] as? String } == ["2020-12-31", "2021-02-01", "2021-02-15"])
    #expect(records.map { $0["plus"] as? Double } == [1.5, -2, 3])
  }

  @Test(
    "documents, binary formats and pages are refused by name, in gzip too",
    arguments: [
      ("[1, 2]\n", "a JSON array"), ("<rows><row a='1'/></rows>", "XML"), ("<!DOCTYPE html><html><body>no</body></html>", "a web page"),
      ("SQLite format 3\u{0}rest of it", "SQLite"), ("PAR1\u{15}\u{4}\u{15}", "Parquet"), ("PK\u{3}\u{4}\u{14}\u{0}", "zip"),
    ])
  func refused(_ text: String, _ name: String) throws {
    let shop = try Workshop()
    try shop.write("t.csv", text)
    try shop.write("z.csv", text)
    _ = try shop.run("/bin/gzip", ["z.csv"])
    for file in ["t.csv", "z.csv.gz"] {
      let made = try shop.sluice("init", file, "--to", "p.yaml")
      #expect(made.status != 0 && made.stderr.contains(name) && made.stderr.contains("SL-304"), "\(file): \(made.stderr)")
      #expect(!shop.exists("p.yaml"))
    }
  }

  @Test("a header alone is said to be one, and is sure of nothing")
  func headerAlone() throws {
    let drafted = try Self.draft(Data("id,name\n".utf8))
    #expect(drafted.certainty("fields") == "not sure")
    #expect(drafted.guesses.contains { $0["evidence"]?.contains("no record to tell their types by") == true })
  }

  @Test("damaged lines do not take the format from JSON Lines")
  func damagedJSONLines() throws {
    let shop = try Workshop()
    try shop.write("a.jsonl", "{\"a\":1,\"b\":2}\n{\"a\":1,\"b\":\n{\"a\":3,\"b\":2}\n")
    let outcome = try shop.sluice("init", "a.jsonl")
    #expect(outcome.status == 0 && outcome.stdout.contains("2 of 3 lines looked at are JSON"), "\(outcome.stdout)\(outcome.stderr)")
    #expect(shop.read("a.yaml").contains("format: jsonl") && shop.read("a.yaml").contains("1 of these records are dead letters"))
    #expect(try shop.sluice("run", "a.yaml").status == 65)
    #expect(shop.records("out/a.jsonl").count == 2)
  }

  @Test("whole numbers beyond 64 bits stay what they are")
  func numbersBeyondBigint() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id,big\n1,12345678901234567890\n2,12345678901234567891\n")
    #expect(try shop.sluice("init", "a.csv").status == 0)
    #expect(shop.read("a.yaml").contains("big: text"), "\(shop.read("a.yaml"))")
    #expect(try shop.sluice("run", "a.yaml").status == 0)
    #expect(shop.records("out/a.jsonl").map { $0["big"] as? String } == ["12345678901234567890", "12345678901234567891"])
  }
}
