import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation

struct PruneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Take old runs, resolved dead letters and unfinished downloads out of the state folder, and give the ledger's room back.",
    discussion: """
      What is done stays known, so nothing is done again. A pipeline's newest run stays, and so do runs with something left to
      do and dead letters that were not worked off (--dead-letters takes those too).
      """)

  @Argument(
    help: "A pipeline's name or a definition's path (default: all of the state folder).", completion: .file(extensions: ["yaml", "yml"]))
  var pipeline: String?
  @Option(help: ArgumentHelp("How old: 30d, 12h, …", valueName: "duration")) var olderThan: String
  @Flag(help: "Dead letters that nobody worked off as well.") var deadLetters = false
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    guard let age = Scalars.duration(olderThan) else {
      throw ValidationError("--older-than takes a duration like 30d or 12h, and “\(olderThan)” is not one")
    }
    let subject = try Subject(pipeline, common)
    // Opens it only to read: a folder without a ledger is a mistake, not an empty one.
    _ = try await subject.ledger()
    let result: PruneResult
    do throws(RunFailure) {
      result = try await Prune(subject.state).perform(
        before: Date(timeIntervalSinceNow: -Double(age.components.seconds)), pipeline: subject.pipeline, includingOpen: deadLetters)
    } catch {
      throw console.fail(error)
    }
    for name in result.busy { console.log(.warning, "\(name) is running: its downloads were left alone") }
    if common.output == .json {
      console.print(
        json: [
          "runs": result.runs, "dead_letters": result.deadLetters, "spool_files": result.spoolFiles, "spool_bytes": result.spoolBytes,
          "ledger_bytes": result.ledgerBytes,
        ])
    } else if !common.quiet {
      console.print(
        "pruned \(Human.count(result.runs)) runs, \(Human.count(result.deadLetters)) dead letters, \(Human.count(result.spoolFiles)) spooled files (\(Human.bytes(result.spoolBytes))); the ledger is \(Human.bytes(result.ledgerBytes)) smaller"
      )
    }
  }
}
