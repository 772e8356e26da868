import Definition
import Fetch
import Foundation

/// Finds the items that a definition's `fetch.from` stands for.
struct Discovery {
  let definition: PipelineDefinition

  /// All items, in the definition's order; files of a glob by name.
  ///
  /// - Throws: ``RunFailure/noSource(_:)`` for a path or glob that matches nothing, ``RunFailure/unreadable(_:)``.
  func items() throws(RunFailure) -> [Item] {
    var items: [Item] = []
    for entry in definition.entries {
      for pattern in SourceExpansion.braces(entry.pattern) {
        if entry.isHTTP {
          items.append(http(pattern, entry))
          continue
        }
        let path = absolute(pattern)
        let found: [String]
        do {
          found =
            try SourceExpansion.isGlob(path) && !FileManager.default.fileExists(atPath: path)
            ? SourceExpansion.glob(path) : FileManager.default.fileExists(atPath: path) ? [path] : []
        } catch {
          throw .unreadable(error.description)
        }
        if found.isEmpty { throw .noSource(definition.redactor.redact(pattern)) }
        items += found.map { file($0, entry) }
      }
    }
    var seen: Set<String> = []
    return items.filter { seen.insert($0.key).inserted }
  }

  /// The items with these keys, without looking for any.
  func items(keys: [String]) -> [Item] {
    var known: [String: Item] = [:]
    for entry in definition.entries {
      for pattern in SourceExpansion.braces(entry.pattern) {
        let item = entry.isHTTP ? http(pattern, entry) : file(absolute(pattern), entry)
        known[item.key] = item
      }
    }
    return keys.map { known[$0] ?? Item(key: $0, name: Self.name($0), source: .file(path: absolute($0))) }
  }

  private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : definition.folder + "/" + path
  }

  private func file(_ path: String, _ entry: PipelineDefinition.Entry) -> Item {
    let prefix = definition.folder + "/"
    let key = path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
    return Item(key: definition.redactor.redact(key), name: Self.name(path), source: .file(path: path), sha256: entry.sha256)
  }

  private func http(_ url: String, _ entry: PipelineDefinition.Entry) -> Item {
    let path = url.prefix { $0 != "?" && $0 != "#" }
    let name = Self.name(String(path).removingPercentEncoding ?? String(path))
    return Item(key: definition.redactor.redact(url), name: name, source: .http(url: url, headers: entry.headers), sha256: entry.sha256)
  }

  /// The last part of a path, as a name that stays in its folder whatever it is put into.
  static func name(_ path: String) -> String {
    let last = path.split(separator: "/").last.map(String.init) ?? "item"
    let safe = String(last.map { $0 == "\0" || $0 == "/" || $0.isNewline ? "_" : $0 })
    return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe
  }
}

/// Where an item's records go.
struct OutputNaming {
  let definition: PipelineDefinition
  let run: String
  let date: Date

  func target(_ item: Item?) -> String {
    let day = date.ISO8601Format(.iso8601.year().month().day())
    var path = definition.writePath
    for (word, value) in [("{item.stem}", item?.stem), ("{item.name}", item?.name), ("{run.id}", run), ("{run.date}", day)] {
      if let value { path = path.replacingOccurrences(of: word, with: value) }
    }
    return path.hasPrefix("/") ? path : definition.folder + "/" + path
  }

  /// The name a part has before it is committed: in the target's own folder, so that a rename suffices.
  static func part(of target: String) -> String {
    let url = target as NSString
    return url.deletingLastPathComponent + "/." + url.lastPathComponent + ".sluice-part"
  }
}
