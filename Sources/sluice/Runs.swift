import ArgumentParser
import Foundation
import Ledger

struct Runs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List runs, the newest first.")

  @Argument(help: "A pipeline's name or a definition's path.", completion: .file(extensions: ["yaml", "yml"])) var pipeline: String?
  @Option(help: "How many at most.") var limit = 20
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = common.console
    let subject = try Subject(pipeline, common)
    let runs = try await subject.ledger().runs(pipeline: subject.pipeline, limit: limit)
    if common.output == .json { return console.print(json: runs.map(JSONForms.run)) }
    for run in runs {
      let took = run.endedAt.map { Human.seconds($0.timeIntervalSince(run.startedAt)) } ?? "unfinished"
      console.print(
        "\(run.id)  \(run.pipeline)  \(run.status.rawValue)  \(run.startedAt.ISO8601Format())  \(took)  \(Human.count(run.counts.written)) of \(Human.count(run.counts.read)) records written, \(Human.count(run.counts.deadLettered)) dead letters"
      )
    }
  }
}
