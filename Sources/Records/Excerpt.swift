/// The beginning of a value, as messages quote it.
///
/// A cut ends in “…”. Redaction, which comes later, finds the beginning of a secret by that sign.
public enum Excerpt {
  /// The greatest length, in characters; a cut adds “…”.
  public static let length = 80

  /// Cuts a text to ``length`` characters.
  public static func of(_ text: String) -> String {
    // A character has a byte at least: a text that is short enough in bytes needs no counting.
    guard text.utf8.count > length, let end = text.index(text.startIndex, offsetBy: length, limitedBy: text.endIndex), end < text.endIndex
    else { return text }
    return text[..<end] + "…"
  }

  /// Lists names for a message, separated by commas: the first 20, each cut, and how many more there are.
  public static func list(_ names: [String]) -> String {
    let most = 20
    let shown = names.prefix(most).map { of($0) }.joined(separator: ", ")
    return names.count > most ? "\(shown) and \(names.count - most) more" : shown
  }

  /// Decodes the beginning of UTF-8 bytes and cuts it to ``length`` characters. Bytes past the first 320 are not looked at.
  public static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    let most = length * 4
    let head = String(decoding: UnsafeBufferPointer(rebasing: bytes.prefix(most)), as: UTF8.self)
    let text = of(head)
    return bytes.count > most && !text.hasSuffix("…") ? text + "…" : text
  }
}
