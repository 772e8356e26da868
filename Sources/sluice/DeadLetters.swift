import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation
import Ledger

struct DeadLetters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters", abstract: "Look at records and items that could not be processed, and work them off.",
    subcommands: [List.self, Show.self, Export.self, Replay.self, Drop.self])

  /// The dead letters that a command is about.
  struct Criteria: ParsableArguments {
    @Option(help: "Only this one.") var id: Int64?
    @Option(help: "Only those of this run.") var run: Int64?
    @Option(help: "Only those of this item.") var item: String?
    @Option(help: "Only those of this stage.") var stage: String?
    @Option(help: "Only those with this code.") var code: String?
    @Option(help: "Only those whose reason holds this text.") var reason: String?

    func validate() throws {
      if let stage, Stage(rawValue: stage) == nil {
        throw ValidationError("there is no stage “\(stage)”; there are \(Stage.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      if let code, ErrorCode(named: code) == nil {
        throw ValidationError("no dead letter has the code “\(code)”; dead-letters list shows those that there are")
      }
    }

    func filter(_ subject: Subject) -> DeadLetterFilter {
      var filter = DeadLetterFilter()
      filter.id = id
      filter.run = run ?? subject.run
      filter.pipeline = subject.pipeline
      filter.item = item
      filter.stage = stage
      filter.code = code
      filter.reason = reason
      return filter
    }
  }

  enum Which: String, ExpressibleByArgument, CaseIterable { case open, resolved, all }

  struct Filter: ParsableArguments {
    @Argument(help: "A run's number, a pipeline's name, or a definition's path.", completion: .file(extensions: ["yaml", "yml"]))
    var subject: String?
    @OptionGroup var criteria: Criteria
    @Option(help: "open (those not worked off), resolved or all; list shows the open ones without it, export and drop take all.") var which:
      Which?

    /// - Parameter console: shows no secrets of the pipelines from here on.
    func resolve(_ common: CommonOptions, _ console: Console, usually: Which) async throws -> (any Ledger, DeadLetterFilter) {
      let subject = try Subject(subject, common)
      var filter = criteria.filter(subject)
      switch which ?? usually {
      case .open: filter.isResolved = false
      case .resolved: filter.isResolved = true
      case .all: break
      }
      let ledger = try await subject.ledger()
      if let run = criteria.run { _ = try await subject.requireRun(run, ledger) }
      try await subject.hideSecrets(console, ledger)
      return (ledger, filter)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Count them by item and reason, and list the first.")
    @Option(help: "How many to list.") var limit = Amount(20)
    @OptionGroup var filter: Filter
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = try common.console()
      let (ledger, filter) = try await filter.resolve(common, console, usually: .open)
      let counts = try await ledger.deadLetterCounts(filter)
      if let id = filter.id { try await DeadLetters.require(id, ledger) }
      if common.output == .json {
        return console.print(
          json: counts.map {
            ["item": $0.item, "stage": $0.stage, "code": $0.code, "count": $0.count, "resolved": $0.isResolved] as [String: Any]
          })
      }
      for group in counts {
        console.print("\(Human.count(group.count))  \(group.item)  \(group.stage)  \(group.code)\(group.isResolved ? "  resolved" : "")")
      }
      let shown = LineLimit(limit.value)
      try await ledger.deadLetters(filter) { letter in
        guard shown.take() else { return }
        console.print("  #\(letter.id)  \(DeadLetters.place(letter)): \(letter.reason)")
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one whole: place, reason, earlier attempts, its bytes and the records around it.")
    @Argument(help: "Its number.") var id: Int64
    @Argument(help: "A pipeline's name or a definition's path.", completion: .file(extensions: ["yaml", "yml"])) var subject: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = try common.console()
      let isJSON = common.output == .json
      var filter = DeadLetterFilter()
      filter.id = id
      let found = LineLimit(1)
      let subject = try Subject(subject, common)
      let ledger = try await subject.ledger()
      try await subject.hideSecrets(console, ledger)
      let attempts = try await ledger.attempts(ofDeadLetter: id)
      try await ledger.deadLetters(filter) { letter in
        _ = found.take()
        if isJSON { return console.print(json: DeadLetters.whole(letter, attempts)) }
        console.print("#\(letter.id) of run \(letter.run), \(DeadLetters.place(letter))\(letter.resolved ? " (resolved)" : "")")
        for attempt in attempts {
          console.print("attempt \(attempt.attempt), \(attempt.at.ISO8601Format()): \(attempt.code): \(attempt.reason)")
        }
        console.print("attempt \(letter.attempts), \(letter.at.ISO8601Format()): \(letter.code): \(letter.reason)")
        if let previous = letter.previous {
          console.print("  before | \(String(decoding: previous, as: UTF8.self))\(DeadLetters.end(previous))")
        }
        if letter.record != nil { console.print("  record | \(String(decoding: letter.raw, as: UTF8.self))") }
        if let next = letter.next { console.print("  after  | \(String(decoding: next, as: UTF8.self))\(DeadLetters.end(next))") }
      }
      if found.take() { try await DeadLetters.require(id, ledger) }
    }
  }

  struct Export: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable { case jsonl, csv }
    static let configuration = CommandConfiguration(
      abstract: "Print them all, a JSON object a line, or as the source has them.",
      discussion: """
        What is printed is for programs, and is what the source has: secrets that stand in a record are not taken out.

        With --format csv the records are printed as they stand in their item, below its header: mend them in an editor and
        give them to a pipeline as a source of their own.
        """)
    @Option(help: "jsonl, or csv: the raw records below their item's header.") var format = Format.jsonl
    @OptionGroup var filter: Filter
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = try common.console()
      var (ledger, filter) = try await filter.resolve(common, console, usually: .all)
      if let id = filter.id { try await DeadLetters.require(id, ledger) }
      if format == .jsonl {
        try await ledger.deadLetters(filter) { console.print(json: JSONForms.deadLetter($0), isFaithful: true) }
        return
      }
      filter.isRecord = true
      let headers = Set(try await ledger.replayGroups(filter).map { ReplayHeader.bytes($0.header) })
      guard headers.count < 2 else {
        throw ValidationError("the items have \(headers.count) different headers; export them one by one, with --item")
      }
      console.print(bytes: headers.first ?? [])
      try await ledger.deadLetters(filter) { console.print(bytes: $0.raw + [0x0A]) }
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take them through the definition as it is now.",
      discussion: """
        What passes is written to a new file beside its item's output (NAME.replay-N.…) and marked resolved, in one step; what
        fails again keeps its history. Items that failed as a whole are tried again by sluice resume.
        """)
    @Argument(help: "The definition's path.", completion: .file(extensions: ["yaml", "yml"])) var pipeline: String
    @OptionGroup var criteria: Criteria
    @OptionGroup var variables: VariableOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = try common.console()
      let subject = try Subject(pipeline, common)
      let values = try variables.values()
      if let id = criteria.id { try await DeadLetters.require(id, await subject.ledger()) }
      do throws(RunFailure) {
        let definition: PipelineDefinition
        do throws(DefinitionErrors) {
          definition = try PipelineDefinition.load(path: pipeline, variables: values)
        } catch {
          throw .definition(error)
        }
        console.hide(definition.redactor)
        let messages = RunMessages(console: console)
        let runner = Runner(try await definition.preparedToRun(), state: subject.state, options: RunOptions()) { messages.show($0) }
        var filter = criteria.filter(subject)
        filter.pipeline = definition.name
        try show(try await runner.replay(filter), subject, console)
      } catch {
        throw console.fail(error)
      }
    }

    private func show(_ result: ReplayResult, _ subject: Subject, _ console: Console) throws(RunFailure) {
      if common.output == .json {
        console.print(
          json: [
            "replay": result.number ?? NSNull() as Any, "passed": result.passed, "filtered": result.filtered, "failed": result.failed,
            "outputs": result.outputs,
          ])
      } else if let number = result.number {
        console.print(
          "replay \(number): \(Human.count(result.passed)) passed (\(Human.count(result.filtered)) filtered), \(Human.count(result.failed)) failed again"
        )
        for output in result.outputs { console.print("  written to \(output)") }
      } else {
        console.print("there are no open dead letters of records to replay")
      }
      if result.failed > 0 { throw .failedAgain(result.failed, subject.state.command("dead-letters", "list", pipeline)) }
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take them out of the ledger for good.")
    @Flag(help: "All of the pipeline or run.") var all = false
    @OptionGroup var filter: Filter
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = try common.console()
      let (ledger, filter) = try await filter.resolve(common, console, usually: .all)
      if let id = filter.id { try await DeadLetters.require(id, ledger) }
      guard all || filter.isNarrow else {
        throw ValidationError("say which: --id, --run, --item, --stage, --code, --reason, or --all")
      }
      let pipelines = try await Set(ledger.runs(pipeline: nil).map(\.pipeline))
      guard self.filter.subject != nil || filter.isNarrow || pipelines.count < 2 else {
        throw ValidationError(
          "there are dead letters of several pipelines (\(pipelines.sorted().joined(separator: ", "))); name one, or a run")
      }
      let subject = try Subject(self.filter.subject, common)
      let dropped: Int
      do {
        dropped = try await Ledgers.open(subject.state.path).drop(filter)
      } catch {
        throw console.fail(.from(error))
      }
      if common.output == .json { return console.print(json: ["dropped": dropped]) }
      console.print("\(Human.count(dropped)) dropped")
    }
  }

  /// Asks that there be a dead letter of this number, or says why there is none.
  static func require(_ id: Int64, _ ledger: any Ledger) async throws {
    var filter = DeadLetterFilter()
    filter.id = id
    if try await !ledger.deadLetterCounts(filter).isEmpty { return }
    guard try await ledger.hadDeadLetter(id) else { throw ValidationError("there is no dead letter \(id)") }
    throw ValidationError(
      "there is no dead letter \(id) any more: it was dropped, or its item was done again, and what is wrong with it now has new numbers; see them with: sluice dead-letters list"
    )
  }

  static func place(_ letter: DeadLetter) -> String {
    var place = letter.item
    if let record = letter.record { place += ", record \(record)" }
    if let line = letter.line { place += ", line \(line)" }
    if let offset = letter.offset { place += ", byte \(offset)" }
    if let field = letter.field { place += ", field \(field)" }
    return place
  }

  /// The mark of a neighbour that is kept in part, by which the beginning of a secret at its end is found.
  private static func end(_ neighbour: [UInt8]) -> String { neighbour.count >= DeadLetter.neighbourBytes ? "…" : "" }

  static func whole(_ letter: DeadLetter, _ attempts: [(attempt: Int, at: Date, code: String, reason: String)]) -> [String: Any] {
    var object = JSONForms.deadLetter(letter)
    object["previous"] = letter.previous.map { String(decoding: $0, as: UTF8.self) + end($0) } ?? NSNull() as Any
    object["next"] = letter.next.map { String(decoding: $0, as: UTF8.self) + end($0) } ?? NSNull() as Any
    object["history"] = attempts.map {
      ["attempt": $0.attempt, "at": $0.at.ISO8601Format(), "code": $0.code, "reason": $0.reason] as [String: Any]
    }
    return object
  }
}
