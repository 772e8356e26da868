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
    let (names, selected) = (batch.columns.map(\.field.name), key.isEmpty ? [] : batch.selected)
    batch.decode { column, values, refuse in
      guard key.contains(names[column]) else { return }
      for row in selected where values.isNull(Int(row)) { refuse(row, "it is NULL, and write.key names it") }
    }
  }

  /// A column's values, ready to be sized and copied.
  private enum Cells {
    case integers(NullableVector<Int64>)
    case doubles(NullableVector<Double>)
    case texts([TextSlice], Kind)
    case spelled(SpelledValues)
  }

  func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    let rows = batch.selected
    guard !rows.isEmpty else { return }
    let cells = batch.columns.map { Self.cells($0, rows) }
    RowBlock.append(batch, rows, to: out) { sizes in
      for cell in cells { Self.measure(cell, rows, &sizes) }
    } fill: { places, base in
      for cell in cells { Self.write(cell, rows, &places, to: base) }
    }
  }

  private static func cells(_ column: Column, _ rows: [UInt32]) -> Cells {
    switch column.values {
    case .integers(let v) where column.field.type == .bigint: return .integers(v)
    case .integers(let v):
      return .spelled(SpelledValues(rows, isNull: { v.isNull($0) }) { ValueText.write(.integers(v), $0, column.field.type, to: $1) })
    case .decimals(let v):
      guard case .decimal(let precision, let scale) = column.field.type else {
        return .spelled(SpelledValues(rows, isNull: { _ in true }) { _, _ in })
      }
      if scale == 0, precision <= integerDigits {
        return .integers(NullableVector(values: v.values.map { Int64(truncatingIfNeeded: $0) }, nulls: v.nulls))
      }
      return .spelled(SpelledValues(rows, isNull: { v.isNull($0) }) { DecimalText.write(v.values[$0], scale: scale, to: $1) })
    case .doubles(let v): return .doubles(v)
    case .booleans(let v):
      return .integers(NullableVector(values: v.map { Int64($0 & 1) }, nulls: v.map { $0 == 2 ? 1 : 0 }))
    case .text(let v): return .texts(v.slices, column.field.type == .bytes ? .blob : .text)
    case nil: return .spelled(SpelledValues(rows, isNull: { _ in true }) { _, _ in })
    }
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
        case .spelled(let values):
          for i in places.indices { places[i] += values.nulls[i] != 0 ? 1 : UInt32(5 + values.count(i)) }
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
        case .spelled(let values):
          for i in places.indices {
            text(i, .text, values.nulls[i] != 0 ? nil : UnsafePointer(values.bytes.bytes + values.start(i)), values.count(i))
          }
        }
      }
    }
  }
}
