import CDigest
import Foundation

/// The keys that prove to S3 who asks.
struct S3Credentials: Sendable, Hashable {
  var accessKey: String
  var secretKey: String
  var sessionToken: String?
  /// The place where they were found, for messages: `AWS_ACCESS_KEY_ID`.
  var origin: String
}

/// Signs requests by AWS Signature Version 4, in the Authorization header (Amazon S3 API reference, “Authenticating Requests: Using the
/// Authorization Header”). S3 encodes a path once and leaves its dots and slashes as they are, unlike other services.
struct S3Signature {
  var credentials: S3Credentials
  var region: String
  var service = "s3"

  /// The SHA-256 of no content, which is what a GET or HEAD sends.
  static let emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  /// Returns the value of the Authorization header.
  ///
  /// - Parameters:
  ///   - path: the path as it is sent, percent-encoded.
  ///   - query: names and values, not encoded.
  ///   - headers: the headers to sign; `host` and `x-amz-date` are among them.
  ///   - payload: the SHA-256 of the body, or UNSIGNED-PAYLOAD.
  ///   - date: the value of `x-amz-date`.
  func authorization(
    _ method: String, path: String, query: [(name: String, value: String)], headers: [(name: String, value: String)],
    payload: String = emptyPayload, date: String
  ) -> String {
    let fields = headers.map { (name: $0.name.lowercased(), value: Self.trimmed($0.value)) }.sorted { $0.name < $1.name }
    let names = fields.map(\.name).joined(separator: ";")
    let canonical = [
      method, path, Self.query(query), fields.map { "\($0.name):\($0.value)\n" }.joined(), names, payload,
    ].joined(separator: "\n")
    let scope = "\(date.prefix(8))/\(region)/\(service)/aws4_request"
    let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n\(Digest.of(canonical))"
    var key = Array("AWS4\(credentials.secretKey)".utf8)
    for part in [String(date.prefix(8)), region, service, "aws4_request", text] { key = Self.hmac(key, part) }
    let signature = key.map { String(format: "%02x", $0) }.joined()
    return "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
  }

  /// HMAC-SHA256 (RFC 2104).
  private static func hmac(_ key: [UInt8], _ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var sum = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &sum, &count)
    return sum
  }

  /// A query as it is sent and signed: encoded, and in the order of its encoded names and values.
  static func query(_ query: [(name: String, value: String)]) -> String {
    query.map { (encoded($0.name), encoded($0.value)) }.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
  }

  /// Percent-encodes all but RFC 3986's unreserved characters, and those of `kept`.
  static func encoded(_ text: String, keeping kept: String = "") -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        out.append(byte)
      case _ where "-._~".utf8.contains(byte) || kept.utf8.contains(byte): out.append(byte)
      default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func trimmed(_ value: String) -> String { value.split(separator: " ").joined(separator: " ") }

  /// A moment as `x-amz-date` has it: `20150830T123600Z`.
  static func date(_ moment: Date) -> String {
    var seconds = time_t(moment.timeIntervalSince1970)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return String(
      format: "%04d%02d%02dT%02d%02d%02dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec
    )
  }
}
