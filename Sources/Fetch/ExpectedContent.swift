/// What an item's content is to be: a server may send something else with a status of success.
public struct ExpectedContent: Sendable {
  /// What records look like: a table of text, lines of JSON, or something that a program reads.
  public enum Form: Sendable { case table, lines, other }
  let form: Form
  /// The content codings that can be read, in lower case.
  let codings: Set<String>
  /// Whether what is compressed is decompressed.
  let mayBeCompressed: Bool

  package init(_ form: Form, codings: Set<String> = [], mayBeCompressed: Bool) {
    self.form = form
    self.codings = codings
    self.mayBeCompressed = mayBeCompressed
  }

  /// Bytes that ``check(_:mediaType:)`` needs, where there are so many.
  static let lookedAt = 64

  /// - Throws: ``FetchError/answer(_:isTransient:)`` where the server has compressed the content in a way that can't be read.
  func check(codings: [String]) throws(FetchError) {
    guard let first = codings.first else { return }
    let words = "the server sends its content with Content-Encoding “\(codings.joined(separator: ", "))”, which was not asked for"
    guard codings.count == 1, self.codings.contains(first) else {
      throw .answer("\(words) and can't be read", isTransient: false)
    }
    if !mayBeCompressed { throw .answer("\(words); decompress.format: auto reads it", isTransient: false) }
  }

  /// Many servers give a wrong media type, so that it counts only where the content begins like it.
  ///
  /// - Throws: ``FetchError/answer(_:isTransient:)`` where a web page or a JSON document stands in the place of records.
  func check(_ beginning: some Sequence<UInt8>, mediaType: String?) throws(FetchError) {
    guard let mediaType, form != .other else { return }
    let first = beginning.first { ![0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
    switch first {
    case UInt8(ascii: "<") where mediaType == "text/html" || mediaType == "application/xhtml+xml":
      throw .answer("the server sent a web page (\(mediaType)), and no records; it may want a sign-in", isTransient: false)
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard form == .table, mediaType == "application/json" || mediaType.hasSuffix("+json") else { return }
      throw .answer("the server sent JSON (\(mediaType)), and no table; it may be an error of its own", isTransient: false)
    default: return
    }
  }
}
