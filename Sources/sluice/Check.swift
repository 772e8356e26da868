import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Validate definitions: every error with its place, or one line ok.")

  @Argument(help: "Definitions' paths.", completion: .file(extensions: ["yaml", "yml"])) var pipelines: [String]
  @OptionGroup var variables: VariableOptions
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let values = try variables.values()
    var failed = false
    for pipeline in pipelines {
      do throws(DefinitionErrors) {
        let definition = try PipelineDefinition.load(path: pipeline, variables: values).prepared()
        let outputs = OutputGuard(definition, common.stateFolder(beside: pipeline))
        try await outputs.check()
        for pattern in outputs.patternsOfOwnOutput {
          console.log(
            .warning,
            "\(pipeline): write.path matches the pattern \(pattern) of fetch.from; what this pipeline writes is never one of its items")
        }
        for secret in definition.secretsInKeys {
          console.log(
            .warning,
            "\(pipeline): \(secret) in fetch.from is a secret, since it comes from the environment: all its values make one item; give it with --var where they are several"
          )
        }
        if definition.isStreaming {
          console.log(.info, "\(pipeline): records go to standard output, at least once each: nothing can be taken back there")
        }
        for size in definition.loadedSizes { console.log(.info, "\(pipeline): \(definition.redactor.redact(Human.loaded(size)))") }
        if common.output == .json {
          console.print(json: JSONForms.checked(pipeline, []))
        } else if !common.quiet {
          console.print(pipelines.count == 1 ? "ok" : "\(pipeline): ok")
        }
      } catch {
        if common.output == .json {
          console.print(json: JSONForms.checked(pipeline, error.sorted))
        } else {
          _ = console.fail(.definition(error))
        }
        failed = true
      }
    }
    if failed { throw ExitCode(.wrongDefinition) }
  }
}
