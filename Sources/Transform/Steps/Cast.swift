import Configuration
import Records

/// The step `cast`: gives fields another type.
struct CastStep: Step {
  static let page = ComponentPage(
    .step, "cast", "Gives fields another type.", place: "transform[]",
    example: """
      pipeline: flight_numbers
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - cast: {flight: text, distance: double}
      write: {path: out/flight_numbers.jsonl}
      """,
    errors: [.wrongExpression, .evaluationFailed],
    guarantees: ["A record with a value that does not fit the type is a dead letter: no value is guessed or cut."])
  static let shape = Shape.map(.fieldType)

  let entries: [(name: PlacedText, type: FieldType)]

  init(_ entry: Entry, _ reader: inout DefinitionReader) {
    entries = entry.value.placedPairs.compactMap { pair in (try? FieldType(pair.value.text)).map { (pair.name, $0) } }
  }

  var place: Position? { entries.first?.name.place }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    var works: [any StepWork] = []
    for (name, type) in entries {
      guard let at = fields.position(of: name, whole: true), let expression = fields.cast(name, to: type) else { continue }
      var field = fields.schema.fields[at]
      field.type = type.type
      fields.put(field)
      works.append(Computing(field: field, position: at, expression: expression))
    }
    return works
  }
}
