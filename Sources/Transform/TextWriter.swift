import Records

/// Builds texts one after another in memory that does not move, so that each can be handed out as a slice of it.
struct TextWriter {
  /// Why a text can't be built.
  enum Overflow {
    case text(bytes: Int)
    case batch(bytes: Int)

    var message: String {
      switch self {
      case .text(let bytes): "the text would be longer than the \(bytes) bytes of parse.limits.record"
      case .batch(let bytes): "with this text those of its batch of records would be longer than the \(bytes) bytes of limits.memory"
      }
    }
  }
  private static let blockBytes = 64 << 10

  /// The buffers that hold the texts. A vector of the texts must hold them.
  private(set) var owners: [ByteBuffer] = []
  // The last owner's memory, as bare pointers: a byte more costs no look at who owns it.
  private var next: UnsafeMutablePointer<UInt8>
  private var end: UnsafeMutablePointer<UInt8>
  /// Where the text that is being built begins.
  private var start: UnsafeMutablePointer<UInt8>
  private let bounds: EvaluationBounds
  /// The size of all owners together, in bytes.
  private var held = blockBytes
  /// The reason why the writer gives up the text that it builds; it then drops every later append.
  private(set) var overflow: Overflow? {
    didSet { hasOverflowed = overflow != nil }
  }
  private(set) var hasOverflowed = false

  init(_ bounds: EvaluationBounds) {
    self.bounds = bounds
    let block = ByteBuffer(capacity: Self.blockBytes)
    owners = [block]
    (start, next, end) = (block.bytes, block.bytes, block.bytes + block.capacity)
  }

  /// The text that was built; the next one begins.
  @inline(__always)
  mutating func take() -> TextSlice {
    if next - start > bounds.textBytes || hasOverflowed { return dropTooLong() }
    defer { start = next }
    return TextSlice(start: start, count: next - start)
  }

  /// Leaves what was built of a text; the next one begins.
  @inline(__always)
  mutating func drop() -> TextSlice {
    next = start
    return .null
  }

  private mutating func dropTooLong() -> TextSlice {
    overflow = overflow ?? .text(bytes: bounds.textBytes)
    return drop()
  }

  /// Why the last text is none; it is told once.
  mutating func takeOverflow() -> Overflow? {
    defer { overflow = nil }
    return overflow
  }

  @inline(__always)
  mutating func append(_ byte: UInt8) {
    guard next < end || grow(1) else { return }
    next.pointee = byte
    next += 1
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let base = bytes.baseAddress, end - next >= bytes.count || grow(bytes.count) else { return }
    next.update(from: base, count: bytes.count)
    next += bytes.count
  }

  @inline(__always)
  mutating func append(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) { append(UnsafeBufferPointer(rebasing: bytes)) }

  mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  /// Appends UTF-8 as a JSON string: in quotes, with quotes, backslashes and control characters escaped (RFC 8259 §7).
  mutating func appendJSON(_ text: Slice<UnsafeBufferPointer<UInt8>>) {
    append(0x22)
    var begin = text.startIndex
    for at in text.indices where text[at] < 0x20 || text[at] == 0x22 || text[at] == 0x5C {
      append(text[begin..<at])
      begin = at + 1
      append(0x5C)
      switch text[at] {
      case 0x22, 0x5C: append(text[at])
      case 0x0A: append(0x6E)
      case 0x0D: append(0x72)
      case 0x09: append(0x74)
      default:
        for digit in [0x75, 0x30, 0x30, Digits.lower[Int(text[at] >> 4)], Digits.lower[Int(text[at] & 15)]] { append(digit) }
      }
    }
    append(text[begin...])
    append(0x22)
  }

  /// Room for `count` bytes more, which the caller fills; nil where the text would become too long.
  @inline(__always)
  mutating func room(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
    if end - next < count, !grow(count) { return nil }
    defer { next += count }
    return next
  }

  /// Takes back the last `count` bytes of what ``room(_:)`` gave.
  @inline(__always)
  mutating func giveBack(_ count: Int) { next -= count }

  /// A new block, to which the text that is being built moves; false where the text, or all of them, would become too long.
  private mutating func grow(_ count: Int) -> Bool {
    let built = next - start
    let capacity = max(Self.blockBytes, built + count, min(2 * (built + count), bounds.textBytes))
    if built + count > bounds.textBytes {
      overflow = .text(bytes: bounds.textBytes)
    } else if held + capacity > bounds.batchBytes {
      overflow = .batch(bytes: bounds.batchBytes)
    }
    if overflow != nil { return false }
    held += capacity
    let block = ByteBuffer(capacity: capacity)
    block.bytes.update(from: start, count: built)
    owners.append(block)
    (start, next, end) = (block.bytes, block.bytes + built, block.bytes + block.capacity)
    return true
  }
}
