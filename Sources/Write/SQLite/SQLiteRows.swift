import Foundation
import Records

/// Rows as bytes for SQLite: values as it binds them, so that transform's workers do the decoding and the commit only binds.
///
/// A value is its kind (a byte), then 8 bytes of a number, or the length of a text (UInt32) and the text; nothing of a NULL. Numbers are in this machine's order and nowhere aligned.
struct SQLiteRows: RecordEncoder {
  enum Kind: UInt8 { case null, integer, double, text, blob }

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

  /// A column's values, ready to be sized and copied.
  private enum Cells {
    case integers(NullableVector<Int64>)
    case doubles(NullableVector<Double>)
    case texts([TextSlice], Kind)
    /// Values that were spelled into a buffer: their ends in it, one a selected row, and whether each is NULL.
    case spelled(ByteBuffer, ends: [UInt32], nulls: [UInt8])
  }

  func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    let rows = batch.selected
    guard !rows.isEmpty else { return }
    let cells = batch.columns.map { Self.cells($0, rows) }
    let start = RowBlock.begin(batch, rows, to: out)
    // Where each row's next value goes. First the sizes, so that each column is then copied in one loop.
    var places = [UInt32](repeating: 0, count: rows.count)
    for cell in cells { Self.measure(cell, rows, &places) }
    let base = out.count
    var end: UInt32 = 0
    for i in places.indices {
      let size = places[i]
      places[i] = end
      end += size
      RowBlock.set(end: Int(end), row: i, in: out, from: start)
    }
    out.reserve(Int(end))
    out.count += Int(end)
    for cell in cells { Self.write(cell, rows, &places, to: UnsafeMutableRawPointer(out.bytes + base)) }
    RowBlock.finish(in: out, from: start)
  }

  private static func cells(_ column: Column, _ rows: [UInt32]) -> Cells {
    switch column.values {
    case .integers(let v) where column.field.type == .bigint: return .integers(v)
    case .integers(let v):
      return spelled(rows, isNull: { v.isNull($0) }) { ValueText.write(.integers(v), $0, column.field.type, to: $1) }
    case .decimals(let v):
      guard case .decimal(let precision, let scale) = column.field.type else { return spelled(rows, isNull: { _ in true }) { _, _ in } }
      if scale == 0, precision <= integerDigits {
        return .integers(NullableVector(values: v.values.map { Int64(truncatingIfNeeded: $0) }, nulls: v.nulls))
      }
      return spelled(rows, isNull: { v.isNull($0) }) { DecimalText.write(v.values[$0], scale: scale, to: $1) }
    case .doubles(let v): return .doubles(v)
    case .booleans(let v):
      return .integers(NullableVector(values: v.map { Int64($0 & 1) }, nulls: v.map { $0 == 2 ? 1 : 0 }))
    case .text(let v): return .texts(v.slices, column.field.type == .bytes ? .blob : .text)
    case nil: return spelled(rows, isNull: { _ in true }) { _, _ in }
    }
  }

  private static func spelled(_ rows: [UInt32], isNull: (Int) -> Bool, _ spell: (Int, ByteBuffer) -> Void) -> Cells {
    let out = ByteBuffer(capacity: rows.count * 16)
    var ends: [UInt32] = []
    var nulls: [UInt8] = []
    ends.reserveCapacity(rows.count)
    nulls.reserveCapacity(rows.count)
    for row in rows {
      let isNull = isNull(Int(row))
      if !isNull { spell(Int(row), out) }
      ends.append(UInt32(out.count))
      nulls.append(isNull ? 1 : 0)
    }
    return .spelled(out, ends: ends, nulls: nulls)
  }

  /// Adds the bytes that each row's value takes.
  private static func measure(_ cells: Cells, _ rows: [UInt32], _ places: inout [UInt32]) {
    places.withUnsafeMutableBufferPointer { places in
      rows.withUnsafeBufferPointer { rows in
        func numbers(_ nulls: [UInt8]) {
          nulls.withUnsafeBufferPointer { nulls in
            for i in places.indices { places[i] += !nulls.isEmpty && nulls[Int(rows[i])] != 0 ? 1 : 9 }
          }
        }
        switch cells {
        case .integers(let v): numbers(v.nulls)
        case .doubles(let v): numbers(v.nulls)
        case .texts(let slices, _):
          slices.withUnsafeBufferPointer { slices in
            for i in places.indices {
              let slice = slices[Int(rows[i])]
              places[i] += slice.start == nil ? 1 : UInt32(5 + slice.count)
            }
          }
        case .spelled(_, let ends, let nulls):
          for i in places.indices { places[i] += nulls[i] != 0 ? 1 : 5 + ends[i] - (i == 0 ? 0 : ends[i - 1]) }
        }
      }
    }
  }

  /// Writes each row's value at its place, and moves the place behind it.
  private static func write(_ cells: Cells, _ rows: [UInt32], _ places: inout [UInt32], to out: UnsafeMutableRawPointer) {
    places.withUnsafeMutableBufferPointer { places in
      rows.withUnsafeBufferPointer { rows in
        func numbers<T: BitwiseCopyable>(_ kind: Kind, _ values: [T], _ nulls: [UInt8]) {
          values.withUnsafeBufferPointer { values in
            nulls.withUnsafeBufferPointer { nulls in
              for i in places.indices {
                let row = Int(rows[i])
                let at = out + Int(places[i])
                if !nulls.isEmpty, nulls[row] != 0 {
                  at.storeBytes(of: Kind.null.rawValue, as: UInt8.self)
                  places[i] += 1
                } else {
                  at.storeBytes(of: kind.rawValue, as: UInt8.self)
                  (at + 1).storeBytes(of: values[row], as: T.self)
                  places[i] += 9
                }
              }
            }
          }
        }
        func text(_ i: Int, _ kind: Kind, _ start: UnsafePointer<UInt8>?, _ count: Int) {
          let at = out + Int(places[i])
          guard let start else {
            at.storeBytes(of: Kind.null.rawValue, as: UInt8.self)
            places[i] += 1
            return
          }
          at.storeBytes(of: kind.rawValue, as: UInt8.self)
          (at + 1).storeBytes(of: UInt32(count), as: UInt32.self)
          (at + 5).copyMemory(from: start, byteCount: count)
          places[i] += UInt32(5 + count)
        }
        switch cells {
        case .integers(let v): numbers(.integer, v.values, v.nulls)
        case .doubles(let v): numbers(.double, v.values, v.nulls)
        case .texts(let slices, let kind):
          slices.withUnsafeBufferPointer { slices in
            for i in places.indices {
              let slice = slices[Int(rows[i])]
              text(i, kind, slice.start, slice.count)
            }
          }
        case .spelled(let buffer, let ends, let nulls):
          for i in places.indices {
            let begin = i == 0 ? 0 : Int(ends[i - 1])
            text(i, .text, nulls[i] != 0 ? nil : UnsafePointer(buffer.bytes + begin), Int(ends[i]) - begin)
          }
        }
      }
    }
  }
}
