import Configuration
import Records

/// The step `select`: keeps some fields, in the order in which it names them.
struct SelectStep: Step {
  static let page = ComponentPage(
    .step, "select", "Keeps these fields, in this order.", place: "transform[]",
    example: """
      pipeline: routes
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - select: [carrier, flight, origin, dest]
      write: {path: out/routes.csv}
      """,
    errors: [.wrongExpression], guarantees: ["A field that is kept keeps its type and its values, byte by byte."])
  static let shape = Shape.list(.text)

  let names: [PlacedText]

  init(_ entry: Entry, _ reader: inout DefinitionReader) { names = entry.value.placedTexts }

  var place: Position? { names.first?.place }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    var kept: [Int] = []
    for name in names {
      guard let at = fields.position(of: name) else { continue }
      if kept.contains(at) { fields.report("“\(name.text)” is selected twice", at: name) } else { kept.append(at) }
    }
    fields.keep(kept)
    fields.close()
    return [Choosing(kept: kept)]
  }
}
