/// The kinds of content that an item may have. A server may send something else with a status of success.
public struct ExpectedContent: Sendable {
  /// The form of records: a table of text, lines of JSON, or bytes that a program reads, of which nothing is known.
  public enum Form: Sendable { case table, lines, other }
  let form: Form
  /// The content codings that this build can read, in lower case.
  let codings: Set<String>
  /// Whether the decompress stage takes a compression off.
  let mayBeCompressed: Bool

  /// Makes the expectation of an item.
  ///
  /// - Parameters:
  ///   - codings: the content codings that this build can read, in lower case.
  ///   - mayBeCompressed: whether the decompress stage takes a compression off.
  package init(_ form: Form, codings: Set<String> = [], mayBeCompressed: Bool) {
    self.form = form
    self.codings = codings
    self.mayBeCompressed = mayBeCompressed
  }

  /// How many bytes ``check(_:mediaType:)`` needs, where there are so many.
  static let lookedAt = 64

  /// Checks the content coding of an answer.
  ///
  /// - Throws: ``FetchError/answer(_:isTransient:)`` where the server has compressed the content in a way that can't be read.
  func check(codings: [String]) throws(FetchError) {
    guard let first = codings.first else { return }
    let words = "the server sends its content with Content-Encoding “\(codings.joined(separator: ", "))”, which was not asked for"
    guard codings.count == 1, self.codings.contains(first) else {
      throw .answer("\(words) and can't be read", isTransient: false)
    }
    if !mayBeCompressed { throw .answer("\(words); decompress.format: auto reads it", isTransient: false) }
  }

  /// Checks the first bytes against the media type. Many servers give a wrong one, so that it counts only where the content begins like it.
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
