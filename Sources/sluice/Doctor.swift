import ArgumentParser
import Configuration
import Definition
import Foundation
import Operations

struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reach each source and sink of pipelines, and prove what their runs need; nothing is written.",
    discussion: """
      A line for each thing that was looked at: the definition and the tables that it loads, programs, sources (their items are listed, and \
      the first is read), sinks (folder, rights and room; the table, its columns and its key), the state folder, notices. No program is \
      run, and no notice is sent. Of several problems the exit code is the highest: 69 a source can't be reached or a program not be \
      run, 74 a sink or the state can't be written, 78 the definition is wrong.
      """)

  @Argument(help: "Definitions' paths.", completion: .file(extensions: ["yaml", "yml"])) var pipelines: [String]
  @OptionGroup var variables: VariableOptions
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let values = try variables.values()
    var worst = ExitStatus.done
    for pipeline in pipelines {
      let definition: PipelineDefinition
      do throws(DefinitionErrors) {
        definition = try PipelineDefinition.load(path: pipeline, variables: values)
      } catch {
        if common.output == .json {
          console.print(json: JSONForms.examined(pipeline, [], error.sorted, .wrongDefinition))
        } else {
          _ = console.fail(.definition(error))
        }
        worst = .wrongDefinition
        continue
      }
      console.hide(definition.redactor)
      let examination = await PipelineExamination(definition, common.stateFolder(beside: pipeline))
      show(examination, pipeline, console)
      if examination.exitStatus.rawValue > worst.rawValue { worst = examination.exitStatus }
    }
    if worst != .done { throw ExitCode(worst) }
  }

  private func show(_ examination: PipelineExamination, _ pipeline: String, _ console: Console) {
    if common.output == .json {
      return console.print(json: JSONForms.examined(pipeline, examination.lines, [], examination.exitStatus))
    }
    let prefix = pipelines.count == 1 ? "" : pipeline + ": "
    for line in examination.lines {
      let finding = line.finding
      guard let problem = finding.problem else {
        if !common.quiet { console.print("ok       \(prefix)\(line.part.rawValue): \(finding.what)") }
        continue
      }
      console.print("problem  \(prefix)\(line.part.rawValue): \(finding.what): \(problem)\(finding.remedy.map { "; \($0)" } ?? "")")
    }
  }
}

extension JSONForms {
  /// The findings of `doctor`, or the errors of a definition that could not be loaded.
  static func examined(
    _ path: String, _ lines: [PipelineExamination.Line], _ errors: [Diagnostic], _ status: ExitStatus
  ) -> [String: Any] {
    var object = checked(path, errors)
    object["ok"] = status == .done
    object["exit_code"] = Int(status.rawValue)
    object["findings"] = lines.map { line in
      [
        "part": line.part.rawValue, "what": line.finding.what, "ok": line.finding.problem == nil,
        "problem": line.finding.problem ?? NSNull() as Any, "remedy": line.finding.remedy ?? NSNull() as Any,
      ] as [String: Any]
    }
    return object
  }
}
