import Configuration
import Parse
import Records

/// A text in some format, and what is to be read of it.
struct FormatSample {
  /// A record of the text.
  struct Record {
    enum Content {
      case fields([String?])
      /// The code of the dead letter that it becomes.
      case fault(String)
    }
    /// Its bytes in the text, without what ends it.
    var bytes: Range<Int>
    /// The line that it begins on, from 0.
    var line: Int
    var content: Content
  }

  let name: String
  let format: any RecordFormat
  let schema: Schema
  private(set) var text: [UInt8] = []
  private(set) var records: [Record] = []
  private var lines = 0
  /// The bytes that end a line, where the text has lines.
  let lineEnd: UInt8
  /// The beginning of a record that never ends, put behind the whole records, and how much of it is no record yet.
  let unended: [UInt8]
  let unendedBefore: Int

  /// - Parameters:
  ///   - settings: the definition's `parse`, as YAML.
  ///   - fields: names and types.
  init(_ name: String, _ settings: String, _ fields: [(String, ValueType)], unended: String, before: String = "", lineEnd: UInt8 = 0x0A) {
    self.name = name
    self.lineEnd = lineEnd
    self.unended = Array((before + unended).utf8)
    unendedBefore = before.utf8.count
    schema = Schema(fields.map { Field(name: $0.0, type: $0.1) })
    format = Self.section(settings).recordFormat(itemName: "")
  }

  /// A definition's `parse`.
  static func section(_ settings: String) -> ParseSection {
    var reader = DefinitionReader(text: settings, folder: "", variables: [:], environment: [:])
    let value = reader.read(settings, as: .object(ParseSection.keys))
    let section = value.map { ParseSection($0, &reader) } ?? ParseSection()
    precondition(reader.diagnostics.isEmpty, "\(settings): \(reader.diagnostics)")
    return section
  }

  /// Adds what is no record, or no part of one.
  mutating func add(_ other: String) { append(Array(other.utf8)) }

  mutating func add(_ record: String, _ content: Record.Content) { add(bytes: Array(record.utf8), content) }

  mutating func add(bytes: [UInt8], _ content: Record.Content) {
    records.append(Record(bytes: text.count..<text.count + bytes.count, line: lines, content: content))
    append(bytes)
  }

  private mutating func append(_ bytes: [UInt8]) {
    text += bytes
    lines += bytes.count { $0 == lineEnd }
  }

  /// The same sample in another format.
  func read(by other: any RecordFormat) -> FormatSample { FormatSample(self, other) }

  private init(_ sample: FormatSample, _ other: any RecordFormat) {
    name = sample.name
    format = other
    schema = sample.schema
    text = sample.text
    records = sample.records
    lines = sample.lines
    lineEnd = sample.lineEnd
    unended = sample.unended
    unendedBefore = sample.unendedBefore
  }

  // MARK: The samples

  /// A sample at least of every registered format.
  static let all: [FormatSample] = [
    table("csv", "format: csv", ","), table("csv, CR LF", "format: csv", ",", end: "\r\n"),
    table("csv, CR", "format: csv", ",", end: "\r", lineEnd: 0x0D),
    table("csv, other dialect", "{format: csv, delimiter: '::', comment: '#'}", "::"),
    table("csv, lines before", "{format: csv, skip_lines: 2, delimiter: ;}", ";", before: "a title\n\n"), table("tsv", "format: tsv", "\t"),
    lines(), programLines(), documents(), array(), nested(),
  ]

  private static func table(
    _ name: String, _ settings: String, _ delimiter: String, end: String = "\n", lineEnd: UInt8 = 0x0A, before: String = ""
  ) -> FormatSample {
    var sample = FormatSample(
      name, settings, [("id", .bigint), ("text", .text), ("at", .timestamp)], unended: "1\(delimiter)\"never closed", lineEnd: lineEnd)
    func row(_ cells: String...) -> String { cells.joined(separator: delimiter) }
    sample.add(before + row("id", "text", "at") + end)
    sample.add(row("1", "one", "2020-01-02 03:04:05"), .fields(["1", "one", "2020-01-02 03:04:05"]))
    sample.add(end)
    sample.add(row("2", "\"a\(delimiter)b\(end)\"\"c\"\"\"", ""), .fields(["2", "a\(delimiter)b\(end)\"c\"", nil]))
    sample.add(end + end)
    sample.add(row("x", "bad number", ""), .fault("invalid_value"))
    sample.add(end)
    sample.add(row("3", "too few"), .fault("ragged_record"))
    sample.add(end)
    sample.add(bytes: Array(row("4", "").utf8) + [0xC3, 0x28] + Array(row("", "").utf8), .fault("invalid_encoding"))
    sample.add(end)
    sample.add(row("5", "\"open", ""), .fault("broken_quote"))
    sample.add(end)
    sample.add(row("6", "\"\"", "2020-01-02T03:04:05Z"), .fields(["6", "", "2020-01-02T03:04:05Z"]))
    return sample
  }

  private static func lines() -> FormatSample {
    var sample = FormatSample(
      "jsonl", "format: jsonl", [("id", .bigint), ("text", .text), ("more", .json)], unended: "{\"id\": 1, \"text\": \"never closed")
    sample.add("{\"id\":1,\"text\":\"one\",\"more\":null}", .fields(["1", "one", nil]))
    sample.add("\n")
    sample.add(
      " { \"more\" : [1, {\"}\": \"]\"}], \"text\" : \"a\\n\\\"b\\u00e9\", \"id\": 2 }\r", .fields(["2", "a\n\"bé", "[1, {\"}\": \"]\"}]"]))
    sample.add("\n \n")
    sample.add("{\"id\":\"x\"}", .fault("invalid_value"))
    sample.add("\n")
    sample.add("[1]", .fault("invalid_json"))
    sample.add("\n")
    sample.add(bytes: Array("{\"text\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8), .fault("invalid_encoding"))
    sample.add("\n")
    sample.add("{}", .fields([nil, nil, nil]))
    return sample
  }

  /// Records that a JSON document may hold, with what stands between two of them.
  private mutating func addObjects(between: String) {
    add("{\"id\":1,\"text\":\"one\",\"more\":null}", .fields(["1", "one", nil]))
    add(between)
    add(
      "{\n  \"more\" : [1, {\"}\": \"]\"}],\n  \"text\" : \"a\\n\\\"b\\u00e9\\\\\", \"id\": 2\n}",
      .fields(["2", "a\n\"bé\\", "[1, {\"}\": \"]\"}]"]))
    add(between)
    add("{\"id\":\"x\"}", .fault("invalid_value"))
    add(between)
    add("{\"id\":[1}]", .fault("invalid_json"))
    add(between)
    add("[[1], {}]", .fault("invalid_json"))
    add(between)
    add("-12.5", .fault("invalid_json"))
    add(between)
    add("\"a ] }\\\" \"", .fault("invalid_json"))
    add(between)
    add(bytes: Array("{\"text\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8), .fault("invalid_encoding"))
    add(between)
    add("{}", .fields([nil, nil, nil]))
  }

  private static let jsonFields: [(String, ValueType)] = [("id", .bigint), ("text", .text), ("more", .json)]

  private static func documents() -> FormatSample {
    var sample = FormatSample(
      "json, documents", "{format: json, records: $, on_empty: accept}", jsonFields, unended: "{\"id\": 1, \"text\": \"never closed")
    sample.add("\n\u{1E}")
    sample.add("{\"id\":1,\"text\":\"one\",\"more\":null}", .fields(["1", "one", nil]))
    sample.add("\n\u{1E}")
    sample.add("{ \"more\" : {\"a\" :\n{}}, \"id\":\n2 }", .fields(["2", nil, "{\"a\" :\n{}}"]))
    sample.add(" ")
    sample.add("{\"id\":[1}]", .fault("invalid_json"))
    sample.add("\n\n")
    sample.add("-12.5e3", .fault("invalid_json"))
    sample.add("\t")
    sample.add("{}", .fields([nil, nil, nil]))
    sample.add("\n")
    return sample
  }

  private static func array() -> FormatSample {
    var sample = FormatSample("json, an array", "format: json", jsonFields, unended: "{\"id\": 1, \"text\": \"never closed", before: "[")
    sample.add("\n[\n")
    sample.addObjects(between: " ,\n")
    sample.add(" ]\n")
    return sample
  }

  private static func nested() -> FormatSample {
    var sample = FormatSample(
      "json, deep in an object", "{format: json, records: \"$['a b'].c[*].d[1][*]\"}", jsonFields,
      unended: "{\"id\": 1, \"text\": \"never", before: "{\"a b\": {\"c\": [{\"d\": [[], [")
    sample.add("{\"a\": [{\"id\": 9}, \"]}\"], \"n\": -0.5e+3,\n\"a\\u0020b\": {\"x\":\"\\\"}\", \"c\": [ 1, {\"d\": [[{\"id\": 8}], [")
    sample.addObjects(between: ",")
    sample.add("]], \"e\": true}, {\"d\": [null]}, {\"f\": {\"d\": [0, [{}]]}}, {\"d\": [{}, [\n")
    sample.add("{\"id\":3}", .fields(["3", nil, nil]))
    sample.add("], [{}]]}], \"c2\": null} }\n{\"a b\": {\"c\": []}}\n")
    return sample
  }

  private static func programLines() -> FormatSample {
    var sample = FormatSample(
      "exec", "{format: exec, exec: {command: [cat]}, fields: {a: text}}", [], unended: "a line without an end")
    sample.add("one", .fields([]))
    sample.add("\r\n\n")
    sample.add(" two ", .fields([]))
    sample.add("\n")
    sample.add(bytes: [0x61, 0xFF], .fault("invalid_encoding"))
    sample.add("\n")
    sample.add("three", .fields([]))
    return sample
  }
}
