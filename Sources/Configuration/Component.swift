/// A thing that a definition can name: a source, codec, archive, record format, step, sink or ledger.
///
/// A component is one type in one file of its stage's folder, and one line in that stage's registry. The loader, the JSON
/// Schema, `sluice list`, the reference and the completions read the registries; no other code knows a component's name.
package protocol Component {
  /// The component's page in `sluice list` and the reference, with the keys that it declares.
  static var page: ComponentPage { get }
}

extension Component {
  /// The name that definitions, the ledger and `sluice list` know it by.
  package static var name: String { page.name }
}

/// A component as `sluice list` and the reference show it.
package struct ComponentPage: Sendable {
  /// The kinds of components, in the order in which `sluice list` has them.
  package enum Kind: String, Sendable, CaseIterable, Codable {
    case source, codec, archive, format, step, sink, ledger

    /// The kind as `sluice list` takes it: `sources`.
    package var plural: String { rawValue + "s" }
  }

  /// The axis that the component is on.
  package var kind: Kind
  /// The name, as a definition spells it.
  package var name: String
  /// One sentence that says what it is for.
  package var summary: String
  /// Abilities beside its kind's work: `read`, `write`, `ranges`. One word each, for the table of `sluice list`.
  package var abilities: [String]
  /// The endings of file names that it is known by, without the dot.
  package var endings: [String]
  /// The keys that it declares; empty where it has none.
  package var keys: [Key]
  /// The place of these keys in a definition: `parse`, `fetch.from[]`.
  package var place: String
  /// A definition in YAML that loads and, where its sources are at hand, runs.
  package var example: String
  /// The errors that it may end an item or a run with.
  package var errors: [ErrorCode]
  /// Promises that the component keeps whatever happens, a sentence each.
  package var guarantees: [String]
  /// Bounds of the component, and abilities that users may look for in vain, a sentence each.
  package var limits: [String]
  /// The reason why this build is without it; nil where it is there.
  package var missing: String?

  /// Makes a page from the parts that the component has; the others are empty.
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
  /// Joins the keys of components that share a map. Of keys with the same name the first counts.
  package static func union(_ lists: [[Key]]) -> [Key] {
    var seen: Set<String> = []
    return lists.flatMap { $0 }.filter { seen.insert($0.name).inserted }
  }
}

extension DefinitionReader {
  /// Reports each key of a map that another component has and the chosen one has not.
  ///
  /// - Parameters:
  ///   - chosen: the name of the component that the map is for.
  ///   - components: all components whose keys the map may have.
  ///   - setting: the key that chose it, for the message: `format`.
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
