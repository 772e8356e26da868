import ArgumentParser
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation
import Ledger

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show where a run is: its items, records and what is wrong.")

  @Argument(
    help: "A run's number, a pipeline's name, or a definition's path (default: the newest run).",
    completion: .file(extensions: ["yaml", "yml"])) var run: String?
  @Flag(help: "Show the workers of a running pipeline, again every second, until it ends.") var watch = false
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let subject = try Subject(run, common)
    let ledger = try await subject.ledger()
    guard var record = try await subject.record(ledger) else { throw ValidationError("there is no such run in \(subject.state.path)") }
    try await subject.hideSecrets(console, ledger)
    if watch {
      guard try await follow(subject.state, record, ledger, console) else { return }
      record = try await ledger.run(record.id) ?? record
    }
    let totals = try await ledger.totals(record.id)
    let items = try await ledger.items(run: record.id)
    let events = try await ledger.troubles(record.id, limit: 20)
    let unfinished = try await ledger.unfinishedRuns(pipeline: record.pipeline).map(\.id).filter { $0 != record.id }
    if common.output == .json {
      var object = JSONForms.run(subject.state.settled(record))
      object["events"] = try await ledger.eventCounts(record.id)
      object["last_events"] = events.map { event in
        [
          "at": event.at.ISO8601Format(), "stage": event.stage, "worker": event.worker.map { $0 + 1 } ?? NSNull() as Any,
          "event": event.kind,
          "detail": event.detail,
        ] as [String: Any]
      }
      object["unfinished_runs"] = unfinished.map(\.value)
      object["records"] = JSONForms.counts(totals.counts)
      object["blank_lines"] = totals.counts.blankLines
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
    console.print(
      "run \(record.id) of \(record.pipeline): \(subject.state.settled(record).status.rawValue), begun \(record.startedAt.ISO8601Format())")
    if let error = record.error { console.print("  \(error)") }
    if record.status == .running, let process = subject.state.lostHolder(pipeline: record.pipeline) {
      let command = subject.state.command("resume", "\(record.id)")
      console.print("  its process, \(process), is not there any more on this machine; finish the run with: \(command)")
    }
    console.print("  \(Human.counts(c))")
    RunSession.tellOfUnfinished(unfinished, of: record.pipeline, subject.state, console)
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
  /// - Returns: false where the user has seen enough before.
  private func follow(_ state: StateFolder, _ record: RunRecord, _ ledger: any Ledger, _ console: Console) async throws -> Bool {
    let redact = { @Sendable (text: String) in console.redact(text) }
    func sample() async -> PipelineTree? {
      guard let board = Board.open(state.boardPath(pipeline: record.pipeline)) else { return nil }
      return await PipelineTree(board, ledger, redact)
    }
    if common.output == .text, Screen.isPossible { return try await watch(record.pipeline, console, sample) }
    var misses = 0
    while misses < 3, !StandardStreams.isOutputGone {
      if let tree = await sample() {
        misses = 0
        if common.output == .json { console.print(json: tree.json) } else { console.print(lines: tree.lines) }
      } else {
        misses += 1
      }
      try await Task.sleep(for: misses == 0 ? .seconds(1) : .milliseconds(300))
    }
    return true
  }

  private func watch(_ pipeline: String, _ console: Console, _ sample: () async -> PipelineTree?) async throws -> Bool {
    guard var tree = await sample() else { return true }
    let screen = Screen(console)
    defer { screen.close() }
    screen.enter()
    let begin = ContinuousClock.now
    var view = WatchView(pipeline: pipeline, hasColor: console.hasColor(STDOUT_FILENO))
    var misses = 0
    for await event in screen.events {
      switch event {
      case .tick:
        if let new = await sample() {
          tree = new
          misses = 0
          view.add(tree, at: begin.duration(to: .now) / .seconds(1))
        } else {
          misses += 1
          if misses == 2 { return true }
        }
      case .key(UInt8(ascii: "q")), .key(UInt8(ascii: "Q")): return false
      case .key: continue
      case .signal(SIGWINCH): break
      case .signal(SIGCONT): screen.enter()
      case .signal(SIGTSTP):
        screen.leave()
        kill(getpid(), SIGSTOP)
      case .signal(let number):
        screen.close()
        throw ExitCode(128 + number)
      }
      let size = screen.size
      screen.draw(view.lines(tree, columns: size.columns, rows: size.rows))
    }
    return false
  }
}
