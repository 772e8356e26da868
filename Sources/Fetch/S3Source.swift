import Configuration
import Foundation
import Synchronization

/// Reads objects in buckets of Amazon's S3, and of servers with its protocol, over ``HTTPClient``.
///
/// An item's key is `s3://bucket/key`. A version is an object's entity tag and size.
final class S3Source: Source {
  static let page = ComponentPage(
    .source, "s3", "Objects in buckets: Amazon S3, and servers that speak its protocol (MinIO, Ceph, R2, …).",
    abilities: ["patterns", "ranges", "resumes", "asks for changes"],
    keys: [
      Key("endpoint", .text, "S3: the server's address, where it is not Amazon's (default: AWS_ENDPOINT_URL, the profile's endpoint_url)."),
      Key("region", .text, "S3: the bucket's region (default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1)."),
      Key("profile", .text, "S3: a profile of ~/.aws/credentials and ~/.aws/config (default: AWS_PROFILE, default)."),
      Key(
        "path_style", .boolean,
        "S3: whether the bucket stands in the path and not before the host's name (default: with an endpoint of its own)."),
      Key("access_key", .text, "S3: the access key's ID (default: AWS_ACCESS_KEY_ID, the profile's; without any nothing is signed)."),
      Key("secret_key", .text, "S3: the access key's secret, from ${NAME} or ${file:PATH}.", secret: true),
      Key("session_token", .text, "S3: the token that belongs to temporary credentials.", secret: true),
    ] + HTTPSettings.connectionKeys, place: "fetch.from[]",
    example: """
      pipeline: orders
      fetch:
        from:
          url: 's3://shop-exports/orders/{2025,2026}/**/*.csv.gz'
          region: eu-central-1
      write: {path: 'out/{item.stem}.jsonl'}
      """,
    errors: [.noSource, .refusedByServer, .unusableAnswer, .brokenConnection, .wrongAddress, .wrongChecksum, .changedSource],
    guarantees: [
      "A download that breaks off goes on where it was, also in a later run, where the object is still the same.",
      "No output mixes two versions of an object: what comes after the first byte is asked for by its entity tag (If-Match).",
      "An object that is done is fetched again only where its entity tag or size has changed.",
      "Keys and tokens are sent to the endpoint's host only, and redirects are not followed.",
      "A listing holds a page of 1000 keys at a time.",
    ],
    limits: [
      "Credentials come from the definition, the environment or the files of the AWS CLI; roles, SSO, credential_process and the services of EC2 and ECS are not asked.",
      "Credentials are read when a run begins: temporary ones that expire in it end the items that are left, and resume takes new ones.",
      "Keys that end in / are passed over, as are versions of an object other than the present one.",
    ])

  static let schemes = ["s3"]
  static let patternCharacters = "{}*?["
  static let sharedKeys = [HTTPSettings.timeoutKey] + HTTPSettings.connectionKeys

  let place: S3Place
  /// The entry's address: its credentials are for no other bucket. Empty for any.
  private let pattern: String

  private init(_ place: S3Place, _ pattern: String) {
    self.place = place
    self.pattern = pattern
  }

  static func maker(_ fetch: Value, _ reader: inout DefinitionReader) -> SourceMaker {
    let shared = HTTPSettings(shared: fetch, &reader)
    // The ledger keeps an item's bucket, but not the server that has it.
    var endpoints: [String: String] = [:]
    return { entry, reader in
      let place = S3Place(entry.value, HTTPSettings(entry.value, shared, &reader), &reader)
      for address in SourceExpansion.braces(entry.pattern.value).prefix(100) {
        if let problem = problem(address) {
          reader.report(entry.position.diagnostic(problem))
          break
        }
        let bucket = S3Object(address).bucket
        let known = endpoints.updateValue(place.endpointName, forKey: bucket)
        if let known, place.endpoint != nil || known.contains("://"), known != place.endpointName {
          reader.report(entry.position.diagnostic("the bucket “\(bucket)” is at \(known) above; give each endpoint a pipeline of its own"))
          break
        }
      }
      return S3Source(place, entry.pattern.value)
    }
  }

  /// The reason why an address stands for no object; nil where it does.
  private static func problem(_ address: String) -> String? {
    let object = S3Object(address)
    if object.bucket.contains(where: "*?[]{}".contains) {
      return "a bucket's name is written out; a pattern stands behind it: s3://bucket/*.csv"
    }
    guard !object.bucket.isEmpty, object.bucket.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"\"#%:<>@\\^`|".utf8.contains($0) }) else {
      return "“\(object.bucket)” can't be a bucket's name; an address is s3://bucket/key"
    }
    if object.key.isEmpty || object.key.hasSuffix("/") {
      let folder = address.hasSuffix("/") ? address : address + "/"
      return "this names no object; name those below it: \(folder)**"
    }
    return nil
  }

  static func bare(folder: String) -> any Source { S3Source(S3Place(environment: ProcessInfo.processInfo.environment), "") }

  static func normal(_ pattern: SourcePattern) -> SourcePattern {
    let scheme = String(pattern.text.prefix(S3Object.scheme.count))
    guard scheme != S3Object.scheme, scheme.lowercased() == S3Object.scheme else { return pattern }
    return pattern.with(text: S3Object.scheme + pattern.text.dropFirst(scheme.count))
  }

  static func itemName(key: String) -> String { Sources.itemName(path: key) }

  var traits: SourceTraits { [.ranges, .exactSizes] }
  var addresses: [String] { (place.http.connection.proxy.map { [$0] } ?? []) + (place.endpoint.map { [$0] } ?? []) }

  // MARK: Items

  func item(_ object: S3Object, shown key: String, _ state: SourceState? = nil) -> ListedItem {
    ListedItem(key: key, name: Sources.itemName(path: object.key), location: object.address, kept: key, state: state)
  }

  func named(_ pattern: SourcePattern, _ redactor: Redactor) -> ListedItem? {
    isPattern(pattern) ? nil : item(S3Object(pattern.value), shown: pattern.shown)
  }

  func list(_ pattern: SourcePattern, in session: FetchSession) -> any Listing {
    named(pattern, session.redactor).map { KnownListing([$0]) } ?? S3Listing(self, pattern, session)
  }

  func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem? {
    let object = S3Object(reveal(kept))
    guard pattern.isEmpty || SourceExpansion.braces(pattern).contains(where: { S3Object($0).bucket == object.bucket }) else { return nil }
    return item(object, shown: kept)
  }

  func isStable(_ version: String) -> Bool {
    version.hasPrefix(Self.versionMark) || HTTPVersion(version)?.isStrong == true
  }

  func examine(_ pattern: SourcePattern, in session: FetchSession) async -> [Finding] {
    let signed =
      place.credentials.map { "requests are signed by the keys of \($0.origin)" } ?? "requests are not signed: no keys were found"
    return [Finding("\(S3Object.scheme)\(S3Object(pattern.shown).bucket) at \(place.endpointName): \(signed)")]
  }

  // MARK: Versions

  private static let versionMark = "s3:"

  /// `s3:SIZE:"ETAG"`; nil where the server gives no strong entity tag.
  private static func version(etag: String?, size: Int?) -> String? {
    guard let etag, let size, HTTPValidators.isStrong(etag), etag.count > 2 else { return nil }
    return "\(versionMark)\(size):\(etag)"
  }

  private static func etag(ofVersion version: String) -> String? {
    guard version.hasPrefix(versionMark), let colon = version.dropFirst(versionMark.count).firstIndex(of: ":") else { return nil }
    return String(version[version.index(after: colon)...])
  }

  /// The state of an object in a listing; nil where the listing does not give a version.
  static func state(etag: String?, size: Int) -> SourceState? {
    version(etag: etag, size: size).map { SourceState(version: $0, size: size) }
  }

  private static func version(_ head: HTTPHead, size: Int?) -> String? {
    version(etag: head.etag, size: size) ?? HTTPValidators(head).version(length: size)?.description
  }

  // MARK: Looking

  func head(_ location: String, ifChangedSince known: String?, in session: FetchSession) async throws(FetchError) -> SourceState {
    let object = S3Object(location)
    var (head, body) = try await ask(place.request(object, isHead: true), in: session)
    if head.status != 200, !FetchError.status(head.status, retryAfter: nil).isTransient {
      // A HEAD's answer does not say why: a GET's does, and some servers allow it where they refuse a HEAD.
      var request = place.request(object)
      request.headers.append(("Range", "bytes=0-0"))
      (head, body) = try await ask(request, in: session)
    }
    switch head.status {
    case 200:
      let size = try head.contentLength()
      return SourceState(version: Self.version(head, size: size), size: size)
    case 206: return SourceState(version: Self.version(head, size: head.contentRange?.total), size: head.contentRange?.total)
    default: throw S3Refusal(head, body).error(place, object)
    }
  }

  /// Sends a request, and returns a small answer whole.
  func ask(_ request: HTTPRequest, in session: FetchSession) async throws(FetchError) -> (HTTPHead, [UInt8]) {
    let answer = S3Answer(nil)
    do {
      for try await _ in session.client(HTTPClient.self).send(request, to: answer) {}
    } catch {
      throw answer.isTooLong
        ? .answer("\(place.endpointName) answers more than S3 does; check the endpoint", isTransient: false)
        : error as? FetchError ?? .connection("interrupted")
    }
    guard let head = answer.head else { throw .connection("the server gave no answer") }
    return (head, answer.body)
  }

  // MARK: Reading

  /// Asks for the wanted bytes, with If-Match where they continue known content.
  func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd {
    let object = S3Object(location)
    var asked = place.request(object)
    let validators = request.token.flatMap(HTTPValidators.init(token:))
    var isConditional = false
    if request.from > 0, let validator = validators?.strong {
      asked.offset = request.from
      asked.headers.append((validators?.etag == nil ? "If-Unmodified-Since" : "If-Match", validator))
    } else if let limit = request.limit {
      asked.headers.append(("Range", "bytes=\(request.from)-\(request.from + limit - 1)"))
    } else if let etag = request.known.flatMap(Self.etag(ofVersion:)) {
      isConditional = true
      asked.headers.append(("If-None-Match", etag))
    }
    let content = HTTPAnswer(
      asked.offset > 0 ? .rest(of: validators, request) : request.limit == nil ? .whole : .part(request),
      VersionedReceiver(receiver) { head in
        let validators = head.token.flatMap(HTTPValidators.init(token:))
        return Self.version(etag: validators?.etag, size: head.total) ?? head.version
      })
    let answer = S3Answer(content)
    if let end = try await session.client(HTTPClient.self).read(asked, to: answer, content, progress) { return end }
    guard let head = answer.head else { throw FetchError.connection("the server gave no answer") }
    switch head.status {
    case 304 where isConditional: return .notModified
    case 412 where asked.offset > 0, 416 where asked.offset > 0: return .cannotContinue
    case 416 where request.limit != nil:
      // There are no bytes from there on: an empty object has no range at all.
      var nothing = ContentHead()
      nothing.start = request.from
      return receiver.begin(nothing) ? .whole : .stopped
    default: throw S3Refusal(head, answer.body).error(place, object)
    }
  }
}

/// Gives a version the form that S3's listings give it.
private final class VersionedReceiver: ContentReceiver {
  private let receiver: any ContentReceiver
  private let version: @Sendable (ContentHead) -> String?

  init(_ receiver: any ContentReceiver, _ version: @escaping @Sendable (ContentHead) -> String?) {
    self.receiver = receiver
    self.version = version
  }

  func begin(_ head: ContentHead) -> Bool {
    var head = head
    head.version = version(head)
    return receiver.begin(head)
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool { receiver.receive(bytes) }
}

/// Hands content on, and keeps an answer without content: a listing, or a refusal.
private final class S3Answer: HTTPReceiver {
  /// A page holds 1000 keys of 1024 bytes, each of which may be written by three.
  private static let longest = 16 << 20

  private struct State {
    var head: HTTPHead?
    var body: [UInt8] = []
    var isTooLong = false
  }
  private let state = Mutex(State())
  private let content: HTTPAnswer?

  init(_ content: HTTPAnswer?) { self.content = content }

  var head: HTTPHead? { state.withLock { $0.head } }
  var body: [UInt8] { state.withLock { $0.body } }
  var isTooLong: Bool { state.withLock { $0.isTooLong } }

  func begin(_ head: HTTPHead) -> Bool {
    var head = head
    // rclone's server sends a part with 200.
    if head.status == 200, head.contentRange != nil { head.status = 206 }
    state.withLock { $0.head = head }
    return content?.begin(head) ?? true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if let content, content.isAccepted { return content.receive(bytes) }
    return state.withLock { state in
      state.isTooLong = state.body.count + bytes.count > Self.longest
      if !state.isTooLong { state.body.append(contentsOf: bytes) }
      return !state.isTooLong
    }
  }
}
