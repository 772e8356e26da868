import CCurl
import Foundation

/// A representation's validators, and the conclusions that they allow (RFC 9110 §8.8 and §13).
struct HTTPValidators: Codable, Hashable {
  var etag: String?
  var lastModified: String?
  /// The answer's Date.
  var date: String?

  init(etag: String? = nil, lastModified: String? = nil, date: String? = nil) {
    (self.etag, self.lastModified, self.date) = (etag, lastModified, date)
  }

  init(_ head: HTTPHead) { self.init(etag: head.etag, lastModified: head.lastModified, date: head.date) }

  /// The validators as ``ContentHead/token``: a line each. No header's value holds a line end.
  var token: String { "\(etag ?? "")\n\(lastModified ?? "")\n\(date ?? "")" }

  /// - Parameter token: lines, or the JSON object of an earlier build's spool.
  init?(token: String) {
    if token.hasPrefix("{") {
      guard let validators = try? JSONDecoder().decode(HTTPValidators.self, from: Data(token.utf8)) else { return nil }
      self = validators
    } else {
      let lines = token.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? nil : String($0) }
      guard lines.count == 3 else { return nil }
      self.init(etag: lines[0], lastModified: lines[1], date: lines[2])
    }
  }

  /// The validator for If-Range, one that differs where any byte does; nil where there is none. A weak entity tag may stay as it is when
  /// bytes change. So may a Last-Modified of the second in which the answer was made, or of an unknown one (§8.8.2.2); with an entity tag
  /// there a date is not used at all (§13.1.5).
  var strong: String? {
    if let etag { return Self.isStrong(etag) ? etag : nil }
    guard let lastModified, let date else { return nil }
    let (changed, answered) = (curl_getdate(lastModified, nil), curl_getdate(date, nil))
    return changed >= 0 && answered > changed ? lastModified : nil
  }

  static func isStrong(_ etag: String) -> Bool { etag.count >= 2 && etag.hasPrefix("\"") && etag.hasSuffix("\"") }

  /// The version that the ledger keeps; nil where the server gives no validator. Its kind says whether reading may go on in the middle of
  /// the content.
  func version(length: Int?) -> HTTPVersion? {
    if let etag { return HTTPVersion(kind: .etag, value: etag, length: nil) }
    guard let lastModified else { return nil }
    return HTTPVersion(
      kind: strong == nil ? .weaklyModified : .modified, value: lastModified, length: lastModified.hasSuffix("GMT") ? length : nil)
  }
}

/// A version as text: `etag:"1"`, `modified:DATE:LENGTH`, `weakly-modified:DATE:LENGTH`.
struct HTTPVersion: Sendable, Hashable, CustomStringConvertible {
  enum Kind: String { case etag, modified, weaklyModified = "weakly-modified" }
  let kind: Kind
  let value: String
  let length: Int?

  init(kind: Kind, value: String, length: Int?) {
    (self.kind, self.value, self.length) = (kind, value, length)
  }

  init?(_ text: String) {
    guard let colon = text.firstIndex(of: ":"), let kind = Kind(rawValue: String(text[..<colon])) else { return nil }
    let value = text[text.index(after: colon)...]
    // A date ends in GMT, and has colons itself.
    guard kind != .etag, let end = value.range(of: "GMT:"), let length = Int(value[end.upperBound...]) else {
      self.init(kind: kind, value: String(value), length: nil)
      return
    }
    self.init(kind: kind, value: String(value[..<value.index(before: end.upperBound)]), length: length)
  }

  var description: String { "\(kind.rawValue):\(value)\(length.map { ":\($0)" } ?? "")" }

  /// Whether content of this version is the same byte for byte.
  var isStrong: Bool {
    switch kind {
    case .etag: HTTPValidators.isStrong(value)
    case .modified: true
    case .weaklyModified: false
    }
  }

  /// Whether the other is the same as far as can be told: a length that is known of one only says nothing.
  func matches(_ other: HTTPVersion) -> Bool {
    (kind == .etag) == (other.kind == .etag) && value == other.value && (length == nil || other.length == nil || length == other.length)
  }

  /// The headers by which a server may answer that this is the present version (304).
  var conditions: [(String, String)] { [(kind == .etag ? "If-None-Match" : "If-Modified-Since", value)] }
}
