import Configuration

/// Every key of definitions as a page of Markdown, made of the same declarations that the loader reads by.
public enum DefinitionReference {
  /// A table of the keys at the top, then a section with a table for each key that is a map. `docs/reference` and `sluice help definition`
  /// have it.
  public static var markdown: String {
    guard case .object(let keys) = Declarations.pipeline else { return "" }
    var lines = table(keys.map { row($0, $0.name) })
    for key in keys {
      let inner = nested(key.shape)
      guard !inner.isEmpty else { continue }
      lines += ["", "## \(key.name)", "", key.doc, ""] + table(rows(inner, below: key.name))
    }
    return lines.joined(separator: "\n")
  }

  private static func table(_ rows: [[String]]) -> [String] { MarkdownTable.lines(["key", "takes", "what for"], rows) }

  /// A row for each key, and for those of the maps below it.
  private static func rows(_ keys: [Key], below path: String) -> [[String]] {
    keys.flatMap { key in
      let place = "\(path).\(key.name)"
      return [row(key, place)] + rows(nested(key.shape), below: place)
    }
  }

  private static func row(_ key: Key, _ place: String) -> [String] {
    ["`\(place)`", key.shape.expected, key.doc + (key.isRequired ? " **Required.**" : "")]
  }

  /// The keys of a map, wherever in the shape it is. The keys of a step have no key above them.
  private static func nested(_ shape: Shape) -> [Key] {
    switch shape {
    case .object(let keys), .step(let keys): keys
    case .list(let element), .map(let element): nested(element)
    case .either(let shapes, _): .union(shapes.map(nested))
    default: []
    }
  }
}
