/// Memory for a run of bytes that travels between stages: a chunk, or the output made from one.
///
/// One owner fills it and hands it on; from then on every stage only reads it. It always owns ``padding`` readable bytes past
/// `capacity`, so that scans by blocks of 64 bytes need no tail case.
///
/// `@unchecked Sendable`, and no exclusivity checks: the memory is written only by the task that holds the buffer before
/// it is sent through a channel (which orders the writes before the reads), and it is freed only when the last reference
/// goes.
public final class ByteBuffer: @unchecked Sendable {
  /// How many bytes past `capacity` a scan may read. Their values mean nothing.
  public static let padding = 64

  /// The first byte. The pointer is valid while this buffer is referenced, until an append or ``reserve(_:)`` moves the memory.
  @exclusivity(unchecked) public private(set) var bytes: UnsafeMutablePointer<UInt8>
  /// How many bytes fit before the memory has to move.
  @exclusivity(unchecked) public private(set) var capacity: Int
  /// How many bytes are filled, from the first on. A writer that fills memory by pointer sets it.
  @exclusivity(unchecked) public var count = 0

  /// Makes an empty buffer with room for `capacity` bytes, which are not initialized.
  public init(capacity: Int) {
    self.capacity = capacity
    bytes = .allocate(capacity: capacity + Self.padding)
    (bytes + capacity).initialize(repeating: 0, count: Self.padding)
  }

  deinit { bytes.deallocate() }

  /// Makes room for `extra` more bytes after `count` and keeps the filled ones. Growing at least doubles the
  /// capacity, and moves the memory.
  @inline(__always)
  public func reserve(_ extra: Int) {
    if count + extra > capacity { grow(extra) }
  }

  private func grow(_ extra: Int) {
    let larger = max(count + extra, capacity * 2)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger + Self.padding)
    moved.update(from: bytes, count: count)
    (moved + larger).initialize(repeating: 0, count: Self.padding)
    bytes.deallocate()
    bytes = moved
    capacity = larger
  }

  /// Appends `length` bytes that start at `source`.
  @inline(__always)
  public func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
    reserve(length)
    (bytes + count).update(from: source, count: length)
    count += length
  }

  /// Appends one byte.
  @inline(__always)
  public func append(_ byte: UInt8) {
    reserve(1)
    bytes[count] = byte
    count += 1
  }

  /// Appends bytes one by one; for short sequences.
  public func append(_ source: some Sequence<UInt8>) {
    for byte in source { append(byte) }
  }

  /// Appends the UTF-8 of a text.
  public func append(_ text: String) {
    var text = text
    text.withUTF8 { if let base = $0.baseAddress { append(base, $0.count) } }
  }

  /// Appends text that stands in the program: its bytes are there without a String being made.
  @inline(__always)
  public func append(literal text: StaticString) {
    append(text.utf8Start, text.utf8CodeUnitCount)
  }

  /// Copies the bytes in `range`, which is clamped to the filled bytes.
  public func copy(_ range: Range<Int>) -> [UInt8] {
    let range = range.clamped(to: 0..<count)
    return Array(UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count))
  }
}

extension ByteBuffer {
  /// Lends the bytes in `range`, which is clamped to the filled bytes, to `body`.
  ///
  /// The span can't outlive the call, and this buffer is referenced for as long, so its memory stays where it is: `body` must
  /// not append to it.
  @inline(__always)
  package func withSpan<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let range = range.clamped(to: 0..<count)
    let lent = UnsafeRawBufferPointer(start: bytes + range.lowerBound, count: range.count)
    defer { withExtendedLifetime(self) {} }
    return try body(lent.bytes)
  }

  /// Lends all filled bytes to `body`; see ``withSpan(_:_:)``.
  @inline(__always)
  package func withSpan<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result) throws(Failure) -> Result {
    try withSpan(0..<count, body)
  }
}

extension RawSpan {
  /// The byte at an offset, which is checked against the bounds.
  @inline(__always)
  package func byte(_ offset: Int) -> UInt8 { unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

  /// Hands the bytes to a scan that takes a pointer and a count. The pointer is valid within `body`; unlike those of a
  /// ``ByteBuffer``, bytes past the count are not to be read.
  @inline(__always)
  package func scan<Result, Failure: Error>(
    _ body: (UnsafePointer<UInt8>, Int) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeBytes { (raw) throws(Failure) -> Result in
      if let start = raw.baseAddress {
        // Bytes are bytes: memory of any type may be read as them.
        return try body(start.assumingMemoryBound(to: UInt8.self), raw.count)
      }
      // An empty span may be nowhere, and a scan of nothing reads nothing.
      return try withUnsafePointer(to: 0 as UInt8) { (nothing) throws(Failure) -> Result in try body(nothing, 0) }
    }
  }
}
