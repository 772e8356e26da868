import Records

/// A kind of text that is no table of delimited values. The beginning of the text tells it.
public enum TextDocument: Sendable, Hashable, CaseIterable {
  /// HTML, which servers often send in the place of data.
  case webPage
  /// XML other than a web page.
  case xml
  /// One array, on one line or many.
  case jsonArray
  /// One object over several lines, or one that is longer than the bytes that were looked at.
  case jsonObject
  /// An object a line.
  case jsonLines

  /// The kind as a sentence names it, with its article.
  package var name: String {
    switch self {
    case .webPage: "a web page"
    case .xml: "XML"
    case .jsonArray: "a JSON array"
    case .jsonObject: "a JSON object"
    case .jsonLines: "JSON Lines"
    }
  }

  /// Tells the kind of document that a text begins as; nil where it may be delimited values.
  ///
  /// - Parameters:
  ///   - text: the beginning of an item, as UTF-8, with or without a byte order mark.
  ///   - isWhole: whether the bytes are all of the item.
  public static func of(_ text: ByteBuffer, isWhole: Bool) -> TextDocument? {
    let (p, count) = (UnsafePointer(text.bytes), text.count)
    let start = skipSpace(p, skipMark(p, count), count)
    guard start < count else { return nil }
    switch p[start] {
    case 0x3C: return markup(p, start, count)
    case 0x5B: return isArray(p, start, count, isWhole: isWhole) ? .jsonArray : nil
    case 0x7B: return object(p, start, count)
    default: return nil
    }
  }

  private static func skipMark(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
    n >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF ? 3 : 0
  }

  private static func skipSpace(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> Int {
    var at = start
    while at < n, p[at] == 0x20 || (0x09...0x0D).contains(p[at]) { at += 1 }
    return at
  }

  // MARK: JSON

  /// A value of the grammar that nothing but a line end follows, or one that goes on past the bytes.
  private static func isArray(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, isWhole: Bool) -> Bool {
    let inner = skipSpace(p, start + 1, n)
    // Arrays of objects and arrays: no table begins so, be the rest as it may.
    if inner < n, p[inner] == 0x7B { return beginsObject(p, inner, n) }
    if inner + 1 < n, p[inner] == 0x5B, isArray(p, inner, n, isWhole: false) { return true }
    var json = JSONGrammar(p, count: n, at: start)
    guard json.value(depth: 0) else { return json.at >= n && !isWhole }
    let end = skipSpace(p, json.at, n)
    return end == n || p[end] == 0x5B || (json.at..<end).contains { p[$0] == 0x0A || p[$0] == 0x0D }
  }

  private static func object(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> TextDocument? {
    var json = JSONGrammar(p, count: n, at: start)
    if json.value(depth: 0), !(start..<json.at).contains(where: { p[$0] == 0x0A }) {
      let end = skipSpace(p, json.at, n)
      return end == n || (json.at..<end).contains { p[$0] == 0x0A || p[$0] == 0x0D } ? .jsonLines : nil
    }
    return beginsObject(p, start, n) ? .jsonObject : nil
  }

  /// A key and its colon: no table begins so, be the rest as it may.
  private static func beginsObject(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> Bool {
    var key = JSONGrammar(p, count: n, at: skipSpace(p, start + 1, n))
    if key.take(0x7D) { return true }
    guard key.string() else { return false }
    key.skipSpace()
    return key.current == 0x3A || key.atEnd
  }

  // MARK: Markup

  /// Tags that a page begins with (WHATWG MIME Sniffing, 7.1), without those that text may begin with as well.
  private static let pageTags = ["!doctype html", "html", "head", "title", "body", "script", "style", "meta", "iframe", "h1", "div"]

  private static func markup(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> TextDocument? {
    var at = start
    var hasProlog = false
    while at < n, p[at] == 0x3C {
      if let end = end(of: "<?xml", until: "?>", p, at, n) {
        hasProlog = true
        at = skipSpace(p, end, n)
      } else if let end = end(of: "<!--", until: "-->", p, at, n) {
        at = skipSpace(p, end, n)
      } else {
        break
      }
    }
    let tag = at + 1
    let isPage = pageTags.contains { name in
      let after = tag + name.utf8.count
      guard after <= n, starts(name, p, tag, n) else { return false }
      return after == n || p[after] == 0x3E || p[after] == 0x2F || p[after] == 0x20 || (0x09...0x0D).contains(p[after])
    }
    if isPage { return .webPage }
    return hasProlog || starts("!doctype", p, tag, n) || isElement(p, tag, n) ? .xml : nil
  }

  private static func starts(_ word: String, _ p: UnsafePointer<UInt8>, _ at: Int, _ n: Int) -> Bool {
    at + word.utf8.count <= n
      && word.utf8.enumerated().allSatisfy { i, byte in
        let found = p[at + i]
        return found == byte || ((0x41...0x5A).contains(found) && found | 0x20 == byte)
      }
  }

  /// Where what begins with one word and ends with another ends; where it is cut, there.
  private static func end(of word: String, until last: String, _ p: UnsafePointer<UInt8>, _ at: Int, _ n: Int) -> Int? {
    guard starts(word, p, at, n) else { return nil }
    var i = at + word.utf8.count
    while i < n, !starts(last, p, i, n) { i += 1 }
    return min(n, i + last.utf8.count)
  }

  /// An element that holds an element: `<rows><row …`.
  private static func isElement(_ p: UnsafePointer<UInt8>, _ name: Int, _ n: Int) -> Bool {
    var at = name
    func isName(_ byte: UInt8) -> Bool {
      (0x41...0x5A).contains(byte & 0xDF) || (0x30...0x3A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }
    while at < n, isName(p[at]) { at += 1 }
    guard at > name, at < n, p[at] == 0x3E || p[at] <= 0x20 else { return false }
    while at < n, p[at] != 0x3E, p[at] != 0x3C { at += 1 }
    guard at < n, p[at] == 0x3E else { return false }
    let next = skipSpace(p, at + 1, n)
    return next + 1 < n && p[next] == 0x3C && (isName(p[next + 1]) || p[next + 1] == 0x2F || p[next + 1] == 0x21)
  }
}
