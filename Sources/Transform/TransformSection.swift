import Configuration
import Records

/// What a definition says of transforming: the steps, in order.
public struct TransformSection: Sendable {
  package private(set) var steps: [any Step] = []

  /// A section that says nothing.
  package init() {}

  /// Puts a step before all others that no map of the definition stands for.
  mutating func prepend(_ step: any Step) { steps.insert(step, at: 0) }

  /// Lets all steps load what they need.
  package mutating func prepare(_ preparation: inout StepPreparation) {
    for i in steps.indices { steps[i].prepare(&preparation) }
  }

  private static let steps = Shape.list(.step(Steps.all.map { Key($0.name, $0.shape, $0.page.summary) }))

  /// The shape of `transform`, whose map has the keys of every stage too.
  package static func shape(stage: [Key]) -> Shape {
    .either([steps, .object([Key("steps", steps, "The steps.", required: true)] + stage)], "a list of steps, or a map with steps")
  }

  package init(_ value: Value, _ reader: inout DefinitionReader) {
    for element in value.elements {
      if let entry = element.entries.first, entry.value.isRead, let step = Steps.all.first(where: { $0.name == entry.key }) {
        steps.append(step.init(entry, &reader))
      }
      // A step that was not read whole is followed by one of which nothing is known.
      if !element.isWhole { steps.append(UnreadStep()) }
    }
  }
}
