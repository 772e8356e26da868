import ArgumentParser
import Configuration
import Definition
import Transform

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List what a definition can name: codecs, formats, steps, sinks and more, and the functions of expressions; or one in full.",
    discussion: """
      Without a word all are listed; “sluice list steps” lists one kind, and “sluice list lookup” says all of one. Where a name is
      that of several, as of a format and a codec, all are shown; format-csv is the format alone.
      """)

  @Argument(help: "A kind, as steps, or a name, as lookup or lower (default: list all).", completion: .list(Catalogue.words))
  var what: String?
  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = try common.console()
    let entries: [Catalogue.Entry]
    var isFull = false
    if let what {
      if let kind = Catalogue.kinds.first(where: { $0.plural == what.lowercased() }) {
        entries = kind.entries
      } else {
        entries = Catalogue.all.filter { $0.answers(to: what) }
        isFull = true
        guard !entries.isEmpty else {
          let near = Spelling.nearest(to: what, among: Catalogue.words).map { "did you mean \($0)?" } ?? "sluice list lists all"
          throw ValidationError("there is nothing called “\(what)”; \(near)")
        }
      }
    } else {
      entries = Catalogue.all
    }
    if common.output == .json { return console.print(json: entries.map(\.json)) }
    if isFull {
      console.print(lines: entries.map(\.lines).joined(separator: [""]).map { $0 })
    } else {
      let kinds = Catalogue.kinds.filter { kind in what == nil || kind.plural == what?.lowercased() }
      console.print(lines: kinds.filter { !$0.entries.isEmpty }.map { $0.table(titled: what == nil) }.joined(separator: [""]).map { $0 })
    }
  }
}

/// The components by their kinds, and the functions.
enum Catalogue {
  enum Entry {
    case component(ComponentPage)
    case function(FunctionReference)
  }

  struct Kind {
    /// As the command takes it.
    let plural: String
    let entries: [Entry]
  }

  static let kinds: [Kind] =
    ComponentPage.Kind.allCases.map { kind in Kind(plural: kind.plural, entries: Components.pages(kind).map(Entry.component)) }
    + [Kind(plural: "functions", entries: FunctionReference.kinds.flatMap(\.functions).map(Entry.function))]

  static let all = kinds.flatMap(\.entries)

  /// The names that the command takes.
  static let words: [String] = {
    let words = kinds.map(\.plural) + Catalogue.all.flatMap(\.names)
    var seen: Set<String> = []
    return words.filter { seen.insert($0).inserted }
  }()
}

extension Catalogue.Kind {
  /// A line for each name, under each other: a format that is read and written has one.
  func table(titled: Bool) -> [String] {
    var rows: [Catalogue.Row] = []
    for row in entries.map(\.row) {
      if let same = rows.firstIndex(where: { $0.name == row.name }) { rows[same].add(row) } else { rows.append(row) }
    }
    let cells = rows.map { [$0.name, $0.abilities.joined(separator: ", "), $0.endings.joined(separator: " ")] }
    let widths = (0..<3).map { column in cells.map { $0[column].count }.max() ?? 0 }
    let lines = zip(rows, cells).map { row, cells in
      zip(cells, widths).map { cell, width in width == 0 ? "" : cell.padding(toLength: width + 2, withPad: " ", startingAt: 0) }.joined()
        + row.summary
    }
    return titled ? ["\(plural):"] + lines.map { "  \($0)" } : lines
  }
}

extension Catalogue {
  /// How something is called, what it can, the endings that it is known by, and what it is for.
  fileprivate struct Row {
    var name: String
    var abilities: [String] = []
    var endings: [String] = []
    var summary: String

    mutating func add(_ other: Row) {
      abilities += other.abilities.filter { !abilities.contains($0) }
      endings += other.endings.filter { !endings.contains($0) }
      summary += " " + other.summary
    }
  }
}

extension Catalogue.Entry {
  /// Every name that it is listed by.
  var names: [String] {
    switch self {
    case .component(let page): [page.name]
    case .function(let function): [function.name] + function.aliases
    }
  }

  func answers(to word: String) -> Bool {
    let word = word.lowercased()
    if names.contains(word) { return true }
    if case .component(let page) = self { return "\(page.kind.rawValue)-\(page.name)" == word }
    return false
  }

  fileprivate var row: Catalogue.Row {
    switch self {
    case .component(let page):
      let missing = page.missing.map { " Not here: \($0)." } ?? ""
      return Catalogue.Row(
        name: page.name, abilities: page.abilities, endings: page.endings.map { ".\($0)" }, summary: page.summary + missing)
    case .function(let function): return Catalogue.Row(name: function.usage, summary: function.summary)
    }
  }

  /// All that is to be said.
  var lines: [String] {
    switch self {
    case .component(let page):
      var lines = ["\(page.kind.rawValue) \(page.name)", "", page.summary]
      if let missing = page.missing { lines += ["Not here: \(missing)."] }
      lines += ["", "stands in   \(page.place)"]
      if !page.abilities.isEmpty { lines.append("can         \(page.abilities.joined(separator: ", "))") }
      if !page.endings.isEmpty { lines.append("endings     \(page.endings.map { ".\($0)" }.joined(separator: " "))") }
      func part(_ title: String, _ texts: [String]) { if !texts.isEmpty { lines += ["", "\(title):"] + texts.map { "  \($0)" } } }
      part("keys", page.keys.map { "\($0.name): \($0.shape.expected)\($0.isRequired ? ", required" : ""). \($0.doc)" })
      part("example", page.example.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
      part("holds whatever happens", page.guarantees)
      part("limits", page.limits)
      part("errors", page.errors.map { "\($0.rawValue) \($0.explanation.title)" })
      return lines
    case .function(let function):
      var lines = [
        "function \(function.usage)", "", function.summary, "", "example:",
        "  \(function.example.expression) gives \(function.example.value)",
      ]
      if !function.aliases.isEmpty { lines += ["", "also \(function.aliases.joined(separator: ", "))"] }
      return lines
    }
  }

  var json: [String: Any] {
    switch self {
    case .component(let page):
      var object: [String: Any] = [
        "kind": page.kind.rawValue, "name": page.name, "summary": page.summary, "abilities": page.abilities, "endings": page.endings,
        "place": page.place, "example": page.example, "errors": page.errors.map(\.rawValue), "guarantees": page.guarantees,
        "limits": page.limits,
        "keys": page.keys.map {
          ["name": $0.name, "takes": $0.shape.expected, "doc": $0.doc, "required": $0.isRequired, "secret": $0.isSecret] as [String: Any]
        },
      ]
      object["missing"] = page.missing
      return object
    case .function(let function):
      return [
        "kind": "function", "name": function.name, "usage": function.usage, "summary": function.summary, "aliases": function.aliases,
        "example": ["expression": function.example.expression, "value": function.example.value],
      ]
    }
  }
}
