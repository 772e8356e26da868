import Configuration
import Fetch

/// A rule of `notify`: who is told how a run ended, and when.
public struct NotifyRule: Sendable {
  /// An end of a run that is told of.
  public enum Occasion: String, Sendable, CaseIterable {
    /// The run's exit is not 0.
    case failure
    /// The run's exit is 0, and the exit of the run before was not.
    case recovery
    /// The run's exit is 0.
    case success
  }

  /// The ends of runs that ``url`` and ``command`` are told of; ``ping`` is told of each.
  public var occasions: [Occasion] = [.failure, .recovery]
  /// An http or https address that gets a JSON object by POST; nil where there is none.
  public var url: String?
  /// HTTP headers to send to ``url``. They may hold secrets.
  public var headers: [HTTPHeader] = []
  /// A program and its arguments; it gets the object on its standard input. Empty where there is none. `shell` becomes `/bin/sh -c`.
  public var command: [String] = []
  /// An address that is told of each start and end, as healthchecks.io takes it: `ADDRESS/start`, then `ADDRESS` or `ADDRESS/fail`; nil
  /// where there is none.
  public var ping: String?
}

extension NotifyRule {
  static let shape: Shape = Shape.object([
    Key(
      "on",
      .either(
        [.list(.choice(Occasion.allCases.map(\.rawValue))), .choice(Occasion.allCases.map(\.rawValue))],
        "one or a list of \(Occasion.allCases.map(\.rawValue).joined(separator: ", "))"),
      "When: failure (exit is not 0), recovery (0 after a failure), success (each 0); by default failure and recovery."),
    Key("url", .text, "An http or https address that a JSON object is sent to by POST."),
    Key("headers", .map(.text), "HTTP headers to send with it."),
    Key("command", .list(.text), "A program and its arguments; it gets the object on its standard input."),
    Key("shell", .text, "Instead: a command for sh."),
    Key(
      "ping", .text,
      "An address that is told of every run, whatever “on” says: ADDRESS/start as it begins, then ADDRESS or ADDRESS/fail, as healthchecks takes it."
    ),
  ])

  init(_ value: Value, _ reader: inout DefinitionReader) {
    if let on = value["on"] { occasions = on.elements.compactMap { $0.text.flatMap(Occasion.init) } }
    url = Self.address(value["url"], &reader)
    ping = Self.address(value["ping"], &reader)
    headers = value["headers"]?.entries.map { HTTPHeader(name: $0.key, value: $0.value.text ?? "") } ?? []
    if headers.contains(where: { ($0.name + $0.value).contains(where: \.isNewline) }) {
      reader.report((value["headers"] ?? value).position.diagnostic("a header can't hold a line end"))
    }
    command = value["command"]?.elements.compactMap(\.text) ?? []
    if let shell = value["shell"]?.text {
      if !command.isEmpty { reader.report(value.position.diagnostic("it has both command and shell; one is enough")) }
      command = ["/bin/sh", "-c", shell]
    }
    if url == nil, ping == nil, command.isEmpty, value["url"] == nil, value["ping"] == nil {
      reader.report(value.position.diagnostic("it tells nobody: give it a url, a command, a shell command or a ping address"))
    }
  }

  private static func address(_ value: Value?, _ reader: inout DefinitionReader) -> String? {
    guard let value, let text = value.text else { return nil }
    if HTTPAddress.isOne(text) { return text }
    reader.report(value.position.diagnostic("expected an http or https address"))
    return nil
  }
}
