import Records

/// Turns an item's bytes into UTF-8, piece by piece; pieces may cut characters. It removes a byte order mark, which decides the encoding
/// whatever the definition says. Bytes that stand for no character become bytes that are not UTF-8, so that their record becomes a dead
/// letter.
public struct Transcoder {
  private var reader: TextEncoding.Reader
  private var iconv: Iconv?
  private var started = false
  private var held: [UInt8] = []
  private var high: UInt32 = 0
  /// How many characters the encoding does not have. UTF-8 is not checked.
  private(set) var invalid = 0

  /// Makes a transcoder at the beginning of an item.
  public init(_ encoding: TextEncoding) { reader = encoding.reader }

  /// Decodes the beginning of a text, or a whole text.
  ///
  /// - Parameter isWhole: whether `bytes` is the whole text. Else a character that its end cuts is left out.
  /// - Returns: the text as UTF-8, and how many of its characters the encoding does not have.
  public static func decode(_ bytes: ByteBuffer, _ encoding: TextEncoding, isWhole: Bool) -> (text: ByteBuffer, invalid: Int) {
    let text = ByteBuffer(capacity: bytes.count + bytes.count / 2)
    var transcoder = Transcoder(encoding)
    bytes.withSpan { transcoder.convert($0, isFinal: isWhole, to: text) }
    return (text, transcoder.invalid)
  }

  /// Whether the next bytes are UTF-8 already, so that the caller need not convert them.
  public var isIdentity: Bool { started && reader == .utf8 && held.isEmpty }

  /// Continues behind the beginning of a text that is UTF-8: no byte order mark is looked for any more.
  public mutating func goOnAsUTF8() {
    started = true
    reader = .utf8
  }

  /// Converts the next bytes and appends them to `out`. A character that their end cuts waits for the next call.
  ///
  /// - Parameter isFinal: whether the text ends with these bytes.
  public mutating func convert(_ next: RawSpan, isFinal: Bool, to out: ByteBuffer) {
    // Most text needs nothing of what came before, and is not copied to be put behind it.
    if held.isEmpty, started || isFinal || next.byteCount >= Self.longestMark { return take(next, isFinal: isFinal, to: out) }
    next.withUnsafeBytes { held.append(contentsOf: $0) }
    if !started, !isFinal, held.count < Self.longestMark { return }
    let bytes = held
    held = []
    take(bytes.span.bytes, isFinal: isFinal, to: out)
  }

  private mutating func take(_ next: RawSpan, isFinal: Bool, to out: ByteBuffer) {
    var bytes = next
    if !started {
      started = true
      bytes = next.extracting(droppingFirst: takeMark(next))
      if case .iconv(let name) = reader { iconv = Iconv(name) }
    }
    switch reader {
    case .utf8: bytes.scan { out.append($0, $1) }
    case .ascii: for i in 0..<bytes.byteCount { append(bytes.byte(i) < 0x80 ? UInt32(bytes.byte(i)) : nil, to: out) }
    case .latin1: for i in 0..<bytes.byteCount { append(UInt32(bytes.byte(i)), to: out) }
    case .windows1252: for i in 0..<bytes.byteCount { append(Self.windows1252(bytes.byte(i)), to: out) }
    case .utf16, .utf16le: sixteen(bytes, littleEndian: true, isFinal: isFinal, to: out)
    case .utf16be: sixteen(bytes, littleEndian: false, isFinal: isFinal, to: out)
    case .iconv: convertByIconv(bytes, isFinal: isFinal, to: out)
    }
  }

  private static let marks: [(bytes: [UInt8], reader: TextEncoding.Reader)] = [
    ([0xEF, 0xBB, 0xBF], .utf8), ([0xFF, 0xFE, 0, 0], .iconv("UTF-32LE")), ([0, 0, 0xFE, 0xFF], .iconv("UTF-32BE")),
    ([0xFF, 0xFE], .utf16le), ([0xFE, 0xFF], .utf16be), ([0x84, 0x31, 0x95, 0x33], .iconv("GB18030")),
  ]
  /// In bytes.
  private static let longestMark = 4

  private mutating func takeMark(_ bytes: RawSpan) -> Int {
    let mark = Self.marks.first { mark in
      mark.bytes.count <= bytes.byteCount && mark.bytes.indices.allSatisfy { mark.bytes[$0] == bytes.byte($0) }
    }
    guard let mark else { return 0 }
    reader = mark.reader
    return mark.bytes.count
  }

  private mutating func convertByIconv(_ bytes: RawSpan, isFinal: Bool, to out: ByteBuffer) {
    let taken = bytes.scan { base, count in iconv?.convert(base, count, to: out, invalid: &invalid) ?? 0 }
    held = (taken..<bytes.byteCount).map { bytes.byte($0) }
    guard isFinal else { return }
    if !held.isEmpty { append(nil, to: out) }
    held = []
    iconv?.finish(to: out)
  }

  private mutating func sixteen(_ bytes: RawSpan, littleEndian: Bool, isFinal: Bool, to out: ByteBuffer) {
    var i = 0
    while i + 1 < bytes.byteCount {
      let unit = UInt32(bytes.byte(littleEndian ? i + 1 : i)) << 8 | UInt32(bytes.byte(littleEndian ? i : i + 1))
      i += 2
      if high != 0 {
        if unit & 0xFC00 == 0xDC00 {
          append(0x10000 + (high & 0x3FF) << 10 + (unit & 0x3FF), to: out)
          high = 0
          continue
        }
        append(nil, to: out)
        high = 0
      }
      if unit & 0xFC00 == 0xD800 { high = unit } else { append(unit, to: out) }
    }
    if i < bytes.byteCount { if isFinal { append(nil, to: out) } else { held = [bytes.byte(i)] } }
    if isFinal, high != 0 { append(nil, to: out) }
  }

  /// Appends a character, or in the place of one that is none a byte that no UTF-8 has.
  private mutating func append(_ scalar: UInt32?, to out: ByteBuffer) {
    guard let scalar = scalar.flatMap(Unicode.Scalar.init) else {
      invalid += 1
      return out.append(0xFF)
    }
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
