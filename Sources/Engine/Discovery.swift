import Definition
import Fetch
import Foundation

/// Finds the items that a definition's `fetch.from` stands for.
struct Discovery {
  let definition: PipelineDefinition

  /// An item, and where it stands among all: by its pattern, then by its key.
  struct Found: Sendable {
    var pattern: Int
    var item: Item

    static func precedes(_ a: Found, _ b: Found) -> Bool { a.pattern != b.pattern ? a.pattern < b.pattern : a.item.key < b.item.key }
  }

  /// Hands all items to `body`, some at a time and those of a glob in no order, so that no more than a batch is held.
  /// An item that several entries find comes once.
  ///
  /// - Throws: ``RunFailure/noSource(_:)`` for a path or glob that matches nothing, ``RunFailure/unreadable(_:)``;
  ///   whatever `body` throws.
  func each(_ body: ([Found]) async throws -> Void) async throws {
    var batch: [Found] = []
    var number = 0
    var seen: Set<String>? = mayFindTwice ? [] : nil
    func add(_ item: Item) async throws {
      if seen?.insert(item.key).inserted == false { return }
      batch.append(Found(pattern: number, item: item))
      guard batch.count >= Self.batchSize else { return }
      try await body(batch)
      batch = []
    }
    for entry in definition.entries {
      for pattern in SourceExpansion.braces(entry.pattern) {
        number += 1
        if entry.isHTTP {
          try await add(http(pattern, entry))
          continue
        }
        let path = absolute(pattern)
        if FileManager.default.fileExists(atPath: path) {
          try await add(file(path, entry))
          continue
        }
        var isFound = false
        if SourceExpansion.isGlob(path) {
          var walk = try Self.readable { () throws(FetchError) in try GlobWalk(path) }
          while let match = try Self.readable({ () throws(FetchError) in try walk.next() }) {
            isFound = true
            try await add(file(match, entry))
          }
        }
        if !isFound { throw RunFailure.noSource(definition.redactor.redact(pattern)) }
      }
    }
    try await body(batch)
  }

  /// Patterns may overlap, and so may what two `**` of one match; a plain glob finds a file once, and need not remember.
  private var mayFindTwice: Bool {
    let patterns = definition.entries.flatMap { SourceExpansion.braces($0.pattern).prefix(2) }
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
    let wanted = Set(keys)
    var known: [String: Item] = [:]
    for entry in definition.entries {
      for pattern in SourceExpansion.braces(entry.pattern) {
        let item = entry.isHTTP ? http(pattern, entry) : file(absolute(pattern), entry)
        if wanted.contains(item.key) { known[item.key] = item }
      }
    }
    return keys.map { known[$0] ?? Item(key: $0, name: Self.name($0), source: .file(path: absolute($0))) }
  }

  /// Items with these keys as far as their names go.
  func named(_ keys: [String]) -> [Item] { keys.map { Item(key: $0, name: Self.name($0), source: .file(path: absolute($0))) } }

  private func absolute(_ path: String) -> String { definition.absolute(path) }

  private func file(_ path: String, _ entry: PipelineDefinition.Entry) -> Item {
    Item(
      key: definition.redactor.redact(definition.relative(path)), name: Self.name(path), source: .file(path: path), sha256: entry.sha256)
  }

  private func http(_ url: String, _ entry: PipelineDefinition.Entry) -> Item {
    let path = url.prefix { $0 != "?" && $0 != "#" }
    let name = Self.name(String(path).removingPercentEncoding ?? String(path))
    return Item(key: definition.redactor.redact(url), name: name, source: .http(entry.source(url)), sha256: entry.sha256)
  }

  /// The last part of a path, as a name that stays in its folder whatever it is put into.
  static func name(_ path: String) -> String {
    let last = path.utf8.split(separator: 0x2F).last.map { String($0) ?? "item" } ?? "item"
    // Most names are as they should be, and looking at their characters takes time.
    if last.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x80 }), !last.hasPrefix(".") { return last }
    let safe = String(last.map { $0 == "\0" || $0 == "/" || $0.isNewline ? "_" : $0 })
    return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe
  }
}
