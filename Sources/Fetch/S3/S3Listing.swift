import Configuration
import Foundation

/// A pattern for keys: glob(7) within a step of the path, and `**` for any number of steps. A key has no hidden steps: `*` matches a
/// leading dot too.
struct S3Glob: Sendable {
  private let steps: [String]
  /// The beginning that all matching keys have.
  let prefix: String
  /// Whether no key that it matches lies deeper than the prefix.
  let isFlat: Bool

  init(_ pattern: String) {
    steps = pattern.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    prefix = String(pattern.prefix { !"*?[\\".contains($0) })
    isFlat = !pattern.dropFirst(prefix.count).contains("/") && !pattern.contains("**")
  }

  func matches(_ key: String) -> Bool {
    PathGlob.matches(steps, key.split(separator: "/", omittingEmptySubsequences: false).map(String.init), flags: 0)
  }
}

/// The objects that a pattern matches, by ListObjectsV2, of which it holds a page at a time.
final class S3Listing: Listing {
  private let source: S3Source
  private let pattern: SourcePattern
  private let session: FetchSession
  private let place: S3Object
  private let glob: S3Glob
  private var token: String?
  private var isFound = false
  private var isListed = false
  private var isOver = false

  init(_ source: S3Source, _ pattern: SourcePattern, _ session: FetchSession) {
    self.source = source
    self.pattern = pattern
    self.session = session
    place = S3Object(pattern.value)
    glob = S3Glob(place.key)
  }

  func next() async throws(FetchError) -> [ListedItem]? {
    while !isListed {
      let items = try await page()
      if items.isEmpty { continue }
      isFound = true
      return items
    }
    if isOver { return nil }
    guard !isFound else {
      isOver = true
      return nil
    }
    // A pattern that finds nothing may be a key with brackets.
    do throws(FetchError) {
      let state = try await source.head(place.address, ifChangedSince: nil, in: session)
      isOver = true
      return [source.item(place, shown: pattern.shown, state)]
    } catch {
      guard error.isMissing else { throw error }
      isOver = true
      return nil
    }
  }

  /// The next page. After an error the same page is asked for again.
  private func page() async throws(FetchError) -> [ListedItem] {
    var query: [(name: String, value: String)] = [(name: "list-type", value: "2"), (name: "encoding-type", value: "url")]
    if !glob.prefix.isEmpty { query.append((name: "prefix", value: glob.prefix)) }
    if glob.isFlat { query.append((name: "delimiter", value: "/")) }
    if let token { query.append((name: "continuation-token", value: token)) }
    let bucket = S3Object(bucket: place.bucket, key: "")
    let (head, body) = try await source.ask(source.place.request(bucket, query: query), in: session)
    guard head.status == 200 else { throw S3Refusal(head, body).error(source.place, place) }
    guard let page = S3XML.parse(body), page.name == "ListBucketResult" else {
      throw .answer("what \(source.place.endpointName) answers is no listing of S3's; check the endpoint", isTransient: false)
    }
    let isEncoded = page["EncodingType"] == "url"
    var items: [ListedItem] = []
    for entry in page.children where entry.name == "Contents" {
      guard let text = entry["Key"], let key = isEncoded ? Self.decoded(text) : text else {
        throw .answer("the server lists a key that can't be read", isTransient: false)
      }
      // Consoles make such keys, which hold nothing, for folders.
      guard !key.hasSuffix("/"), glob.matches(key) else { continue }
      let object = S3Object(bucket: place.bucket, key: key)
      let state = entry["Size"].flatMap { Int($0) }.flatMap { $0 < 0 ? nil : S3Source.state(etag: entry["ETag"], size: $0) }
      items.append(source.item(object, shown: pattern.shown(object.address), state))
    }
    let next = page["NextContinuationToken"].flatMap { $0.isEmpty ? nil : $0 }
    if page["IsTruncated"] == "true" {
      guard let next, next != token else {
        throw .answer("the server's listing goes on, and it does not say where: it may not know ListObjectsV2", isTransient: false)
      }
      token = next
    } else {
      isListed = true
    }
    return items
  }

  /// Decodes a text of `encoding-type=url`, in which a blank may be written +.
  private static func decoded(_ text: String) -> String? { text.replacing("+", with: " ").removingPercentEncoding }
}
