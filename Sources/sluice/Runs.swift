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

struct Runs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List runs, and close those that nobody will finish.", subcommands: [List.self, Close.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List runs, the newest first (runs alone does the same).")

    @Argument(help: "A run's number, a pipeline's name, or a definition's path.", completion: .file(extensions: ["yaml", "yml"]))
    var subject: String?
    @Option(help: "How many at most.") var limit = Amount(20)
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = try common.console()
      let subject = try Subject(subject, common)
      let ledger = try await subject.ledger()
      let runs =
        if let run = subject.run { [try await subject.requireRun(run, ledger)] } else {
          try await ledger.runs(pipeline: subject.pipeline, limit: limit.value)
        }
      try await subject.hideSecrets(console, ledger)
      let settled = runs.map(subject.state.settled)
      if common.output == .json { return console.print(json: settled.map(JSONForms.run)) }
      for run in settled {
        let took = run.endedAt.map { Human.seconds($0.timeIntervalSince(run.startedAt)) } ?? "unfinished"
        console.print(
          "\(run.id)  \(run.pipeline)  \(run.status.rawValue)  \(run.startedAt.ISO8601Format())  \(took)  \(Human.count(run.counts.written)) of \(Human.count(run.counts.read)) records written, \(Human.count(run.counts.deadLettered)) dead letters"
        )
      }
    }
  }

  struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give up what a run has left to do: it is not told of any more.",
      discussion: """
        Its items that are not done are closed. A later run works on one of them only if fetch.from finds it then. A run
        that failed for its dead letters is closed too: they stay, to be listed and replayed.
        """)

    @Argument(help: "Its number.") var run: Int64
    @Argument(help: "A pipeline's name or a definition's path.", completion: .file(extensions: ["yaml", "yml"])) var subject: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let console = try common.console()
      let subject = try Subject(subject, common)
      let record = try await subject.requireRun(run, subject.ledger())
      do throws(RunFailure) {
        let definition: PipelineDefinition
        do throws(DefinitionErrors) {
          definition = try PipelineDefinition.load(text: record.definition, path: record.definitionPath, variables: record.variables)
        } catch {
          throw .definition(error)
        }
        let messages = RunMessages(console: console)
        try await Runner(definition, state: subject.state, options: RunOptions()) { messages.show($0) }.close(record)
      } catch {
        throw console.fail(error)
      }
      if !common.quiet { console.print("run \(run) is closed") }
    }
  }
}
