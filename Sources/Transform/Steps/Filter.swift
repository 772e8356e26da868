import Configuration
import Records

/// The step `filter`: keeps the records for which a condition is true.
package struct FilterStep: Step {
  /// The page of `sluice list filter` and of the reference.
  package static let page = ComponentPage(
    .step, "filter", "Keeps the records for which it is true.", place: "transform[]",
    example: """
      pipeline: long_flights
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - filter: distance >= 1000 AND dest <> 'LAX'
      write: {path: out/long_flights.jsonl}
      """,
    errors: [.wrongExpression, .unreachableStep, .evaluationFailed],
    guarantees: [
      "A record for which the condition is false or NULL is left out and counted as filtered.",
      "A record for which it can't be computed is a dead letter.",
    ])
  /// One expression.
  package static let shape = Shape.expression

  let condition: PlacedText
  /// The place of the word `filter`; nil for a condition that stands in no definition.
  package let place: Position?

  /// Makes a step of a condition that stands in no definition, for tests.
  package init(_ condition: String) {
    self.condition = PlacedText(condition)
    place = nil
  }

  /// Makes a step of a condition that stands elsewhere than in `transform`: of a sink's `when`.
  init(_ condition: String, at place: Position) {
    self.condition = PlacedText(condition, at: place)
    self.place = place
  }

  /// Reads the condition.
  package init(_ entry: Entry, _ reader: inout DefinitionReader) {
    condition = PlacedText(entry.value.text ?? "", at: entry.value.position)
    place = entry.at
  }

  /// Checks the condition, which must be a truth value. One that is never true is noted, so that the next step is reported as unreachable.
  package func check(_ fields: inout StepFields) -> [any StepWork] {
    guard let condition = fields.condition(condition) else { return [] }
    fields.letsNothingThrough = condition.isNeverTrue
    return [Filtering(condition: condition)]
  }

  private struct Filtering: StepWork {
    let condition: Expression

    func run(_ batch: inout RecordBatch, _ conditions: StepConditions) throws(EvaluationStopped) {
      let (truth, rows) = try batch.evaluate(condition, conditions)
      guard case .booleans(let values) = truth else { return }
      batch.keep(rows, values, filtered: true) { $0 == 1 }
    }
  }
}
