import Records

/// A decimal number in the binary form of PostgreSQL's `numeric` (`numeric_recv`): counts of digits of base 10,000, the exponent of the first, the
/// sign, the digits behind the point; then the digits, 16 bits each.
struct PostgreSQLNumeric {
  /// The significant digits, as text, with what stands between them left out when it is read.
  private let start: UnsafePointer<UInt8>
  private let end: UnsafePointer<UInt8>
  private let isNegative: Bool
  /// How many digits there are from the first that is not 0 to the last.
  private let digitCount: Int
  /// How many of these stand before the point; negative where zeros come behind it first.
  private let before: Int
  /// How many digits the text has behind the point.
  private let scale: Int

  /// Reads a number: digits, with a point or without, with an exponent or without; nil where it is none, or far beyond what the type holds.
  init?(_ text: UnsafePointer<UInt8>, _ count: Int) {
    var p = text
    let stop = text + count
    while p < stop, p[0] == 0x20 { p += 1 }
    isNegative = p < stop && p[0] == 0x2D
    if p < stop, p[0] == 0x2D || p[0] == 0x2B { p += 1 }
    start = p
    var (digits, integers, fractions, leading) = (0, 0, 0, 0)
    var isBehindPoint = false
    var isSignificant = false
    while p < stop {
      if p[0] == 0x2E, !isBehindPoint {
        isBehindPoint = true
      } else if p[0] >= 0x30, p[0] <= 0x39 {
        if p[0] != 0x30 { isSignificant = true }
        if isSignificant { digits += 1 } else { leading += 1 }
        if isBehindPoint { fractions += 1 } else { integers += 1 }
      } else {
        break
      }
      p += 1
    }
    end = p
    guard integers + fractions > 0 else { return nil }
    var exponent = 0
    if p < stop, p[0] | 0x20 == 0x65 {
      p += 1
      var isDown = false
      if p < stop, p[0] == 0x2D || p[0] == 0x2B {
        isDown = p[0] == 0x2D
        p += 1
      }
      guard p < stop else { return nil }
      while p < stop, p[0] >= 0x30, p[0] <= 0x39 {
        exponent = min(exponent * 10 + Int(p[0] - 0x30), 1_000_000)
        p += 1
      }
      if isDown { exponent = -exponent }
    }
    while p < stop, p[0] == 0x20 { p += 1 }
    digitCount = digits
    before = integers - leading + exponent
    scale = max(0, fractions - exponent)
    // The type's own bounds (PostgreSQL 8.1.2).
    guard p == stop, before <= 131_072, scale <= 16_383 else { return nil }
  }

  /// Whether `numeric(precision, scale)` holds the number without rounding it.
  ///
  /// - Parameter mayRound: whether digits behind the last one that the type has may be rounded away, as those of a double.
  func fits(precision: Int, scale limit: Int, mayRound: Bool) -> Bool {
    if digitCount == 0 { return true }
    if before > precision - limit { return false }
    return mayRound || scale <= limit || significantScale <= limit
  }

  /// The digits behind the point up to the last that is not 0.
  private var significantScale: Int {
    var zeros = 0
    var p = end
    while p > start {
      p -= 1
      if p[0] == 0x2E { continue }
      if p[0] != 0x30 { break }
      zeros += 1
    }
    return digitCount - zeros - before
  }

  /// Appends the number.
  func write(to out: ByteBuffer) {
    func put(_ value: Int) {
      out.append(UInt8(truncatingIfNeeded: value >> 8))
      out.append(UInt8(truncatingIfNeeded: value))
    }
    guard digitCount > 0 else {
      put(0)
      put(0)
      put(0)
      put(scale)
      return
    }
    // A group holds the digits of exponents 4w to 4w + 3.
    func group(_ exponent: Int) -> Int { exponent >= 0 ? exponent / 4 : -((3 - exponent) / 4) }
    let first = group(before - 1)
    let last = group(before - digitCount)
    put(first - last + 1)
    put(first)
    put(isNegative ? 0x4000 : 0)
    put(scale)
    var exponent = before - 1
    var (current, value, seen) = (first, 0, 0)
    var p = start
    while p < end {
      let byte = p[0]
      p += 1
      if byte == 0x2E || (seen == 0 && byte == 0x30) { continue }
      let g = group(exponent)
      if g != current {
        put(value)
        (current, value) = (g, 0)
      }
      let place = exponent - g * 4
      value += Int(byte - 0x30) * (place == 3 ? 1000 : place == 2 ? 100 : place == 1 ? 10 : 1)
      exponent -= 1
      seen += 1
    }
    put(value)
  }
}
