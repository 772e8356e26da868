import CZlib
import Foundation

#if canImport(CISAL)
  import CISAL
#endif

/// CRC-32 as gzip has it (RFC 1952 §8): tells whether a part is still what was written.
public struct Checksum: Sendable, Hashable {
  public private(set) var value: UInt32

  /// Of nothing.
  public init() { value = 0 }
  public init(value: UInt32) { self.value = value }

  public init(_ start: UnsafePointer<UInt8>, _ count: Int) {
    self.init()
    add(start, count)
  }

  /// Takes in more bytes.
  public mutating func add(_ start: UnsafePointer<UInt8>, _ count: Int) {
    #if canImport(CISAL)
      value = crc32_gzip_refl(value, start, UInt64(count))
    #else
      value = UInt32(crc32_z(uLong(value), start, count))
    #endif
  }

  /// What it is with `count` bytes after it whose checksum is `next`.
  public func followed(by next: Checksum, count: Int) -> Checksum {
    Checksum(value: UInt32(truncatingIfNeeded: crc32_combine(uLong(value), uLong(next.value), off_t(count))))
  }

  /// Of an open file's first `length` bytes; nil where it is shorter or can't be read. Blocks.
  static func ofFile(_ descriptor: Int32, length: Int) -> Checksum? {
    var checksum = Checksum()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var done = 0
    while done < length {
      let n = pread(descriptor, &buffer, min(buffer.count, length - done), off_t(done))
      if n < 0, errno == EINTR { continue }
      guard n > 0 else { return nil }
      checksum.add(buffer, n)
      done += n
    }
    return checksum
  }
}
