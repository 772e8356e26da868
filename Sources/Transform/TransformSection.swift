import Configuration
import Processes
import Records

/// What a definition says of transforming: the steps, in order.
public struct TransformSection: Sendable {
  public package(set) var steps: [TransformStep] = []
  /// Where each step's entries stand, for errors that only show once the schema is known.
  package private(set) var positions: [[(name: Position, value: Position)]] = []

  /// A section that says nothing.
  package init() {}

  /// Puts a step before all others that no map of the definition stands for.
  package mutating func prepend(_ step: TransformStep) {
    steps.insert(step, at: 0)
    positions.insert([], at: 0)
  }

  private static let steps: Shape = Shape.list(
    .step([
      Key("filter", .expression, "Keeps the records for which it is true."),
      Key("derive", .map(.expression), "Adds fields, or gives them new values."),
      Key("rename", .map(.text), "Old name: new name."),
      Key("select", .list(.text), "Keeps these fields, in this order."),
      Key("drop", .list(.text), "Takes these fields away."),
      Key("cast", .map(.fieldType), "Gives fields another type."),
      Key(
        "expect", .map(.expression),
        "A record for which one is false is a dead letter; NULL passes, as in SQL's CHECK: ask with IS NOT NULL too."),
      Key(
        "exec",
        .object(
          ProgramOptions.keys + [
            Key("fields", .map(.fieldType), "The fields of what it answers, and their types (default: those that it is sent).")
          ]), "Sends records through a program, as JSON Lines."),
    ]))

  /// The shape of `transform`, whose map has the keys of every stage too.
  package static func shape(stage: [Key]) -> Shape {
    .either([steps, .object([Key("steps", steps, "The steps.", required: true)] + stage)], "a list of steps, or a map with steps")
  }

  package init(_ value: Value, _ reader: inout DefinitionReader) {
    for step in value.elements {
      // A step that was not read whole is followed by one of which nothing is known.
      defer {
        if !step.isWhole {
          steps.append(.unread)
          positions.append([])
        }
      }
      guard let entry = step.entries.first, entry.value.isRead else { continue }
      let pairs = entry.value.entries.filter(\.value.isRead)
      let texts = pairs.map { (name: $0.key, expression: $0.value.text ?? "") }
      var places = pairs.map { (name: $0.at, value: $0.value.position) }
      switch entry.key {
      case "filter":
        steps.append(.filter(entry.value.text ?? ""))
        places = [(entry.at, entry.value.position)]
      case "derive": steps.append(.derive(texts))
      case "rename": steps.append(.rename(texts.map { (from: $0.name, to: $0.expression) }))
      case "expect": steps.append(.expect(texts))
      case "exec":
        steps.append(.program(ProgramOptions(entry.value, at: entry.at, &reader), fields: entry.value["fields"].map { Schema($0) }))
      case "cast":
        steps.append(.cast(texts.compactMap { pair in FieldType.parse(pair.expression).map { (name: pair.name, type: $0.type) } }))
      case "select", "drop":
        let names = entry.value.elements.compactMap(\.text)
        steps.append(entry.key == "select" ? .select(names) : .drop(names))
        places = entry.value.elements.filter(\.isRead).map { ($0.position, $0.position) }
      default: continue
      }
      positions.append(places)
    }
  }
}
