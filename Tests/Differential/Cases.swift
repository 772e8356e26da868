import Parse
import Records
import Write

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice: RandomNumberGenerator, Sendable {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func below(_ n: Int) -> Int { Int(truncatingIfNeeded: next() >> 33) % n }
  mutating func pick<T>(_ from: [T]) -> T { from[below(from.count)] }
}

/// Random texts for the fast paths, and whether these say of them what the scalar implementations say.
public struct Cases: Sendable {
  private var dice: Dice

  /// Makes texts that this seed alone decides.
  public init(seed: UInt64) { dice = Dice(seed) }

  /// One text of each format; what differs, in words, or nil.
  public mutating func next() -> String? {
    csv() ?? json()
  }

  // MARK: CSV

  private mutating func csv() -> String? {
    let width = dice.below(4) + 1
    let isNumbers = dice.below(4) == 0
    let text = isNumbers ? numbers(width) : filler(width) + (dice.below(2) == 0 ? tidy(width) : wild())
    var dialect = CSVDialect()
    dialect.headerLines = 0
    var ending: ScalarCSV.Ending?
    if dice.below(3) == 0, !isNumbers {
      (dialect.recordDelimiter, ending) = dice.below(2) == 0 ? (.lf, .lineFeed) : (.cr, .carriageReturn)
    }
    if dice.below(8) == 0, !isNumbers { (dialect.quote, dialect.escape) = (nil, nil) }
    var scalar = ScalarCSV(text, ending: ending, isQuoting: dialect.quote != nil)
    var expected = scalar.records(width: width)
    // In a field of another type than text a quoted empty cell is NULL.
    if isNumbers { expected = expected.map { $0.withoutEmptyFields() } }
    let isDecoded = isNumbers && dice.below(2) == 0
    let format = CSV(dialect, recordLimit: 1 << 20)
    let schema = Schema((0..<width).map { Field(name: "c\($0)", type: isNumbers ? .bigint : .text, nullable: true) })
    func mapping(_ prologue: Prologue) -> ColumnMapping {
      var mapping = ColumnMapping(
        schema: schema, columnCount: width, columns: Array(0..<width), decoded: Array(repeating: isDecoded, count: width))
      mapping.endsInReturn = prologue.endsInReturn
      mapping.hasReturnRuns = prologue.hasReturnRuns == true
      return mapping
    }
    func told(_ what: String) -> String {
      "CSV of \(width) columns, \(dialect): \(what)\ntext: \(text)\n\(String(decoding: text, as: UTF8.self).debugDescription)"
    }
    return Self.compare(
      format, text, expected, mapping, mayEnd: Set(scalar.ends + [0]), isWhole: !scalar.isBroken, at: dice.below(text.count + 1)
    )
    .map(told)
  }

  /// Records that shift what follows them against the blocks that the fast paths read.
  private mutating func filler(_ width: Int) -> [UInt8] {
    let line = Array(repeating: Array("abcdefgh".utf8.prefix(dice.below(9))), count: width).joined(separator: [0x2C]) + [0x0A]
    return Array(repeatElement(line, count: dice.below(8)).joined())
  }

  /// Cells of digits and without, in quotes and without.
  private mutating func numbers(_ width: Int) -> [UInt8] {
    let ending: [UInt8] = dice.pick([[0x0A], [0x0D, 0x0A]])
    var text: [UInt8] = []
    for _ in 0..<dice.below(40) {
      let cells = (0..<width).map { _ in
        let digits = Array("12345678".utf8.prefix(dice.below(2) * dice.below(9)))
        return dice.below(2) == 0 ? [0x22] + digits + [0x22] : digits
      }
      text += cells.joined(separator: [0x2C]) + ending
    }
    return text
  }

  private mutating func tidy(_ width: Int) -> [UInt8] {
    let ending: [UInt8] = dice.pick([[0x0A], [0x0A], [0x0D, 0x0A], [0x0D]])
    var text: [UInt8] = []
    for _ in 0..<dice.below(6) {
      for column in 0..<(dice.below(12) == 0 ? dice.below(5) : width) {
        if column > 0 { text.append(0x2C) }
        text += dice.below(3) == 0 ? quoted() : plain()
      }
      text += ending
    }
    if dice.below(3) == 0, !text.isEmpty { text.removeLast() }
    return text
  }

  private mutating func plain() -> [UInt8] {
    (0..<dice.below(9)).map { _ in
      switch dice.below(80) {
      case 0, 1: dice.pick([0x22, 0x0D, 0x80, 0xC3, 0xA9])
      case 2: control()
      default: dice.pick(Array("abc 01".utf8))
      }
    }
  }

  /// U+0000 to U+001F, U+007F.
  private mutating func control() -> UInt8 {
    let code = UInt8(dice.below(33))
    return code < 0x20 ? code : 0x7F
  }

  private mutating func quoted() -> [UInt8] {
    var text: [UInt8] = [0x22]
    for _ in 0..<dice.below(12) {
      switch dice.below(9) {
      case 8: text.append(dice.below(3) == 0 ? control() : 0x78)
      case 0: text += [0x22, 0x22]
      case 1: text.append(dice.pick([0x0A, 0x0D, 0x2C]))
      case 2: text += Array("é".utf8)
      default: text.append(dice.pick(Array("xyz ".utf8)))
      }
    }
    return text + [0x22]
  }

  private mutating func wild() -> [UInt8] {
    (0..<dice.below(40)).map { _ in
      dice.below(20) == 0 ? control() : dice.pick([0x2C, 0x22, 0x22, 0x0A, 0x0D, 0x61, 0x62, 0x20, 0xC3, 0xA9])
    }
  }

  // MARK: JSON

  private mutating func json() -> String? {
    let names = ["a", "bc", "é"]
    var text: [UInt8] = []
    for _ in 0..<dice.below(4) + 1 {
      var line = object(names)
      while dice.below(3) == 0, !line.isEmpty { spoil(&line) }
      text += line + dice.pick([[0x0A], [0x0D, 0x0A], [0x0A, 0x0A]])
    }
    if dice.below(3) == 0 { text.removeLast() }
    var scalar = ScalarJSON(text)
    let expected = scalar.records(names)
    let schema = Schema(names.map { Field(name: $0, type: .text, nullable: true) })
    let mapping = ColumnMapping(schema: schema, columnCount: 3, columns: [0, 1, 2], decoded: [false, false, false])
    let ends = text.indices.filter { text[$0] == 0x0A }.map { $0 + 1 } + [0]
    return Self.compare(JSONLines(), text, expected, { _ in mapping }, mayEnd: Set(ends), isWhole: true, at: dice.below(text.count + 1))
      .map { "JSON: \($0)\ntext: \(text)\n\(String(decoding: text, as: UTF8.self).debugDescription)" }
  }

  private mutating func object(_ names: [String]) -> [UInt8] {
    var text = "{"
    for i in 0..<dice.below(5) {
      if i > 0 { text += "," + space() }
      let key = dice.pick(names + ["\\u0061", "b\\u0063", "other", ""])
      text += "\"" + key + "\"" + space() + ":" + space() + value(0) + space()
    }
    return Array((text + "}").utf8)
  }

  private mutating func space() -> String { dice.below(4) == 0 ? dice.pick([" ", "\t", "\r", "  "]) : "" }

  private mutating func value(_ depth: Int) -> String {
    switch dice.below(depth > 2 ? 6 : 8) {
    case 0: return dice.pick(["null", "true", "false"])
    case 1, 2: return dice.pick(["0", "-0", "12", "-3.50", "1e5", "2E-07", "123456789012345678901", "0.1"])
    case 3...5:
      return "\""
        + (0..<dice.below(30)).map { _ in
          dice.below(6) == 0
            ? dice.pick(["\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\udE00", "é", "😀", "\u{7F}", escaped()])
            : dice.pick(["a", "b", " ", "1"])
        }.joined() + "\""
    case 6: return "[" + (0..<dice.below(3)).map { _ in value(depth + 1) }.joined(separator: ",") + "]"
    default: return "{" + (0..<dice.below(3)).map { _ in "\"a\":" + value(depth + 1) }.joined(separator: space() + ",") + "}"
    }
  }

  /// A control character as JSON has it.
  private mutating func escaped() -> String {
    let digits = String(control(), radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }

  private mutating func spoil(_ line: inout [UInt8]) {
    let at = dice.below(line.count)
    let byte: UInt8 = dice.below(8) == 0 ? control() : dice.pick(Array("\"\\{}[]:,0-.eux \t".utf8) + [0x01, 0x80, 0xC3, 0x0D])
    switch dice.below(3) {
    case 0: line.remove(at: at)
    case 1: line.insert(byte, at: at)
    default: line[at] = byte
    }
  }

  // MARK: Comparing

  /// - Parameters:
  ///   - mayEnd: where a record may end.
  ///   - isWhole: whether all quoting holds: then what ends for certain must be seen to.
  ///   - at: where the text is cut in two to be read as two chunks, as far as records let it.
  private static func compare(
    _ format: any RecordFormat, _ text: [UInt8], _ expected: [ScalarRecord], _ mapping: (Prologue) -> ColumnMapping,
    mayEnd: Set<Int>, isWhole: Bool, at: Int
  ) -> String? {
    let buffer = ByteBuffer(capacity: text.count)
    buffer.append(text)
    var framer = format.makeFramer()
    guard let prologue = begin(&framer, buffer, text.count, isFinal: true) else { return "it does not begin" }
    let whole = batch(format, text[...], mapping(prologue))
    let found = whole.map { records($0, text[...]) } ?? []
    if found != expected { return "as a whole: \(found)\nwhere there are \(expected)" }
    if let whole, let words = written(whole, expected) { return words }
    var cut = 0
    for count in 0...text.count {
      var framer = format.makeFramer()
      guard let early = begin(&framer, buffer, count, isFinal: false) else { continue }
      if early.endsInReturn != prologue.endsInReturn || early.hasReturnRuns != prologue.hasReturnRuns {
        return "cut at \(count) its records end otherwise"
      }
      let end = (try? buffer.withSpan(0..<count) { try framer.boundary($0, isFinal: false).end }) ?? -1
      if end < 0 || end > count || !mayEnd.contains(end) { return "cut at \(count) a record is said to end at \(end)" }
      // Whether a quote or a return is the last of a record may take the two bytes after it.
      if isWhole, let certain = mayEnd.filter({ $0 + 2 <= count }).max(), end < certain {
        return "cut at \(count) no record is said to end after \(end)"
      }
      if count <= at { cut = end }
    }
    let first = records(format, text[..<cut], mapping(prologue))
    let second = records(format, text[cut...], mapping(prologue))
    return first + second == expected
      ? nil : "in chunks of \(cut) and \(text.count - cut) bytes: \(first) \(second)\nwhere there are \(expected)"
  }

  private static func begin(_ framer: inout any RecordFramer, _ buffer: ByteBuffer, _ count: Int, isFinal: Bool) -> Prologue? {
    // Nested optionals are one: it throws, or it needs more bytes.
    (try? buffer.withSpan(0..<count) { try framer.begin($0, isFinal: isFinal) }) ?? nil
  }

  /// The records written, and read again by the scalar implementations: what differs, in words, or nil.
  private static func written(_ batch: RecordBatch, _ expected: [ScalarRecord]) -> String? {
    let names = batch.columns.map(\.field.name)
    func read(_ encoder: any RecordEncoder, _ records: ([UInt8]) -> [ScalarRecord]) -> (text: [UInt8], fields: [[[UInt8]?]]) {
      var batch = batch
      encoder.refuse(in: &batch)
      let out = ByteBuffer(capacity: 64)
      encoder.encode(batch, to: out)
      let text = out.copy(0..<out.count)
      let fields = records(text).map { record in
        if case .fields(let fields) = record.content { return fields }
        return [Array("\(record.content)".utf8)]
      }
      return (text, fields)
    }
    func told(_ what: String, _ found: (text: [UInt8], fields: [[[UInt8]?]]), _ wanted: [[[UInt8]?]]) -> String {
      "written as \(what): \(found.fields)\nwhere there are \(wanted)\nwritten: \(found.text)"
    }
    let all = expected.compactMap { record in if case .fields(let fields) = record.content { fields } else { nil } }
    let json = read(JSONLinesEncoder()) { text in
      var scalar = ScalarJSON(text)
      return scalar.records(names)
    }
    // Half of a surrogate pair stays an escape in JSON, and the record is refused where it has to become a character.
    if json.fields != all { return told("JSON", json, all) }
    if json.text.contains(where: { $0 < 0x20 && $0 != 0x0A }) { return "a control character is not escaped: \(json.text)" }
    let spelled = zip(expected, expected.map(\.isText)).compactMap { record, isText -> [[UInt8]?]? in
      if case .fields(let fields) = record.content, isText { fields } else { nil }
    }
    let csv = read(CSVEncoder()) { text in
      var scalar = ScalarCSV(text, ending: nil, isQuoting: true)
      return scalar.records(width: names.count)
    }
    return csv.fields == spelled ? nil : told("CSV", csv, spelled)
  }

  private static func records(_ format: any RecordFormat, _ text: ArraySlice<UInt8>, _ mapping: ColumnMapping) -> [ScalarRecord] {
    batch(format, text, mapping).map { records($0, text) } ?? []
  }

  private static func batch(_ format: any RecordFormat, _ text: ArraySlice<UInt8>, _ mapping: ColumnMapping) -> RecordBatch? {
    if text.isEmpty { return nil }
    let buffer = ByteBuffer(capacity: text.count)
    buffer.append(text)
    return format.parse(RecordChunk(buffer: buffer, offset: text.startIndex, sequence: 0), mapping)
  }

  private static func records(_ batch: RecordBatch, _ text: ArraySlice<UInt8>) -> [ScalarRecord] {
    var contents: [ScalarRecord.Content?] = Array(repeating: nil, count: batch.recordCount)
    for fault in batch.faults { contents[fault.record] = .fault(fault.code.rawValue) }
    var arena = TextArena()
    for row in batch.selected {
      let fields = batch.columns.map { column -> [UInt8]? in
        guard let slice = column.views?.text(Int(row), &arena), slice.start != nil else { return nil }
        return Array(slice.bytes)
      }
      contents[batch.record(ofRow: Int(row))] = .fields(fields)
    }
    let lone = Set(
      batch.selected.filter { row in batch.columns.contains { $0.views?.isText(Int(row)) == false } }.map { batch.record(ofRow: Int($0)) })
    return contents.enumerated().map { record, content in
      ScalarRecord(
        start: text.startIndex + Int(batch.places.starts[record]), content: content ?? .fault("nothing"), isText: !lone.contains(record))
    }
  }
}
