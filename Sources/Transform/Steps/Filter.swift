import Configuration
import Records

/// Keeps the records for which a condition is true.
package struct FilterStep: Step {
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
  package static let shape = Shape.expression

  let condition: PlacedText
  package let place: Position?

  package init(_ condition: String) {
    self.condition = PlacedText(condition)
    place = nil
  }

  package init(_ entry: Entry, _ reader: inout DefinitionReader) {
    condition = PlacedText(entry.value.text ?? "", at: entry.value.position)
    place = entry.at
  }

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
