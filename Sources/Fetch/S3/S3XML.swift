/// An element of the XML that S3 answers with. It reads the little of XML that S3 writes, and refuses all else: no DOCTYPE, no
/// entities but the five that are predefined.
struct S3XML {
  var name = ""
  var text = ""
  var children: [S3XML] = []

  /// The text of the first child with a name.
  subscript(name: String) -> String? { children.first { $0.name == name }?.text }

  /// Returns a document's element; nil where the bytes are no such document.
  static func parse(_ bytes: [UInt8]) -> S3XML? {
    var parser = Parser(bytes: bytes)
    parser.skip(prefix: [0xEF, 0xBB, 0xBF])
    parser.skipBlanks()
    if parser.skip(prefix: Array("<?xml".utf8)) { guard parser.skip(past: "?>") else { return nil } }
    guard parser.skipComments(), let element = parser.element(depth: 0), parser.skipComments() else { return nil }
    return parser.at == bytes.count ? element : nil
  }

  private struct Parser {
    let bytes: [UInt8]
    var at = 0

    private static let deepest = 16

    @discardableResult
    mutating func skip(prefix: [UInt8]) -> Bool {
      guard bytes[at...].starts(with: prefix) else { return false }
      at += prefix.count
      return true
    }

    mutating func skip(past end: String) -> Bool {
      let end = Array(end.utf8)
      while at + end.count <= bytes.count {
        if skip(prefix: end) { return true }
        at += 1
      }
      return false
    }

    mutating func skipBlanks() { while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 } }

    /// False for a comment that does not end.
    mutating func skipComments() -> Bool {
      skipBlanks()
      while skip(prefix: Array("<!--".utf8)) {
        guard skip(past: "-->") else { return false }
        skipBlanks()
      }
      return true
    }

    /// A name, without its prefix.
    private mutating func name() -> String? {
      let start = at
      while at < bytes.count, bytes[at] >= 0x80 || Self.isNameByte(bytes[at]) { at += 1 }
      guard at > start else { return nil }
      let name = bytes[start..<at]
      return String(decoding: name.lastIndex(of: UInt8(ascii: ":")).map { name[($0 + 1)...] } ?? name, as: UTF8.self)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      default: ":_-.".utf8.contains(byte)
      }
    }

    mutating func element(depth: Int) -> S3XML? {
      guard depth < Self.deepest, skip(prefix: [UInt8(ascii: "<")]), let name = name(), let isEmpty = attributes() else { return nil }
      var element = S3XML(name: name)
      if isEmpty { return element }
      var text: [UInt8] = []
      while at < bytes.count {
        if skip(prefix: Array("<!--".utf8)) {
          guard skip(past: "-->") else { return nil }
        } else if skip(prefix: Array("<![CDATA[".utf8)) {
          let start = at
          guard skip(past: "]]>") else { return nil }
          text += bytes[start..<(at - 3)]
        } else if skip(prefix: Array("</".utf8)) {
          guard self.name() == name else { return nil }
          skipBlanks()
          guard skip(prefix: [UInt8(ascii: ">")]), let decoded = String(validating: text, as: UTF8.self) else { return nil }
          // Blanks between elements are no text.
          if element.children.isEmpty { element.text = decoded }
          return element
        } else if bytes[at] == UInt8(ascii: "<") {
          guard let child = self.element(depth: depth + 1) else { return nil }
          element.children.append(child)
        } else if bytes[at] == UInt8(ascii: "&") {
          guard let scalar = reference() else { return nil }
          text += String(scalar).utf8
        } else {
          text.append(bytes[at])
          at += 1
        }
      }
      return nil
    }

    /// The rest of a start tag, whose attributes say nothing that is needed; whether the element ends with it.
    private mutating func attributes() -> Bool? {
      while true {
        skipBlanks()
        if skip(prefix: [UInt8(ascii: ">")]) { return false }
        if skip(prefix: Array("/>".utf8)) { return true }
        guard name() != nil else { return nil }
        skipBlanks()
        guard skip(prefix: [UInt8(ascii: "=")]) else { return nil }
        skipBlanks()
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "'") else { return nil }
        let quote = String(Unicode.Scalar(bytes[at]))
        at += 1
        guard skip(past: quote) else { return nil }
      }
    }

    /// Returns the character of `&amp;` or `&#x26;`.
    private mutating func reference() -> Unicode.Scalar? {
      guard let end = bytes[at...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else { return nil }
      let name = String(decoding: bytes[(at + 1)..<end], as: UTF8.self)
      at = end + 1
      switch name {
      case "amp": return "&"
      case "lt": return "<"
      case "gt": return ">"
      case "quot": return "\""
      case "apos": return "'"
      case _ where name.hasPrefix("#x"): return UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
      case _ where name.hasPrefix("#"): return UInt32(name.dropFirst()).flatMap(Unicode.Scalar.init)
      default: return nil
      }
    }
  }
}
