import Configuration
import Records

/// The step `drop`: takes fields away.
struct DropStep: Step {
  static let page = ComponentPage(
    .step, "drop", "Takes these fields away.", place: "transform[]",
    example: """
      pipeline: without_tails
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - drop: [tailnum, time_hour]
      write: {path: out/without_tails.jsonl}
      """,
    errors: [.wrongExpression], guarantees: ["The other fields keep their order, their types and their values, byte by byte."])
  static let shape = Shape.list(.text)

  let names: [PlacedText]

  init(_ entry: Entry, _ reader: inout DefinitionReader) { names = entry.value.placedTexts }

  var place: Position? { names.first?.place }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    let gone = Set(names.compactMap { fields.position(of: $0) })
    let kept = fields.schema.fields.indices.filter { !gone.contains($0) }
    fields.keep(kept)
    return [Choosing(kept: kept)]
  }
}
