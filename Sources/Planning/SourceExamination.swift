import Configuration
import Dataflow
import Definition
import Fetch
import Foundation
import Ledger
import Parse
import Transform

/// A look at each source of a definition, for `sluice doctor`: its items are listed, and the first item of each pattern is read. Nothing is
/// written.
package struct SourceExamination {
  /// The findings, in the order of the definition.
  package private(set) var findings: [Finding] = []
  /// The first items of each pattern of which one could be read, in the order of the definition.
  package private(set) var items: [Item] = []

  /// Addresses of one entry, of those that its braces stand for, that are asked.
  private static let mostAddresses = 20
  /// The tries of each request: the user waits for the answer.
  private static let mostAttempts = 3

  private let definition: PipelineDefinition
  private let fetcher: Fetcher
  private let own: OwnFiles
  private let discovery: Discovery
  /// The steps, where the definition gives the fields.
  private let chain: TransformChain?

  /// Looks at the sources of a definition.
  ///
  /// - Parameter state: the folder whose ledger tells which files the pipeline has written itself; it need not be there.
  package init(_ definition: PipelineDefinition, _ state: StateFolder, _ session: FetchSession) async {
    self.definition = definition
    var retry = definition.fetch.retry
    retry.attempts = min(retry.attempts, Self.mostAttempts)
    fetcher = Fetcher(session, retry)
    // A ledger that can't be read is a finding of its own.
    let ledger = try? Ledgers.openReadOnly(state.path)
    own = (try? await OwnFiles(definition, state, ledger)) ?? .none
    discovery = Discovery(definition: definition)
    chain = definition.parse.fields.flatMap { try? definition.transformChain(for: $0) }
    for entry in definition.fetch.entries {
      findings += await entry.source.examine(entry.pattern, in: session)
      let addresses = entry.pattern.alternatives
      for address in addresses.prefix(Self.mostAddresses) { await look(at: address, entry) }
      let rest = addresses.count - Self.mostAddresses
      if rest > 0 { findings.append(Finding("\(entry.pattern.shown): \(rest) more addresses, which were not asked")) }
    }
  }

  private mutating func look(at pattern: SourcePattern, _ entry: FetchSection.Entry) async {
    var what = pattern.shown
    do {
      let found = try await first(pattern, entry)
      guard let item = found.items.first else {
        let remedy = "check fetch.from; relative paths begin at the definition's folder"
        findings.append(Finding(what, problem: "nothing matches it", remedy: remedy))
        return
      }
      if let words = found.words { what += ": \(words); the first, \(item.key)," } else { what = item.key }
      let size = try await read(item)
      findings.append(Finding("\(what) can be read\(size.map { " (\(SizeText.of($0)))" } ?? "")"))
      items += found.items
    } catch {
      let failure = RunFailure.from(error)
      findings.append(Finding(what, problem: failure.description, remedy: "sluice explain \(failure.code.rawValue) says more"))
    }
  }

  /// Lists a pattern until there is an item.
  ///
  /// - Returns: the first items, and how many there are, in words; nil for an address of one item.
  private func first(_ pattern: SourcePattern, _ entry: FetchSection.Entry) async throws -> (items: [Item], words: String?) {
    let listing = fetcher.list(entry.source, pattern)
    var listed: [ListedItem] = []
    var found: [Discovery.Found] = []
    while found.isEmpty, let batch = try await listing.next() {
      listed = batch
      found = try await own.without(batch.map { Discovery.Found(pattern: 0, item: Item($0, entry.source, sha256: entry.sha256)) })
    }
    found.sort(by: Discovery.Found.precedes)
    guard let head = found.first?.item, let first = listed.first(where: { $0.location == head.location }) else { return ([], nil) }
    var count: String?
    if entry.source.isPattern(pattern), found.count > 1 || first.key != pattern.shown {
      let isAll = try await listing.next() == nil
      count = "\(isAll ? "" : "more than ")\(found.count) item\(found.count == 1 ? "" : "s")"
    }
    guard definition.decompress.archive(ofItem: head.name) != nil else { return (found.map(\.item), count) }
    let members = try await discovery.items(first, entry, fetcher)
    if members.isEmpty { throw NoSource("decompress.members among the members of \(first.key)") }
    // An archive whose directory can't be read stands for itself.
    if members[0].key == first.key { return (members, nil) }
    return (members, "\(count.map { $0 + ", " } ?? "")\(members.count) member\(members.count == 1 ? "" : "s") in \(first.key)")
  }

  /// Looks at an item, reads its beginning and cuts records from it.
  ///
  /// - Returns: the item's size in bytes, as it is stored; nil where the source does not tell.
  private func read(_ item: Item) async throws -> Int? {
    let state = try await fetcher.head(item.source, item.location, known: nil)
    let bytes = try await fetcher.bytes(
      item.source, item.location, count: Sampler.headBytes, expected: definition.expectedContent(itemName: item.name))
    let sample = try await Sampler.cut(bytes, definition, name: item.name, isCut: bytes.count >= Sampler.headBytes)
    if let chain { _ = try definition.mapping(chain, sample.prologue) }
    return state.size
  }
}
