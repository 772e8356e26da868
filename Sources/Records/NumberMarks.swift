/// The marks that numbers of a source have: between the whole part and the fraction, and between groups of three digits.
public struct NumberMarks: Sendable, Hashable {
  /// The byte before the fraction; nil where numbers have none.
  let decimal: UInt8?
  /// The mark between groups of three digits; nil where there is none.
  let thousands: Thousands?

  enum Thousands: Hashable {
    case byte(UInt8)
    /// A blank: U+0020, or the two that do not break, U+00A0 and U+202F.
    case blank
  }

  /// The longest number, in bytes with its marks.
  static let longest = 128

  /// Reads the marks from a sample: the number 1234.56 or 1234 as the source spells it: `1.234,56`, `1'234.56`,
  /// `1234,56`, `1.234`. Nil for any other text. Without a fraction in the sample numbers have none.
  public init?(sample: String) {
    let bytes = Array(sample.utf8)
    var at = 0
    func take(_ digits: String) -> Bool {
      guard bytes[at...].starts(with: digits.utf8) else { return false }
      at += digits.utf8.count
      return true
    }
    guard take("1") else { return nil }
    if at < bytes.count, bytes[at] == 0x32 {
      thousands = nil
    } else if let length = Self.blank(bytes, at) {
      thousands = .blank
      at += length
    } else if at < bytes.count, ".,'_".utf8.contains(bytes[at]) {
      thousands = .byte(bytes[at])
      at += 1
    } else {
      return nil
    }
    guard take("234") else { return nil }
    if at == bytes.count {
      decimal = nil
      return
    }
    guard bytes[at] == 0x2E || bytes[at] == 0x2C, thousands != .byte(bytes[at]) else { return nil }
    decimal = bytes[at]
    at += 1
    guard take("56"), at == bytes.count else { return nil }
  }

  private static func blank(_ bytes: [UInt8], _ at: Int) -> Int? {
    if at < bytes.count, bytes[at] == 0x20 { return 1 }
    if bytes[at...].starts(with: [0xC2, 0xA0]) { return 2 }
    return bytes[at...].starts(with: [0xE2, 0x80, 0xAF]) ? 3 : nil
  }

  /// Spells a number as ``NumberText`` and ``DecimalText`` read it: a point before the fraction, no other mark.
  ///
  /// - Parameter out: memory for ``longest`` bytes.
  /// - Returns: how many bytes were written; nil where the text is no number with these marks. A number may leave out all marks between
  ///   thousands, and none of them alone.
  @inline(__always)
  func plain(_ p: UnsafePointer<UInt8>, _ count: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int? {
    guard count > 0, count <= Self.longest else { return nil }
    var (i, made, group, groups) = (0, 0, 0, 0)
    if p[0] == 0x2D || p[0] == 0x2B {
      out[0] = p[0]
      (i, made) = (1, 1)
    }
    while i < count {
      let byte = p[i]
      if byte &- 0x30 <= 9 {
        out[made] = byte
        made += 1
        i += 1
        group += 1
        continue
      }
      if byte == decimal { break }
      guard let length = mark(p, count, i), groups == 0 ? (1...3).contains(group) : group == 3 else { return nil }
      i += length
      groups += 1
      group = 0
    }
    if groups > 0 ? group != 3 : group == 0 { return nil }
    if i == count { return made }
    out[made] = 0x2E
    made += 1
    i += 1
    guard i < count else { return nil }
    while i < count {
      guard p[i] &- 0x30 <= 9 else { return nil }
      out[made] = p[i]
      made += 1
      i += 1
    }
    return made
  }

  /// How long the mark between thousands is that stands at a place; nil where there is none.
  private func mark(_ p: UnsafePointer<UInt8>, _ count: Int, _ at: Int) -> Int? {
    switch thousands {
    case .byte(let mark): return p[at] == mark ? 1 : nil
    case .blank:
      if p[at] == 0x20 { return 1 }
      if at + 1 < count, p[at] == 0xC2, p[at + 1] == 0xA0 { return 2 }
      return at + 2 < count && p[at] == 0xE2 && p[at + 1] == 0x80 && p[at + 2] == 0xAF ? 3 : nil
    case nil: return nil
    }
  }
}
