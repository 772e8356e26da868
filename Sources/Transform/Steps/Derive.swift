import Configuration
import Records

/// The step `derive`: adds fields with computed values, or computes fields anew.
package struct DeriveStep: Step {
  /// The page of `sluice list derive` and of the reference.
  package static let page = ComponentPage(
    .step, "derive", "Adds fields, or gives them new values.", place: "transform[]",
    example: """
      pipeline: speeds
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - derive:
            hours: air_time / 60.0
            mph: round(distance / hours)
      write: {path: out/speeds.jsonl}
      """,
    errors: [.wrongExpression, .evaluationFailed],
    guarantees: [
      "Fields are computed in their order, and each may name those before it.",
      "A record for which one can't be computed is a dead letter.",
    ],
    limits: ["A text that is made may be as long as parse.limits.record, and those of one batch together as long as limits.memory."])
  /// A map of field names and expressions.
  package static let shape = Shape.map(.expression)

  let entries: [PlacedPair]

  /// Makes a step of fields and expressions that stand in no definition, for tests.
  package init(_ entries: [(name: String, expression: String)]) { self.entries = entries.map { PlacedPair($0.name, $0.expression) } }

  /// Reads the fields and their expressions, in the order of the definition.
  package init(_ entry: Entry, _ reader: inout DefinitionReader) { entries = entry.value.placedPairs }

  /// The place of the first field's name.
  package var place: Position? { entries.first?.name.place }

  /// Checks the expressions in order: each may name the fields before it. A field whose expression is wrong counts as known, with an
  /// unknown type.
  package func check(_ fields: inout StepFields) -> [any StepWork] {
    var works: [any StepWork] = []
    for entry in entries {
      guard let expression = fields.expression(entry.value) else {
        fields.putUnknown(entry.name.text)
        continue
      }
      let field = Field(name: entry.name.text, type: expression.type)
      let at = fields.put(field, isUnknown: expression.isUnknown)
      works.append(Computing(field: field, position: at, expression: expression))
    }
    return works
  }
}
