import Records

/// The types and the digits of decimal arithmetic. Types follow the rules of SQL as DuckDB has them for sums and products, and SQL Server for
/// quotients, since PostgreSQL's have no type of their own:
///
/// | | digits behind the point | digits in all |
/// |---|---|---|
/// | `a + b`, `a - b` | max(s1, s2) | max(p1-s1, p2-s2) + that + 1 |
/// | `a * b` | s1 + s2 | p1 + p2 |
/// | `a / b` | max(6, s1 + p2 + 1) | p1 - s1 + s2 + that |
/// | `a % b` | max(s1, s2) | min(p1-s1, p2-s2) + that |
///
/// There are 38 digits in all at most. A quotient has fewer behind the point then, but 6 of them (or what it has) stay; a product of more than
/// 38 digits behind the point is an error of the definition. A result with more digits than its type fails its record.
enum DecimalArithmetic {
  static let most = DecimalText.mostDigits

  /// The type of a result; nil where no type has place for its fraction.
  static func type(_ operation: Node.Arithmetic, _ a: (precision: Int, scale: Int), _ b: (precision: Int, scale: Int)) -> ValueType? {
    let scale = max(a.scale, b.scale)
    switch operation {
    case .add, .subtract:
      return .decimal(precision: min(most, max(a.precision - a.scale, b.precision - b.scale) + scale + 1), scale: scale)
    case .multiply:
      return a.scale + b.scale > most ? nil : .decimal(precision: min(most, a.precision + b.precision), scale: a.scale + b.scale)
    case .divide:
      let wanted = max(6, a.scale + b.precision + 1)
      let whole = a.precision - a.scale + b.scale
      let scale = whole + wanted <= most ? wanted : max(most - whole, min(wanted, 6))
      // The dividend is multiplied by 10 to this power.
      guard scale - a.scale + b.scale <= most else { return nil }
      return .decimal(precision: min(most, whole + scale), scale: scale)
    case .remainder: return .decimal(precision: max(1, min(a.precision - a.scale, b.precision - b.scale) + scale), scale: scale)
    }
  }

  /// Computes a result for each row that no NULL is in; nil for one whose divisor is 0.
  ///
  /// - Parameter fail: told the rows whose result has too many digits.
  static func values(
    _ operation: Node.Arithmetic, _ left: NullableVector<Int128>, _ a: Int, _ right: NullableVector<Int128>, _ b: Int, precision: Int,
    scale: Int, fail: (Int) -> Void
  ) -> NullableVector<Int128> {
    let bound = DecimalText.power(precision).magnitude
    switch operation {
    case .add, .subtract:
      let (x, y) = (DecimalText.power(scale - a), DecimalText.power(scale - b) * (operation == .add ? 1 : -1))
      return mapped(left, right, fail) { p, q in
        let (one, isOver) = p.multipliedReportingOverflow(by: x)
        let (other, isOverToo) = q.multipliedReportingOverflow(by: y)
        let (sum, isOverAtLast) = one.addingReportingOverflow(other)
        return isOver || isOverToo || isOverAtLast || sum.magnitude >= bound ? .tooLong : .value(sum)
      }
    case .multiply:
      return mapped(left, right, fail) { p, q in
        let (product, isOver) = p.multipliedReportingOverflow(by: q)
        return isOver || product.magnitude >= bound ? .tooLong : .value(product)
      }
    case .divide:
      let factor = DecimalText.power(scale - a + b).magnitude
      return mapped(left, right, fail) { p, q in
        guard q != 0 else { return .null }
        let divisor = q.magnitude
        let dividend = p.magnitude.multipliedFullWidth(by: factor)
        guard dividend.high < divisor else { return .tooLong }
        let (quotient, rest) =
          dividend.high == 0 ? dividend.low.quotientAndRemainder(dividingBy: divisor) : divisor.dividingFullWidth(dividend)
        let rounded = rest >= divisor - rest ? quotient + 1 : quotient
        guard rounded < bound else { return .tooLong }
        return .value((p < 0) == (q < 0) ? Int128(rounded) : -Int128(rounded))
      }
    case .remainder:
      let (x, y) = (DecimalText.power(scale - a).magnitude, DecimalText.power(scale - b).magnitude)
      return mapped(left, right, fail) { p, q in
        guard q != 0 else { return .null }
        let (divisor, isOver) = q.magnitude.multipliedReportingOverflow(by: y)
        // One of the two scales is that of the result: a divisor beyond 128 bits is greater than the dividend, which stays as it is.
        if isOver { return .value(p) }
        let dividend = (p.magnitude % divisor).multipliedFullWidth(by: x)
        let rest = dividend.high == 0 ? dividend.low % divisor : divisor.dividingFullWidth(dividend).remainder
        return rest >= bound ? .tooLong : .value(p < 0 ? -Int128(rest) : Int128(rest))
      }
    }
  }

  /// The result for one row.
  enum Result {
    case value(Int128)
    case null
    /// It has too many digits for its type.
    case tooLong
  }

  @inline(__always)
  private static func mapped(
    _ left: NullableVector<Int128>, _ right: NullableVector<Int128>, _ fail: (Int) -> Void, _ compute: (Int128, Int128) -> Result
  ) -> NullableVector<Int128> {
    var out = NullableVector(
      values: [Int128](repeating: 0, count: left.count), nulls: Evaluation.mergedNulls(left.nulls, right.nulls))
    for i in 0..<left.count where !out.isNull(i) {
      switch compute(left.values[i], right.values[i]) {
      case .value(let value): out.values[i] = value
      case .null: out.setNull(i)
      case .tooLong:
        out.setNull(i)
        fail(i)
      }
    }
    return out
  }

  /// Compares two decimals of any scales: less than 0, 0 or more than 0.
  @inline(__always)
  static func order(_ a: Int128, _ scale: Int, _ b: Int128, _ other: Int) -> Int {
    if scale == other { return a < b ? -1 : a > b ? 1 : 0 }
    if scale > other { return -order(b, other, a, scale) }
    // The whole part of b by a's scale, and what is left of it, which has b's sign.
    let (quotient, rest) = b.quotientAndRemainder(dividingBy: DecimalText.power(other - scale))
    if a != quotient { return a < quotient ? -1 : 1 }
    return rest > 0 ? -1 : rest < 0 ? 1 : 0
  }
}

/// A number of a definition with all its digits, for where it meets decimals.
struct ExactNumber: Sendable {
  var value: Int128
  var precision: Int
  var scale: Int

  /// Reads digits with a point or none; nil where there is an exponent, or more than 38 digits.
  init?(_ text: String) {
    let parts = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
    let scale = parts.count == 2 ? parts[1].count : 0
    var text = text
    let reading = text.withUTF8 { bytes in
      bytes.contains { $0 | 0x20 == 0x65 } || scale > DecimalText.mostDigits
        ? nil : bytes.baseAddress.map { DecimalText.read($0, bytes.count, precision: DecimalText.mostDigits, scale: scale) }
    }
    guard case .value(let value)? = reading else { return nil }
    self.init(value, scale: scale)
  }

  init(_ value: Int128, scale: Int) {
    self.value = value
    self.scale = scale
    precision = max(DecimalText.digits(value), scale, 1)
  }

  var type: ValueType { .decimal(precision: precision, scale: scale) }
}

// MARK: Functions

extension Functions {
  /// Functions of decimals that are called by the name of a function of other numbers.
  static let ofDecimals: Set<String> = ["abs", "sign", "floor", "ceil", "ceiling", "trunc", "round"]

  /// Makes a call of such a function for a first argument that is a decimal.
  ///
  /// - Parameter digits: the second argument of `round`; nil where it has none.
  static func ofDecimal(_ name: String, _ node: Node, precision: Int, scale: Int, digits: Node?) -> Node {
    let whole = ValueType.decimal(precision: min(DecimalArithmetic.most, max(1, precision - scale + 1)), scale: 0)
    switch name {
    case "abs": return call(name, node, .decimal(precision: precision, scale: scale)) { $0 < 0 ? -$0 : $0 }
    case "sign": return call(name, node, .decimal(precision: 1, scale: 0)) { $0.signum() }
    case "floor":
      let unit = DecimalText.power(scale)
      return call(name, node, whole) { $0 / unit - ($0 % unit < 0 ? 1 : 0) }
    case "ceil", "ceiling":
      let unit = DecimalText.power(scale)
      return call(name, node, whole) { $0 / unit + ($0 % unit > 0 ? 1 : 0) }
    case "trunc":
      let unit = DecimalText.power(scale)
      return call(name, node, whole) { $0 / unit }
    default: break
    }
    guard let digits else {
      return call(name, node, whole) { DecimalText.rescaled($0, from: scale, to: 0, precision: DecimalArithmetic.most) }
    }
    guard case .literal(.integer(let count), _) = digits else { return rounding(node, digits, precision, scale) }
    let kept = Int(min(max(count, 0), Int64(scale)))
    let dropped = scale - kept
    let type = ValueType.decimal(precision: min(DecimalArithmetic.most, max(1, precision - dropped + 1)), scale: kept)
    return call(name, node, type) { value in rounded(value, scale, count).map { $0 / DecimalText.power(dropped) } }
  }

  /// A value rounded to so many digits behind the point, with the scale that it has; halves are rounded away from zero.
  private static func rounded(_ value: Int128, _ scale: Int, _ digits: Int64) -> Int128? {
    if digits >= scale { return value }
    guard digits >= Int64(scale - DecimalArithmetic.most) else { return 0 }
    let dropped = scale - Int(digits)
    return DecimalText.rescaled(value, from: dropped, to: 0, precision: DecimalArithmetic.most).flatMap {
      DecimalText.rescaled($0, from: 0, to: dropped, precision: DecimalArithmetic.most)
    }
  }

  private static func rounding(_ node: Node, _ digits: Node, _ precision: Int, _ scale: Int) -> Node {
    let type = ValueType.decimal(precision: min(DecimalArithmetic.most, precision + 1), scale: scale)
    let function = Function("round", [.any, .bigint], gives: type) { arguments, call in
      call.decimals(type) { i in
        guard let value = arguments[0].decimal(i), let count = arguments[1].integer(i) else { return .null }
        return rounded(value, scale, count).map { .value($0) } ?? .tooLong
      }
    }
    return .call(function, [node, digits], type)
  }

  private static func call(_ name: String, _ node: Node, _ type: ValueType, _ compute: @escaping @Sendable (Int128) -> Int128?) -> Node {
    let function = Function(name, [.any], gives: type) { arguments, call in
      call.decimals(type) { i in
        guard let value = arguments[0].decimal(i) else { return .null }
        return compute(value).map { .value($0) } ?? .tooLong
      }
    }
    return .call(function, [node], type)
  }
}

extension Call {
  /// Makes decimals row by row. A result with too many digits fails its row.
  func decimals(_ type: ValueType, _ make: (Int) -> DecimalArithmetic.Result) -> Vector {
    guard case .decimal(let precision, _) = type else { return .nulls(type, count: count) }
    let bound = DecimalText.power(precision).magnitude
    var out = NullableVector(values: [Int128](repeating: 0, count: count))
    for i in 0..<count {
      switch make(i) {
      case .value(let value) where value.magnitude < bound: out.values[i] = value
      case .null: out.setNull(i)
      case .value, .tooLong:
        out.setNull(i)
        fail(i, Evaluation.tooManyDigits(type))
      }
    }
    return .decimals(out)
  }
}

extension Vector {
  /// Decimal `i`, nil for NULL.
  @inline(__always)
  func decimal(_ i: Int) -> Int128? {
    guard case .decimals(let v) = self, !v.isNull(i) else { return nil }
    return v.values[i]
  }
}
