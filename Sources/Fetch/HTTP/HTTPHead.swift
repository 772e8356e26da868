import CCurl
import Foundation

/// What a server says before the content.
public struct HTTPHead: Sendable {
  public internal(set) var status: Int
  /// The values of those headers of the last response that mean something here, by their names in lower case.
  private var fields: [String: [String]] = [:]

  init(status: Int) { self.status = status }

  static let telling = [
    "content-encoding", "content-length", "content-range", "content-type", "date", "etag", "last-modified", "location", "retry-after",
  ]

  mutating func add(_ name: String, _ value: String) { fields[name, default: []].append(value) }
  mutating func removeFields() { fields = [:] }

  /// The one value of a header; nil where there is none, and where there are several that differ.
  private subscript(name: String) -> String? {
    guard let values = fields[name], let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
    return first
  }

  /// A header that the request wanted.
  package func value(_ name: String) -> String? { self[name] }

  public var etag: String? { self["etag"] }
  public var lastModified: String? { self["last-modified"] }
  public var date: String? { self["date"] }
  public var location: String? { fields["location"]?.last }

  /// `text/csv`: the media type in lower case, without parameters.
  public var mediaType: String? {
    self["content-type"]?.split(separator: ";").first.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
  }

  /// What stands for no coding of the content: names of characters' encodings, which servers give by mistake, and what S3 keeps of an upload.
  private static let noCodings: Set = [
    "", "identity", "none", "binary", "7bit", "8bit", "utf-8", "utf8", "us-ascii", "iso-8859-1", "aws-chunked",
  ]

  /// How the content is coded, in the order of coding, in lower case; what is no coding is left out.
  public var contentCodings: [String] {
    (fields["content-encoding"] ?? []).flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }.filter { !Self.noCodings.contains($0) }
  }

  /// The content's length (RFC 9110 §8.6).
  ///
  /// - Throws: ``FetchError/answer(_:isTransient:)`` where several lengths are given that differ, or one that is none.
  public func contentLength() throws(FetchError) -> Int? {
    let texts = Set((fields["content-length"] ?? []).flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) })
    guard let first = texts.first else { return nil }
    guard texts.count == 1, first.allSatisfy(\.isASCIIDigit), let length = Int(first) else {
      throw .answer("the server gives a Content-Length that is none: \(texts.sorted().joined(separator: ", "))", isTransient: true)
    }
    return length
  }

  /// When to ask again.
  public enum RetryAfter: Sendable, Hashable {
    case wait(Duration)
    /// The header is there, and says nothing that can be read.
    case unreadable
  }

  /// RFC 9110 §10.2.3: seconds, or a date. Of several the longest wait counts.
  public var retryAfter: RetryAfter? {
    let waits = (fields["retry-after"] ?? []).map(Self.retryAfter)
    return waits.contains(.unreadable) ? .unreadable : waits.max { Self.duration($0) < Self.duration($1) }
  }

  private static func duration(_ wait: RetryAfter) -> Duration {
    if case .wait(let duration) = wait { return duration }
    return .zero
  }

  private static func retryAfter(_ value: String) -> RetryAfter {
    if !value.isEmpty, value.allSatisfy(\.isASCIIDigit) { return .wait(.seconds(Int64(value) ?? .max)) }
    // curl_getdate takes much for a date; one without a time of day is none that a server means.
    let at = value.contains(":") ? curl_getdate(value, nil) : -1
    return at < 0 ? .unreadable : .wait(.seconds(max(0, at - time(nil))))
  }

  /// Of a 206: which bytes it holds, and how long the whole is (RFC 9110 §14.4).
  public struct ContentRange: Sendable, Hashable {
    public var first: Int
    public var last: Int
    public var total: Int?
  }

  /// Nil where the header is missing, or is not one range of bytes.
  public var contentRange: ContentRange? {
    guard let value = self["content-range"], value.lowercased().hasPrefix("bytes ") else { return nil }
    let parts = value.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Self.number($0) }
    guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else { return nil }
    let total = Self.number(parts[1])
    guard parts[1] == "*" || total.map({ last < $0 }) == true else { return nil }
    return ContentRange(first: first, last: last, total: total)
  }

  private static func number(_ text: Substring) -> Int? { text.allSatisfy(\.isASCIIDigit) ? Int(text) : nil }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
