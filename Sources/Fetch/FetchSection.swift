import Configuration
import Supervision

/// The section `fetch` of a definition: its entries, and the tries that each gets.
public struct FetchSection: Sendable {
  /// An entry of `fetch.from`: a path, pattern or address, with the source that answers to it.
  package struct Entry: Sendable {
    /// The address, with its braces and with the values of secrets.
    package var pattern: SourcePattern
    /// The SHA-256 that the content must have, in hexadecimal digits of lower case; nil where the definition gives none.
    package var sha256: String?
    /// The source, with the entry's settings.
    package var source: any Source

    /// The name of the entry's items, as far as the pattern tells: the format of a pattern's items goes by it.
    package var itemName: String { type(of: source).itemName(key: pattern.value) }
  }

  /// The entries, in the definition's order; those with errors are left out.
  package private(set) var entries: [Entry] = []
  /// The tries and the waits between them (`fetch.retry`).
  package private(set) var retry = Fetcher.Retry()

  /// Makes the section of a definition that is not read yet.
  package init() {}

  private static let entry: Shape = Shape.object(
    [Key("url", .text, "The address; {a,b} and {01..12} stand for many.", required: true)]
      + .union(Sources.all.map { $0.page.keys }) + [Key("sha256", .text, "The SHA-256 that the content must have.")])

  /// The keys of `fetch`, without those that all stages share.
  package static let keys: [Key] =
    [
      Key(
        "from",
        .either(
          [.list(.either([.text, entry], "a path, an address, or a map with url")), .text, entry], "a path, an address, or a list of them"
        ), "Paths, globs and addresses.", required: true)
    ] + .union(Sources.all.map { $0.sharedKeys })

  /// Makes the section from its read value, a source for each entry. Reports errors in it.
  package init(_ fetch: Value, _ reader: inout DefinitionReader) {
    if let attempts = fetch["retry"]?["attempts"]?.text.flatMap({ Int($0) }) { retry.attempts = attempts }
    if let (first, longest) = fetch["retry"]?["backoff"]?.text.flatMap(Scalars.durationRange) {
      retry.backoff = Backoff(first: first, longest: longest)
    }
    let makers = Sources.all.map { (source: $0, make: $0.maker(fetch, &reader)) }
    for element in fetch["from"]?.elements ?? [] {
      // An entry's own key says which source it is for; else its address does, by its scheme.
      let keys = Set(Sources.all.map { $0.addressKey })
      let address = element.entries.first { keys.contains($0.key) }?.value ?? element
      guard let text = address.text else { continue }
      let key = element.entries.first { keys.contains($0.key) }?.key ?? "url"
      let scheme = Sources.scheme(of: text)
      guard let (source, make) = makers.first(where: { $0.source.addressKey == key && $0.source.schemes.contains(scheme) }) else {
        reader.report(address.position.diagnostic("“\(scheme)” is no scheme that can be fetched; there are \(Self.schemes)"))
        continue
      }
      if !element.entries.isEmpty { Self.refuseKeys(of: element, notOf: source, &reader) }
      // A value with braces stands for many addresses, and one with a star for many files.
      let pattern = source.normal(address.position.source ?? SourcePattern(text)).spellingOutPatterns(of: source.patternCharacters)
      if source.patternCharacters.contains("{"), let problem = SourceExpansion.braces(pattern.text).problem {
        reader.report(address.position.diagnostic("\(problem); name fewer at a time, or files by a pattern with *"))
        continue
      }
      let sha256 = element["sha256"]?.text?.lowercased()
      if let sum = sha256, sum.count != 64 || !sum.allSatisfy(\.isHexDigit) {
        reader.report(
          (element["sha256"] ?? element).position.diagnostic("a SHA-256 has 64 hexadecimal digits, and this has \(sum.count) characters"))
      }
      let made = make(SourceEntry(value: element, pattern: pattern, position: address.position), &reader)
      entries.append(Entry(pattern: pattern, sha256: sha256, source: made))
    }
    if let from = fetch["from"], from.elements.isEmpty {
      reader.report(from.position.diagnostic("the list is empty; name at least one path or address"))
    }
  }

  /// Reports keys that are for other sources. A path in an address's place, as a test has it, may keep the address's keys.
  private static func refuseKeys(of element: Value, notOf source: any Source.Type, _ reader: inout DefinitionReader) {
    guard !source.schemes.contains("") else { return }
    reader.refuseKeys(of: element, notOf: source.page.name, Sources.all.map { $0.page }, setting: "source")
  }

  /// The schemes in a sentence: `file, http and https`.
  private static var schemes: String {
    let schemes = Sources.schemes
    return schemes.dropLast().joined(separator: ", ") + " and " + (schemes.last ?? "")
  }
}
