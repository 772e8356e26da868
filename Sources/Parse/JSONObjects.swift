import CByteScan
import Foundation
import Records

/// Reads records that are JSON objects, each by RFC 8259 to the letter, into the columns of a batch. A key that comes twice counts
/// the last time.
struct JSONObjects {
  private let buffer: ByteBuffer
  private let mapping: ColumnMapping
  private let width: Int
  private let index: PositionIndex
  private let keys: JSONKeys
  private let kinds: UInt32
  private let wholeIsText: Bool
  private var places = RecordPlaces()
  private var faults = RecordFaults()
  private var rowRecords: [UInt32] = []

  init(_ buffer: ByteBuffer, _ mapping: ColumnMapping) {
    self.buffer = buffer
    self.mapping = mapping
    width = mapping.schema.fields.count
    index = PositionIndex(capacity: 64 + buffer.count / 64 * 2 * max(width, 1))
    keys = JSONKeys(mapping.schema.fields.map(\.name))
    kinds = sluice_byte_kinds(buffer.bytes, buffer.count, 0x0A, 0x0A)
    wholeIsText = kinds & UInt32(SLUICE_HAS_HIGH) == 0 || UTF8Text.firstInvalid(buffer.bytes, buffer.count) == nil
  }

  /// Takes the record between two places of the chunk, which begins on a line of it.
  @inline(__always)
  mutating func take(_ start: Int, _ end: Int, line: UInt32) {
    let p = UnsafePointer(buffer.bytes)
    let record = places.starts.count
    places.starts.append(UInt32(start))
    places.ends.append(UInt32(end))
    places.lines.append(line)
    if !wholeIsText, let bad = UTF8Text.firstInvalid(p + start, end - start) {
      faults.append(RecordFault(code: .invalidEncoding, reason: "byte \(bad + 1) of the record is not UTF-8", record: record))
      return
    }
    index.reserve((rowRecords.count + 1) * 2 * width, keeping: rowRecords.count * 2 * width)
    let row = index.positions + rowRecords.count * 2 * width
    if let bad = Self.object(p, start, end, keys, row) {
      faults.append(
        RecordFault(code: .invalidJSON, reason: "not a JSON object: byte \(bad - start + 1) is out of place", record: record))
      return
    }
    rowRecords.append(UInt32(record))
  }

  /// The records taken, as a batch; the chunk has so many lines.
  consuming func batch(lineCount: Int, blankLineCount: Int = 0) -> RecordBatch {
    places.lineCount = lineCount
    places.blankLineCount = blankLineCount
    var batch = RecordBatch(
      columns: [], rowCount: rowRecords.count, recordCount: places.starts.count, places: places, raw: buffer)
    batch.faults = faults
    if rowRecords.count != batch.recordCount { batch.recordOfRow = rowRecords }
    batch.absentFields = absentFields
    var refused: Set<Int> = []
    let plain = kinds & UInt32(SLUICE_HAS_BACKSLASH) == 0
    let (buffer, index, width) = (buffer, index, width)
    batch.addColumns(mapping, refused: &refused, plainText: plain) { column, _ in
      FieldViews(buffer: buffer, index: index, offset: 2 * column, stride: 2 * width, gap: 0, encoding: .json)
    }
    return batch
  }

  /// The fields that may be NULL and have no place in any row.
  private var absentFields: [String] {
    mapping.schema.fields.enumerated().compactMap { position, field in
      let isAbsent = field.nullable && (0..<rowRecords.count).allSatisfy { index.positions[$0 * 2 * width + 2 * position + 1] == 0 }
      return isAbsent ? field.name : nil
    }
  }

  /// Reads the object between `start` and `end` and puts its fields' places into `row`; the place that is wrong, or nil.
  private static func object(
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
}

/// Objects of a sample: what their members are called, and their values.
struct JSONObjectSample {
  private var names: [String] = []
  private var rows: [[String: SampledCell]] = []

  /// Takes a record; one that is no object is passed over.
  mutating func take(_ buffer: ByteBuffer, _ range: Range<Int>) {
    let p = UnsafePointer(buffer.bytes) + range.lowerBound
    guard UTF8Text.firstInvalid(p, range.count) == nil, let row = row(p, range.count) else { return }
    rows.append(row)
  }

  var columns: SampledColumns {
    SampledColumns(names: names, cells: names.map { name in rows.map { $0[name] ?? .null } })
  }

  private mutating func row(_ p: UnsafePointer<UInt8>, _ n: Int) -> [String: SampledCell]? {
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
