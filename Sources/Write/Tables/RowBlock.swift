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
  private let ends: UnsafeRawPointer
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

  /// Appends the head of a block and its table of records; ``finish(_:_:)`` fills in the ends.
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

  /// Notes where a row of a block that is being made ends: at the end of what `out` holds.
  static func note(row: Int, of rowCount: Int, in out: ByteBuffer, from start: Int) {
    set(end: out.count - start - headBytes - rowCount * 8, row: row, in: out, from: start)
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

/// The rows of an output, in memory or in its part, as a commit reads them.
final class RowSource {
  /// The bytes before each chunk: its length, and the number of its first record in the item.
  static let chunkHeadBytes = 16
  /// The place of a block.
  struct Place {
    var offset: Int
    var length: Int
    var firstRow: Int
    var rowCount: Int
    /// Added to the numbers of records in the block.
    var firstRecord: Int
  }

  /// The places of all blocks, in order.
  private(set) var places: [Place] = []
  /// How many rows there are.
  private(set) var rowCount = 0
  private let chunks: [SinkChunk]
  private let descriptor: Int32
  private let path: String
  private let buffer = ByteBuffer(capacity: 1 << 20)

  /// The rows of chunks in memory.
  init(_ chunks: [SinkChunk]) throws {
    self.chunks = chunks
    descriptor = -1
    path = "rows in memory"
    for (i, chunk) in chunks.enumerated() {
      var at = 0
      while at < chunk.bytes.count {
        guard let block = RowBlock(chunk.bytes.bytes + at, room: chunk.bytes.count - at) else { throw damaged() }
        add(block.length, block.rowCount, at: i << 32 | at, chunk.firstRecord)
        at += block.length
      }
    }
  }

  /// The rows in these bytes of a file, which ``FilePrefix/find(at:offset:isPart:)`` has found whole.
  init(path: String, _ bytes: Range<Int>) throws {
    chunks = []
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw WriteError(action: "read", path: path) }
    var at = bytes.lowerBound
    while at < bytes.upperBound {
      let head = try read(at, Self.chunkHeadBytes)
      let end = at + Self.chunkHeadBytes + Int(head.loadUnaligned(as: UInt64.self))
      let firstRecord = Int(head.loadUnaligned(fromByteOffset: 8, as: Int64.self))
      guard end <= bytes.upperBound else { throw damaged() }
      at += Self.chunkHeadBytes
      while at < end {
        let head = try read(at, RowBlock.headBytes)
        let block = Int(head.loadUnaligned(as: UInt32.self))
        let rows = Int(head.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        guard block >= RowBlock.headBytes + rows * 8, at + block <= end else { throw damaged() }
        add(block, rows, at: at, firstRecord)
        at += block
      }
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private func damaged() -> WriteError { WriteError(action: "read", path: path, reason: "its rows are damaged; resume writes them again") }

  private func add(_ length: Int, _ rows: Int, at offset: Int, _ firstRecord: Int) {
    places.append(Place(offset: offset, length: length, firstRow: rowCount, rowCount: rows, firstRecord: firstRecord))
    rowCount += rows
  }

  private func read(_ offset: Int, _ count: Int) throws -> UnsafeRawPointer {
    buffer.count = 0
    buffer.reserve(count)
    var done = 0
    while done < count {
      let got = pread(descriptor, buffer.bytes + done, count - done, off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw WriteError(action: "read", path: path) }
      guard got > 0 else { throw damaged() }
      done += got
    }
    return UnsafeRawPointer(buffer.bytes)
  }

  /// The number of the first block that has a row behind `row`.
  func place(ofRow row: Int) -> Int {
    var (low, high) = (0, places.count)
    while low < high {
      let middle = (low + high) / 2
      if places[middle].firstRow + places[middle].rowCount > row { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The block at a place. Its memory is valid until the next one is read.
  func block(_ place: Place) throws -> RowBlock {
    let start: UnsafeRawPointer
    if descriptor >= 0 {
      start = try read(place.offset, place.length)
    } else {
      start = UnsafeRawPointer(chunks[place.offset >> 32].bytes.bytes + place.offset & 0xFFFF_FFFF)
    }
    guard let block = RowBlock(start, room: place.length) else { throw damaged() }
    return block
  }

  /// The number, from 0, of a row's record in its item.
  func record(ofRow row: Int) throws -> Int {
    let place = places[place(ofRow: row)]
    return place.firstRecord + (try block(place).record(row - place.firstRow))
  }
}
