import CFiles
import Files
import Foundation

/// Writes the end of a large file past the page cache, in whole blocks (open(2), O_DIRECT). A run syncs its output and does not read it
/// again, and the kernel's copy of it costs more time than all else about a write.
///
/// It is for file systems on a disk of this machine, which are known to do it well. A rest of less than a block is written through the page
/// cache when it must be in the file.
///
/// `@unchecked Sendable`: it is touched only under its part's lock.
final class LargeFile: @unchecked Sendable {
  #if FAILPOINTS
    // Small, so that tests of small files come here.
    static let least = 16 << 10
    private static let blockBytes = 8 << 10
  #else
    /// Bytes of a file from which on it is large.
    static let least = 4 << 20
    private static let blockBytes = 2 << 20
  #endif
  /// Offsets and sizes are multiples of it, as all disks and file systems in use ask for.
  private static let alignment = 4096

  private let plain: Int32
  private let direct: Int32
  private let block: UnsafeMutableRawPointer
  /// The block's place in the file.
  private var base: Int
  private var filled: Int
  /// How many of the filled bytes the file has already.
  private var flushed: Int
  /// The file system refused: all goes the plain way.
  private var isRefused = false

  /// - Parameters:
  ///   - descriptor: the file, open for reading and writing; it stays the caller's.
  ///   - length: where writing goes on.
  /// - Returns: nil where it can't be.
  init?(_ path: String, _ descriptor: Int32, at length: Int) {
    let direct = sluice_open_past_cache(path, descriptor)
    guard direct >= 0 else { return nil }
    base = length - length % Self.alignment
    filled = length - base
    flushed = filled
    self.direct = direct
    plain = descriptor
    block = .allocate(byteCount: Self.blockBytes, alignment: Self.alignment)
    if pread(descriptor, block, filled, off_t(base)) != filled { return nil }
  }

  deinit {
    block.deallocate()
    close(direct)
  }

  func append(_ start: UnsafePointer<UInt8>, _ count: Int) throws {
    var done = 0
    while done < count {
      let part = min(count - done, Self.blockBytes - filled)
      (block + filled).copyMemory(from: start + done, byteCount: part)
      filled += part
      done += part
      if filled == Self.blockBytes { try writeBlock() }
    }
  }

  private func writeBlock() throws {
    if try isRefused || !writePastCache() { try SystemCall.write(plain, block, Self.blockBytes, at: base, .partWrite) }
    base += Self.blockBytes
    filled = 0
    flushed = 0
  }

  /// False where that could not be, or not for all of it.
  private func writePastCache() throws -> Bool {
    do {
      return try SystemCall.writeOnce(direct, block, Self.blockBytes, at: base, .partWrite) == Self.blockBytes
    } catch let failure as SystemFailure where failure.code == EINVAL {
      isRefused = true
      return false
    }
  }

  /// Puts what is left into the file.
  func flush() throws {
    guard filled > flushed else { return }
    try SystemCall.write(plain, block + flushed, filled - flushed, at: base + flushed, .partWrite)
    let rest = filled % Self.alignment
    block.copyMemory(from: block + filled - rest, byteCount: rest)
    base += filled - rest
    filled = rest
    flushed = rest
  }
}
