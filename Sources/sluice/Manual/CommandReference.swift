import ArgumentParser
import Configuration
import Definition
import Foundation

/// A command with its options, as the parser itself describes it: what pages of the manual and the reference are made of.
struct CommandReference {
  struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String

      var text: String { (kind == "long" ? "--" : "-") + name }
    }
    var kind: String
    var shouldDisplay: Bool
    var isOptional: Bool
    var isRepeating: Bool
    var names: [Name]?
    var preferredName: Name?
    var valueName: String?
    var defaultValue: String?
    var allValues: [String]?
    var abstract: String?

    var isPositional: Bool { kind == "positional" }
    /// The placeholder of the value: `<file>`, or `text|json`.
    var value: String { allValues.map { $0.joined(separator: "|") } ?? "<\(valueName ?? "value")>" }

    /// As it stands before its explanation: `-q, --quiet`, `--state <dir>`.
    var label: String {
      guard !isPositional else { return value }
      // A short name first, as everybody has it.
      let all = (names ?? []).sorted { $0.name.count < $1.name.count }.map(\.text).joined(separator: ", ")
      return kind == "flag" ? all : "\(all) \(value)"
    }

    /// As it stands in the line of usage, which has arguments and the options that must be there.
    var usage: String {
      let word = isPositional ? value : "\(preferredName?.text ?? "") \(value)"
      return (isOptional ? "[\(word)]" : word) + (isRepeating ? " …" : "")
    }

    var explanation: String {
      let text = abstract ?? ""
      guard let defaultValue, kind == "option", !text.contains("(default") else { return text }
      return text.hasSuffix(".") ? "\(text.dropLast()) (default: \(defaultValue))." : "\(text) (default: \(defaultValue))."
    }
  }

  private struct Dump: Decodable {
    var command: Node
  }
  private struct Node: Decodable {
    var commandName: String
    var shouldDisplay: Bool
    var abstract: String?
    var discussion: String?
    var subcommands: [Node]?
    var arguments: [Argument]?
  }

  /// `sluice dead-letters list`.
  let title: String
  let abstract: String
  let discussion: String
  /// Its own options; ``common`` are those that every command takes.
  let arguments: [Argument]
  let subcommands: [(title: String, abstract: String)]

  /// The page's name: `sluice-dead-letters-list`.
  var name: String { title.replacing(" ", with: "-") }

  var usage: String {
    let options = arguments.filter { !$0.isPositional && $0.isOptional }
    let words = arguments.filter { $0.isPositional || !$0.isOptional }.map(\.usage)
    if !subcommands.isEmpty { return "\(title) <command>" }
    return ([title] + words + (options.isEmpty ? [] : ["[options]"])).joined(separator: " ")
  }

  /// Every command, the tool itself first.
  static func all() throws -> [CommandReference] {
    let dump = try JSONDecoder().decode(Dump.self, from: Data(Sluice._dumpHelp().utf8))
    return flat(dump.command, below: "", common: Set(try common().map(\.label)))
  }

  /// The options of ``CommonOptions``, which every command takes.
  static func common() throws -> [Argument] {
    let dump = try JSONDecoder().decode(Dump.self, from: Data(CommonOptions._dumpHelp().utf8))
    return (dump.command.arguments ?? []).filter { $0.shouldDisplay && !isHelp($0) }
  }

  private static func flat(_ node: Node, below path: String, common: Set<String>) -> [CommandReference] {
    let title = path.isEmpty ? node.commandName : "\(path) \(node.commandName)"
    let inner = (node.subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" }
    let own = (node.arguments ?? []).filter { $0.shouldDisplay && !isHelp($0) && !common.contains($0.label) }
    let reference = CommandReference(
      title: title, abstract: node.abstract ?? "", discussion: node.discussion ?? "", arguments: own,
      subcommands: inner.map { ("\(title) \($0.commandName)", $0.abstract ?? "") })
    return [reference] + inner.flatMap { flat($0, below: title, common: common) }
  }

  private static func isHelp(_ argument: Argument) -> Bool {
    argument.names?.contains { $0.name == "help" || $0.name == "version" } ?? false
  }

  /// All commands as one page of Markdown.
  static func markdown(_ commands: [CommandReference], _ common: [Argument]) -> String {
    var lines = ["# Commands", ""]
    for command in commands {
      lines += ["## \(command.title)", "", command.abstract, "", "```text", command.usage, "```", ""]
      if !command.discussion.isEmpty { lines += [command.discussion, ""] }
      lines += command.subcommands.map { "- `\($0.title)`: \($0.abstract)" }
      if !command.subcommands.isEmpty { lines.append("") }
      lines += table(command.arguments)
    }
    lines += ["## Options of every command", ""] + table(common)
    return lines.joined(separator: "\n")
  }

  private static func table(_ arguments: [Argument]) -> [String] {
    guard !arguments.isEmpty else { return [] }
    return MarkdownTable.lines(["argument", "what for"], arguments.map { ["`\($0.label)`", $0.explanation] }) + [""]
  }
}
