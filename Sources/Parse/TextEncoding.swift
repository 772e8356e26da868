import Foundation

/// The character encoding of an item's text: one that this module decodes itself, or any that the system's iconv knows.
///
/// Names are looked up without regard to case and to signs between letters and digits, so that `ISO_8859-1`, `iso8859-1` and
/// `ISO 8859-1` are one.
public struct TextEncoding: Sendable, Hashable {
  /// The decoder for an encoding.
  enum Reader: Sendable, Hashable {
    case utf8, ascii, latin1, windows1252
    /// By its byte order mark, little endian without one.
    case utf16
    case utf16le, utf16be
    /// The system's iconv, by this name of its own.
    case iconv(String)
  }

  /// The name as a definition spells it: `utf-8`, `windows-1252`.
  public let name: String
  let reader: Reader

  /// UTF-8, the default. Its bytes go on as they are.
  public static let utf8 = TextEncoding(name: "utf-8", reader: .utf8)
  static let ascii = TextEncoding(name: "ascii", reader: .ascii)
  static let latin1 = TextEncoding(name: "latin-1", reader: .latin1)
  static let windows1252 = TextEncoding(name: "windows-1252", reader: .windows1252)
  /// UTF-16 in the order of its byte order mark, little endian without one.
  public static let utf16 = TextEncoding(name: "utf-16", reader: .utf16)
  /// UTF-16, little endian, unless a byte order mark says otherwise.
  public static let utf16le = TextEncoding(name: "utf-16le", reader: .utf16le)
  /// UTF-16, big endian, unless a byte order mark says otherwise.
  public static let utf16be = TextEncoding(name: "utf-16be", reader: .utf16be)

  private init(name: String, reader: Reader) {
    self.name = name
    self.reader = reader
  }

  /// Finds an encoding by any of its names; nil where neither this module nor iconv knows the name.
  public init?(named name: String) {
    let key = Self.key(name)
    if let own = Self.own.first(where: { $0.keys.contains(key) }) {
      self = own.encoding
      return
    }
    // iconv takes options after slashes.
    guard !key.isEmpty, name.allSatisfy({ $0.isASCII && !"/,\0".contains($0) }) else { return nil }
    let usual = Self.usual.first { $0.keys.contains(key) }
    let candidates = [usual?.iconv, Self.codePage(key), name.uppercased(), key.uppercased()].compactMap { $0 }
    guard let found = candidates.first(where: { Iconv($0) != nil }) else { return nil }
    self.init(name: usual?.name ?? name.lowercased(), reader: .iconv(found))
  }

  /// The usual names, which an error suggests in the place of an unknown one. iconv knows more.
  public static let usualNames: [String] = own.map(\.encoding.name) + usual.map(\.name)

  // MARK: Names

  /// A name's letters and digits, in lower case.
  private static func key(_ name: String) -> String {
    var key = name.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
    // Names that were never registered bear an x (x-mac-roman), aliases of the registry a cs (csShiftJIS).
    if name.lowercased().hasPrefix("x-") { key.removeFirst() }
    return key
  }

  /// `windows1251`, `win1251`, `dos850`, `ibm850` and `cp850` are code pages by their numbers.
  private static func codePage(_ key: String) -> String? {
    let digits = String(key.drop { !$0.isNumber })
    guard !digits.isEmpty, digits.allSatisfy(\.isNumber),
      ["windows", "win", "microsoftcp", "ms", "mswin", "dos", "oem", "ibm", "cp", "codepage"].contains(String(key.prefix { !$0.isNumber }))
    else { return nil }
    return ["CP", "IBM"].map { $0 + digits }.first { Iconv($0) != nil }
  }

  private static let own: [(encoding: TextEncoding, keys: [String])] = [
    (.utf8, ["utf8", "utf8sig", "utf8bom", "cp65001"]),
    (.ascii, ["ascii", "usascii", "us", "ansix341968", "iso646us", "646"]),
    (.latin1, ["latin1", "iso88591", "88591", "l1", "cp819", "ibm819"]),
    (.windows1252, ["windows1252", "cp1252", "win1252", "ms1252", "1252", "ansi"]),
    (.utf16, ["utf16", "ucs2", "unicode"]),
    (.utf16le, ["utf16le", "ucs2le"]),
    (.utf16be, ["utf16be", "ucs2be"]),
  ]

  /// Encodings by the name that most call them, iconv's, and others.
  private static let usual: [(name: String, iconv: String, keys: [String])] = {
    func row(_ name: String, _ iconv: String? = nil, _ others: String...) -> (String, String, [String]) {
      (name, iconv ?? name.uppercased(), [key(name)] + others)
    }
    let parts = (2...16).filter { $0 != 12 }.map { row("iso-8859-\($0)", nil, "iso8859\($0)", "8859\($0)") }
    let windows = (1250...1258).filter { $0 != 1252 }.map { row("windows-\($0)", "CP\($0)", "\($0)") }
    let latins = [(2, 2), (3, 3), (4, 4), (9, 5), (10, 6), (13, 7), (14, 8), (15, 9), (16, 10)].map {
      row("latin-\($0.1)", "ISO-8859-\($0.0)")
    }
    return [
      row("utf-32", nil, "ucs4"), row("utf-32le", nil, "ucs4le"), row("utf-32be", nil, "ucs4be"), row("utf-7"),
      row("shift_jis", "SJIS", "sjis", "csshiftjis", "mskanji"), row("cp932", nil, "ms932", "windows31j", "sjiswin", "cswindows31j"),
      row("euc-jp", nil, "ujis", "cseucpkdfmtjapanese"), row("iso-2022-jp", nil, "jis", "csiso2022jp"),
      row("gb18030"), row("gbk", nil, "cp936", "ms936"), row("gb2312", "EUC-CN", "gb231280", "euccn", "csgb2312", "chinese"),
      row("big5", nil, "big5tw", "cnbig5", "csbig5"), row("big5-hkscs"), row("cp950", nil, "ms950"), row("euc-tw"),
      row("euc-kr", nil, "ksc5601", "ksc56011987", "korean", "cseuckr"), row("cp949", "UHC", "uhc", "ms949", "windows949"), row("johab"),
      row("koi8-r", nil, "koi8", "cskoi8r"), row("koi8-u"),
      row("macroman", "MACINTOSH", "mac", "macintosh", "csmacintosh"), row("mac-cyrillic", nil, "maccyrillic"),
      row("mac-centraleurope", "MAC-CENTRALEUROPE", "maccentraleuropean", "macce", "maclatin2"),
      row("tis-620", nil, "thai"), row("viscii"), row("armscii-8"), row("cp437"), row("cp850"), row("cp852"), row("cp855"), row("cp858"),
      row("cp862"), row("cp864"), row("cp866"), row("cp874"), row("cp037"), row("cp500"), row("cp1047"),
    ] + parts + windows + latins
  }()
}
