import ArgumentParser
import Definition
import Engine

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Validate definitions: every error with its place, or one line ok.")

  @Argument(help: "Definitions' paths.", completion: .file(extensions: ["yaml", "yml"])) var pipelines: [String]
  @OptionGroup var variables: VariableOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = try common.console()
    let values = try variables.values()
    var failed = false
    for pipeline in pipelines {
      do throws(DefinitionErrors) {
        _ = try PipelineDefinition.load(path: pipeline, variables: values)
        if !common.quiet { console.print(pipelines.count == 1 ? "ok" : "\(pipeline): ok") }
      } catch {
        _ = console.fail(.definition(error))
        failed = true
      }
    }
    if failed { throw ExitCode(.wrongDefinition) }
  }
}
