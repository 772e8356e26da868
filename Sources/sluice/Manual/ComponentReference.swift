import Configuration
import Definition
import Foundation

/// The reference's pages of components, made of what each says of itself.
enum ComponentReference {
  /// The components of all kinds as tables, each with its page.
  static var index: String {
    let parts = ComponentPage.Kind.allCases.compactMap { kind -> String? in
      let pages = Components.pages(kind)
      guard !pages.isEmpty else { return nil }
      let rows = pages.map { page in
        [
          "[\(page.name)](components/\(name(page)).md)", page.abilities.joined(separator: ", "),
          page.endings.map { "`.\($0)`" }.joined(separator: " "), page.summary,
        ]
      }
      return (["## \(kind.plural.capitalized)", ""] + MarkdownTable.lines(["name", "can", "endings", "what for"], rows)).joined(
        separator: "\n")
    }
    return "What a definition can name, by the stage that it is for. `sluice list NAME` prints what a page here says.\n\n"
      + parts.joined(separator: "\n\n")
  }

  /// A page for each component: a format that is read and written has both on one.
  static var pages: [(name: String, text: String)] {
    var names: [String] = []
    for page in Components.all where !names.contains(name(page)) { names.append(name(page)) }
    return names.map { name in
      let pages = Components.all.filter { Self.name($0) == name }
      let title = "# \(pages[0].name), \(pages[0].kind == .archive ? "an" : "a") \(pages[0].kind.rawValue)"
      return (name, ([title] + pages.map { body($0, isOne: pages.count == 1) }).joined(separator: "\n\n") + "\n")
    }
  }

  private static func name(_ page: ComponentPage) -> String { "\(page.kind.rawValue)-\(page.name)" }

  private static func body(_ page: ComponentPage, isOne: Bool) -> String {
    let depth = isOne ? "##" : "###"
    var lines = isOne ? [] : ["## In \(page.place)", ""]
    lines +=
      [page.summary, "", "```yaml"] + page.example.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) + ["```"]
    var facts = ["It stands in `\(page.place)`."]
    if !page.abilities.isEmpty { facts.append("It can: \(page.abilities.joined(separator: ", ")).") }
    if !page.endings.isEmpty { facts.append("Files' endings: \(page.endings.map { "`.\($0)`" }.joined(separator: ", ")).") }
    lines += ["", facts.joined(separator: " ")]
    func part(_ title: String, _ content: [String]) { if !content.isEmpty { lines += ["", "\(depth) \(title)", ""] + content } }
    part(
      "Keys",
      page.keys.isEmpty
        ? []
        : MarkdownTable.lines(
          ["key", "takes", "what for"],
          page.keys.map {
            ["`\($0.name)`", $0.shape.expected, $0.doc + ($0.isRequired ? " **Required.**" : "") + ($0.isSecret ? " Secret." : "")]
          }))
    part("What holds whatever happens", page.guarantees.map { "- \($0)" })
    part("Limits", page.limits.map { "- \($0)" })
    part("Errors", page.errors.map { "- [\($0.rawValue)](../errors.md): \($0.explanation.title)" })
    return lines.joined(separator: "\n")
  }
}
