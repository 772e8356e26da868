import Files
import Foundation
import Records

/// Rows of one batch as bytes for a table: the place of each row, the record that it comes from, and the row as the database takes it.
///
/// A block is its length and its count of rows; then for each row the place of its end behind these tables, and the number of its record in the chunk;
/// then the rows. All numbers are UInt32 in this machine's order and nowhere aligned.
struct RowBlock {
  /// The bytes before the tables of ends and records.
  static let headBytes = 8

  /// How many rows there are.
  let rowCount: Int
  /// The bytes of the whole block.
  let length: Int
  /// The table of ends.
  let ends: UnsafeRawPointer
  /// The first row's first byte.
  let rows: UnsafePointer<UInt8>

  /// The block at `start`, in memory that the caller keeps; nil where none stands there whole.
  init?(_ start: UnsafeRawPointer, room: Int) {
    guard room >= Self.headBytes else { return nil }
    length = Int(start.loadUnaligned(as: UInt32.self))
    rowCount = Int(start.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    let tables = Self.headBytes + rowCount * 8
    guard length <= room, tables <= length else { return nil }
    ends = start + Self.headBytes
    rows = (start + tables).assumingMemoryBound(to: UInt8.self)
    guard rowCount == 0 || end(rowCount - 1) == length - tables else { return nil }
  }

  /// The place behind a row's last byte, from ``rows`` on.
  func end(_ row: Int) -> Int { Int(ends.loadUnaligned(fromByteOffset: row * 4, as: UInt32.self)) }

  /// The place of a row's first byte.
  func start(_ row: Int) -> Int { row == 0 ? 0 : end(row - 1) }

  /// The number of a row's record in the chunk.
  func record(_ row: Int) -> Int { Int(ends.loadUnaligned(fromByteOffset: (rowCount + row) * 4, as: UInt32.self)) }

  /// Appends the head of a block and its table of records; ``set(end:row:in:from:)`` fills in the ends.
  ///
  /// - Returns: where the block begins in `out`.
  static func begin(_ batch: RecordBatch, _ rows: [UInt32], to out: ByteBuffer) -> Int {
    let start = out.count
    out.reserve(headBytes + rows.count * 8)
    let head = UnsafeMutableRawPointer(out.bytes + start)
    head.storeBytes(of: UInt32(rows.count), toByteOffset: 4, as: UInt32.self)
    let records = head + headBytes + rows.count * 4
    for (i, row) in rows.enumerated() {
      records.storeBytes(of: UInt32(batch.firstRecord + batch.record(ofRow: Int(row))), toByteOffset: i * 4, as: UInt32.self)
    }
    out.count += headBytes + rows.count * 8
    return start
  }

  /// Notes where a row ends, from the first row's first byte on.
  static func set(end: Int, row: Int, in out: ByteBuffer, from start: Int) {
    UnsafeMutableRawPointer(out.bytes + start + headBytes).storeBytes(of: UInt32(end), toByteOffset: row * 4, as: UInt32.self)
  }

  /// Writes down the length of a block, all of whose rows are appended.
  static func finish(in out: ByteBuffer, from start: Int) {
    UnsafeMutableRawPointer(out.bytes + start).storeBytes(of: UInt32(out.count - start), as: UInt32.self)
  }
}
