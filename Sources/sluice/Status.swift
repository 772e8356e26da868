import ArgumentParser
import Engine
import Foundation
import Ledger

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show where a run is: its items, records and what is wrong.")

  @Argument(help: "A run's number, a pipeline's name, or a definition's path (default: the newest run).") var run: String?
  @Flag(help: "Show the workers of a running pipeline, again every second, until it ends.") var watch = false
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = common.console
    let subject = try Subject(run, common)
    let ledger = try subject.ledger()
    guard let record = try await subject.record(ledger) else { throw ValidationError("there is no such run in \(subject.state.path)") }
    if watch { try await follow(subject.state, record, ledger, console) }
    let totals = try await ledger.totals(record.id)
    let items = try await ledger.items(run: record.id)
    let events = try await ledger.troubles(record.id, limit: 20)
    if common.output == .json {
      var object = JSONForms.run(record)
      object["events"] = try await ledger.eventCounts(record.id)
      object["last_events"] = events.map { event in
        [
          "at": event.at.ISO8601Format(), "stage": event.stage, "worker": event.worker.map { $0 + 1 } ?? NSNull() as Any,
          "event": event.kind,
          "detail": event.detail,
        ] as [String: Any]
      }
      object["records"] = JSONForms.counts(totals.counts)
      object["bytes"] = JSONForms.bytes(totals.bytes)
      object["items"] = items.map { item in
        [
          "item": item.key, "status": item.status.rawValue, "records": JSONForms.counts(item.checkpoint?.counts ?? item.counts),
          "error": item.error ?? NSNull() as Any,
        ] as [String: Any]
      }
      return console.print(json: object)
    }
    let c = totals.counts
    console.print("run \(record.id) of \(record.pipeline): \(record.status.rawValue), begun \(record.startedAt.ISO8601Format())")
    if let error = record.error { console.print("  \(error)") }
    console.print(
      "  \(Human.count(c.read)) read = \(Human.count(c.written)) written + \(Human.count(c.filtered)) filtered + \(Human.count(c.deadLettered)) dead-lettered"
    )
    for event in events {
      let who = event.worker.map { "\(event.stage), worker \($0 + 1)" } ?? event.stage
      console.print("  \(event.at.ISO8601Format())  \(who) \(event.kind.replacingOccurrences(of: "_", with: " ")): \(event.detail)")
    }
    for item in items {
      let counts = item.checkpoint?.counts ?? item.counts
      console.print(
        "  \(item.status.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0))\(item.key)  \(Human.count(counts.read)) records\(item.error.map { "  \($0)" } ?? "")"
      )
    }
  }

  /// Shows the tree until the pipeline's engine is gone. One that is started again is followed on.
  private func follow(_ state: StateFolder, _ record: RunRecord, _ ledger: Ledger, _ console: Console) async throws {
    let isTerminal = isatty(STDOUT_FILENO) == 1 && common.output == .text
    var misses = 0
    while misses < 3 {
      if let board = Board.open(state.boardPath(pipeline: record.pipeline)), let tree = await PipelineTree(board, ledger) {
        misses = 0
        if common.output == .json {
          console.print(json: tree.json)
        } else {
          console.print((isTerminal ? "\u{1B}[H\u{1B}[2J" : "") + tree.text)
        }
      } else {
        misses += 1
      }
      try await Task.sleep(for: misses == 0 ? .seconds(1) : .milliseconds(300))
    }
  }
}
