/// A thing that a definition can name: a source, codec, archive, record format, step, sink or ledger.
///
/// A component is one type in one file of its stage's folder, and one line in that stage's registry. The loader, the JSON
/// Schema, `sluice list`, the reference and the completions read the registries; no other code knows a component's name.
package protocol Component {
  /// The page that tells users of it.
  static var page: ComponentPage { get }
}

extension Component {
  /// The name that definitions, the ledger and `sluice list` know it by.
  package static var name: String { page.name }
}

/// A component as `sluice list` and the reference tell of it.
package struct ComponentPage: Sendable {
  /// The kinds of components, in the order in which `sluice list` has them.
  package enum Kind: String, Sendable, CaseIterable, Codable {
    case source, codec, archive, format, step, sink, ledger

    /// As `sluice list` takes it: `sources`.
    package var plural: String { rawValue + "s" }
  }

  /// The kind of component that it is.
  package var kind: Kind
  /// As a definition spells it.
  package var name: String
  /// One sentence: what it is for.
  package var summary: String
  /// Abilities beside its kind's work: `read`, `write`, `ranges`. One word each, for the table of `sluice list`.
  package var abilities: [String]
  /// Endings of files' names that it is known by, without the dot.
  package var endings: [String]
  /// Its own keys, where a definition has them.
  package var keys: [Key]
  /// Where these keys stand: `parse`, `fetch.from[]`.
  package var place: String
  /// A definition that loads and, where its sources are at hand, runs. YAML.
  package var example: String
  /// The errors that it may end an item or a run with.
  package var errors: [ErrorCode]
  /// Promises that the component keeps whatever happens, a sentence each.
  package var guarantees: [String]
  /// Bounds of the component, and what users may expect of it in vain, a sentence each.
  package var limits: [String]
  /// Why this build is without it; nil where it is there.
  package var missing: String?

  /// Makes a page. Only what the component has need be given.
  package init(
    _ kind: Kind, _ name: String, _ summary: String, abilities: [String] = [], endings: [String] = [], keys: [Key] = [],
    place: String, example: String, errors: [ErrorCode] = [], guarantees: [String] = [], limits: [String] = [], missing: String? = nil
  ) {
    self.kind = kind
    self.name = name
    self.summary = summary
    self.abilities = abilities
    self.endings = endings
    self.keys = keys
    self.place = place
    self.example = example
    self.errors = errors
    self.guarantees = guarantees
    self.limits = limits
    self.missing = missing
  }
}

extension [Key] {
  /// The keys of components that share a map: of those with one name the first counts.
  package static func union(_ lists: [[Key]]) -> [Key] {
    var seen: Set<String> = []
    return lists.flatMap { $0 }.filter { seen.insert($0.name).inserted }
  }
}

extension DefinitionReader {
  /// Reports the keys of a map that other components have, and the chosen one has not.
  ///
  /// - Parameters:
  ///   - chosen: the name of the component that the map is for.
  ///   - components: all components whose keys the map may have.
  ///   - setting: what chose it: `format`.
  package mutating func refuseKeys(of value: Value, notOf chosen: String, _ components: [ComponentPage], setting: String) {
    let own = Set(components.filter { $0.name == chosen }.flatMap { $0.keys.map(\.name) })
    for entry in value.entries where !own.contains(entry.key) {
      let owners = components.filter { $0.keys.contains { $0.name == entry.key } }.map(\.name)
      if owners.isEmpty { continue }
      let words = owners.count == 1 ? owners[0] : owners.dropLast().joined(separator: ", ") + " and " + (owners.last ?? "")
      report(entry.at.diagnostic("\(entry.key) is for \(words), and the \(setting) is \(chosen)"))
    }
  }
}
