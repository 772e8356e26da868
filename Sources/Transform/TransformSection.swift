import Configuration
import Records

/// The section `transform` of a definition.
public struct TransformSection: Sendable {
  /// The steps in the order of the definition. Behind a step that could not be read stands a placeholder, which forgets all types.
  package private(set) var steps: [any Step] = []

  /// Makes a section without steps.
  package init() {}

  /// Puts a step that the definition does not spell out before all others.
  mutating func prepend(_ step: any Step) { steps.insert(step, at: 0) }

  /// Lets every step load its files; see ``Step/prepare(_:)``.
  package mutating func prepare(_ preparation: inout StepPreparation) {
    for i in steps.indices { steps[i].prepare(&preparation) }
  }

  private static let steps = Shape.list(.step(Steps.all.map { Key($0.name, $0.shape, $0.page.summary) }))

  /// The shape of `transform`: a list of steps, or a map with the key `steps` and keys that every stage has.
  ///
  /// - Parameter stage: the keys that every stage has.
  package static func shape(stage: [Key]) -> Shape {
    .either([steps, .object([Key("steps", steps, "The steps.", required: true)] + stage)], "a list of steps, or a map with steps")
  }

  /// Reads the steps from a list of maps, each with one step's name.
  package init(_ value: Value, _ reader: inout DefinitionReader) {
    for element in value.elements {
      if let entry = element.entries.first, entry.value.isRead, let step = Steps.all.first(where: { $0.name == entry.key }) {
        steps.append(step.init(entry, &reader))
      }
      // A step that was not read as a whole may have made any field.
      if !element.isWhole { steps.append(UnreadStep()) }
    }
  }
}
