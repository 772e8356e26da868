import Foundation

/// Names of files, which on Linux are bytes and need not be UTF-8.
///
/// A path is kept as a String. A byte that is not UTF-8 is kept as a scalar of Unicode's last private plane; the code that opens files
/// turns it back into the byte. Messages show `\xE9` in its place.
public enum FileName {
  /// U+10FF80 is the byte 0x80, U+10FFFF the byte 0xFF.
  private static let base: UInt32 = 0x10FF00

  private static func byte(_ scalar: Unicode.Scalar) -> UInt8? { scalar.value >= base + 0x80 ? UInt8(scalar.value - base) : nil }

  /// Whether a byte is in a text. Every path is asked this each time it is used: memchr(3) looks at many bytes at once.
  private static func holds(_ text: String, _ byte: UInt8) -> Bool {
    var text = text
    return text.withUTF8 { bytes in bytes.baseAddress.map { memchr($0, Int32(byte), bytes.count) != nil } ?? false }
  }

  private static func append(_ byte: UInt8, to text: inout String.UnicodeScalarView) {
    if let scalar = Unicode.Scalar(byte < 0x80 ? UInt32(byte) : base + UInt32(byte)) { text.append(scalar) }
  }

  /// Returns the name that these bytes spell. It takes any bytes, and ``withBytes(_:_:)`` gives the same back.
  package static func text(_ bytes: [UInt8]) -> String {
    // Only names in that plane begin so: most need no second look.
    if !bytes.contains(0xF4), let text = String(validating: bytes, as: UTF8.self) { return text }
    var text = String.UnicodeScalarView()
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes.makeIterator()
    var at = 0
    while true {
      switch parser.parseScalar(from: &rest) {
      case .valid(let encoded):
        let scalar = Unicode.UTF8.decode(encoded)
        if byte(scalar) == nil { text.append(scalar) } else { for byte in encoded { append(byte, to: &text) } }
        at += encoded.count
      case .error(let length):
        for byte in bytes[at..<(at + length)] { append(byte, to: &text) }
        at += length
      case .emptyInput: return String(text)
      }
    }
  }

  /// Calls `body` with the bytes of a path, ended by a zero. The pointer is valid while `body` runs.
  public static func withBytes<T>(_ path: String, _ body: (UnsafePointer<CChar>) -> T) -> T {
    guard holds(path, 0xF4) else { return path.withCString(body) }
    var bytes: [CChar] = []
    for scalar in path.unicodeScalars {
      if let byte = byte(scalar) {
        bytes.append(CChar(bitPattern: byte))
      } else {
        for unit in Unicode.UTF8.encode(scalar) ?? .init() { bytes.append(CChar(bitPattern: unit)) }
      }
    }
    return (bytes + [0]).withUnsafeBufferPointer { buffer in buffer.baseAddress.map(body) ?? "".withCString(body) }
  }

  /// Returns a path for people and for the ledger: `\xE9` for a byte that is not UTF-8, and `\x5Cx` for a backslash that would be read as
  /// one.
  public static func shown(_ path: String) -> String {
    guard holds(path, 0xF4) || holds(path, 0x5C) else { return path }
    var shown = ""
    for scalar in path.replacing("\\x", with: "\\x5Cx").unicodeScalars {
      if let byte = byte(scalar) { shown += String(format: "\\x%02X", byte) } else { shown.unicodeScalars.append(scalar) }
    }
    return shown
  }

  /// Returns the path that ``shown(_:)`` spells so.
  public static func path(shown: String) -> String {
    guard holds(shown, 0x5C) else { return shown }
    var path = String.UnicodeScalarView()
    var rest = shown.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == "\\", rest.first == "x", let byte = UInt8(String(String.UnicodeScalarView(rest.dropFirst().prefix(2))), radix: 16) {
        append(byte, to: &path)
        rest = rest.dropFirst(3)
      } else {
        path.append(scalar)
      }
    }
    return String(path)
  }
}
