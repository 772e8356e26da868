import Files
import Foundation
import Records

#if canImport(CZstd)
  import CZstd
#endif

/// Blocks of rows as they are kept: each behind a head, and packed by zstd where that is at hand. Rows of numbers are mostly zeros, so a disk
/// takes a seventh of them.
///
/// A head is the block's length as it is kept, its own length, and its count of rows (UInt32 each), 4 bytes of nothing, and the number of its
/// chunk's first record in the item (Int64); all in this machine's order.
enum RowFrames {
  static let headBytes = 24
  /// A shorter block is kept as it is.
  fileprivate static let leastPacked = 4 << 10

  struct Head {
    var keptBytes: Int
    var blockBytes: Int
    var rowCount: Int
    var firstRecord: Int

    init(_ start: UnsafeRawPointer) {
      keptBytes = Int(start.loadUnaligned(as: UInt32.self))
      blockBytes = Int(start.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      rowCount = Int(start.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
      firstRecord = Int(start.loadUnaligned(fromByteOffset: 16, as: Int64.self))
    }
  }
}

/// Makes frames of the chunks of one output. One worker uses it at a time.
///
/// `@unchecked Sendable`: it is touched only under its writer's lock.
final class RowPacker: @unchecked Sendable {
  #if canImport(CZstd)
    /// Level -1 packs such rows nearly as well as level 1, in less time.
    private static let level: Int32 = -1
    private let context = ZSTD_createCCtx()
    deinit { ZSTD_freeCCtx(context) }
  #endif

  /// The frames of a chunk's blocks.
  func frames(_ chunk: SinkChunk) -> ByteBuffer {
    let out = ByteBuffer(capacity: chunk.bytes.count / 4 + 1024)
    var at = 0
    while at < chunk.bytes.count, let block = RowBlock(chunk.bytes.bytes + at, room: chunk.bytes.count - at) {
      let head = out.count
      out.reserve(RowFrames.headBytes)
      out.count += RowFrames.headBytes
      pack(chunk.bytes.bytes + at, block.length, to: out)
      let start = UnsafeMutableRawPointer(out.bytes + head)
      start.storeBytes(of: UInt32(out.count - head - RowFrames.headBytes), as: UInt32.self)
      start.storeBytes(of: UInt32(block.length), toByteOffset: 4, as: UInt32.self)
      start.storeBytes(of: UInt32(block.rowCount), toByteOffset: 8, as: UInt32.self)
      start.storeBytes(of: 0, toByteOffset: 12, as: UInt32.self)
      start.storeBytes(of: Int64(chunk.firstRecord), toByteOffset: 16, as: Int64.self)
      at += block.length
    }
    return out
  }

  private func pack(_ start: UnsafePointer<UInt8>, _ count: Int, to out: ByteBuffer) {
    #if canImport(CZstd)
      if count >= RowFrames.leastPacked, let context {
        // A block that does not shrink is kept as it is: there is no room here for more.
        out.reserve(count)
        let packed = ZSTD_compressCCtx(context, out.bytes + out.count, count - 1, start, count, Self.level)
        if ZSTD_isError(packed) == 0 {
          out.count += packed
          return
        }
      }
    #endif
    out.append(start, count)
  }
}

/// The rows of an output, in memory or in its part, as a commit reads them.
final class RowSource {
  /// The place of a block.
  struct Place {
    /// Of the block as it is kept, behind its head.
    var offset: Int
    var keptBytes: Int
    var blockBytes: Int
    var firstRow: Int
    var rowCount: Int
    /// Added to the numbers of records in the block.
    var firstRecord: Int
  }

  /// The places of all blocks, in order.
  private(set) var places: [Place] = []
  /// How many rows there are.
  private(set) var rowCount = 0
  private let frames: [ByteBuffer]
  private let descriptor: Int32
  private let path: String
  private let kept = ByteBuffer(capacity: 1 << 16)
  private let unpacked = ByteBuffer(capacity: 1 << 16)
  #if canImport(CZstd)
    private let context = ZSTD_createDCtx()
  #endif

  /// The rows of frames in memory.
  init(_ frames: [ByteBuffer]) throws {
    self.frames = frames
    descriptor = -1
    path = "rows in memory"
    for (i, buffer) in frames.enumerated() {
      var at = 0
      while at < buffer.count {
        guard at + RowFrames.headBytes <= buffer.count else { throw damaged() }
        at = try add(RowFrames.Head(buffer.bytes + at), at: at, end: buffer.count, base: i << 32)
      }
    }
  }

  /// The rows in these bytes of a file, which ``FilePrefix/find(at:offset:isPart:)`` has found whole.
  init(path: String, _ bytes: Range<Int>) throws {
    frames = []
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw WriteError(action: "read", path: path) }
    var at = bytes.lowerBound
    while at < bytes.upperBound {
      at = try add(RowFrames.Head(read(at, RowFrames.headBytes)), at: at, end: bytes.upperBound, base: 0)
    }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    #if canImport(CZstd)
      ZSTD_freeDCtx(context)
    #endif
  }

  private func damaged(_ reason: String = "its rows are damaged; resume writes them again") -> WriteError {
    WriteError(action: "read", path: path, reason: reason)
  }

  /// Notes the place of a block.
  ///
  /// - Returns: the place behind it.
  private func add(_ head: RowFrames.Head, at offset: Int, end: Int, base: Int) throws -> Int {
    let start = offset + RowFrames.headBytes
    guard head.keptBytes <= end - start, head.keptBytes <= head.blockBytes, head.blockBytes >= RowBlock.headBytes + head.rowCount * 8 else {
      throw damaged()
    }
    places.append(
      Place(
        offset: base | start, keptBytes: head.keptBytes, blockBytes: head.blockBytes, firstRow: rowCount, rowCount: head.rowCount,
        firstRecord: head.firstRecord))
    rowCount += head.rowCount
    return start + head.keptBytes
  }

  private func read(_ offset: Int, _ count: Int) throws -> UnsafeRawPointer {
    kept.count = 0
    kept.reserve(count)
    var done = 0
    while done < count {
      let got = pread(descriptor, kept.bytes + done, count - done, off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw WriteError(action: "read", path: path) }
      guard got > 0 else { throw damaged() }
      done += got
    }
    return UnsafeRawPointer(kept.bytes)
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
    var start: UnsafeRawPointer
    if descriptor >= 0 {
      start = try read(place.offset, place.keptBytes)
    } else {
      start = UnsafeRawPointer(frames[place.offset >> 32].bytes + place.offset & 0xFFFF_FFFF)
    }
    if place.keptBytes < place.blockBytes { start = try unpack(start, place) }
    guard let block = RowBlock(start, room: place.blockBytes), block.rowCount == place.rowCount else { throw damaged() }
    return block
  }

  private func unpack(_ start: UnsafeRawPointer, _ place: Place) throws -> UnsafeRawPointer {
    #if canImport(CZstd)
      unpacked.count = 0
      unpacked.reserve(place.blockBytes)
      guard ZSTD_decompressDCtx(context, unpacked.bytes, place.blockBytes, start, place.keptBytes) == place.blockBytes else {
        throw damaged()
      }
      return UnsafeRawPointer(unpacked.bytes)
    #else
      throw damaged("another build packed its rows by zstd, which this one is without")
    #endif
  }

  /// The number, from 0, of a row's record in its item.
  func record(ofRow row: Int) throws -> Int {
    let place = places[place(ofRow: row)]
    return place.firstRecord + (try block(place).record(row - place.firstRow))
  }
}
