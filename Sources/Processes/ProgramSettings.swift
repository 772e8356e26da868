import Configuration

/// Reading a program's options from a definition.
extension ProgramOptions {
  /// The keys of a map that names a program: `command` or `shell`, and limits. The step `exec` and the format `exec` have them.
  package static let keys: [Key] = [
    Key("command", .list(.text), "The program and its arguments; it runs in the definition's folder, without a shell."),
    Key("shell", .text, "Instead: a command for sh."),
    Key(
      "timeout",
      .object([
        Key("soft", .duration, "After so long with a batch it is told to end."),
        Key("hard", .duration, "After so long it is killed."),
      ]), "Time limits of a batch (default: none but the watchdog)."),
    Key(
      "recycle",
      .object([
        Key("units", .integer(atLeast: 1), "After so many batches."), Key("memory", .byteCount, "When it holds more than so much."),
      ]), "When it is replaced by a new one."),
    Key("memory", .byteCount, "What it may allocate."),
  ]

  /// Reads options from a map with ``keys``, and reports a map that has not exactly one of `command` and `shell`, or an empty command.
  ///
  /// - Parameter place: the place for such a report.
  package init(_ value: Value, at place: Position, _ reader: inout DefinitionReader) {
    self.init()
    let words = value["command"]?.elements.compactMap(\.text) ?? []
    if let shell = value["shell"]?.text { command = ["/bin/sh", "-c", shell] } else { command = words }
    if value.isWhole, (value["command"] == nil) == (value["shell"] == nil) || command.first?.isEmpty != false {
      reader.report(place.diagnostic("a program is a command, which is a list of the program and its arguments, or a shell command"))
    }
    softLimit = value["timeout"]?["soft"]?.text.flatMap(Scalars.duration)
    hardLimit = value["timeout"]?["hard"]?.text.flatMap(Scalars.duration)
    recycleUnits = value["recycle"]?["units"]?.text.flatMap { Int($0) }
    recycleMemory = value["recycle"]?["memory"]?.text.flatMap(Scalars.byteCount)
    memory = value["memory"]?.text.flatMap(Scalars.byteCount)
  }
}
