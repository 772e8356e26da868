import CByteScan
import CFloatText

/// Reads, checks and writes numbers as ASCII bytes.
public enum NumberText {
  /// Reads `count` bytes as a whole number: an optional sign and digits. Nil for other text, and for a number beyond 64 bits. Leading zeros
  /// and a plus sign are accepted; see ``isPlainNumber(_:_:)``.
  @inlinable @inline(__always)
  public static func integer(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    var i = 0
    var negative = false
    if count > 1, p[0] == 0x2D || p[0] == 0x2B {
      negative = p[0] == 0x2D
      i = 1
    }
    if count == 0 { return nil }
    if count - i > 18 { return longInteger(p, count) }
    var value: Int64 = 0
    while i < count {
      let digit = p[i] &- 0x30
      if digit > 9 { return nil }
      value = value &* 10 &+ Int64(digit)
      i += 1
    }
    return negative ? 0 &- value : value
  }

  @inlinable
  static func longInteger(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    Int64(String(decoding: UnsafeBufferPointer(start: p, count: count), as: UTF8.self))
  }

  /// Whether the bytes are a whole number that fits 64 bits; cheaper than reading it.
  @inlinable @inline(__always)
  public static func isInteger(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var start = 0
    if count > 1, p[0] == 0x2D || p[0] == 0x2B { start = 1 }
    if count == 0 { return false }
    if count - start > 18 { return longInteger(p, count) != nil }
    var bad: UInt8 = 0
    var i = start
    while i < count {
      bad |= (p[i] &- 0x30) > 9 ? 1 : 0
      i += 1
    }
    return bad == 0
  }

  /// Reads `count` bytes as a decimal number, with or without an exponent, and rounds correctly. Nil for other text, as `inf` and `nan`;
  /// infinite for a number beyond a double's range; 0 for one too small for it.
  ///
  /// Up to 15 digits without an exponent are read here (exact: one division of two exact doubles, Clinger 1990), the rest by `from_chars`.
  @inlinable @inline(__always)
  public static func double(_ p: UnsafePointer<UInt8>, _ count: Int) -> Double? {
    var i = 0
    let negative = count > 0 && p[0] == 0x2D
    if negative { i = 1 }
    var mantissa: Int64 = 0
    var point = -1
    let first = i
    if count - i > 16 { return longDouble(p, count) }
    while i < count {
      let digit = p[i] &- 0x30
      if digit <= 9 {
        mantissa = mantissa &* 10 &+ Int64(digit)
      } else if p[i] == 0x2E, point < 0 {
        point = i
      } else {
        return longDouble(p, count)
      }
      i += 1
    }
    let digits = count - first - (point >= 0 ? 1 : 0)
    if digits == 0 || digits > 15 { return longDouble(p, count) }
    var value = Double(mantissa)
    if point >= 0 { value /= powersOfTen(count - 1 - point) }
    return negative ? -value : value
  }

  @inlinable @inline(__always)
  static func powersOfTen(_ n: Int) -> Double {
    powers.withUnsafeBufferPointer { $0[n] }
  }
  @usableFromInline
  static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16]

  @usableFromInline
  static func longDouble(_ p: UnsafePointer<UInt8>, _ count: Int) -> Double? {
    guard count > 0 else { return nil }
    // from_chars also reads "inf" and "nan", which are not numbers of any source format here.
    let signed = p[0] == 0x2D || p[0] == 0x2B
    let head = count > 1 && signed ? p[1] : p[0]
    guard head &- 0x30 <= 9 || head == 0x2E else { return nil }
    var value = 0.0
    let status = p.withMemoryRebound(to: CChar.self, capacity: count) { sluice_read_double($0, count, &value) }
    switch status {
    case 0: return value
    case 2: return tiny(p, count) ? 0 : (p[0] == 0x2D ? -Double.infinity : .infinity)
    default: return nil
    }
  }

  private static func tiny(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    let text = String(decoding: UnsafeBufferPointer(start: p, count: count), as: UTF8.self)
    return (Double(text) ?? 0).magnitude < 1
  }

  /// Appends a whole number in decimal digits, with `-` where it is negative.
  public static func write(_ value: Int64, to out: ByteBuffer) {
    out.reserve(24)
    var magnitude = value.magnitude
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { digits in
      var i = 24
      repeat {
        i -= 1
        digits[i] = UInt8(truncatingIfNeeded: magnitude % 10) &+ 0x30
        magnitude /= 10
      } while magnitude > 0
      if value < 0 {
        i -= 1
        digits[i] = 0x2D
      }
      if let base = digits.baseAddress { out.append(UnsafePointer(base + i), 24 - i) }
    }
  }

  /// Appends the shortest text that reads back as the same double.
  ///
  /// - Parameter value: a finite number.
  @inline(__always)
  public static func write(_ value: Double, to out: ByteBuffer) {
    out.reserve(40)
    let end = out.bytes + out.count
    out.count += end.withMemoryRebound(to: CChar.self, capacity: 40) { sluice_write_double(value, $0) }
  }

  /// Whether a number keeps all its characters as a number. A plus sign (+4915112345678) and leading zeros (007) belong to a code, and a
  /// number would lose them.
  ///
  /// - Parameter p: text that ``integer(_:_:)`` or ``double(_:_:)`` accepts.
  @inlinable
  public static func isPlainNumber(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    let i = p[0] == 0x2D ? 1 : 0
    if i >= count || p[i] == 0x2B { return false }
    return p[i] != 0x30 || i + 1 >= count || p[i + 1] &- 0x30 > 9
  }

  /// Whether a field of type bigint takes the bytes: a whole number of 64 bits that ``isPlainNumber(_:_:)``.
  @inlinable @inline(__always)
  public static func isBigint(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool { isInteger(p, count) && isPlainNumber(p, count) }

  /// Whether a field of type double takes the bytes: a finite number that ``isPlainNumber(_:_:)``.
  @inlinable @inline(__always)
  public static func isDouble(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard let value = double(p, count) else { return false }
    return value.isFinite && isPlainNumber(p, count)
  }

  /// Whether a number is spelled as JSON requires (RFC 8259 §6): no plus sign, no leading zero, digits on both sides of the point.
  ///
  /// - Parameter p: text that ``integer(_:_:)`` or ``double(_:_:)`` accepts.
  @inlinable @inline(__always)
  public static func isJSONSpelling(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    let i = p[0] == 0x2D ? 1 : 0
    guard i < count, p[i] &- 0x30 <= 9 else { return false }
    if p[i] == 0x30, count > i + 1, p[i + 1] &- 0x30 <= 9 { return false }
    return p[count - 1] &- 0x30 <= 9 && !hasBareExponent(p, count)
  }

  /// Whether a point is followed by an exponent with no digit between ("1.e5").
  @inlinable @inline(__always)
  static func hasBareExponent(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var i = 0
    while i + 1 < count {
      if p[i] == 0x2E, p[i + 1] &- 0x30 > 9 { return true }
      i += 1
    }
    return false
  }
}
