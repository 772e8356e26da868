import Configuration
import Parse
import Records
import Write

/// The checks that every record encoder passes. Each returns the faults that it finds.
enum RecordEncoderSuite {
  typealias Check = @Sendable (any FormatEncoder) -> [String]

  static let checks: [(name: String, check: Check)] = [
    ("what is written is read again", roundTrip), ("decoded values are written as their views are", decodedIsSame),
    ("the header stands once", headerOnce), ("only what is selected is written", selectionIsWritten),
    ("batches are written in order, one behind the other", batchesAppend), ("what has no form is refused", formlessIsRefused),
    ("the page is whole", pageIsWhole),
  ]

  /// All that does not hold.
  static func failures(_ encoder: any FormatEncoder) -> [String] {
    checks.flatMap { name, check in check(encoder).prefix(3).map { "\(type(of: encoder).name): \(name): \($0)" } }
  }

  static let schema = Schema([
    Field(name: "n", type: .bigint), Field(name: "d", type: .double), Field(name: "b", type: .boolean), Field(name: "t", type: .text),
    Field(name: "at", type: .timestamp), Field(name: "day", type: .date), Field(name: "j", type: .json),
    Field(name: "a name, with \"signs\"", type: .text), Field(name: "money", type: .decimal(precision: 38, scale: 2)),
    Field(name: "share", type: .decimal(precision: 3, scale: 3)), Field(name: "hour", type: .time), Field(name: "raw", type: .bytes),
  ])

  /// A record a line, each value of each type at its edges, and every character that some format has to escape.
  private static let records: [String] = {
    let texts = [
      "", " ", " a ", "a,b", "a\\\"b", "\\\"", "\\\"\\\"", "a\\nb", "a\\r\\nb", "\\r", "\\t", "a\\tb", "\\\\", "\\\\n", "null", "NULL",
      "\\\\N", "\\u0000",
      "\\u001f", "\\u007f", "é", "\\u00e9", "😀", "\\ud83d\\ude00", "\u{FEFF}", "a;b", "#a", "'", "/", "\\/", "</x>", "true", "1", "-",
      "=1+1",
    ]
    let numbers = ["0", "-1", "9223372036854775807", "-9223372036854775808", "null"]
    let doubles = ["0.1", "-0.0", "1e308", "2.5e-324", "1", "null", "123456789.125"]
    let times = ["\"2020-01-02 03:04:05\"", "\"1969-12-31T23:59:59.999999Z\"", "\"9999-12-31T00:00:00Z\"", "null"]
    let days = ["\"2020-02-29\"", "\"0001-01-01\"", "null"]
    let amounts = ["12.50", "-0.05", "1.5", "7", "\"1.00\"", "1e3", "-0.00", "null", "\(String(repeating: "9", count: 36)).99"]
    let shares = ["0.125", "-0.999", "0", "null", "0.1"]
    let hours = ["\"00:00\"", "\"23:59:59.999999\"", "null", "\"12:30:00\""]
    let bytes = ["\"\"", "\"AA==\"", "\"//79\"", "null", "\"aGk\"", "\"Pz8\\/\""]
    let structures = ["[]", "{}", "[1,\"a\\nb\",{\"c\":null}]", "{\"a, b\":\"\\\"\"}", "\"text\"", "1", "true", "null"]
    return texts.enumerated().map { i, text in
      func pick(_ values: [String]) -> String { values[i % values.count] }
      return
        "{\"n\":\(pick(numbers)),\"d\":\(pick(doubles)),\"b\":\(["true", "false", "null"][i % 3]),\"t\":\"\(text)\",\"at\":\(pick(times)),"
        + "\"day\":\(pick(days)),\"j\":\(pick(structures)),\"a name, with \\\"signs\\\"\":\(i % 4 == 0 ? "null" : "\"x\"")"
        + ",\"money\":\(pick(amounts)),\"share\":\(pick(shares)),\"hour\":\(pick(hours)),\"raw\":\(pick(bytes))}"
    }
  }()

  private static func batch(_ records: [String], isDecoded: Bool = false) -> RecordBatch {
    let buffer = ByteBuffer(capacity: 64)
    buffer.append(records.joined(separator: "\n"))
    let mapping = ColumnMapping(
      schema: schema, columnCount: schema.fields.count, columns: Array(schema.fields.indices), decoded: schema.fields.map { _ in isDecoded }
    )
    return JSONLines().parse(RecordChunk(buffer: buffer, offset: 0, sequence: 0), mapping)
  }

  /// An output as a run makes it: the header, then the batches.
  private static func written(_ encoder: any FormatEncoder, _ batches: [RecordBatch]) -> [UInt8] {
    let out = ByteBuffer(capacity: 64)
    out.append(encoder.header(schema))
    for var batch in batches {
      encoder.refuse(in: &batch)
      encoder.encode(batch, to: out)
    }
    return out.copy(0..<out.count)
  }

  private struct Unreadable: Error, CustomStringConvertible { let description: String }

  /// The records of an output, read by the format of the encoder's name: their values, decoded.
  private static func read(_ text: [UInt8], of encoder: any FormatEncoder) throws -> [[String?]] {
    let name = type(of: encoder).name
    guard RecordFormats.named(name) != nil else { throw Unreadable(description: "no format reads \(name)") }
    let format = FormatSample.section("format: \(name)").recordFormat(itemName: "")
    var framer = format.makeFramer()
    let buffer = ByteBuffer(capacity: text.count)
    buffer.append(text)
    guard let prologue = try buffer.withSpan({ try framer.begin($0, isFinal: true) }) else {
      throw Unreadable(description: "it does not begin")
    }
    let mapping = try ColumnMapping(schema: schema, prologue: prologue, decoded: schema.fields.map { _ in true })
    let body = ByteBuffer(capacity: text.count)
    body.append(text[prologue.bytes...])
    if body.count == 0 { return [] }
    let batch = format.parse(RecordChunk(buffer: body, offset: prologue.bytes, sequence: 0), mapping)
    if let fault = batch.faults.first {
      throw Unreadable(description: "record \(fault.record + 1) is bad: \(fault.field ?? "") \(fault.reason)")
    }
    return values(batch)
  }

  /// The decoded values of the selected rows, as SQL spells them.
  private static func values(_ batch: RecordBatch) -> [[String?]] {
    let columns = batch.columns.map { column in
      (
        column.field.type,
        column.values
          ?? column.views?.read(as: column.field, rowCount: batch.rowCount, decoding: true, plainText: false, refuse: { _, _ in }).values
      )
    }
    return batch.selected.map { row in
      columns.map { type, values in
        guard let values, !values.isNull(Int(row)) else { return nil }
        let out = ByteBuffer(capacity: 32)
        ValueText.write(values, Int(row), type, to: out)
        let text = String(decoding: out.copy(0..<out.count), as: UTF8.self)
        // JSON is the same value whatever blanks it has between its tokens.
        return type == .json ? text.filter { $0 != " " } : text
      }
    }
  }

  private static func compared(_ encoder: any FormatEncoder, _ text: [UInt8], _ expected: [[String?]]) -> [String] {
    do {
      let found = try read(text, of: encoder)
      for (i, (a, b)) in zip(found, expected).enumerated() where a != b { return ["record \(i + 1) is \(a), and should be \(b)"] }
      return found.count == expected.count ? [] : ["\(found.count) records, and should be \(expected.count)"]
    } catch {
      return ["\(error)"]
    }
  }

  private static func roundTrip(_ encoder: any FormatEncoder) -> [String] {
    let batch = batch(records)
    if batch.faults.count > 0 { return ["the records are bad: \(batch.faults[0])"] }
    return compared(encoder, written(encoder, [batch]), values(batch))
  }

  private static func decodedIsSame(_ encoder: any FormatEncoder) -> [String] {
    var decoded = batch(records, isDecoded: true)
    let expected = values(decoded)
    for i in decoded.columns.indices { decoded.columns[i].views = nil }
    return compared(encoder, written(encoder, [decoded]), expected)
  }

  private static func headerOnce(_ encoder: any FormatEncoder) -> [String] {
    let batch = batch(records)
    let expected = values(batch)
    let none = written(encoder, [])
    let empty = compared(encoder, none, []).map { "without records: \($0)" }
    if none != encoder.header(schema) { return ["the header changes"] }
    return compared(encoder, written(encoder, [batch, batch]), expected + expected) + (none.isEmpty ? [] : empty)
  }

  private static func selectionIsWritten(_ encoder: any FormatEncoder) -> [String] {
    var some = batch(records)
    some.selection = some.selected.filter { $0 % 3 == 1 }
    let expected = values(some)
    var none = some
    none.selection = []
    return compared(encoder, written(encoder, [none, some, none]), expected)
  }

  private static func batchesAppend(_ encoder: any FormatEncoder) -> [String] {
    let all = values(batch(records))
    let parts = [batch(Array(records.prefix(5))), batch(Array(records.dropFirst(5)))]
    return compared(encoder, written(encoder, parts), all)
  }

  /// JSON can hold half of a surrogate pair as an escape. What is written must be UTF-8 all the same.
  private static func formlessIsRefused(_ encoder: any FormatEncoder) -> [String] {
    let lone = "{\"n\":7,\"t\":\"a\\ud83d\"}"
    var batch = batch([records[0], lone, records[1]])
    let before = batch.selectedCount
    encoder.refuse(in: &batch)
    let out = ByteBuffer(capacity: 64)
    encoder.encode(batch, to: out)
    if UTF8Text.firstInvalid(out.bytes, out.count) != nil { return ["the output is not UTF-8"] }
    if batch.selectedCount + batch.faults.count != before { return ["a record is gone without a fault"] }
    if batch.faults.contains(where: { $0.record != 1 }) { return ["another record than the one without a form is refused"] }
    let text = String(decoding: out.copy(0..<out.count), as: UTF8.self)
    return text.contains("\u{FFFD}") ? ["a character is written that the source has not"] : []
  }

  private static func pageIsWhole(_ encoder: any FormatEncoder) -> [String] {
    let page = type(of: encoder).page
    var missing: [String] = []
    if page.kind != .format { missing.append("it is a \(page.kind)") }
    if page.place != "write" { missing.append("its keys stand in \(page.place)") }
    if page.summary.last != "." { missing.append("its summary is no sentence") }
    if page.abilities != ["write"] { missing.append("it does not say that it writes") }
    if page.endings.isEmpty { missing.append("no name chooses it") }
    return missing
  }
}
