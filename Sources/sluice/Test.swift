import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs

struct Test: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the tests that a definition holds: input records, and what should come of them.",
    discussion: """
      Each test's input goes through parse and transform; nothing is fetched and nothing written.

        tests:
          - name: short flights are left out
            records:
              - {flight: 1, distance: 200}
              - {flight: 2, distance: 900}
            expect:
              - {flight: 2}
      """)

  @Argument(help: "Definitions' paths.", completion: .file(extensions: ["yaml", "yml"])) var pipelines: [String]
  @OptionGroup var variables: VariableOptions
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let values = try variables.values()
    var outcomes: [(pipeline: String, outcome: DefinitionTester.Outcome)] = []
    do throws(RunFailure) {
      for pipeline in pipelines {
        let definition: PipelineDefinition
        do throws(DefinitionErrors) {
          definition = try PipelineDefinition.load(path: pipeline, variables: values)
        } catch {
          throw .definition(error)
        }
        console.hide(definition.redactor)
        let prepared = try await definition.preparedToRun()
        for test in definition.tests { outcomes.append((pipeline, try await DefinitionTester(prepared).run(test))) }
      }
    } catch {
      throw console.fail(error)
    }
    show(outcomes, console)
    if !outcomes.allSatisfy(\.outcome.isPassed) { throw ExitCode(.wrongDefinition) }
  }

  private func show(_ outcomes: [(pipeline: String, outcome: DefinitionTester.Outcome)], _ console: Console) {
    if common.output == .json {
      return console.print(
        json: outcomes.map {
          [
            "pipeline": $0.pipeline, "test": $0.outcome.name, "line": $0.outcome.line, "passed": $0.outcome.isPassed,
            "differences": $0.outcome.differences,
          ] as [String: Any]
        })
    }
    let failed = outcomes.filter { !$0.outcome.isPassed }
    for (pipeline, outcome) in outcomes {
      if outcome.isPassed {
        if !common.quiet { console.print("ok    \(outcome.name)") }
        continue
      }
      console.print("FAIL  \(outcome.name)  (\(pipeline):\(outcome.line))")
      for line in outcome.differences { console.print("      \(line)") }
    }
    if outcomes.isEmpty { console.log(.warning, "there are no tests; write some under tests: (sluice help test shows one)") }
    if !failed.isEmpty {
      console.log(.error, "\(failed.count) of \(outcomes.count) tests failed [\(ErrorCode.failedTest.rawValue)]")
    } else if !common.quiet {
      console.print("\(outcomes.count) test\(outcomes.count == 1 ? "" : "s") passed")
    }
  }
}
