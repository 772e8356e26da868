import CCurl
import Foundation

/// An answer's status and the headers that mean something here.
public struct HTTPHead: Sendable {
  /// The HTTP status of the last response, after redirects.
  public internal(set) var status: Int
  /// The values of the last response's headers, by their names in lower case.
  private var fields: [String: [String]] = [:]

  init(status: Int) { self.status = status }

  /// The headers that are kept of each response.
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

  /// The value of a header that the request named in ``HTTPRequest/wanted``; nil where it is missing or ambiguous.
  func value(_ name: String) -> String? { self[name] }

  var etag: String? { self["etag"] }
  var lastModified: String? { self["last-modified"] }
  var date: String? { self["date"] }
  var location: String? { fields["location"]?.last }

  /// `text/csv`: the media type in lower case, without parameters.
  var mediaType: String? {
    self["content-type"]?.split(separator: ";").first.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
  }

  /// Values of Content-Encoding that are no coding: encodings of characters, which servers give by mistake, and what S3 keeps of an upload.
  private static let noCodings: Set = [
    "", "identity", "none", "binary", "7bit", "8bit", "utf-8", "utf8", "us-ascii", "iso-8859-1", "aws-chunked",
  ]

  /// The content's codings, in the order of coding, in lower case; values that are no coding are left out.
  var contentCodings: [String] {
    (fields["content-encoding"] ?? []).flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }.filter { !Self.noCodings.contains($0) }
  }

  /// The content's length (RFC 9110 §8.6).
  ///
  /// - Throws: ``FetchError/answer(_:isTransient:)`` where several lengths are given that differ, or one that is none.
  func contentLength() throws(FetchError) -> Int? {
    let texts = Set((fields["content-length"] ?? []).flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) })
    guard let first = texts.first else { return nil }
    guard texts.count == 1, first.allSatisfy(\.isASCIIDigit), let length = Int(first) else {
      throw .answer("the server gives a Content-Length that is none: \(texts.sorted().joined(separator: ", "))", isTransient: true)
    }
    return length
  }

  /// The time when the server wants to be asked again (Retry-After).
  public enum RetryAfter: Sendable, Hashable {
    /// The wait from now on.
    case wait(Duration)
    /// The header is there, and its value is neither seconds nor a date.
    case unreadable
  }

  /// The server's Retry-After (RFC 9110 §10.2.3): seconds, or a date; nil where there is none. Of several values the longest wait counts.
  var retryAfter: RetryAfter? {
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

  /// The bytes that a 206 holds, from first to last, and the whole's length; nil where the server does not say (RFC 9110 §14.4).
  struct ContentRange: Sendable, Hashable {
    var first: Int
    var last: Int
    var total: Int?
  }

  /// The range of bytes in the answer; nil where the header is missing, or is not one range of bytes.
  var contentRange: ContentRange? {
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
