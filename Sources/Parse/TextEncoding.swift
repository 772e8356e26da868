import Records

/// The character encoding of an item's text.
public enum TextEncoding: String, Sendable, Hashable, Codable, CaseIterable {
  case utf8 = "utf-8"
  case latin1 = "latin-1"
  case windows1252 = "windows-1252"
  /// By its byte order mark, little endian without one.
  case utf16 = "utf-16"
  case utf16le = "utf-16le"
  case utf16be = "utf-16be"
}

/// Turns an item's bytes into UTF-8, piece by piece. A byte order mark is taken away, and tells UTF-16 where UTF-8 was
/// assumed. What has no character becomes bytes that are not UTF-8, so that the record it stands in is a dead letter.
public struct Transcoder: Sendable {
  private var encoding: TextEncoding
  private var started = false
  private var held: [UInt8] = []
  private var high: UInt32 = 0

  public init(_ encoding: TextEncoding) { self.encoding = encoding }

  /// True where the bytes can go on as they are, without a copy.
  public var isIdentity: Bool { started && encoding == .utf8 && held.isEmpty }

  /// Goes on behind the beginning of a text that is UTF-8.
  public mutating func goOnAsUTF8() {
    started = true
    encoding = .utf8
  }

  /// Appends the UTF-8 of the next `count` bytes to `out`.
  public mutating func convert(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool, to out: ByteBuffer) {
    var bytes = held
    held = []
    bytes.append(contentsOf: UnsafeBufferPointer(start: p, count: count))
    if !started {
      if bytes.count < 3, !isFinal {
        held = bytes
        return
      }
      started = true
      bytes.removeFirst(takeMark(bytes))
    }
    switch encoding {
    case .utf8: bytes.withUnsafeBufferPointer { if let base = $0.baseAddress { out.append(base, $0.count) } }
    case .latin1: for byte in bytes { append(UInt32(byte), to: out) }
    case .windows1252: for byte in bytes { append(Self.windows1252(byte), to: out) }
    case .utf16, .utf16le: sixteen(bytes, littleEndian: true, isFinal: isFinal, to: out)
    case .utf16be: sixteen(bytes, littleEndian: false, isFinal: isFinal, to: out)
    }
  }

  private mutating func takeMark(_ bytes: [UInt8]) -> Int {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return encoding == .utf8 ? 3 : 0 }
    if bytes.starts(with: [0xFF, 0xFE]), encoding == .utf8 || encoding == .utf16 || encoding == .utf16le {
      encoding = .utf16le
      return 2
    }
    if bytes.starts(with: [0xFE, 0xFF]), encoding == .utf8 || encoding == .utf16 || encoding == .utf16be {
      encoding = .utf16be
      return 2
    }
    return 0
  }

  private mutating func sixteen(_ bytes: [UInt8], littleEndian: Bool, isFinal: Bool, to out: ByteBuffer) {
    var i = 0
    while i + 1 < bytes.count {
      let unit = UInt32(bytes[littleEndian ? i + 1 : i]) << 8 | UInt32(bytes[littleEndian ? i : i + 1])
      i += 2
      if high != 0 {
        if unit & 0xFC00 == 0xDC00 {
          append(0x10000 + (high & 0x3FF) << 10 + (unit & 0x3FF), to: out)
          high = 0
          continue
        }
        out.append(0xFF)
        high = 0
      }
      if unit & 0xFC00 == 0xD800 { high = unit } else { append(unit, to: out) }
    }
    if i < bytes.count { if isFinal { out.append(0xFF) } else { held = [bytes[i]] } }
    if isFinal, high != 0 { out.append(0xFF) }
  }

  private func append(_ scalar: UInt32, to out: ByteBuffer) {
    guard let scalar = Unicode.Scalar(scalar) else { return out.append(0xFF) }
    for unit in UTF8.encode(scalar) ?? .init() { out.append(unit) }
  }

  /// The characters of 0x80 to 0x9F (WHATWG Encoding Standard, index windows-1252).
  private static func windows1252(_ byte: UInt8) -> UInt32 {
    guard byte >= 0x80, byte < 0xA0 else { return UInt32(byte) }
    let table: [UInt32] = [
      0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D,
      0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,
      0x017E, 0x0178,
    ]
    return table[Int(byte - 0x80)]
  }
}
