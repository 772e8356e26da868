import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a pipeline: work on every item that is not done at its present version.")

  @Argument(help: "The definition's path.", completion: .file(extensions: ["yaml", "yml"])) var pipeline: String
  @Flag(help: "Say what a run would do; fetch nothing whole, write nothing.") var dryRun = false
  @Flag(help: "Do again what is done.") var full = false
  @Option(help: "Work on the first N items only.") var limitItems: Amount?
  @Flag(help: "Take changes of the source's columns as they come, this once.") var acceptSchemaChanges = false
  @OptionGroup var timing: TimingOptions
  @OptionGroup var monitoring: MonitoringOptions
  @OptionGroup var supervision: SupervisionOptions
  @OptionGroup var variables: VariableOptions
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let values = try variables.values()
    let definition: PipelineDefinition
    do throws(DefinitionErrors) {
      definition = try PipelineDefinition.load(path: pipeline, variables: values)
    } catch {
      throw console.fail(.definition(error))
    }
    console.hide(definition.redactor)
    var options = RunOptions()
    options.isFull = full && !EngineRole.isStartedAgain
    options.limitItems = limitItems?.value
    options.lockWait = timing.wait?.duration ?? .zero
    options.acceptsSchemaChanges = acceptSchemaChanges
    let state = common.stateFolder(beside: pipeline)
    if dryRun {
      let report: DryRunReport
      do throws(RunFailure) {
        report = try await DryRun(try await definition.preparedToRun(), state: state, options: options).report()
      } catch {
        throw console.fail(error)
      }
      DryRunPrinter(console: console).show(report, common.output)
      if report.exitCode != 0 { throw ExitCode(report.exitCode) }
      return
    }
    let session = RunSession(common, console, definition, state, timing, monitoring)
    if let code = await supervision.supervised(session) { throw code }
    let runner = try await session.runner(options)
    try await session.perform(runner) { (runner) throws(RunFailure) in try await runner.run() }
  }
}
