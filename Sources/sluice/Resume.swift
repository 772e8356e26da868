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

struct Resume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Finish a run that was interrupted or failed, with the definition it began with.")

  @Argument(
    help: "A run's number, a pipeline's name, or a definition's path (default: the newest unfinished run).",
    completion: .file(extensions: ["yaml", "yml"]))
  var run: String?
  @Flag(help: "Take changes of the source's columns as they come, this once.") var acceptSchemaChanges = false
  @OptionGroup var timing: TimingOptions
  @OptionGroup var monitoring: MonitoringOptions
  @OptionGroup var supervision: SupervisionOptions
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let subject = try Subject(run, common)
    do throws(RunFailure) {
      let record = try await record(subject)
      let definition: PipelineDefinition
      do throws(DefinitionErrors) {
        definition = try PipelineDefinition.load(text: record.definition, path: record.definitionPath, variables: record.variables)
      } catch {
        throw .definition(error)
      }
      let session = RunSession(common, console, definition, subject.state, timing, monitoring)
      if let code = await supervision.supervised(session) { Sluice.leave(code) }
      var options = RunOptions()
      options.lockWait = timing.wait?.duration ?? .zero
      options.acceptsSchemaChanges = acceptSchemaChanges
      try await perform(session, options, record)
    } catch {
      throw console.fail(error)
    }
  }

  private func perform(_ session: RunSession, _ options: RunOptions, _ record: RunRecord) async throws(RunFailure) {
    do {
      try await session.perform(try await session.runner(options)) { (runner) throws(RunFailure) in try await runner.resume(record) }
    } catch let code as ExitCode {
      // The error has been shown.
      Sluice.leave(code)
    } catch {
      throw .internalError("\(error)")
    }
  }

  private func record(_ subject: Subject) async throws(RunFailure) -> RunRecord {
    do {
      guard let ledger = try Ledgers.openReadOnly(subject.state.path) else { throw nothingBegun(subject) }
      if let run = subject.run {
        guard let record = try await ledger.run(RunID(run)) else {
          throw RunFailure.nothingToResume("there is no run \(run) in \(subject.state.path)")
        }
        guard try await ledger.isUnfinished(record) else {
          throw RunFailure.nothingLeft(of: record, subject.state)
        }
        return record
      }
      if let record = try await ledger.unfinishedRuns(pipeline: subject.pipeline).first { return record }
      if try await ledger.runs(pipeline: subject.pipeline, limit: 1).isEmpty {
        guard let pipeline = subject.pipeline, subject.definition == nil else { throw nothingBegun(subject) }
        throw RunFailure.nothingToResume("there is no run of a pipeline “\(pipeline)” in \(subject.state.path)")
      }
    } catch {
      throw .from(error)
    }
    throw .nothingToResume("there is no unfinished run\(subject.pipeline.map { " of \($0)" } ?? "") in \(subject.state.path)")
  }

  /// A run that was killed before it was in the ledger has left nothing to resume.
  private func nothingBegun(_ subject: Subject) -> RunFailure {
    guard let definition = subject.definition else {
      return .nothingToResume("nothing was begun in \(subject.state.path); give the definition's path, or --state")
    }
    return .nothingToResume("nothing was begun; run it: sluice run \(ShellText.word(definition))")
  }
}
