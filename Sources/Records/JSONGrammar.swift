import CByteScan

/// A strict reader of JSON text (RFC 8259): it finds the end of a value, or the place that breaks the grammar. It reads each byte once and
/// allocates nothing.
///
/// It does not check that texts are well-formed UTF-8; callers do that for a whole chunk at once. Methods that take something return
/// false where it is missing.
public struct JSONGrammar {
  /// How deep arrays and objects may nest. RFC 8259 §9 lets a parser set a limit; ours keeps the stack bounded.
  public static let maximumDepth = 512

  /// The first byte of the text, which the caller keeps alive.
  public let p: UnsafePointer<UInt8>
  /// The number of bytes in the text.
  public let n: Int
  /// The position of the next byte, 0 to ``n``.
  public private(set) var at: Int

  /// Reads the `count` bytes at `start`, from position `at`.
  @inline(__always)
  public init(_ start: UnsafePointer<UInt8>, count: Int, at: Int = 0) {
    p = start
    n = count
    self.at = at
  }

  /// Whether the bytes are one JSON value, with nothing but white space around it.
  public static func isValue(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    var reader = JSONGrammar(p, count: n)
    reader.skipSpace()
    guard reader.value(depth: 0) else { return false }
    reader.skipSpace()
    return reader.at == n
  }

  /// Whether all bytes are taken.
  @inline(__always) public var atEnd: Bool { at >= n }
  /// The next byte; 0 at the end.
  @inline(__always) public var current: UInt8 { at < n ? p[at] : 0 }

  /// Takes `byte` if it is the next one.
  @inline(__always)
  public mutating func take(_ byte: UInt8) -> Bool {
    guard at < n, p[at] == byte else { return false }
    at += 1
    return true
  }

  /// Passes over white space: blanks, tabs, line feeds and returns (RFC 8259 §2).
  @inline(__always)
  public mutating func skipSpace() {
    // Most often there is none.
    if at < n, p[at] > 0x20 { return }
    skipSpaces()
  }

  @inline(never)
  private mutating func skipSpaces() {
    while at < n, p[at] == 0x20 || p[at] == 0x09 || p[at] == 0x0A || p[at] == 0x0D { at += 1 }
  }

  /// Takes one value. Where it returns false, ``at`` is the place that breaks the grammar.
  ///
  /// - Parameter depth: how many arrays and objects the value stands in; at ``maximumDepth`` it is refused.
  public mutating func value(depth: Int) -> Bool {
    guard at < n, depth < Self.maximumDepth else { return false }
    switch p[at] {
    case 0x22: return string()
    case 0x7B: return object(depth)
    case 0x5B: return array(depth)
    case 0x74: return word("true")
    case 0x66: return word("false")
    case 0x6E: return word("null")
    default: return number()
    }
  }

  /// Takes `count` bytes that another scan has read already.
  @inline(__always)
  public mutating func skip(_ count: Int) { at += count }

  private mutating func word(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard n - at >= count else { return false }
    for i in 0..<count where p[at + i] != word.utf8Start[i] { return false }
    at += count
    return true
  }

  private mutating func object(_ depth: Int) -> Bool {
    at += 1
    skipSpace()
    if take(0x7D) { return true }
    while true {
      skipSpace()
      guard current == 0x22, string() else { return false }
      skipSpace()
      guard take(0x3A) else { return false }
      skipSpace()
      guard value(depth: depth + 1) else { return false }
      skipSpace()
      if take(0x7D) { return true }
      guard take(0x2C) else { return false }
    }
  }

  private mutating func array(_ depth: Int) -> Bool {
    at += 1
    skipSpace()
    if take(0x5D) { return true }
    while true {
      skipSpace()
      guard value(depth: depth + 1) else { return false }
      skipSpace()
      if take(0x5D) { return true }
      guard take(0x2C) else { return false }
    }
  }

  /// Takes a string, its quotes included.
  @inline(__always)
  public mutating func string() -> Bool {
    guard take(0x22) else { return false }
    while at < n {
      at += sluice_json_plain_prefix(p + at, n - at)
      guard at < n else { return false }
      switch p[at] {
      case 0x22:
        at += 1
        return true
      case 0x5C:
        guard escape() else { return false }
      default: return false
      }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard at + 1 < n else { return false }
    switch p[at + 1] {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74:
      at += 2
      return true
    case 0x75:
      guard at + 6 <= n else { return false }
      for i in 2..<6 {
        let c = p[at + i]
        let isHex = (c &- 0x30) <= 9 || ((c | 0x20) &- 0x61) <= 5
        if !isHex { return false }
      }
      at += 6
      return true
    default: return false
    }
  }

  private mutating func digits() -> Bool {
    let start = at
    while at < n, p[at] &- 0x30 <= 9 { at += 1 }
    return at > start
  }

  @inline(__always)
  private mutating func number() -> Bool {
    _ = take(0x2D)
    if !take(0x30) {
      guard digits() else { return false }
    }
    if take(0x2E) {
      guard digits() else { return false }
    }
    if at < n, p[at] | 0x20 == 0x65 {
      at += 1
      if !take(0x2B) { _ = take(0x2D) }
      guard digits() else { return false }
    }
    return true
  }
}
