/// Reads, checks and writes decimals: exact numbers of up to 38 digits, held as whole numbers of 128 bits. The value is the whole number
/// divided by 10 to the scale: 12.50 with scale 2 is 1250.
///
/// The canonical spelling has a minus or none, no zero that leads another digit, and just `scale` digits behind the point; zero has no minus.
public enum DecimalText {
  /// The most digits that a decimal can have.
  public static let mostDigits = 38

  /// The result of reading a text as a decimal.
  public enum Reading: Sendable, Equatable {
    case value(Int128)
    /// The text is no number.
    case noNumber
    /// So many digits stand behind the point, the last of them not 0, and the scale is less.
    case fraction(digits: Int)
    /// So many digits stand before the point, and precision and scale leave room for fewer.
    case whole(digits: Int)

    /// Says which digits the type has no place for; nil where it is not for its digits that a text does not fit.
    package func misfit(precision: Int, scale: Int) -> String? {
      switch self {
      case .value, .noNumber: nil
      case .fraction(let digits):
        "it has \(digits) digits behind the point, and the type \(scale): nothing is rounded unless an expression says so"
      case .whole(let digits): "it has \(digits) digits before the point, and the type has room for \(precision - scale)"
      }
    }
  }

  /// 10 to the power `n`, from 0 to 38.
  @inlinable @inline(__always)
  public static func power(_ n: Int) -> Int128 { powers[n] }
  @usableFromInline
  static let powers: [Int128] = {
    var powers: [Int128] = [1]
    for _ in 0..<38 { powers.append(powers[powers.count - 1] * 10) }
    return powers
  }()

  /// Reads a number with or without an exponent; nil for other text, and for a number with more digits than the type takes. Zeros at the
  /// end of a fraction are no digits: 1.500 is a decimal(3,1). A plus sign and leading zeros are accepted;
  /// see ``NumberText/isPlainNumber(_:_:)``.
  @inline(__always)
  public static func decimal(_ p: UnsafePointer<UInt8>, _ count: Int, precision: Int, scale: Int) -> Int128? {
    if let quick = quick(p, count, precision, scale) { return quick }
    if case .value(let value) = read(p, count, precision: precision, scale: scale) { return value }
    return nil
  }

  /// Up to 18 digits with a point at its place, or none: most decimals are spelled so.
  @inline(__always)
  private static func quick(_ p: UnsafePointer<UInt8>, _ count: Int, _ precision: Int, _ scale: Int) -> Int128? {
    var i = 0
    let isNegative = count > 0 && p[0] == 0x2D
    if isNegative { i = 1 }
    let digits = count - i - (scale > 0 ? 1 : 0)
    guard digits >= 1, digits <= 18, digits <= precision, digits > scale else { return nil }
    let point = scale > 0 ? count - scale - 1 : count
    var value: Int64 = 0
    while i < point {
      let digit = p[i] &- 0x30
      if digit > 9 { return nil }
      value = value &* 10 &+ Int64(digit)
      i += 1
    }
    if scale > 0 {
      if p[i] != 0x2E { return nil }
      i += 1
      while i < count {
        let digit = p[i] &- 0x30
        if digit > 9 { return nil }
        value = value &* 10 &+ Int64(digit)
        i += 1
      }
    }
    return Int128(isNegative ? 0 &- value : value)
  }

  /// Reads a number as ``decimal(_:_:precision:scale:)`` does, and says what is wrong with one that does not fit.
  ///
  /// - Parameter rounds: whether digits behind those of the scale are rounded away, halves away from zero, and no misfit.
  public static func read(_ p: UnsafePointer<UInt8>, _ count: Int, precision: Int, scale: Int, rounds: Bool = false) -> Reading {
    var i = 0
    var isNegative = false
    if count > 0, p[0] == 0x2D || p[0] == 0x2B {
      isNegative = p[0] == 0x2D
      i = 1
    }
    // The value is mantissa * 10^exponent; zeros wait until a digit follows them, so that those at the end are never in the mantissa.
    var mantissa: Int128 = 0
    var (digits, zeros, exponent) = (0, 0, 0)
    var (seen, isBehind) = (false, false)
    loop: while i < count {
      switch p[i] {
      case 0x30:
        seen = true
        if digits > 0 { zeros += 1 }
        if isBehind { exponent -= 1 }
      case 0x31...0x39:
        seen = true
        digits += zeros + 1
        if digits <= mostDigits { mantissa = mantissa * power(zeros + 1) + Int128(p[i] - 0x30) }
        zeros = 0
        if isBehind { exponent -= 1 }
      case 0x2E where !isBehind: isBehind = true
      case 0x45, 0x65:
        guard seen, let power = self.exponent(p + i + 1, count - i - 1) else { return .noNumber }
        exponent += power
        break loop
      default: return .noNumber
      }
      i += 1
    }
    guard seen else { return .noNumber }
    if digits == 0 { return .value(0) }
    exponent += zeros
    if exponent + scale < 0 {
      guard rounds, digits <= mostDigits else { return .fraction(digits: -exponent) }
      let shift = -(exponent + scale)
      let value = shift > mostDigits ? 0 : divided(mantissa, by: power(shift))
      if value.magnitude >= powers[precision].magnitude { return .whole(digits: digits + exponent) }
      return .value(isNegative ? -value : value)
    }
    if digits + exponent + scale > precision { return .whole(digits: digits + exponent) }
    let value = mantissa * power(exponent + scale)
    return .value(isNegative ? -value : value)
  }

  /// Reads a whole number with its sign; far from the range of any decimal it stays as it is.
  private static func exponent(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int? {
    var i = 0
    if count > 0, p[0] == 0x2D || p[0] == 0x2B { i = 1 }
    guard i < count else { return nil }
    let isNegative = p[0] == 0x2D
    var value = 0
    while i < count {
      let digit = p[i] &- 0x30
      if digit > 9 { return nil }
      if value < 1_000_000 { value = value * 10 + Int(digit) }
      i += 1
    }
    return isNegative ? -value : value
  }

  /// Whether a field takes the text: a decimal that ``NumberText/isPlainNumber(_:_:)``.
  @inline(__always)
  public static func fits(_ p: UnsafePointer<UInt8>, _ count: Int, precision: Int, scale: Int) -> Bool {
    decimal(p, count, precision: precision, scale: scale) != nil && NumberText.isPlainNumber(p, count)
  }

  /// Whether a decimal is spelled as ``write(_:scale:to:)`` spells it.
  ///
  /// - Parameter p: text that ``decimal(_:_:precision:scale:)`` accepts.
  @inline(__always)
  public static func isCanonical(_ p: UnsafePointer<UInt8>, _ count: Int, scale: Int) -> Bool {
    let first = p[0] == 0x2D ? 1 : 0
    let point = scale > 0 ? count - scale - 1 : count
    guard point > first, point == first + 1 || p[first] != 0x30, scale == 0 || p[point] == 0x2E else { return false }
    var (isZero, i) = (true, first)
    while i < count {
      if i != point {
        if p[i] &- 0x30 > 9 { return false }
        if p[i] != 0x30 { isZero = false }
      }
      i += 1
    }
    return !(isZero && first == 1)
  }

  /// Appends the canonical spelling: `-0.05` for -5 with scale 2.
  public static func write(_ value: Int128, scale: Int, to out: ByteBuffer) {
    out.reserve(48)
    var magnitude = value.magnitude
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 48) { digits in
      var i = 48
      var left = scale
      func put(_ digit: UInt8) {
        i -= 1
        digits[i] = digit &+ 0x30
        left -= 1
        if left == 0 {
          i -= 1
          digits[i] = 0x2E
        }
      }
      while magnitude > UInt128(UInt64.max) {
        let (quotient, rest) = magnitude.quotientAndRemainder(dividingBy: 10_000_000_000_000_000_000)
        var part = UInt64(rest)
        for _ in 0..<19 {
          put(UInt8(truncatingIfNeeded: part % 10))
          part /= 10
        }
        magnitude = quotient
      }
      var rest = UInt64(truncatingIfNeeded: magnitude)
      while rest > 0 || left > 0 {
        put(UInt8(truncatingIfNeeded: rest % 10))
        rest /= 10
      }
      // Nothing stands before the point yet, or nothing at all.
      if i == 48 || digits[i] == 0x2E {
        i -= 1
        digits[i] = 0x30
      }
      if value < 0 {
        i -= 1
        digits[i] = 0x2D
      }
      if let base = digits.baseAddress { out.append(UnsafePointer(base + i), 48 - i) }
    }
  }

  /// The quotient of two whole numbers, halves rounded away from zero. The divisor is not 0.
  @inlinable @inline(__always)
  static func divided(_ value: Int128, by divisor: Int128) -> Int128 {
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
    let (left, size) = (rest.magnitude, divisor.magnitude)
    guard left >= size - left else { return quotient }
    return quotient + ((value < 0) == (divisor < 0) ? 1 : -1)
  }

  /// A decimal with another scale: digits that the new one has no place for are rounded away, halves away from zero. Nil where the result
  /// has more than `precision` digits.
  @inlinable @inline(__always)
  public static func rescaled(_ value: Int128, from scale: Int, to wanted: Int, precision: Int) -> Int128? {
    var result = value
    if wanted > scale {
      let (product, overflow) = value.multipliedReportingOverflow(by: powers[wanted - scale])
      if overflow { return nil }
      result = product
    } else if wanted < scale {
      result = divided(value, by: powers[scale - wanted])
    }
    return result.magnitude < powers[precision].magnitude ? result : nil
  }

  /// How many digits a whole number has; 1 for 0.
  public static func digits(_ value: Int128) -> Int {
    let magnitude = value.magnitude
    var count = 1
    while count <= mostDigits, magnitude >= powers[count].magnitude { count += 1 }
    return count
  }
}
