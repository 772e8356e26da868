import Configuration
import Records

/// The step `expect`: makes a dead letter of each record for which an expectation is false.
struct ExpectStep: Step {
  static let page = ComponentPage(
    .step, "expect",
    "A record for which one is false is a dead letter; NULL passes, as in SQL's CHECK: ask with IS NOT NULL too.", place: "transform[]",
    example: """
      pipeline: checked
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - expect:
            distance is positive: distance > 0
            carrier is known: carrier IS NOT NULL
      write: {path: out/checked.jsonl}
      """,
    errors: [.wrongExpression, .expectationFailed, .evaluationFailed],
    guarantees: ["A dead letter names the expectation that does not hold; the first one that fails counts."])
  static let shape = Shape.map(.expression)

  let entries: [PlacedPair]

  init(_ entry: Entry, _ reader: inout DefinitionReader) { entries = entry.value.placedPairs }

  var place: Position? { entries.first?.name.place }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    var works: [any StepWork] = []
    for entry in entries {
      guard let condition = fields.condition(entry.value) else { continue }
      works.append(Expecting(name: entry.name.text, condition: condition))
    }
    return works
  }

  private struct Expecting: StepWork {
    let name: String
    let condition: Expression

    func run(_ batch: inout RecordBatch, _ conditions: StepConditions) throws(EvaluationStopped) {
      let (truth, rows) = try batch.evaluate(condition, conditions)
      guard case .booleans(let values) = truth else { return }
      for (i, row) in rows.enumerated() where values[i] == 0 {
        batch.faults.append(
          RecordFault(
            code: .expectationFailed, reason: "the expectation “\(name)” does not hold", field: name,
            record: batch.record(ofRow: Int(row))))
      }
      // As in SQL's CHECK, NULL passes.
      batch.keep(rows, values, filtered: false) { $0 != 0 }
    }
  }
}
