import Records

/// Builds texts one after another in memory that does not move, so that each can be handed out as a slice of it.
struct TextWriter {
  private static let blockBytes = 64 << 10

  /// What the texts are in; they live as long as these are held.
  private(set) var owners: [ByteBuffer] = []
  // The last owner's memory, as bare pointers: a byte more costs no look at who owns it.
  private var next: UnsafeMutablePointer<UInt8>
  private var end: UnsafeMutablePointer<UInt8>
  /// Where the text that is being built begins.
  private var start: UnsafeMutablePointer<UInt8>

  init() {
    let block = ByteBuffer(capacity: Self.blockBytes)
    owners = [block]
    (start, next, end) = (block.bytes, block.bytes, block.bytes + block.capacity)
  }

  /// The text that was built; the next one begins.
  @inline(__always)
  mutating func take() -> TextSlice {
    defer { start = next }
    return TextSlice(start: start, count: next - start)
  }

  /// Leaves what was built of a text; the next one begins.
  @inline(__always)
  mutating func drop() -> TextSlice {
    next = start
    return .null
  }

  @inline(__always)
  mutating func append(_ byte: UInt8) {
    if next == end { grow(1) }
    next.pointee = byte
    next += 1
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    let room = room(bytes.count)
    if let base = bytes.baseAddress { room.update(from: base, count: bytes.count) }
  }

  @inline(__always)
  mutating func append(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) { append(UnsafeBufferPointer(rebasing: bytes)) }

  mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  /// Room for `count` bytes more, which the caller fills.
  @inline(__always)
  mutating func room(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if end - next < count { grow(count) }
    defer { next += count }
    return next
  }

  /// A new block, to which the text that is being built moves.
  private mutating func grow(_ count: Int) {
    let built = next - start
    let block = ByteBuffer(capacity: max(Self.blockBytes, 2 * (built + count)))
    block.bytes.update(from: start, count: built)
    owners.append(block)
    (start, next, end) = (block.bytes, block.bytes + built, block.bytes + block.capacity)
  }
}
