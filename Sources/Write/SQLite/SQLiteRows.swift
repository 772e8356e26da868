import Foundation
import Records

/// Rows of a batch as bytes for ``SQLiteWriter``: values as SQLite binds them, column by column, so that transform's workers do the decoding
/// and the one writer only binds.
///
/// A block is its length, its rows and its columns (UInt32 each); then for each column a kind, and for each row whether it is NULL (a byte);
/// then Int64 or Double values, or the ends of texts (UInt32) and the texts. Numbers are in this machine's order and nowhere aligned.
struct SQLiteRows: RecordEncoder {
  enum Kind: UInt8 {
    case integer, double, text, blob
    /// Whether the values have lengths of their own.
    var isText: Bool { self == .text || self == .blob }
  }

  /// A decimal without a fraction and with so many digits at most is an integer of 64 bits in SQLite; any other one is text, since SQLite has
  /// no exact numbers beside those.
  static let integerDigits = 18

  /// Fields that may not be NULL, beside those that say so: the key of a merge.
  var key: [String] = []

  func header(_ schema: Schema) -> [UInt8] { [] }

  /// Decodes the columns; rows go that have a value which SQL can't have, and those whose key is NULL.
  func refuse(in batch: inout RecordBatch) {
    var refused: Set<UInt32> = []
    for i in batch.columns.indices {
      let field = batch.columns[i].field
      var faults: [(row: UInt32, code: RecordFault.Code)] = []
      if batch.columns[i].values == nil, let views = batch.columns[i].views {
        let (values, _) = views.read(as: field, rowCount: batch.rowCount, decoding: true, plainText: false) { row, code in
          faults.append((UInt32(row), code))
        }
        batch.columns[i].values = values
      }
      if key.contains(field.name), let values = batch.columns[i].values {
        for row in batch.selected where values.isNull(Int(row)) { faults.append((row, .missingValue)) }
      }
      let selected = faults.isEmpty ? [] : Set(batch.selected)
      for fault in faults where selected.contains(fault.row) && refused.insert(fault.row).inserted {
        let reason =
          switch fault.code {
          case .missingValue: "it is NULL, and write.key names it"
          case .invalidEncoding: "the text holds half of a surrogate pair, which UTF-8 has no form for"
          default: "the value does not fit \(field.type.rawValue)"
          }
        batch.faults.append(
          RecordFault(code: fault.code, reason: reason, field: field.name, record: batch.record(ofRow: Int(fault.row))))
      }
    }
    if !refused.isEmpty { batch.selection = batch.selected.filter { !refused.contains($0) } }
  }

  func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    let rows = batch.selected
    guard !rows.isEmpty else { return }
    let start = out.count
    append(UInt32(0), to: out)
    append(UInt32(rows.count), to: out)
    append(UInt32(batch.columns.count), to: out)
    for column in batch.columns {
      switch column.values {
      case .integers(let values) where column.field.type == .bigint:
        append(.integer, values, rows, to: out)
      case .integers(let values):
        appendTexts(rows, to: out) { row, out in
          if values.isNull(row) { return false }
          ValueText.write(.integers(values), row, column.field.type, to: out)
          return true
        }
      case .decimals(let values):
        guard case .decimal(let precision, let scale) = column.field.type else { continue }
        if scale == 0, precision <= SQLiteRows.integerDigits {
          append(.integer, NullableVector(values: values.values.map { Int64(truncatingIfNeeded: $0) }, nulls: values.nulls), rows, to: out)
        } else {
          appendTexts(rows, to: out) { row, out in
            if values.isNull(row) { return false }
            DecimalText.write(values.values[row], scale: scale, to: out)
            return true
          }
        }
      case .doubles(let values): append(.double, values, rows, to: out)
      case .booleans(let values):
        let integers = NullableVector(values: values.map { Int64($0 & 1) }, nulls: values.map { $0 == 2 ? 1 : 0 })
        append(.integer, integers, rows, to: out)
      case .text(let values):
        appendTexts(rows, as: column.field.type == .bytes ? .blob : .text, to: out) { row, out in
          let slice = values.slices[row]
          guard let text = slice.start else { return false }
          out.append(text, slice.count)
          return true
        }
      case nil: appendTexts(rows, to: out) { _, _ in false }
      }
    }
    let length = UInt32(out.count - start)
    withUnsafeBytes(of: length) {
      UnsafeMutableRawPointer(out.bytes + start).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(out.bytes), byteCount: 4)
    }
  }

  @inline(__always)
  private func append<T: BitwiseCopyable>(_ value: T, to out: ByteBuffer) {
    out.reserve(MemoryLayout<T>.size)
    UnsafeMutableRawPointer(out.bytes + out.count).storeBytes(of: value, as: T.self)
    out.count += MemoryLayout<T>.size
  }

  private func append<T: BitwiseCopyable>(_ kind: Kind, _ vector: NullableVector<T>, _ rows: [UInt32], to out: ByteBuffer) {
    out.append(kind.rawValue)
    for row in rows { out.append(vector.isNull(Int(row)) ? 1 : 0) }
    for row in rows { append(vector.values[Int(row)], to: out) }
  }

  /// - Parameter text: appends a row's text; false where it is NULL.
  private func appendTexts(_ rows: [UInt32], as kind: Kind = .text, to out: ByteBuffer, _ text: (Int, ByteBuffer) -> Bool) {
    out.append(kind.rawValue)
    let nulls = out.count
    let ends = nulls + rows.count
    out.reserve(rows.count * 5)
    out.count += rows.count * 5
    let base = out.count
    for (i, row) in rows.enumerated() {
      let isThere = text(Int(row), out)
      out.bytes[nulls + i] = isThere ? 0 : 1
      UnsafeMutableRawPointer(out.bytes + ends + i * 4).storeBytes(of: UInt32(out.count - base), as: UInt32.self)
    }
  }
}

/// One block of ``SQLiteRows`` in memory that its buffer keeps.
///
/// The places are those that the encoder of this process wrote; each is held against the block's length all the same.
struct SQLiteBlock {
  struct Column {
    let kind: SQLiteRows.Kind
    let nulls: UnsafePointer<UInt8>
    /// The values; of texts, the places of their ends.
    let values: UnsafeRawPointer
    let texts: UnsafePointer<UInt8>
  }

  let rowCount: Int
  let columns: [Column]
  let length: Int

  /// The block at `offset`; nil where none stands there.
  init?(_ buffer: ByteBuffer, at offset: Int) {
    guard offset + 12 <= buffer.count else { return nil }
    let start = UnsafeRawPointer(buffer.bytes + offset)
    func number(_ place: Int) -> Int { Int(start.loadUnaligned(fromByteOffset: place, as: UInt32.self)) }
    length = number(0)
    rowCount = number(4)
    guard length >= 12, offset + length <= buffer.count else { return nil }
    var columns: [Column] = []
    var at = 12
    for _ in 0..<number(8) {
      guard at < length, let kind = SQLiteRows.Kind(rawValue: start.load(fromByteOffset: at, as: UInt8.self)) else { return nil }
      let nulls = at + 1
      let values = nulls + rowCount
      var end = values + rowCount * (kind.isText ? 4 : 8)
      guard end <= length else { return nil }
      let texts = end
      if kind.isText, rowCount > 0 { end += number(values + (rowCount - 1) * 4) }
      guard end <= length else { return nil }
      let bytes = start.assumingMemoryBound(to: UInt8.self)
      columns.append(Column(kind: kind, nulls: bytes + nulls, values: start + values, texts: bytes + texts))
      at = end
    }
    self.columns = columns
  }
}
