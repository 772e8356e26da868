import Dataflow
import Configuration
import Decompress
import Definition
import Fetch
import Foundation
import Ledger

/// Finds the items that a definition's `fetch.from` stands for.
///
/// An item's key is its normal path, relative to the definition where it lies below it, or its address: as the definition spells it, with
/// the names of secrets in their places. So a key holds no secret, and depends on nothing that the definition does not name.
package struct Discovery {
  let definition: PipelineDefinition
  /// Files that are never items.
  let excluded: OwnFiles

  /// Discovers the items of a definition, whatever its pipeline has written.
  package init(definition: PipelineDefinition) { self.init(definition: definition, excluded: .none) }

  /// Discovers the items of a definition, without these files.
  init(definition: PipelineDefinition, excluded: OwnFiles) {
    self.definition = definition
    self.excluded = excluded
  }

  /// An item, and where it stands among all: by its pattern, then by its key.
  struct Found: Sendable {
    /// The number of the pattern that found it.
    var pattern: Int
    var item: Item

    /// Whether `a` comes before `b` in the definition's order.
    static func precedes(_ a: Found, _ b: Found) -> Bool {
      if a.pattern != b.pattern { return a.pattern < b.pattern }
      // Two spellings of a letter are one to String, and two names to the file system.
      return a.item.key == b.item.key ? a.item.key.utf8.lexicographicallyPrecedes(b.item.key.utf8) : a.item.key < b.item.key
    }
  }

  /// Hands all items to `body`, some at a time and those of a glob in no order, so that no more than a batch is held.
  /// An item that several entries find comes once.
  ///
  /// - Throws: ``NoSource`` for a path or glob that matches nothing, ``RunFailure/unreadable(_:)``;
  ///   whatever `body` throws.
  func each(_ fetcher: Fetcher, _ body: ([Found]) async throws -> Void) async throws {
    var batch: [Found] = []
    var number = 0
    var seen: Seen? = mayFindTwice ? Seen() : nil
    func hand() async throws {
      let items = try await excluded.without(batch)
      batch = []
      if !items.isEmpty { try await body(items) }
    }
    for entry in definition.fetch.entries {
      for pattern in entry.pattern.alternatives {
        number += 1
        let listing = fetcher.list(entry.source, pattern)
        var isListed = false
        var isFound = false
        while let items = try await readable({ () async throws(FetchError) in try await listing.next() }) {
          isListed = isListed || !items.isEmpty
          for listed in items {
            for var item in try await self.items(listed, entry, fetcher) {
              isFound = true
              if seen?.admit(&item) == false { continue }
              batch.append(Found(pattern: number, item: item))
              if batch.count >= Self.batchSize { try await hand() }
            }
          }
        }
        if !isListed { throw NoSource(pattern.shown) }
        if !isFound, !definition.decompress.members.isEmpty {
          throw NoSource("decompress.members among the members of \(pattern.shown)")
        }
      }
    }
    try await hand()
  }

  /// An item that was listed, or the members of the archive that it is.
  func items(_ listed: ListedItem, _ entry: FetchSection.Entry, _ fetcher: Fetcher) async throws(RunFailure) -> [Item] {
    guard let archive = definition.decompress.archive(ofItem: listed.name) else {
      return [Item(listed, entry.source, sha256: entry.sha256)]
    }
    let source = MemberSource(entry.source, archive, definition.decompress.limits)
    let patterns = definition.decompress.members
    let members = try await readable { () async throws(FetchError) in
      try await source.items(of: listed, patterns, sha256: entry.sha256, fetcher)
    }
    return members.map { Item($0, source) }
  }

  /// The items that were found before: each comes once, and no two have one key.
  private struct Seen {
    private var locations: Set<[UInt8]> = []
    private var keys: Set<[UInt8]> = []

    /// False where the item was found before. Two addresses that differ in a secret alone are told apart by a number.
    mutating func admit(_ item: inout Item) -> Bool {
      guard locations.insert(Array(item.location.utf8)).inserted else { return false }
      let key = item.key
      var number = 1
      while !keys.insert(Array(item.key.utf8)).inserted {
        number += 1
        item.key = "\(key) (\(number))"
      }
      return true
    }
  }

  /// Patterns may overlap, and one with two `**` may match a file in two ways; a plain glob finds a file once, and need not remember.
  private var mayFindTwice: Bool {
    let patterns = definition.fetch.entries.flatMap { $0.pattern.alternatives.prefix(2).map(\.value) }
    return patterns.count > 1 || patterns.contains { $0.split(separator: "/").filter { $0 == "**" }.count > 1 }
  }

  private static let batchSize = 512

  private func readable<T>(_ body: () async throws(FetchError) -> T) async throws(RunFailure) -> T {
    do {
      return try await body()
    } catch {
      throw .unreadable(definition.redactor.redact(error.description), error.errorCode)
    }
  }

  /// All items, in the definition's order; those of a pattern by name.
  package func items(_ fetcher: Fetcher) async throws -> [Item] {
    var found: [Found] = []
    try await each(fetcher) { found += $0 }
    return found.sorted(by: Found.precedes).map(\.item)
  }

  /// The items of the ledger's records, without listing any: as the definition names them, or opened by what the ledger kept.
  ///
  /// - Throws: ``RunFailure/unreadable(_:_:)`` for an item of a source that this build does not have.
  package func items(_ records: [ItemRecord]) throws(RunFailure) -> [Item] {
    let wanted = Set(records.map { Array($0.key.utf8) })
    var known: [[UInt8]: Item] = [:]
    var seen = Seen()
    for entry in definition.fetch.entries {
      for pattern in entry.pattern.alternatives {
        guard let listed = entry.source.named(pattern, definition.redactor) else { continue }
        var item = Item(listed, entry.source, sha256: entry.sha256)
        if !seen.admit(&item) { continue }
        for key in [item.key] + item.formerKeys where wanted.contains(Array(key.utf8)) {
          item.key = key
          known[Array(key.utf8)] = item
        }
      }
    }
    var items: [Item] = []
    for record in records {
      // The ledger knows best what a member is of, and that an archive which could not be read was an item.
      let isMember = record.location?.hasPrefix(MemberSource.name + " ") == true
      if !isMember, let item = known[Array(record.key.utf8)] { items.append(item) } else { items.append(try reopened(record)) }
    }
    return items
  }

  /// The first files of this machine, at most so many; files that can't be listed are left out.
  ///
  /// - Parameter ofPatterns: those that patterns match, and otherwise those that are named one by one.
  func files(most: Int, ofPatterns: Bool) async -> [Item] {
    let fetcher = Fetcher(FetchSession(definition.redactor), definition.fetch.retry)
    var items: [Item] = []
    for entry in definition.fetch.entries where entry.source.traits.contains(.answersAtOnce) {
      for pattern in entry.pattern.alternatives.prefix(max(0, most - items.count)) {
        guard entry.source.isPattern(pattern) == ofPatterns else { continue }
        guard ofPatterns else {
          if let listed = entry.source.named(pattern, definition.redactor) {
            items.append(Item(listed, entry.source, sha256: entry.sha256))
          }
          continue
        }
        let listing = fetcher.list(entry.source, pattern)
        while items.count < most, let listed = (try? await listing.next()) ?? nil {
          items += listed.prefix(most - items.count).map { Item($0, entry.source, sha256: entry.sha256) }
        }
      }
    }
    return items.filter { $0.localPath != nil }
  }

  /// Items with these keys, as far as their keys go: they have names, and no settings of the definition's.
  package func named(_ keys: [String]) -> [Item] {
    keys.map { key in
      if let member = MemberSource.named(key, definition) { return member }
      let type = Sources.answering(to: key) ?? FileSource.self
      let source = type.bare(folder: definition.folder)
      let listed = source.reopen(key, definition.revealing)
      return Item(listed ?? ListedItem(key: key, name: type.itemName(key: key), location: key, kept: key), source)
    }
  }

  /// The item that its own source makes of the ledger's record: by an entry of the definition that it may be of, or by none.
  private func reopened(_ record: ItemRecord) throws(RunFailure) -> Item {
    let parts = record.location?.split(separator: " ", maxSplits: 1).map(String.init) ?? []
    if parts.count > 1, parts[0] == MemberSource.name, let (listed, source) = MemberSource.reopened(parts[1], definition) {
      var item = Item(listed, source)
      item.key = record.key
      return item
    }
    guard let type = parts.isEmpty ? Sources.answering(to: record.key) : Sources.named(parts[0]) else {
      throw .unreadable("\(record.key): this build of sluice has no source that can open it", .noSource)
    }
    let kept = parts.count > 1 ? parts[1] : record.key
    for source in definition.sources(of: type) {
      guard let listed = source.reopen(kept, definition.revealing) else { continue }
      var item = Item(listed, source)
      item.key = record.key
      return item
    }
    throw .unreadable("\(record.key): the ledger does not say how to open it", .noSource)
  }
}

extension PipelineDefinition {
  /// The sources of one kind that may open an item which no entry lists any more: those of the entries, then one without settings.
  func sources(of type: any Source.Type) -> [any Source] {
    fetch.entries.map(\.source).filter { Swift.type(of: $0) == type } + [type.bare(folder: folder)]
  }
}
