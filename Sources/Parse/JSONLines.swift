import CByteScan
import Foundation
import Records

/// JSON Lines: one object a line, each by RFC 8259 to the letter. A key that comes twice counts the last time.
public struct JSONLines: RecordFormat {
  public init() {}

  public func makeFramer() -> any RecordFramer { LineFramer() }

  public func parse(_ chunk: RecordChunk, _ layout: Layout) -> RecordBatch {
    let width = layout.schema.fields.count
    let p = UnsafePointer(chunk.buffer.bytes)
    let n = chunk.buffer.count
    let index = PositionIndex(capacity: 64 + n / 64 * 2 * max(width, 1))
    let keys = JSONKeys(layout.schema.fields.map(\.name))
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
    batch.addColumns(layout, refused: &refused, plainText: plain) { column, _ in
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

  public func sample(_ chunk: RecordChunk, _ beginning: Beginning) -> SampledColumns {
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

/// Cuts lines: a JSON text holds no raw line end.
struct LineFramer: RecordFramer {
  mutating func begin(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) -> Beginning? {
    Beginning(bytes: 0, lines: 0)
  }

  mutating func resume(_ beginning: Beginning) {}

  mutating func boundary(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) -> Int {
    if isFinal { return count }
    var end = count
    while end > 0, p[end - 1] != 0x0A { end -= 1 }
    return end
  }
}
