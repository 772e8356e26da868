/// What a message quotes of a value: its beginning.
///
/// A cut is marked by “…”. Redaction, which comes later, finds the beginning of a secret by it.
public enum Excerpt {
  /// How much is kept, in characters.
  public static let length = 80

  /// A value as messages quote it: cut where it is long.
  public static func of(_ text: String) -> String {
    // A character has a byte at least: what is short enough in bytes needs no counting.
    guard text.utf8.count > length, let end = text.index(text.startIndex, offsetBy: length, limitedBy: text.endIndex), end < text.endIndex
    else { return text }
    return text[..<end] + "…"
  }

  /// Names in a message: the first of many.
  public static func list(_ names: [String]) -> String {
    let most = 20
    let shown = names.prefix(most).map { of($0) }.joined(separator: ", ")
    return names.count > most ? "\(shown) and \(names.count - most) more" : shown
  }

  /// The beginning of bytes, of which so many as may matter are decoded.
  public static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    let most = length * 4
    let head = String(decoding: UnsafeBufferPointer(rebasing: bytes.prefix(most)), as: UTF8.self)
    let text = of(head)
    return bytes.count > most && !text.hasSuffix("…") ? text + "…" : text
  }
}
