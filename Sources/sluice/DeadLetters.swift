import ArgumentParser
import Foundation
import Ledger

struct DeadLetters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters", abstract: "Look at records and items that could not be processed.",
    subcommands: [List.self, Show.self, Export.self])

  /// What to look for.
  struct Filter: ParsableArguments {
    @Argument(help: "A run's number, a pipeline's name, or a definition's path.") var subject: String?
    @Option(help: "Only those of this item.") var item: String?
    @Option(help: "Only those of this stage.") var stage: String?
    @Option(help: "Only those with this code.") var code: String?

    func resolve(_ common: CommonOptions) throws -> (Ledger, Ledger.DeadLetterFilter) {
      let subject = try Subject(subject, common)
      var filter = Ledger.DeadLetterFilter()
      filter.run = subject.run
      filter.pipeline = subject.pipeline
      filter.item = item
      filter.stage = stage
      filter.code = code
      return (try subject.ledger(), filter)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Count them by item and reason, and list the first.")
    @Option(help: "How many to list.") var limit = 20
    @OptionGroup var filter: Filter
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = common.console
      let (ledger, filter) = try filter.resolve(common)
      let counts = try await ledger.deadLetterCounts(filter)
      if common.output == .json {
        return console.print(
          json: counts.map { ["item": $0.item, "stage": $0.stage, "code": $0.code, "count": $0.count] as [String: Any] })
      }
      for group in counts { console.print("\(Human.count(group.count))  \(group.item)  \(group.stage)  \(group.code)") }
      let shown = LineLimit(limit)
      try await ledger.deadLetters(filter) { letter in
        guard shown.take() else { return }
        console.print("  #\(letter.id)  \(DeadLetters.place(letter)): \(letter.reason)")
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show one whole: place, reason and bytes.")
    @Argument(help: "Its number.") var id: Int64
    @Argument(help: "A pipeline's name or a definition's path.") var subject: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = common.console
      let isJSON = common.output == .json
      var filter = Ledger.DeadLetterFilter()
      filter.id = id
      let found = LineLimit(1)
      try await Subject(subject, common).ledger().deadLetters(filter) { letter in
        _ = found.take()
        if isJSON { return console.print(json: JSONForms.deadLetter(letter)) }
        console.print(
          """
          #\(letter.id) of run \(letter.run), \(DeadLetters.place(letter))
          \(letter.code): \(letter.reason)
          \(String(decoding: letter.raw, as: UTF8.self))
          """)
      }
      if found.take() { throw ValidationError("there is no dead letter \(id)") }
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print them all, a JSON object a line.")
    @OptionGroup var filter: Filter
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = common.console
      let (ledger, filter) = try filter.resolve(common)
      try await ledger.deadLetters(filter) { console.print(json: JSONForms.deadLetter($0)) }
    }
  }

  static func place(_ letter: DeadLetter) -> String {
    var place = letter.item
    if let record = letter.record { place += ", record \(record)" }
    if let line = letter.line { place += ", line \(line)" }
    if let offset = letter.offset { place += ", byte \(offset)" }
    if let field = letter.field { place += ", field \(field)" }
    return place
  }
}
