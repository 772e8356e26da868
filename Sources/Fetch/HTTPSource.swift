import Configuration
import Foundation
import Synchronization

/// Reads http and https addresses, by libcurl.
///
/// An item's key is its address, with the names of secrets in their places.
final class HTTPSource: Source {
  static let page = ComponentPage(
    .source, "http", "Addresses of web servers, http and https.", abilities: ["resumes", "asks for changes"],
    keys: [Key("headers", .map(.text), "HTTP headers to send.")] + HTTPSettings.connectionKeys, place: "fetch.from[]",
    example: """
      pipeline: flights
      fetch:
        from:
          url: 'https://data.example.org/flights-2013-{01..12}.csv.gz'
          headers: {Accept: text/csv}
      write: {path: 'out/{item.stem}.jsonl'}
      """,
    errors: [.refusedByServer, .unusableAnswer, .brokenConnection, .wrongAddress, .wrongChecksum, .changedSource],
    guarantees: [
      "A download that breaks off goes on where it was, also in a later run, where the server gives a strong version and ranges.",
      "No output mixes two versions of an item.",
      "An item that is done is fetched again only where the server says that it changed.",
      "Headers and passwords are sent to the address's own host only, whatever it redirects to.",
    ],
    limits: [
      "A server that gives neither ETag nor Last-Modified has its items fetched in every run.",
      "Servers list no items: {a,b} and {01..12} spell out many.",
    ])

  static let schemes = ["http", "https"]
  static let patternCharacters = "{}"
  static let sharedKeys = [HTTPSettings.timeoutKey] + HTTPSettings.connectionKeys

  private let settings: HTTPSettings
  /// The entry's address: its headers are for no other place.
  private let pattern: String

  private init(_ settings: HTTPSettings, _ pattern: String) {
    self.settings = settings
    self.pattern = pattern
  }

  static func maker(_ fetch: Value, _ reader: inout DefinitionReader) -> SourceMaker {
    let shared = HTTPSettings(shared: fetch, &reader)
    return { entry, reader in
      let settings = HTTPSettings(entry.value, shared, &reader)
      HTTPSettings.checkAddresses(entry.pattern.value, at: entry.position, &reader)
      return HTTPSource(settings, entry.pattern.value)
    }
  }

  static func bare(folder: String) -> any Source { HTTPSource(HTTPSettings(), "") }

  static func itemName(key: String) -> String {
    let path = String(Substring(key.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }))
    return Sources.itemName(path: path.utf8.contains(UInt8(ascii: "%")) ? path.removingPercentEncoding ?? path : path)
  }

  var traits: SourceTraits { [] }
  var addresses: [String] { settings.connection.proxy.map { [$0] } ?? [] }

  // MARK: Items

  func isPattern(_ pattern: SourcePattern) -> Bool { false }

  func named(_ pattern: SourcePattern, _ redactor: Redactor) -> ListedItem? {
    let (url, key) = (pattern.value, pattern.shown)
    let former = redactor.redact(url)
    return ListedItem(
      key: key, name: Self.itemName(key: url), location: url, kept: key, formerKeys: former == key ? [] : [former])
  }

  func list(_ pattern: SourcePattern, in session: FetchSession) -> any Listing {
    KnownListing(named(pattern, session.redactor).map { [$0] } ?? [])
  }

  func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem? {
    let url = reveal(kept)
    guard pattern.isEmpty || SourceExpansion.braces(pattern).contains(where: { HTTPAddress.origin($0) == HTTPAddress.origin(url) }) else {
      return nil
    }
    return ListedItem(key: kept, name: Self.itemName(key: url), location: url, kept: kept)
  }

  func isStable(_ version: String) -> Bool { HTTPVersion(version)?.isStrong == true }

  // MARK: Looking

  func head(_ location: String, ifChangedSince known: String?, in session: FetchSession) async throws(FetchError) -> SourceState {
    let known = known.flatMap(HTTPVersion.init)
    do throws(FetchError) {
      return try await look(location, known, isHead: true, session)
    } catch {
      // Some servers refuse HEAD where they answer GET.
      guard case .status(let code, _) = error, !error.isTransient, code >= 400 else { throw error }
    }
    return try await look(location, known, isHead: false, session)
  }

  private func look(_ url: String, _ known: HTTPVersion?, isHead: Bool, _ session: FetchSession) async throws(FetchError) -> SourceState {
    var request = HTTPRequest(url, settings)
    request.isHead = isHead
    let conditions = known?.conditions ?? []
    request.headers += conditions
    let answer = HTTPHeadReceiver()
    do {
      for try await _ in session.client(HTTPClient.self).send(request, to: answer) {}
    } catch {
      // The receiver ends a transfer that has said enough.
      if answer.head == nil { throw error as? FetchError ?? .connection("interrupted") }
    }
    guard let head = answer.head else { throw .connection("the server gave no answer") }
    if head.status == 304, !conditions.isEmpty { return SourceState(version: known?.description, size: nil) }
    guard head.status == 200 else { throw .status(head.status, retryAfter: head.retryAfter) }
    let length = try head.contentLength()
    let found = HTTPValidators(head).version(length: length)
    if let found, let known, found.matches(known) { return SourceState(version: known.description, size: length) }
    return SourceState(version: found?.description, size: length)
  }

  // MARK: Reading

  /// Asks for the wanted bytes, with If-Range where they continue known content.
  func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd {
    var asked = HTTPRequest(location, settings)
    var conditions: [(String, String)] = []
    let validators = request.token.flatMap(HTTPValidators.init(token:))
    if request.from > 0, let validator = validators?.strong {
      asked.offset = request.from
      asked.headers.append(("If-Range", validator))
    } else if let limit = request.limit {
      asked.headers.append(("Range", "bytes=\(request.from)-\(request.from + limit - 1)"))
    } else {
      conditions = request.known.flatMap(HTTPVersion.init)?.conditions ?? []
      asked.headers += conditions
    }
    let answer = HTTPAnswer(asked.offset > 0 ? .rest(of: validators, request) : request.limit == nil ? .whole : .part(request), receiver)
    if let end = try await session.client(HTTPClient.self).read(asked, to: answer, answer, progress) { return end }
    guard let head = answer.head else { throw FetchError.connection("the server gave no answer") }
    switch head.status {
    case 304 where !conditions.isEmpty: return .notModified
    // The server has fewer bytes than we hold, or knows no ranges.
    case 416 where asked.offset > 0: return .cannotContinue
    default: throw FetchError.status(head.status, retryAfter: head.retryAfter)
    }
  }
}

/// Keeps an answer's head, and ends the transfer with the first bytes.
private final class HTTPHeadReceiver: HTTPReceiver {
  private let state = Mutex<HTTPHead?>(nil)

  var head: HTTPHead? { state.withLock { $0 } }

  func begin(_ head: HTTPHead) -> Bool {
    state.withLock { $0 = head }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool { head?.status != 200 }
}
