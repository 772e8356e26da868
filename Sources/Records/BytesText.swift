/// A spelling of bytes as text.
public enum BytesForm: String, Sendable, CaseIterable {
  /// RFC 4648 §4, with or without the `=` at the end. It is how bytes are written.
  case base64
  /// Two digits a byte, in either case, after `\x` or `0x` or nothing.
  case hex
}

/// Reads and writes bytes as text.
public enum BytesText {
  /// Writes the bytes that a text spells to `out`, which has room for `count`, and returns how many they are; nil where the text spells none.
  public static func read(_ p: UnsafePointer<UInt8>, _ count: Int, _ form: BytesForm, to out: UnsafeMutablePointer<UInt8>) -> Int? {
    switch form {
    case .hex: hex(p, count, out)
    case .base64: base64(p, count, out)
    }
  }

  private static func hex(_ p: UnsafePointer<UInt8>, _ count: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int? {
    guard count % 2 == 0 else { return nil }
    var i = count >= 2 && (p[0] == 0x5C || p[0] == 0x30) && p[1] == 0x78 ? 2 : 0
    var made = 0
    while i < count {
      guard let high = digit(p[i]), let low = digit(p[i + 1]) else { return nil }
      out[made] = high << 4 | low
      made += 1
      i += 2
    }
    return made
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }

  private static func base64(_ p: UnsafePointer<UInt8>, _ count: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int? {
    var count = count
    if count % 4 == 0, count > 0, p[count - 1] == 0x3D { count -= p[count - 2] == 0x3D ? 2 : 1 }
    guard count % 4 != 1 else { return nil }
    var bits: UInt32 = 0
    var made = 0
    for i in 0..<count {
      guard let six = sextet(p[i]) else { return nil }
      bits = bits << 6 | UInt32(six)
      if i % 4 == 3 {
        out[made] = UInt8(truncatingIfNeeded: bits >> 16)
        out[made + 1] = UInt8(truncatingIfNeeded: bits >> 8)
        out[made + 2] = UInt8(truncatingIfNeeded: bits)
        made += 3
      }
    }
    // Bits that no byte has must be 0 (RFC 4648 §3.5): else two texts would be the same bytes.
    switch count % 4 {
    case 2:
      guard bits & 0xF == 0 else { return nil }
      out[made] = UInt8(truncatingIfNeeded: bits >> 4)
      return made + 1
    case 3:
      guard bits & 0x3 == 0 else { return nil }
      out[made] = UInt8(truncatingIfNeeded: bits >> 10)
      out[made + 1] = UInt8(truncatingIfNeeded: bits >> 2)
      return made + 2
    default: return made
    }
  }

  private static func sextet(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x41...0x5A: byte - 0x41
    case 0x61...0x7A: byte - 0x47
    case 0x30...0x39: byte + 4
    case 0x2B: 62
    case 0x2F: 63
    default: nil
    }
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// Appends the bytes in base64 (RFC 4648 §4), with `=` at the end.
  public static func write(_ p: UnsafePointer<UInt8>, _ count: Int, to out: ByteBuffer) {
    out.reserve((count + 2) / 3 * 4)
    var i = 0
    while i < count {
      let left = count - i
      let bits = UInt32(p[i]) << 16 | (left > 1 ? UInt32(p[i + 1]) << 8 : 0) | (left > 2 ? UInt32(p[i + 2]) : 0)
      out.append(alphabet[Int(bits >> 18)])
      out.append(alphabet[Int(bits >> 12 & 63)])
      out.append(left > 1 ? alphabet[Int(bits >> 6 & 63)] : 0x3D)
      out.append(left > 2 ? alphabet[Int(bits & 63)] : 0x3D)
      i += 3
    }
  }
}
