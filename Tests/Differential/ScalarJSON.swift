import Configuration

/// JSON Lines read byte by byte, in the plainest way: RFC 8259, an object a line.
struct ScalarJSON {
  private let text: [UInt8]
  private var at = 0
  private var end = 0

  /// A value: how it is spelled, and its text where it is a string.
  struct Value {
    var spelling: [UInt8]
    var string: [UInt8]?
    var isText = true
  }

  /// The fields of the last record that hold half of a surrogate pair.
  private var lone: Set<String> = []
  /// Whether the last string holds none.
  private var isText = true

  init(_ text: [UInt8]) { self.text = text }

  /// The records, of each the texts of the fields with these names; what is `null` or not there is nil.
  mutating func records(_ names: [String]) -> [ScalarRecord] {
    var records: [ScalarRecord] = []
    var start = 0
    while start < text.count {
      end = text[start...].firstIndex(of: 0x0A) ?? text.count
      defer { start = end + 1 }
      if text[start..<end].allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      let content = record(start, names)
      records.append(ScalarRecord(start: start, content: content, isText: lone.isDisjoint(with: names)))
    }
    return records
  }

  private mutating func record(_ start: Int, _ names: [String]) -> ScalarRecord.Content {
    lone = []
    guard String(validating: text[start..<end], as: UTF8.self) != nil else { return .fault("invalid_encoding") }
    at = start
    skipSpace()
    guard next == 0x7B, let members = object(depth: 0) else { return .fault("invalid_json") }
    skipSpace()
    guard at == end else { return .fault("invalid_json") }
    lone = Set(names.filter { members[Array($0.utf8)]?.isText == false })
    return .fields(
      names.map { name in
        guard let value = members[Array(name.utf8)], value.spelling != Array("null".utf8) else { return nil }
        return value.string ?? value.spelling
      })
  }

  private var next: UInt8? { at < end ? text[at] : nil }

  private mutating func skipSpace() { while let byte = next, [0x20, 0x09, 0x0D].contains(byte) { at += 1 } }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    at += 1
    return true
  }

  private mutating func object(depth: Int) -> [[UInt8]: Value]? {
    guard take(0x7B) else { return nil }
    var members: [[UInt8]: Value] = [:]
    skipSpace()
    if take(0x7D) { return members }
    while true {
      skipSpace()
      guard let key = string() else { return nil }
      skipSpace()
      guard take(0x3A) else { return nil }
      skipSpace()
      guard let value = value(depth: depth + 1) else { return nil }
      members[key] = value
      skipSpace()
      if take(0x7D) { return members }
      guard take(0x2C) else { return nil }
    }
  }

  private mutating func array(depth: Int) -> Bool {
    guard take(0x5B) else { return false }
    skipSpace()
    if take(0x5D) { return true }
    while true {
      skipSpace()
      guard value(depth: depth + 1) != nil else { return false }
      skipSpace()
      if take(0x5D) { return true }
      guard take(0x2C) else { return false }
    }
  }

  private mutating func value(depth: Int) -> Value? {
    let start = at
    var string: [UInt8]?
    switch next {
    case 0x22:
      string = self.string()
      if string == nil { return nil }
    case 0x7B: if object(depth: depth) == nil { return nil }
    case 0x5B: if !array(depth: depth) { return nil }
    case 0x74: if !word("true") { return nil }
    case 0x66: if !word("false") { return nil }
    case 0x6E: if !word("null") { return nil }
    default: if !number() { return nil }
    }
    return Value(spelling: Array(text[start..<at]), string: string, isText: string == nil || isText)
  }

  private mutating func word(_ word: String) -> Bool { word.utf8.allSatisfy { take($0) } }

  private mutating func digits() -> Int {
    let start = at
    while let byte = next, byte >= 0x30, byte <= 0x39 { at += 1 }
    return at - start
  }

  private mutating func number() -> Bool {
    _ = take(0x2D)
    let startsWithZero = next == 0x30
    let whole = digits()
    if whole == 0 { return false }
    // A zero is a number by itself: what follows it is out of place.
    if startsWithZero, whole > 1 { return false }
    if take(0x2E), digits() == 0 { return false }
    if take(0x65) || take(0x45) {
      if !take(0x2B) { _ = take(0x2D) }
      if digits() == 0 { return false }
    }
    return true
  }

  private mutating func string() -> [UInt8]? {
    guard take(0x22) else { return nil }
    var units: [UInt16] = []
    var bytes: [UInt8] = []
    isText = true
    /// Escapes may be halves of a surrogate pair; a half alone becomes U+FFFD.
    func flush() {
      if String(validating: units, as: UTF16.self) == nil { isText = false }
      bytes += Array(String(decoding: units, as: UTF16.self).utf8)
      units = []
    }
    while let byte = next {
      at += 1
      switch byte {
      case 0x22:
        flush()
        return bytes
      case 0..<0x20: return nil
      case 0x5C:
        guard let unit = escape() else { return nil }
        units.append(unit)
      default:
        flush()
        bytes.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> UInt16? {
    guard let byte = next else { return nil }
    at += 1
    let plain: [UInt8: UInt16] = [
      0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9,
    ]
    if let unit = plain[byte] { return unit }
    guard byte == 0x75, at + 4 <= end else { return nil }
    let digits = text[at..<at + 4]
    at += 4
    guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
    return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
  }
}
