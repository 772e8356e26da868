import Configuration
import Processes
import Records

/// Sends records through a program of the user's.
package struct ExecStep: Step {
  package static let page = ComponentPage(
    .step, "exec", "Sends records through a program, as JSON Lines.", abilities: ["program"], keys: keys, place: "transform[].exec",
    example: """
      pipeline: through_a_program
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - select: [carrier, flight, distance]
        - exec: {command: [cat]}
      write: {path: out/through_a_program.jsonl}
      """,
    errors: [.programFailed, .programRefused, .unusableProgram],
    guarantees: [
      "A record that a process of the program fails at is found, and becomes a dead letter; the others have their answers.",
      "Answers count when the whole batch is acknowledged, so none is taken for another record's.",
    ],
    limits: ["The program may see a record more than once, after it failed or the run was killed."])
  private static let keys: [Key] =
    ProgramOptions.keys + [
      Key("fields", .map(.fieldType), "The fields of what it answers, and their types (default: those that it is sent).")
    ]
  package static let shape = Shape.object(keys)

  private let options: ProgramOptions
  /// What its answers hold; nil for what goes in.
  private let fields: Schema?
  package let place: Position?

  package init(_ program: ProgramOptions, answering fields: Schema?) {
    options = program
    self.fields = fields
    place = nil
  }

  package init(_ entry: Entry, _ reader: inout DefinitionReader) {
    options = ProgramOptions(entry.value, at: entry.at, &reader)
    fields = entry.value["fields"].map { Schema($0) }
    place = entry.at
  }

  package var program: ProgramOptions? { options }

  package func check(_ fields: inout StepFields) -> [any StepWork] {
    if let answered = self.fields { fields.replace(with: answered) }
    return []
  }
}

extension TransformSection {
  /// Begins with a program that items' lines go through: it is the first step, and what it is sent has no fields.
  package mutating func begin(with program: ProgramOptions, answering fields: Schema?) {
    prepend(ExecStep(program, answering: fields))
  }
}
