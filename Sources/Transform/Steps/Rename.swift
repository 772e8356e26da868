import Configuration
import Records

/// The step `rename`: gives fields other names.
struct RenameStep: Step {
  static let page = ComponentPage(
    .step, "rename", "Gives fields new names, each as old name: new name.", place: "transform[]",
    example: """
      pipeline: renamed
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - rename: {origin: departure_airport, dest: arrival_airport}
      write: {path: out/renamed.jsonl}
      """,
    errors: [.wrongExpression], guarantees: ["A field keeps its place, its type and its values, byte by byte."])
  static let shape = Shape.map(.text)

  let entries: [PlacedPair]

  init(_ entry: Entry, _ reader: inout DefinitionReader) { entries = entry.value.placedPairs }

  var place: Position? { entries.first?.name.place }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    var works: [any StepWork] = []
    for entry in entries {
      let name = entry.value.text
      guard let at = fields.position(of: entry.name, whole: true) else { continue }
      if let other = fields.schema.position(of: name), other != at {
        fields.report("there is a field “\(name)” already", at: entry.value)
        continue
      }
      fields.rename(at, to: name)
      works.append(Renaming(position: at, name: name))
    }
    return works
  }

  private struct Renaming: StepWork {
    let position: Int
    let name: String

    func run(_ batch: inout RecordBatch, _ conditions: StepConditions) { batch.columns[position].field.name = name }
  }
}
