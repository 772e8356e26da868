import Configuration
import Foundation
import Supervision

/// What a definition says of fetching: where the items come from, and how they are asked for.
public struct FetchSection: Sendable {
  /// A path, pattern or address of `fetch.from`, with what it takes to fetch it.
  public struct Entry: Sendable {
    public var source: SourcePattern
    public var headers: [HTTPHeader]
    public var sha256: String?
    public var connection = HTTPConnection()
    /// With the values of secrets.
    public var pattern: String { source.value }
    public var isHTTP: Bool { HTTPAddress.isOne(pattern) }
  }

  public private(set) var entries: [Entry] = []
  public private(set) var timeouts = HTTPRequest.Timeouts()
  public private(set) var retry = Fetcher.Retry()

  /// A section that says nothing.
  package init() {}

  private static let source: Shape = Shape.object(
    [
      Key("url", .text, "An http or https address; {a,b} and {01..12} stand for many.", required: true),
      Key("headers", .map(.text), "HTTP headers to send."),
      Key("sha256", .text, "The SHA-256 that the content must have."),
    ] + connection)

  package static let keys: [Key] =
    [
      Key(
        "from",
        .either(
          [.list(.either([.text, source], "a path, an address, or a map with url")), .text, source], "a path, an address, or a list of them"
        ), "Paths, globs and addresses.", required: true),
      Key(
        "timeout",
        .object([
          Key("connect", .duration, "To connect (default 10s)."), Key("idle", .duration, "Without a byte, once connected (default 30s)."),
          Key("total", .duration, "For a whole transfer (default 1h)."),
        ]), "HTTP's time limits."),
    ] + connection

  package init(_ fetch: Value, _ reader: inout DefinitionReader) {
    if let timeout = fetch["timeout"] {
      if let connect = timeout["connect"]?.text.flatMap(Scalars.duration) { timeouts.connect = connect }
      if let idle = timeout["idle"]?.text.flatMap(Scalars.duration) { timeouts.idle = idle }
      if let total = timeout["total"]?.text.flatMap(Scalars.duration) { timeouts.total = total }
    }
    if let attempts = fetch["retry"]?["attempts"]?.text.flatMap({ Int($0) }) { retry.attempts = attempts }
    if let (first, longest) = fetch["retry"]?["backoff"]?.text.flatMap(Scalars.durationRange) {
      retry.backoff = Backoff(first: first, longest: longest)
    }
    let shared = Self.connection(fetch, HTTPConnection(), &reader)
    for element in fetch["from"]?.elements ?? [] {
      let url = element["url"] ?? element
      guard var pattern = url.text else { continue }
      var source = url.position.source ?? SourcePattern(pattern)
      let headers = element["headers"]?.entries.map { HTTPHeader(name: $0.key, value: $0.value.text ?? "") } ?? []
      if pattern.hasPrefix("file://") {
        source = source.dropping("file://")
        pattern = source.value
      }
      // A value with braces stands for many addresses, and one with a star for many files.
      var entry = Entry(
        source: source.spellingOutPatterns(of: HTTPAddress.isOne(pattern) ? "{}" : "{}*?["),
        headers: headers,
        sha256: element["sha256"]?.text?.lowercased())
      entry.connection = Self.connection(element, shared, &reader)
      if entry.isHTTP { Self.checkAddresses(entry, at: url.position, &reader) }
      if !entry.isHTTP, let scheme = pattern.range(of: "://") {
        reader.report(
          url.position.diagnostic("“\(pattern[..<scheme.lowerBound])” is no scheme that can be fetched; there are http and https"))
      }
      if let sum = entry.sha256, sum.count != 64 || !sum.allSatisfy(\.isHexDigit) {
        reader.report(
          (element["sha256"] ?? element).position.diagnostic("a SHA-256 has 64 hexadecimal digits, and this has \(sum.count) characters"))
      }
      if headers.contains(where: { ($0.name + $0.value).contains { $0 == "\n" || $0 == "\r\n" || $0 == "\r" } }) {
        reader.report(element.position.diagnostic("a header can't hold a line end"))
      }
      entries.append(entry)
    }
    if let from = fetch["from"], from.elements.isEmpty {
      reader.report(from.position.diagnostic("the list is empty; name at least one path or address"))
    }
  }
}
