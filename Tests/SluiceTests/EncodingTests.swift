import Foundation
import Testing

@Suite("Character encodings")
struct EncodingTests {
  /// Names that people type, Python's codec for each, and text that it can hold.
  private static let names = [
    ("ascii", "ascii", "plain"), ("US-ASCII", "ascii", "plain"), ("iso-8859-1", "latin-1", "Müller ñ"),
    ("ISO_8859-15", "iso8859-15", "5 € Š"),
    ("iso-8859-2", "iso8859-2", "Łódź"), ("latin2", "iso8859-2", "Łódź"), ("ISO 8859-7", "iso8859-7", "Αθήνα"),
    ("iso88599", "iso8859-9", "İstanbul ğ"),
    ("cp1252", "cp1252", "“x” €"), ("Windows-1250", "cp1250", "Brno ě"), ("windows-1251", "cp1251", "Москва"),
    ("win1251", "cp1251", "Казань"),
    ("cp1253", "cp1253", "Πάτρα"), ("windows_1256", "cp1256", "دمشق"), ("cp437", "cp437", "Füße ½"), ("IBM-850", "cp850", "Åse"),
    ("cp866", "cp866", "Тверь"),
    ("koi8-r", "koi8-r", "Пермь"), ("KOI8U", "koi8-u", "Київ"), ("mac", "mac-roman", "Zoë Ω"), ("MacRoman", "mac-roman", "Zoë"),
    ("x-mac-cyrillic", "mac-cyrillic", "Омск"), ("shift_jis", "shift_jis", "東京ソ表"), ("SJIS", "shift_jis", "名前"), ("cp932", "cp932", "①髙"),
    ("euc-jp", "euc-jp", "大阪"), ("EUC_JP", "euc-jp", "京都"), ("iso-2022-jp", "iso2022-jp", "奈良"), ("gb18030", "gb18030", "北京𠀀"),
    ("GBK", "gbk", "上海"), ("gb2312", "gb2312", "姓名"), ("big5", "big5", "臺北"), ("big5-hkscs", "big5hkscs", "香港"), ("euc-kr", "euc-kr", "서울"),
    ("cp949", "cp949", "부산똠"), ("tis-620", "tis-620", "กรุงเทพ"), ("utf-16le", "utf-16-le", "Ω😀"), ("UTF-16BE", "utf-16-be", "Ω😀"),
    ("utf-16", "utf-16", "Ω😀"), ("utf-32", "utf-32", "Ω😀"), ("utf_32_be", "utf-32-be", "Ω😀"), ("utf-7", "utf-7", "Ω"),
    ("utf-8-sig", "utf-8-sig", "Ω"),
    ("windows-1258", "cp1258", "Đà"), ("cp037", "cp037", "Zürich"),
  ]

  @Test("every name that people type reads what Python writes in that encoding")
  func everyNameIsRead() throws {
    let shop = try Workshop()
    try shop.write("names.json", try JSONSerialization.data(withJSONObject: Self.names.map { [$0.1, $0.2] }))
    _ = try shop.python(
      "import json\nfor i, (c, t) in enumerate(json.load(open('names.json'))): open('%d.csv' % i, 'wb').write(('name;n\\n%s;1\\n\"a;%s\";2\\n' % (t, t)).encode(c))"
    )
    for (i, (name, _, text)) in Self.names.enumerated() {
      try shop.write(
        "p\(i).yaml", "pipeline: p\(i)\nfetch: {from: \(i).csv}\nparse: {delimiter: ;, encoding: '\(name)'}\nwrite: {path: \(i).jsonl}\n")
      let outcome = try shop.runPipeline("p\(i).yaml", "--state", "s\(i)")
      #expect(outcome.status == 0, "\(name): \(outcome.stderr)")
      #expect(shop.read("\(i).jsonl") == "{\"name\":\"\(text)\",\"n\":1}\n{\"name\":\"a;\(text)\",\"n\":2}\n", "\(name)")
    }
  }

  @Test("bytes that stand for nothing in their encoding make their record a dead letter, and no other")
  func invalidBytesAreDeadLetters() throws {
    let shop = try Workshop()
    let cases: [(String, [UInt8])] = [
      ("ascii", [0xE9]), ("shift_jis", [0x81]), ("euc-jp", [0xFF]), ("gb18030", [0x81]), ("big5", [0xA4]), ("cp1253", [0xD2]),
      ("iso-2022-jp", [0xA4]),
      ("cp949", [0xFF]), ("utf-32le", [0, 0, 0x11, 0]),
    ]
    for (i, (name, bytes)) in cases.enumerated() {
      func spell(_ text: String) -> Data { name == "utf-32le" ? text.data(using: .utf32LittleEndian) ?? Data() : Data(text.utf8) }
      try shop.write("\(i).csv", spell("a,b\n1,x\n2,") + Data(bytes) + spell("\n3,z\n"))
      try shop.write(
        "p\(i).yaml",
        "pipeline: p\(i)\nfetch: {from: \(i).csv}\nparse: {encoding: \(name), fields: {a: bigint, b: text}}\nwrite: {path: \(i).jsonl}\nlimits: {dead_letters: 1}\n"
      )
      let outcome = try shop.runPipeline("p\(i).yaml", "--state", "s\(i)")
      #expect(outcome.records == ["read": 3, "written": 2, "filtered": 0, "dead_lettered": 1], "\(name): \(outcome.stderr)")
      #expect(shop.records("\(i).jsonl").map { $0["a"] as? Int } == [1, 3], "\(name)")
      #expect(try shop.sluice("dead-letters", "export", "p\(i).yaml", "--state", "s\(i)").stdout.contains("invalid_encoding"), "\(name)")
    }
  }

  @Test("a name that is none is told by check with its place and the nearest right one")
  func unknownEncodingsAreTold() throws {
    let shop = try Workshop()
    for (name, near) in [("shift_jiss", "shift_jis"), ("windows-1521", "windows-1251"), ("latin-l", "latin-1"), ("ascii//TRANSLIT", "")] {
      try shop.write("p.yaml", "pipeline: p\nfetch: {from: x.csv}\nparse:\n  encoding: \(name)\nwrite: {path: out.csv}\n")
      let outcome = try shop.sluice("check", "p.yaml")
      #expect(
        outcome.status == 78 && outcome.stderr.contains("p.yaml:4:13: error: “\(name)” is no character encoding"), "\(outcome.stderr)")
      if !near.isEmpty { #expect(outcome.stderr.contains("did you mean \(near)?"), "\(outcome.stderr)") }
    }
  }

  @Test("a byte order mark tells the encoding, whatever the definition says")
  func marksTellTheEncoding() throws {
    let shop = try Workshop()
    let text = "name;n\nMüller Ω;1\n"
    for (i, (codec, mark, encoding)) in [
      ("utf-8", "efbbbf", "windows-1252"), ("utf-16-le", "fffe", "utf-8"), ("utf-16-be", "feff", "utf-16le"),
      ("utf-32-le", "fffe0000", "utf-8"),
      ("utf-32-be", "0000feff", "ascii"), ("gb18030", "84319533", "utf-8"),
    ].enumerated() {
      _ = try shop.python(
        "import sys\nopen(sys.argv[4], 'wb').write(bytes.fromhex(sys.argv[1]) + sys.argv[3].encode(sys.argv[2]))", mark, codec, text,
        "\(i).csv")
      try shop.write(
        "p\(i).yaml", "pipeline: p\(i)\nfetch: {from: \(i).csv}\nparse: {delimiter: ;, encoding: \(encoding)}\nwrite: {path: \(i).jsonl}\n")
      #expect(try shop.runPipeline("p\(i).yaml").status == 0)
      #expect(shop.read("\(i).jsonl") == "{\"name\":\"Müller Ω\",\"n\":1}\n", "\(codec)")
    }
  }
}
