import Configuration
import Processes
import Records

/// The step `exec`: sends records through a program of the user's.
struct ExecStep: Step {
  static let page = ComponentPage(
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
  static let shape = Shape.object(keys)

  private let options: ProgramOptions
  /// The fields of the program's answers; nil for those that it is sent.
  private let fields: Schema?
  let place: Position?

  init(_ program: ProgramOptions, answering fields: Schema?) {
    options = program
    self.fields = fields
    place = nil
  }

  init(_ entry: Entry, _ reader: inout DefinitionReader) {
    options = ProgramOptions(entry.value, at: entry.at, &reader)
    fields = entry.value["fields"].map { Schema($0) }
    place = entry.at
  }

  var program: ProgramOptions? { options }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    if let answered = self.fields { fields.replace(with: answered) }
    return []
  }
}

extension TransformSection {
  /// Puts a program before all other steps. The program reads items' lines as records (`parse.format: exec`), so the records that it is
  /// sent have no fields.
  ///
  /// - Parameter fields: the fields of the program's answers; nil for none.
  package mutating func begin(with program: ProgramOptions, answering fields: Schema?) {
    prepend(ExecStep(program, answering: fields))
  }
}
