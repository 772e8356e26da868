import Configuration
import Records

/// Characters (Unicode scalars) of UTF-8 bytes, and the one notion of case that expressions have.
enum Scalars {
  /// The character that begins at `i`, and how many bytes it takes. A byte that is not UTF-8 counts as U+FFFD.
  @inline(__always)
  static func at(_ i: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> (scalar: Unicode.Scalar, length: Int) {
    let first = bytes[i]
    return first < 0x80 ? (Unicode.Scalar(first), 1) : long(i, bytes)
  }

  private static func long(_ i: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> (scalar: Unicode.Scalar, length: Int) {
    let length = bytes[i] >= 0xF0 ? 4 : bytes[i] >= 0xE0 ? 3 : 2
    guard i + length <= bytes.count else { return ("\u{FFFD}", 1) }
    var code = UInt32(bytes[i]) & (length == 4 ? 0x07 : length == 3 ? 0x0F : 0x1F)
    for k in 1..<length { code = code << 6 | UInt32(bytes[i + k] & 0x3F) }
    return Unicode.Scalar(code).map { ($0, length) } ?? ("\u{FFFD}", 1)
  }

  /// Maps characters that differ by case only to one: by Unicode's simple mappings, as PCRE2 does. A character whose other case is several
  /// characters (ß, SS) has no other case here, and the Turkish dotless ı is no i.
  @inline(__always)
  static func folded(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    guard scalar.value >= 0x80 else { return (0x41...0x5A).contains(scalar.value) ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar }
    return foldedLong(scalar)
  }

  private static func foldedLong(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar.value {
    // Scripts without case, which most long texts beyond Latin are in, need no look at Unicode's tables.
    case 0x131, 0x0590..<0x10A0, 0x2E80..<0xA640, 0xAC00..<0xFF21: return scalar
    default: break
    }
    let upper = one(scalar.properties.uppercaseMapping) ?? scalar
    return one(upper.properties.lowercaseMapping) ?? upper
  }

  private static func one(_ mapping: String) -> Unicode.Scalar? {
    let scalars = mapping.unicodeScalars
    return scalars.count == 1 ? scalars.first : nil
  }
}
