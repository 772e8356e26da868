import ArgumentParser
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation

struct Report: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell all about a run: as text, as JSON, or as one page of HTML that needs nothing else.")

  @Argument(
    help: "A run's number, a pipeline's name, or a definition's path (default: the newest run).",
    completion: .file(extensions: ["yaml", "yml"])) var run: String?
  @Option(help: ArgumentHelp("Write a page of HTML; - for stdout.", valueName: "file"), completion: .file(extensions: ["html"])) var html:
    String?
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let subject = try Subject(run, common)
    let ledger = try await subject.ledger()
    guard let record = try await subject.record(ledger) else { throw ValidationError("there is no such run in \(subject.state.path)") }
    let redactor = PipelineDefinition.redactor(text: record.definition, path: record.definitionPath, variables: record.variables)
    console.hide(redactor)
    let report = try await RunReport(record, ledger, subject.state, redactor)
    if let html {
      let page = ReportPage(report, redactor)
      if html == "-" { return console.print(text: page.html) }
      do {
        try page.write(to: html)
      } catch {
        console.log(.error, "\(error)")
        throw ExitCode(.cannotWrite)
      }
      if !common.quiet { console.print("wrote \(html)") }
    } else if common.output == .json {
      console.print(json: report.json)
    } else {
      show(report, console)
    }
  }

  private func show(_ report: RunReport, _ console: Console) {
    let (run, c) = (report.run, report.counts)
    console.print(
      "run \(run.id) of \(run.pipeline): \(run.status.rawValue), \(run.startedAt.ISO8601Format()), \(Human.seconds(report.seconds))")
    if let error = run.error { console.print("  \(error)") }
    let states = report.states.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\(Human.count($0.value)) \($0.key.rawValue)" }
    console.print("items    \(states.joined(separator: ", "))")
    console.print("records  \(Human.counts(c))")
    list(
      "dead letters", report.reasons.map { "\(Human.count($0.count))  \($0.code) in \($0.stage)\($0.field.map { ", field \($0)" } ?? "")" },
      console)
    list("retries and restarts", report.retries.map { "\(Human.count($0.count))  \($0.cause)" }, console)
    list("changes of the source's columns", report.schemaChanges.map(\.detail), console)
    list(
      "slowest items",
      report.items.prefix(10).map {
        "\($0.status.rawValue)  \($0.key)  \($0.seconds.map(Human.seconds) ?? "")\($0.error.map { "  \($0)" } ?? "")"
      },
      console)
  }

  private func list(_ title: String, _ lines: [String], _ console: Console) {
    if lines.isEmpty { return }
    console.print(lines: ["", title])
    for line in lines { console.print("  \(line)") }
  }
}
