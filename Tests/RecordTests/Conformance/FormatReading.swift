import Foundation
import Parse
import Records

/// An item read by a format as the engine reads it: prologue, boundaries, chunks.
struct FormatReading {
  /// A record as it was read.
  struct Record: Equatable, CustomStringConvertible {
    var bytes: Range<Int>
    var line: Int
    var raw: [UInt8]
    var content: String

    /// The same without the return of a CR LF, which may count as the record's or as that of its end.
    func withoutReturn() -> Record {
      guard raw.last == 0x0D else { return self }
      return Record(bytes: bytes.lowerBound..<bytes.upperBound - 1, line: line, raw: raw.dropLast(), content: content)
    }

    var description: String { "\(bytes) line \(line) \(content) “\(String(decoding: raw, as: UTF8.self))”" }
  }

  /// The state that a checkpoint keeps between two chunks.
  struct Checkpoint {
    var base: Int
    var lines: Int
    var count: Int
    var prologue: Data
    var state: Data?
  }

  private let format: any RecordFormat
  private let schema: Schema
  private var framer: any RecordFramer
  private var mapping: ColumnMapping?
  private var prologue: Prologue?
  private let buffer = ByteBuffer(capacity: 64)
  /// The buffer's first byte in the item.
  private(set) var base = 0
  private var lines = 0
  private(set) var records: [Record] = []
  /// The places between chunks.
  private(set) var checkpoints: [Checkpoint] = []

  init(_ format: any RecordFormat, _ schema: Schema) {
    self.format = format
    self.schema = schema
    framer = format.makeFramer()
  }

  /// Goes on where another reading was; nil where the framer can't.
  init?(_ format: any RecordFormat, _ schema: Schema, at checkpoint: Checkpoint, after earlier: [Record]) {
    self.init(format, schema)
    guard let prologue = try? PropertyListDecoder().decode(Prologue.self, from: checkpoint.prologue),
      framer.resume(prologue, checkpoint.state)
    else { return nil }
    begin(prologue, lines: checkpoint.lines)
    base = checkpoint.base
    records = Array(earlier.prefix(checkpoint.count))
  }

  /// Reads up to the place of another reading's checkpoint and leaves its records out, as is done where no state was kept.
  mutating func pass(_ text: [UInt8], to checkpoint: Checkpoint, after earlier: [Record]) throws {
    guard let prologue = try? PropertyListDecoder().decode(Prologue.self, from: checkpoint.prologue) else { return }
    _ = framer.resume(prologue, nil)
    begin(prologue, lines: checkpoint.lines)
    // In pieces, each with what was not passed over of the one before.
    var (passed, end) = (prologue.bytes, prologue.bytes)
    while end < checkpoint.base {
      end = min(end + 9, checkpoint.base)
      passed += try text[passed..<end].withUnsafeBytes { try framer.pass($0.bytes, isWhole: end == checkpoint.base) }
    }
    base = passed
    records = Array(earlier.prefix(checkpoint.count))
  }

  private mutating func begin(_ prologue: Prologue, lines: Int) {
    self.prologue = prologue
    self.lines = lines
    mapping = try? ColumnMapping(schema: schema, prologue: prologue, decoded: schema.fields.map { _ in false })
  }

  /// Takes more of the item's bytes.
  mutating func take(_ bytes: some Sequence<UInt8>, isFinal: Bool) throws {
    buffer.append(bytes)
    if prologue == nil {
      guard let found = try buffer.withSpan({ try framer.begin($0, isFinal: isFinal) }) else { return }
      begin(found, lines: found.lines)
      drop(found.bytes)
    }
    while try cut(isFinal: isFinal), isFinal {}
    if isFinal, mapping != nil { try framer.finish() }
  }

  /// Whether a boundary was found.
  private mutating func cut(isFinal: Bool) throws -> Bool {
    guard buffer.count > 0 else { return false }
    let boundary = try buffer.withSpan { try framer.boundary($0, isFinal: isFinal) }
    guard boundary.end > 0, boundary.end <= buffer.count, let mapping else { return false }
    let bytes = ByteBuffer(capacity: boundary.end)
    bytes.append(buffer.bytes, boundary.end)
    take(format.parse(RecordChunk(buffer: bytes, offset: base, sequence: 0, records: boundary.records), mapping))
    drop(boundary.end)
    guard let prologue, let kept = try? PropertyListEncoder().encode(prologue) else { return false }
    checkpoints.append(Checkpoint(base: base, lines: lines, count: records.count, prologue: kept, state: framer.state))
    return true
  }

  private mutating func drop(_ count: Int) {
    let rest = buffer.copy(count..<buffer.count)
    buffer.count = 0
    buffer.append(rest)
    base += count
  }

  private mutating func take(_ batch: RecordBatch) {
    var contents: [String?] = Array(repeating: nil, count: batch.recordCount)
    for fault in batch.faults where contents.indices.contains(fault.record) { contents[fault.record] = "fault \(fault.code.rawValue)" }
    for (row, cells) in zip(batch.selected, batch.cells) { contents[batch.record(ofRow: Int(row))] = "\(cells)" }
    for record in 0..<batch.recordCount {
      let (start, end) = (Int(batch.places.starts[record]), max(Int(batch.places.starts[record]), Int(batch.places.ends[record])))
      records.append(
        Record(
          bytes: base + start..<base + end, line: lines + batch.places.line(record), raw: batch.raw.copy(start..<end),
          content: contents[record] ?? "nothing"
        ).withoutReturn())
    }
    lines += batch.places.lineCount
  }
}

extension RecordBatch {
  /// The texts of the selected rows; nil is NULL.
  var cells: [[String?]] {
    var arena = TextArena()
    return selected.map { row in
      columns.map { column in
        if let views = column.views {
          let slice = views.text(Int(row), &arena, jsonText: column.field.type == .json)
          return slice.start == nil ? nil : String(decoding: slice.bytes, as: UTF8.self)
        }
        guard let values = column.values, !values.isNull(Int(row)) else { return nil }
        let out = ByteBuffer(capacity: 32)
        ValueText.write(values, Int(row), column.field.type, to: out)
        return String(decoding: out.copy(0..<out.count), as: UTF8.self)
      }
    }
  }
}

extension FormatSample.Record {
  func expected(in text: [UInt8]) -> FormatReading.Record {
    let words =
      switch content {
      case .fields(let fields): "\(fields)"
      case .fault(let code): "fault \(code)"
      }
    return FormatReading.Record(bytes: bytes, line: line, raw: Array(text[bytes]), content: words).withoutReturn()
  }
}
