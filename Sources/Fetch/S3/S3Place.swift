import Configuration
import Foundation

/// An object's place: `s3://bucket/key`. A key is any text, and what it has of `?`, `#` and `%` is its own.
struct S3Object: Sendable, Hashable {
  static let scheme = "s3://"
  var bucket: String
  var key: String

  /// - Parameter address: begins with `s3://`.
  init(_ address: String) {
    let rest = address.hasPrefix(Self.scheme) ? address.dropFirst(Self.scheme.count) : address[...]
    bucket = String(rest.prefix { $0 != "/" })
    key = String(rest.dropFirst(bucket.count + 1))
  }

  init(bucket: String, key: String) { (self.bucket, self.key) = (bucket, key) }

  var address: String { "\(Self.scheme)\(bucket)/\(key)" }
}

/// The place of an entry's buckets, and the way requests get there.
struct S3Place: Sendable {
  var credentials: S3Credentials?
  var region = "us-east-1"
  /// Another address than Amazon's.
  var endpoint: String?
  var isPathStyle: Bool?
  var http = HTTPSettings()

  init() {}

  /// Reads an entry; the environment and the profile hold for keys that it has not.
  init(_ entry: Value, _ http: HTTPSettings, _ reader: inout DefinitionReader) {
    self.http = http
    var profile = S3Profile(environment: reader.environment)
    do throws(S3Profile.Problem) {
      profile = try S3Profile(entry["profile"]?.text, reader.environment)
      credentials = try Self.ownCredentials(entry)
      if credentials == nil { credentials = try profile.credentials() }
    } catch {
      reader.report((entry["profile"] ?? entry["access_key"] ?? entry["secret_key"] ?? entry).position.diagnostic(error.words))
    }
    region = entry["region"]?.text ?? profile.region ?? region
    endpoint = entry["endpoint"]?.text ?? profile.endpoint
    isPathStyle = entry["path_style"]?.text.map { $0 == "true" }
    if let endpoint { Self.check(endpoint, at: (entry["endpoint"] ?? entry).position, &reader) }
    if !region.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }) || region.isEmpty {
      reader.report((entry["region"] ?? entry).position.diagnostic("a region is a name as eu-west-1"))
    }
    // Credentials from a file are as secret as those in the definition.
    if let credentials {
      for secret in [credentials.secretKey, credentials.sessionToken ?? ""] where !secret.isEmpty { reader.hide(secret) }
    }
  }

  /// Takes the environment's settings alone, for items of no entry.
  init(environment: [String: String]) {
    guard let profile = try? S3Profile(nil, environment) else { return }
    credentials = (try? profile.credentials()) ?? nil
    region = profile.region ?? region
    endpoint = profile.endpoint
  }

  private static func ownCredentials(_ entry: Value) throws(S3Profile.Problem) -> S3Credentials? {
    switch (entry["access_key"]?.text, entry["secret_key"]?.text) {
    case (let key?, let secret?):
      return S3Credentials(
        accessKey: key, secretKey: secret, sessionToken: entry["session_token"]?.text, origin: "the definition")
    case (nil, nil):
      if entry["session_token"] != nil {
        throw S3Profile.Problem(words: "a session_token is for access_key and secret_key, which are missing")
      }
      return nil
    default: throw S3Profile.Problem(words: "access_key and secret_key belong together, and one of them is missing")
    }
  }

  private static func check(_ endpoint: String, at position: Position, _ reader: inout DefinitionReader) {
    do throws(HTTPAddress.Problem) {
      let address = try HTTPAddress.normal(endpoint)
      if address.contains(where: { "?#@".contains($0) }) {
        reader.report(position.diagnostic("an endpoint is an address as https://s3.example.com, without a user, ? and #"))
      }
    } catch {
      reader.report(position.diagnostic("the endpoint is no address: \(error)"))
    }
  }

  /// The endpoint's name in messages.
  var endpointName: String { endpoint ?? "Amazon's S3 in \(region)" }

  private static func amazon(_ region: String) -> String {
    "https://s3.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")"
  }

  /// Whether a bucket's name may stand in front of the host's: it makes a name of hosts, and one that Amazon's certificate is for.
  private static func isHostName(_ bucket: String) -> Bool {
    bucket.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
  }

  /// A request for an object, or, with an empty key, for its bucket; signed where there are credentials.
  func request(_ object: S3Object, query: [(name: String, value: String)] = [], isHead: Bool = false, at moment: Date = Date())
    -> HTTPRequest
  {
    let base = endpoint ?? Self.amazon(region)
    let parts = (try? HTTPAddress.normal(base)).flatMap { URLComponents(string: $0) } ?? URLComponents()
    let scheme = parts.scheme ?? "https"
    let port = parts.port.flatMap { $0 == (scheme == "https" ? 443 : 80) ? nil : ":\($0)" } ?? ""
    var host = (parts.encodedHost ?? "") + port
    var path = parts.percentEncodedPath
    while path.hasSuffix("/") { path.removeLast() }
    if isPathStyle ?? (endpoint != nil || !Self.isHostName(object.bucket)) {
      path += "/" + S3Signature.encoded(object.bucket)
      if !object.key.isEmpty { path += "/" }
    } else {
      host = "\(object.bucket).\(host)"
      path += "/"
    }
    path += S3Signature.encoded(object.key, keeping: "/")
    let text = S3Signature.query(query)
    var request = HTTPRequest("\(scheme)://\(host)\(path)\(text.isEmpty ? "" : "?" + text)", http)
    request.isHead = isHead
    // The signature is for this path and this host.
    request.isExact = true
    request.wanted = ["x-amz-bucket-region"]
    guard let credentials else { return request }
    let date = S3Signature.date(moment)
    var signed = [(name: "x-amz-content-sha256", value: S3Signature.emptyPayload), (name: "x-amz-date", value: date)]
    if let token = credentials.sessionToken { signed.append((name: "x-amz-security-token", value: token)) }
    let authorization = S3Signature(credentials: credentials, region: region).authorization(
      isHead ? "HEAD" : "GET", path: path, query: query, headers: signed + [(name: "host", value: host)], date: date)
    request.headers += signed.map { ($0.name, $0.value) } + [("Authorization", authorization)]
    return request
  }
}
