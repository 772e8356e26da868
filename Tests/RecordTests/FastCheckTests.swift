import Testing

@testable import Records

/// Columns are checked by blocks; here they are held against a check of each value by itself.
@Suite("Checks by blocks")
struct FastCheckTests {
  /// - Parameter returns: whether each value is the last of a record that ends CR LF, or LF.
  private static func column(_ values: [[UInt8]], returns: Bool = false) -> FieldViews {
    let buffer = ByteBuffer(capacity: values.reduce(0) { $0 + $1.count + 2 })
    let index = PositionIndex(capacity: 2 * values.count)
    for (row, value) in values.enumerated() {
      index.positions[2 * row] = UInt32(buffer.count)
      buffer.append(value)
      if returns, row % 3 > 0 { buffer.append(0x0D) }
      index.positions[2 * row + 1] = UInt32(buffer.count)
      buffer.append(0x2C)
    }
    return FieldViews(buffer: buffer, index: index, offset: 0, stride: 2, gap: 0, encoding: .csv, trimsReturn: returns)
  }

  /// The result of the column's check: the refused rows, and whether all values are spelled plainly.
  private static func checked(
    _ values: [[UInt8]], _ type: ValueType, nullable: Bool, returns: Bool = false
  ) -> (refused: Set<Int>, isPlain: Bool) {
    var refused: Set<Int> = []
    let result = column(values, returns: returns).read(
      as: Field(name: "x", type: type, nullable: nullable), rowCount: values.count, decoding: false, plainText: false
    ) { row, _ in refused.insert(row) }
    return (refused, result.isPlain)
  }

  /// The same, value by value.
  private static func scalar(_ value: [UInt8], _ type: ValueType, nullable: Bool) -> (isRefused: Bool, isPlain: Bool) {
    if value.isEmpty { return (!nullable, true) }
    func fits(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBufferPointer { bytes in
        guard let p = bytes.baseAddress else { return false }
        switch type {
        case .bigint: return NumberText.integer(p, bytes.count) != nil && !isCode(bytes)
        case .decimal(let precision, let scale):
          guard case .value = DecimalText.read(p, bytes.count, precision: precision, scale: scale) else { return false }
          return !isCode(bytes)
        case .double: return NumberText.double(p, bytes.count)?.isFinite == true && !isCode(bytes)
        default: return TimeText.timestamp(p, bytes.count) != nil
        }
      }
    }
    if fits(value) {
      if case .decimal(_, let scale) = type { return (false, isCanonical(value, scale)) }
      return (false, type == .timestamp || isJSONNumber(value))
    }
    let isQuoted = value.count >= 2 && value.first == 0x22
    return (!(isQuoted && fits(Array(value.dropFirst().dropLast()))), false)
  }

  /// Whether a plus or a zero leads, which a number would lose.
  private static func isCode(_ text: some Collection<UInt8>) -> Bool {
    let digits = Array(text.first == 0x2D ? Array(text.dropFirst()) : Array(text))
    return text.first == 0x2B || (digits.count > 1 && digits[0] == 0x30 && (0x30...0x39).contains(digits[1]))
  }

  /// Whether a decimal is spelled as it is written, by writing it.
  private static func isCanonical(_ text: [UInt8], _ scale: Int) -> Bool {
    let out = ByteBuffer(capacity: 64)
    text.withUnsafeBufferPointer { p in
      guard let base = p.baseAddress, case .value(let value) = DecimalText.read(base, p.count, precision: 38, scale: scale) else { return }
      DecimalText.write(value, scale: scale, to: out)
    }
    return out.copy(0..<out.count) == text
  }

  /// RFC 8259 §6, to the letter.
  private static func isJSONNumber(_ text: [UInt8]) -> Bool {
    var rest = text[...]
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { $0 >= 0x30 && $0 <= 0x39 } ?? false }
    func digits() -> Int {
      let count = rest.prefix { isDigit($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    if rest.first == 0x2D { rest = rest.dropFirst() }
    let startsWithZero = rest.first == 0x30
    let whole = digits()
    if whole == 0 || (startsWithZero && whole > 1) { return false }
    if rest.first == 0x2E {
      rest = rest.dropFirst()
      if digits() == 0 { return false }
    }
    if rest.first == 0x65 || rest.first == 0x45 {
      rest = rest.dropFirst()
      if rest.first == 0x2B || rest.first == 0x2D { rest = rest.dropFirst() }
      if digits() == 0 { return false }
    }
    return rest.isEmpty
  }

  @Test(
    "numbers and timestamps: a hundred thousand random values, each as it is and among others",
    arguments: [
      ValueType.bigint, .double, .timestamp, .decimal(precision: 12, scale: 2), .decimal(precision: 4, scale: 4),
      .decimal(precision: 38, scale: 0),
    ])
  func agree(_ type: ValueType) {
    var generator = SystemRandomNumberGenerator()
    let digits = Array("0123456789".utf8)
    let odd = Array("-+.eE0\" :TZ/".utf8)
    func number() -> [UInt8] {
      var value = (0..<Int.random(in: 0..<20, using: &generator)).map { _ in digits[Int.random(in: 0..<10, using: &generator)] }
      for _ in 0..<Int.random(in: 0..<3, using: &generator) {
        value.insert(odd[Int.random(in: 0..<odd.count, using: &generator)], at: Int.random(in: 0...value.count, using: &generator))
      }
      return value
    }
    func timestamp() -> [UInt8] {
      func two(_ most: Int) -> String {
        let n = Int.random(in: 0...most, using: &generator)
        return n < 10 ? "0\(n)" : "\(n)"
      }
      var value = Array("20\(two(99))-\(two(13))-\(two(32)) \(two(24)):\(two(60)):\(two(60))".utf8)
      if Int.random(in: 0..<2, using: &generator) == 0 { value.append(0x5A) }
      if Int.random(in: 0..<4, using: &generator) == 0 {
        value[Int.random(in: 0..<value.count, using: &generator)] = odd[Int.random(in: 0..<odd.count, using: &generator)]
      }
      if Int.random(in: 0..<8, using: &generator) == 0 { value.removeLast(Int.random(in: 0..<4, using: &generator)) }
      return value
    }
    for round in 0..<100 {
      let values = (0..<1000).map { _ in type == .timestamp ? timestamp() : number() }
      let nullable = round % 2 == 0
      let (refused, isPlain) = Self.checked(values, type, nullable: nullable, returns: round % 4 > 1)
      var expectedPlain = true
      for (row, value) in values.enumerated() {
        let want = Self.scalar(value, type, nullable: nullable)
        if want.isRefused != refused.contains(row) {
          Issue.record("\(type): “\(String(decoding: value, as: UTF8.self))” is \(want.isRefused ? "" : "not ")to be refused")
          return
        }
        if !value.isEmpty { expectedPlain = expectedPlain && want.isPlain }
      }
      #expect(isPlain == expectedPlain)
      // Alone, so that one that is not plain does not hide another.
      for value in values.prefix(100) where !value.isEmpty {
        let alone = Self.checked([value], type, nullable: nullable)
        let want = Self.scalar(value, type, nullable: nullable)
        #expect(alone.isPlain == want.isPlain, "\(type): “\(String(decoding: value, as: UTF8.self))”")
      }
    }
  }
}
