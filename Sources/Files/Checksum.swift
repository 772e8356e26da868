import CZlib
import Foundation

#if canImport(CISAL)
  import CISAL
#endif

/// A CRC-32, computed as gzip does (RFC 1952 §8). Recovery compares it with a part's bytes and so finds a part that was changed.
public struct Checksum: Sendable, Hashable {
  /// The CRC-32 of the bytes that were added so far; 0 before the first.
  public private(set) var value: UInt32

  /// Makes the checksum of no bytes.
  public init() { value = 0 }

  /// Makes a checksum of a value that was kept earlier.
  init(value: UInt32) { self.value = value }

  /// Makes the checksum of the `count` bytes at `start`.
  public init(_ start: UnsafePointer<UInt8>, _ count: Int) {
    self.init()
    add(start, count)
  }

  /// Adds the `count` bytes at `start` behind those that were added before.
  public mutating func add(_ start: UnsafePointer<UInt8>, _ count: Int) {
    #if canImport(CISAL)
      value = crc32_gzip_refl(value, start, UInt64(count))
    #else
      value = UInt32(crc32_z(uLong(value), start, count))
    #endif
  }

  /// Computes the checksum of these bytes followed by `count` more, whose checksum is `next`. It reads no bytes.
  public func followed(by next: Checksum, count: Int) -> Checksum {
    Checksum(value: UInt32(truncatingIfNeeded: crc32_combine(uLong(value), uLong(next.value), off_t(count))))
  }

  /// Reads `length` bytes of an open file, from `offset` on, and computes their checksum; nil where the file is shorter or can't be read. Blocks.
  static func ofFile(_ descriptor: Int32, from offset: Int = 0, length: Int) -> Checksum? {
    var checksum = Checksum()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var done = 0
    while done < length {
      let n = pread(descriptor, &buffer, min(buffer.count, length - done), off_t(offset + done))
      if n < 0, errno == EINTR { continue }
      guard n > 0 else { return nil }
      checksum.add(buffer, n)
      done += n
    }
    return checksum
  }
}
