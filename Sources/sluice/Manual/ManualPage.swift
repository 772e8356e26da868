import Configuration
import Dataflow
import Isolation
import Operations
import Planning
import Runs

/// A command's page for man(1), in the macros of man(7).
struct ManualPage {
  let command: CommandReference
  let common: [CommandReference.Argument]
  let version: String

  var text: String {
    var lines = [
      ".TH \"\(command.name.uppercased())\" 1 \"\" \"Sluice \(version)\" \"Sluice\"",
      ".SH NAME", "\(roff(command.name)) \\- \(roff(lowered(command.abstract)))",
      ".SH SYNOPSIS", ".B \(roff(command.usage))",
    ]
    if !command.discussion.isEmpty {
      lines.append(".SH DESCRIPTION")
      lines += paragraphs(command.discussion)
    }
    if !command.subcommands.isEmpty {
      lines.append(".SH COMMANDS")
      for inner in command.subcommands { lines += item("\(inner.title.replacing(" ", with: "-"))(1)", inner.abstract) }
    }
    let positional = command.arguments.filter(\.isPositional)
    if !positional.isEmpty { lines += [".SH ARGUMENTS"] + positional.flatMap { item($0.label, $0.explanation) } }
    let options = command.arguments.filter { !$0.isPositional }
    if !options.isEmpty { lines += [".SH OPTIONS"] + options.flatMap { item($0.label, $0.explanation) } }
    if command.subcommands.isEmpty {
      lines += [".SH COMMON OPTIONS"] + common.flatMap { item($0.label, $0.explanation) }
      lines += [".SH EXIT STATUS"] + ExitStatus.allCases.flatMap { item("\($0.rawValue)", "\($0.meaning) \($0.remedy)") }
    }
    let others =
      command.title == "sluice"
      ? "Subjects beyond commands: sluice help topics." : "sluice(1); subjects beyond commands: sluice help topics."
    lines += [".SH SEE ALSO", roff(others)]
    return lines.joined(separator: "\n") + "\n"
  }

  private func item(_ label: String, _ text: String) -> [String] { [".TP", ".B \(roff(label))", roff(text)] }

  /// Lines that are indented stand as they are.
  private func paragraphs(_ text: String) -> [String] {
    var lines: [String] = []
    var isExample = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let isIndented = line.hasPrefix("  ")
      if isIndented != isExample, !line.isEmpty {
        lines.append(isIndented ? ".PP\n.nf" : ".fi\n.PP")
        isExample = isIndented
      }
      lines.append(line.isEmpty ? (isExample ? "" : ".PP") : roff(String(line)))
    }
    if isExample { lines.append(".fi") }
    return lines
  }

  private func lowered(_ text: String) -> String {
    let bare = text.hasSuffix(".") ? String(text.dropLast()) : text
    return bare.prefix(1).lowercased() + bare.dropFirst()
  }

  private func roff(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
      .replacing("“", with: "\\(lq").replacing("”", with: "\\(rq").replacing("…", with: "...")
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
  }
}
