import CByteScan
import Configuration
import Foundation
import Records

/// JSON Lines: one object a line, each by RFC 8259 to the letter. A key that comes twice counts the last time.
package struct JSONLines: RecordFormat {
  package static let page = ComponentPage(
    .format, "jsonl", "Reads JSON Lines: one JSON object a line.", abilities: ["read", "write"],
    endings: ["jsonl", "ndjson", "jsonlines"], place: "parse",
    example: """
      pipeline: events
      fetch: {from: events/*.jsonl.gz}
      parse:
        format: jsonl
        fields: {id: bigint not null, at: timestamp, tags: json}
      write: {path: 'out/{item.stem}.csv'}
      """,
    errors: [.recordTooLong, .badRecord, .noSample, .wrongFormat],
    guarantees: [
      "A line that is no JSON object is a dead letter with its bytes, its line and its byte offset; the lines around it are read.",
      "Numbers and texts that no step touches are written as they are spelled in the source.",
    ],
    limits: [
      "A record may be 16 MB long, or what limits.record says.",
      "Arrays and objects nest \(JSONGrammar.maximumDepth) deep at most.", "Of a key that comes twice in an object the last counts.",
    ])

  /// Whether the definition says which fields are read.
  private let hasFields: Bool

  package init() { hasFields = false }

  package init(_ settings: FormatSettings, _ reader: inout DefinitionReader) { hasFields = settings.fields != nil }

  package static func reads(_ document: TextDocument) -> Bool { document == .jsonLines }

  package func refuses(_ document: TextDocument) -> Bool {
    document == .webPage || (!hasFields && (document == .jsonArray || document == .xml))
  }

  /// Guesses JSON Lines where most lines are JSON objects.
  package static func guesses(_ sample: Sniffer) -> [FormatGuess] {
    let text = sample.buffer.copy(0..<min(sample.buffer.count, 1 << 20))
    guard text.first(where: { $0 > 0x20 }) == 0x7B else { return [] }
    let isCut = !sample.isWhole || text.count < sample.buffer.count
    let lines = text.split(separator: 0x0A).prefix(1000).dropLast(isCut ? 1 : 0).map(Array.init)
    let good = lines.count { line in
      let padded = ByteBuffer(capacity: line.count)
      padded.append(line)
      return JSONGrammar.isValue(padded.bytes, padded.count) && line.first { $0 > 0x20 } == 0x7B
    }
    guard good > 0, good * 10 >= lines.count * 9 else { return [] }
    var guess = FormatGuess(Self.self, objects: JSONLines())
    guess.certainty = good == lines.count ? .sure : .likely
    guess.evidence = "\(good) of \(lines.count) lines looked at are JSON"
    guess.learn(sample.buffer)
    return [guess]
  }

  package func makeFramer() -> any RecordFramer { LineFramer() }

  package func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch {
    let width = mapping.schema.fields.count
    let p = UnsafePointer(chunk.buffer.bytes)
    let n = chunk.buffer.count
    let index = PositionIndex(capacity: 64 + n / 64 * 2 * max(width, 1))
    let keys = JSONKeys(mapping.schema.fields.map(\.name))
    let kinds = sluice_byte_kinds(p, n, 0x0A, 0x0A)
    let wholeIsText = kinds & UInt32(SLUICE_HAS_HIGH) == 0 || UTF8Text.firstInvalid(p, n) == nil
    var batch = RecordBatch(columns: [], rowCount: 0, recordCount: 0, places: RecordPlaces(), raw: chunk.buffer)
    var rowRecords: [UInt32] = []
    var at = 0
    while at < n {
      let end = memchr(p + at, 0x0A, n - at).map { UnsafeRawPointer($0) - UnsafeRawPointer(p) } ?? n
      defer { at = end + 1 }
      let line = UInt32(batch.places.lineCount)
      batch.places.lineCount += 1
      if (at..<end).allSatisfy({ p[$0] == 0x20 || p[$0] == 0x09 || p[$0] == 0x0D }) {
        batch.places.blankLineCount += 1
        continue
      }
      let record = batch.places.starts.count
      batch.places.starts.append(UInt32(at))
      batch.places.ends.append(UInt32(end))
      batch.places.lines.append(line)
      if !wholeIsText, let bad = UTF8Text.firstInvalid(p + at, end - at) {
        batch.faults.append(
          RecordFault(code: .invalidEncoding, reason: "byte \(bad + 1) of the record is not UTF-8", record: record))
        continue
      }
      index.reserve((rowRecords.count + 1) * 2 * width, keeping: rowRecords.count * 2 * width)
      let row = index.positions + rowRecords.count * 2 * width
      if let bad = object(p, at, end, keys, row) {
        batch.faults.append(
          RecordFault(code: .invalidJSON, reason: "not a JSON object: byte \(bad - at + 1) is out of place", record: record))
        continue
      }
      rowRecords.append(UInt32(record))
    }
    batch.recordCount = batch.places.starts.count
    batch.rowCount = rowRecords.count
    if rowRecords.count != batch.recordCount { batch.recordOfRow = rowRecords }
    var refused: Set<Int> = []
    let plain = kinds & UInt32(SLUICE_HAS_BACKSLASH) == 0
    batch.addColumns(mapping, refused: &refused, plainText: plain) { column, _ in
      FieldViews(buffer: chunk.buffer, index: index, offset: 2 * column, stride: 2 * width, gap: 0, encoding: .json)
    }
    return batch
  }

  /// Reads the object between `start` and `end` and puts its fields' places into `row`; the place that is wrong, or nil.
  private func object(
    _ p: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ keys: JSONKeys, _ row: UnsafeMutablePointer<UInt32>
  ) -> Int? {
    var json = JSONGrammar(p, count: end, at: start)
    json.skipSpace()
    guard json.take(0x7B) else { return json.at }
    var expected = json.fields(keys, row)
    for i in 2 * expected..<2 * keys.count { row[i] = 0 }
    json.skipSpace()
    if expected == 0 ? !json.take(0x7D) : json.take(0x2C) {
      repeat {
        json.skipSpace()
        let keyStart = json.at + 1
        guard json.string() else { return json.at }
        let field = keys.match(p + keyStart, json.at - 1 - keyStart, &expected)
        json.skipSpace()
        guard json.take(0x3A) else { return json.at }
        json.skipSpace()
        let valueStart = json.at
        guard json.value(depth: 1) else { return json.at }
        if let field {
          row[2 * field] = UInt32(valueStart)
          row[2 * field + 1] = UInt32(json.at)
        }
        json.skipSpace()
      } while json.take(0x2C)
      guard json.take(0x7D) else { return json.at }
    } else if expected > 0, !json.take(0x7D) {
      return json.at
    }
    json.skipSpace()
    return json.at == end ? nil : json.at
  }

  package func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns {
    var names: [String] = []
    var rows: [[String: SampledCell]] = []
    let text = chunk.buffer.copy(0..<chunk.buffer.count)
    for line in text.split(separator: 0x0A) {
      line.withUnsafeBufferPointer { bytes in
        guard let base = bytes.baseAddress, UTF8Text.firstInvalid(base, bytes.count) == nil,
          let row = sampleRow(base, bytes.count, &names)
        else { return }
        rows.append(row)
      }
    }
    return SampledColumns(names: names, cells: names.map { name in rows.map { $0[name] ?? .null } })
  }

  private func sampleRow(_ p: UnsafePointer<UInt8>, _ n: Int, _ names: inout [String]) -> [String: SampledCell]? {
    guard JSONGrammar.isValue(p, n) else { return nil }
    var json = JSONGrammar(p, count: n)
    json.skipSpace()
    guard json.take(0x7B) else { return nil }
    json.skipSpace()
    var row: [String: SampledCell] = [:]
    var arena = TextArena()
    if json.take(0x7D) { return row }
    repeat {
      json.skipSpace()
      let keyStart = json.at + 1
      _ = json.string()
      let keyCount = json.at - 1 - keyStart
      let key = TextEscapes.unescapeJSON(p + keyStart, keyCount, &arena).string
      json.skipSpace()
      _ = json.take(0x3A)
      json.skipSpace()
      let start = json.at
      _ = json.value(depth: 1)
      let count = json.at - start
      json.skipSpace()
      // A key without a form as UTF-8 can't name a field.
      guard TextEscapes.isText(p + keyStart, keyCount) else { continue }
      if !names.contains(key) { names.append(key) }
      let value = String(decoding: UnsafeBufferPointer(start: p + start, count: count), as: UTF8.self)
      switch p[start] {
      case 0x6E: row[key] = .null
      case 0x22: row[key] = .text(TextEscapes.unescapeJSON(p + start + 1, count - 2, &arena).string, isText: true)
      case 0x7B, 0x5B: row[key] = .structure
      default: row[key] = .text(value, isText: false)
      }
    } while json.take(0x2C)
    return row
  }
}

/// The fields' names, as keys are looked for.
struct JSONKeys {
  private let names: [[UInt8]]
  /// For each name, where in ``spellings`` is `"name":`; nowhere where it would be spelled with escapes.
  fileprivate let places: [sluice_json_key]
  fileprivate let spellings: [UInt8]

  var count: Int { names.count }

  init(_ names: [String]) {
    self.names = names.map { Array($0.utf8) }
    var spellings: [UInt8] = []
    places = self.names.map { name in
      if name.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }) { return sluice_json_key() }
      let spelling = [0x22] + name + [0x22, 0x3A]
      defer { spellings += spelling }
      return sluice_json_key(first: UInt32(spellings.count), length: UInt32(spelling.count))
    }
    self.spellings = spellings + [UInt8](repeating: 0, count: 15)
  }

  /// The field that a key names, tried first where it is expected.
  func match(_ key: UnsafePointer<UInt8>, _ count: Int, _ expected: inout Int) -> Int? {
    for step in 0..<names.count {
      let i = expected + step < names.count ? expected + step : expected + step - names.count
      if names[i].count == count, memcmp(names[i], key, count) == 0 {
        expected = i + 1
        return i
      }
    }
    guard TextEscapes.firstIndex(of: 0x5C, key, count) != nil, TextEscapes.isText(key, count) else { return nil }
    var arena = TextArena()
    let plain = TextEscapes.unescapeJSON(key, count, &arena)
    return names.firstIndex { $0.elementsEqual(plain.bytes) }
  }
}

extension JSONGrammar {
  /// Takes fields as long as they are those of `keys` in their order, written plainly, and says how many: the way that most
  /// objects go whole.
  @inline(__always)
  fileprivate mutating func fields(_ keys: JSONKeys, _ row: UnsafeMutablePointer<UInt32>) -> Int {
    var end = at
    let count = sluice_json_fields(p, &end, n, keys.places, keys.spellings, keys.count, row)
    skip(end - at)
    return count
  }
}
