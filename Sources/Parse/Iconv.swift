import Foundation
import Records

/// The system's converter from one encoding to UTF-8, with what it knows between calls.
///
/// It owns its descriptor, which never leaves it; one task uses it at a time.
final class Iconv {
  private let descriptor: iconv_t
  /// Bytes that are passed over where they stand for nothing: a character's, where all are as long as each other.
  private let unit: Int

  /// Nil where the system has no encoding of that name.
  init?(_ name: String) {
    guard let opened = iconv_open("UTF-8", name), opened != iconv_t(bitPattern: -1) else { return nil }
    descriptor = opened
    unit = name.hasPrefix("UTF-32") || name.hasPrefix("UCS-4") ? 4 : name.hasPrefix("UCS-2") ? 2 : 1
  }

  deinit { iconv_close(descriptor) }

  /// Appends the UTF-8 of `count` bytes to `out`. It counts bytes that stand for no character, and writes a byte that is not UTF-8 for each.
  ///
  /// - Returns: how many bytes were taken. The rest begins a character that goes on after them.
  func convert(_ p: UnsafePointer<UInt8>, _ count: Int, to out: ByteBuffer, invalid: inout Int) -> Int {
    // iconv reads what it is given and no more; its parameter is not const for the sake of old callers.
    var input: UnsafeMutablePointer<CChar>? = UnsafeMutableRawPointer(mutating: p).assumingMemoryBound(to: CChar.self)
    var left = count
    while left > 0 {
      out.reserve(left + left / 2 + 16)
      let before = left
      guard let failure = step(&input, &left, out) else { break }
      switch failure {
      case E2BIG: if left == before { out.reserve(out.capacity - out.count + 64) }
      case EINVAL: return count - left
      default:
        out.append(0xFF)
        invalid += 1
        let passed = min(unit, left)
        input = input.map { $0 + passed }
        left -= passed
      }
    }
    return count
  }

  /// Appends what it holds back: some encodings join a character with what may follow it.
  func finish(to out: ByteBuffer) {
    out.reserve(64)
    var none: UnsafeMutablePointer<CChar>?
    var left = 0
    _ = step(&none, &left, out)
  }

  /// One call; nil where all was converted, else why not.
  private func step(_ input: inout UnsafeMutablePointer<CChar>?, _ left: inout Int, _ out: ByteBuffer) -> Int32? {
    // Within the memory that `out` owns, past what is filled: iconv writes `room` bytes at most.
    var output: UnsafeMutablePointer<CChar>? = UnsafeMutableRawPointer(out.bytes + out.count).assumingMemoryBound(to: CChar.self)
    let space = out.capacity - out.count
    var room = space
    let result = iconv(descriptor, &input, &left, &output, &room)
    let code = errno
    out.count += space - room
    return result == Int(bitPattern: UInt.max) ? code : nil
  }
}
