import Configuration
import Definition
import Fetch
import Files
import Foundation

/// Finds the items that a definition's `fetch.from` stands for.
///
/// An item's key is its normal path, relative to the definition where it lies below it, or its address: as the definition spells it, with
/// the names of secrets in their places. So a key holds no secret, and depends on nothing that the definition does not name.
struct Discovery {
  let definition: PipelineDefinition
  /// Files that are never items.
  var excluded = OwnFiles.none

  /// An item, and where it stands among all: by its pattern, then by its key.
  struct Found: Sendable {
    var pattern: Int
    var item: Item

    static func precedes(_ a: Found, _ b: Found) -> Bool {
      if a.pattern != b.pattern { return a.pattern < b.pattern }
      // Two spellings of a letter are one to String, and two names to the file system.
      return a.item.key == b.item.key ? a.item.key.utf8.lexicographicallyPrecedes(b.item.key.utf8) : a.item.key < b.item.key
    }
  }

  /// Hands all items to `body`, some at a time and those of a glob in no order, so that no more than a batch is held.
  /// An item that several entries find comes once.
  ///
  /// - Throws: ``RunFailure/noSource(_:)`` for a path or glob that matches nothing, ``RunFailure/unreadable(_:)``;
  ///   whatever `body` throws.
  func each(_ body: ([Found]) async throws -> Void) async throws {
    var batch: [Found] = []
    var number = 0
    var seen: Seen? = mayFindTwice ? Seen() : nil
    func hand() async throws {
      let items = try await excluded.without(batch)
      batch = []
      if !items.isEmpty { try await body(items) }
    }
    func add(_ item: Item) async throws {
      var item = item
      if seen?.admit(&item) == false { return }
      batch.append(Found(pattern: number, item: item))
      if batch.count >= Self.batchSize { try await hand() }
    }
    for entry in definition.fetch.entries {
      for pattern in entry.source.alternatives {
        number += 1
        if entry.isHTTP {
          try await add(http(pattern, entry))
          continue
        }
        let place = NormalPath(pattern, in: definition.folder)
        let former = FormerKeys(pattern, place, definition)
        var isFound = false
        if place.isGlob {
          var walk = try Self.readable { () throws(FetchError) in try GlobWalk(place) }
          while let match = try Self.readable({ () throws(FetchError) in try walk.next() }) {
            isFound = true
            try await add(file(match, entry, former))
          }
        }
        // What a pattern does not find may be a name with brackets.
        guard !isFound else { continue }
        guard SourceFile.status(place.path) != nil else { throw RunFailure.noSource(pattern.shown) }
        try await add(file(place.file, entry, former))
      }
    }
    try await hand()
  }

  /// What was found before: an item comes once, and no two have one key.
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

  /// Patterns may overlap, and so may what two `**` of one match; a plain glob finds a file once, and need not remember.
  private var mayFindTwice: Bool {
    let patterns = definition.fetch.entries.flatMap { $0.source.alternatives.prefix(2).map(\.value) }
    return patterns.count > 1 || patterns.contains { $0.split(separator: "/").filter { $0 == "**" }.count > 1 }
  }

  private static let batchSize = 512

  private static func readable<T: ~Copyable>(_ body: () throws(FetchError) -> T) throws(RunFailure) -> T {
    do {
      return try body()
    } catch {
      throw .unreadable(error.description)
    }
  }

  /// All items, in the definition's order; files of a glob by name.
  func items() async throws -> [Item] {
    var found: [Found] = []
    try await each { found += $0 }
    return found.sorted(by: Found.precedes).map(\.item)
  }

  /// The items with these keys, without looking for any.
  func items(keys: [String]) -> [Item] {
    let wanted = Set(keys.map { Array($0.utf8) })
    var known: [[UInt8]: Item] = [:]
    var seen = Seen()
    for entry in definition.fetch.entries {
      for pattern in entry.source.alternatives {
        var item: Item
        if entry.isHTTP {
          item = http(pattern, entry)
        } else {
          let place = NormalPath(pattern, in: definition.folder)
          if place.isGlob, SourceFile.status(place.path) == nil { continue }
          item = file(place.file, entry, FormerKeys(pattern, place, definition))
        }
        if !seen.admit(&item) { continue }
        for key in [item.key] + item.formerKeys where wanted.contains(Array(key.utf8)) {
          item.key = key
          known[Array(key.utf8)] = item
        }
      }
    }
    return keys.map { known[Array($0.utf8)] ?? named($0) }
  }

  /// The first files, at most so many; what can't be read is left out.
  ///
  /// - Parameter ofPatterns: those that patterns match, and otherwise those that are named one by one.
  func files(most: Int, ofPatterns: Bool) -> [Item] {
    var items: [Item] = []
    for entry in definition.fetch.entries where !entry.isHTTP {
      for pattern in entry.source.alternatives.prefix(max(0, most - items.count)) {
        let place = NormalPath(pattern, in: definition.folder)
        guard place.isGlob == ofPatterns else { continue }
        let former = FormerKeys(pattern, place, definition)
        guard ofPatterns else {
          items.append(file(place.file, entry, former))
          continue
        }
        guard var walk = try? GlobWalk(place) else { continue }
        while items.count < most, let match = (try? walk.next()) ?? nil { items.append(file(match, entry, former)) }
      }
    }
    return items
  }

  /// Items with these keys as far as their names go.
  func named(_ keys: [String]) -> [Item] { keys.map(named) }

  private func named(_ key: String) -> Item {
    if HTTPAddress.isOne(key) { return Item(key: key, name: Self.name(ofAddress: key), source: .file(path: key)) }
    let path = location(key)
    return Item(key: key, name: Self.name(path), source: .file(path: path))
  }

  /// The path that a file's key stands for.
  private func location(_ key: String) -> String {
    let path = definition.absolute(FileName.path(shown: key))
    // A file may be called like a secret's name.
    guard key.contains("${"), SourceFile.status(path) == nil else { return path }
    return definition.absolute(FileName.path(shown: definition.revealing(key)))
  }

  private func file(_ match: GlobWalk.Match, _ entry: FetchSection.Entry, _ former: FormerKeys) -> Item {
    let key = former.isRelative ? Self.relative(match.shown, to: definition.folder) : definition.relative(match.shown)
    return Item(
      key: key, name: Self.name(match.path), source: .file(path: match.path), sha256: entry.sha256, formerKeys: former.keys(match.path, key)
    )
  }

  /// A path as seen from a folder, with `..` where it lies outside: what is relative in a definition stays so, for folders may move.
  static func relative(_ path: String, to folder: String) -> String {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let base = folder.split(separator: "/", omittingEmptySubsequences: false)
    let common = zip(parts, base).prefix { $0.0 == $0.1 }.count
    // A secret may hold the whole way from the root on.
    guard common > 0, path.hasPrefix("/") else { return path }
    return (Array(repeating: "..", count: base.count - common) + parts.dropFirst(common)).joined(separator: "/")
  }

  private func http(_ pattern: SourcePattern, _ entry: FetchSection.Entry) -> Item {
    let url = pattern.value
    let key = pattern.shown
    let former = definition.redactor.redact(url)
    return Item(
      key: key, name: Self.name(ofAddress: url), source: .http(entry.source(url)), sha256: entry.sha256,
      formerKeys: former == key ? [] : [former])
  }

  static func name(ofAddress url: String) -> String {
    let path = String(url.prefix { $0 != "?" && $0 != "#" })
    return name(path.removingPercentEncoding ?? path)
  }

  /// The last part of a path, as a name that stays in its folder whatever it is put into.
  static func name(_ path: String) -> String {
    let last = path.utf8.split(separator: 0x2F).last.map { String($0) ?? "item" } ?? "item"
    // Most names are as they should be, and looking at their characters takes time.
    if last.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x80 && $0 != 0x5C }), !last.hasPrefix(".") { return last }
    let safe = String(FileName.shown(last).map { $0 == "\0" || $0 == "/" || $0.isNewline ? "_" : $0 })
    return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe
  }
}

/// What earlier builds called a pattern's files: by the path as it was spelled, and with whatever the environment held as a secret taken
/// out. A ledger's items are found by these names too, and then have their new ones.
struct FormerKeys {
  private let definition: PipelineDefinition
  /// What normal paths begin with, and how the definition spells it.
  private let normal: String
  private let spelled: String
  /// Whether the definition has the path as seen from its folder.
  let isRelative: Bool

  init(_ pattern: SourcePattern, _ place: NormalPath, _ definition: PipelineDefinition) {
    self.definition = definition
    isRelative = !pattern.value.hasPrefix("/")
    let path = definition.absolute(pattern.value)
    normal = place.literalPrefix
    if place.isGlob {
      let parts = path.split(separator: "/")
      spelled = "/" + parts.prefix { !SourceExpansion.isGlob(String($0)) }.joined(separator: "/")
    } else {
      spelled = path
    }
  }

  /// Those that are other than `key`.
  func keys(_ path: String, _ key: String) -> [String] {
    var keys = [definition.redactor.redact(definition.relative(path.hasPrefix(normal) ? spelled + path.dropFirst(normal.count) : path))]
    // What lies outside of the definition's folder has two spellings, and the definition may have had the other.
    if !path.hasPrefix(definition.folder + "/"), !key.contains("${") {
      keys.append(FileName.shown(isRelative ? path : Discovery.relative(path, to: definition.folder)))
    }
    return keys.filter { !$0.utf8.elementsEqual(key.utf8) }
  }
}
