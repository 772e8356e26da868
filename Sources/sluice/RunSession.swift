import Configuration
import ArgumentParser
import Definition
import Dispatch
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation
import Ledger
import Supervision
import Synchronization

/// A run as the command line does it: signals, progress, messages, the result.
final class RunSession: Sendable {
  /// How long a stopped run may take to checkpoint.
  static let grace = 10

  let console: Console
  let timing: TimingOptions
  private let messages: RunMessages
  private let monitoring: MonitoringOptions
  private let notifier: Notifier
  private let telemetry: OpenTelemetry?
  private let output: OutputFormat
  private let isQuiet: Bool
  private let definition: PipelineDefinition
  private let state: StateFolder
  /// The options that a command about this definition needs too.
  private let stateOptions: [String]
  private let started = ContinuousClock.now
  private let failedItems = Mutex<[RunNotice.FailedItem]>([])

  /// - Parameter state: where the definition's runs are recorded.
  init(
    _ common: CommonOptions, _ console: Console, _ definition: PipelineDefinition, _ state: StateFolder, _ timing: TimingOptions,
    _ monitoring: MonitoringOptions
  ) {
    console.hide(definition.redactor)
    if definition.isStreaming { StandardStreams.divertResults() }
    self.console = console
    messages = RunMessages(console: console)
    self.monitoring = monitoring
    notifier = Notifier(definition, state, said: { console.event(.info, $0) }) { console.log(.warning, $0) }
    telemetry = OpenTelemetry(definition) { console.log(.warning, $0) }
    output = common.output
    isQuiet = common.quiet
    self.definition = definition
    self.state = state
    self.timing = timing
    stateOptions = common.state.map { ["--state", URL(fileURLWithPath: $0).standardizedFileURL.path] } ?? []
  }

  func report(_ event: RunEvent) {
    if case .itemFailed(let item, let stage, let reason, let code) = event {
      failedItems.withLock { items in
        if items.count < RunNotice.shownItems { items.append(RunNotice.FailedItem(item: item, stage: stage, reason: reason, code: code)) }
      }
    }
    telemetry?.note(event)
    messages.show(event)
  }

  /// Makes the runner, after the steps have loaded their tables.
  ///
  /// - Throws: what to exit with, where they can't; it is told.
  func runner(_ options: RunOptions) async throws(ExitCode) -> Runner {
    do throws(RunFailure) {
      let definition = try await definition.preparedToRun()
      for size in definition.loadedSizes { console.event(.info, Human.loaded(size)) }
      return Runner(definition, state: state, options: options) { [self] in report($0) }
    } catch {
      throw await fail(error)
    }
  }

  /// Carries a run out and prints what it came to.
  func perform(_ runner: Runner, _ work: @escaping @Sendable (Runner) async throws(RunFailure) -> RunResult) async throws {
    let isStopping = Mutex(false)
    let signals = Signals([SIGINT, SIGTERM]) { [console] _ in
      let isFirst = isStopping.withLock { isStopping in
        defer { isStopping = true }
        return !isStopping
      }
      if !isFirst { _exit(ExitStatus.unfinished.rawValue) }
      console.event(.warning, "stopping: items under way are checkpointed; press again to leave at once")
      runner.stop()
      DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Self.grace)) { _exit(ExitStatus.unfinished.rawValue) }
    }
    let timer = timing.stopping(console) { runner.stop() }
    let progress = Task { await showProgress(runner) }
    let start = EngineRole.isStartedAgain ? nil : Task { await notifier.began() }
    defer {
      timer?.cancel()
      progress.cancel()
      signals.cancel()
    }
    let result: RunResult
    do throws(RunFailure) {
      result = try await work(runner)
    } catch {
      progress.cancel()
      console.clearLine()
      await start?.value
      throw await fail(error)
    }
    progress.cancel()
    console.clearLine()
    let notice = RunNotice(result, definition, failed: failedItems.withLock { $0 }, state: state, options: stateOptions)
    show(result, notice)
    await start?.value
    await tell(notice)
    if result.exitCode != 0 { throw ExitCode(result.exitCode) }
  }

  /// Says why there is no run, or no end of it to be seen, and what to exit with.
  func fail(_ failure: RunFailure) async -> ExitCode {
    let notice = RunNotice(
      failure, definition, run: await unfinishedRun(), seconds: started.duration(to: .now) / .seconds(1), state: state,
      options: stateOptions)
    if isQuiet {
      console.log(.error, lines: notice.lines)
    } else {
      _ = console.fail(failure)
    }
    await tell(notice)
    return ExitCode(failure.exitCode)
  }

  /// The run to resume after a failure that left no result.
  private func unfinishedRun() async -> RunID? {
    let ledger = try? Ledgers.openReadOnly(state.path)
    return try? await ledger?.unfinishedRuns(pipeline: definition.name).first?.id
  }

  private func tell(_ notice: RunNotice) async {
    monitoring.write(notice, console)
    await notifier.ended(notice)
    await telemetry?.ended(notice)
  }

  private func show(_ result: RunResult, _ notice: RunNotice) {
    // The reader of standard output is gone.
    if result.isReaderGone { return }
    if output == .json {
      console.print(json: Self.json(result))
    } else if !isQuiet {
      let c = result.counts
      let damaged =
        result.damagedItems == 0
        ? "" : " (\(Human.count(result.damagedItems)) of them the damaged rest of an item, however many records that was)"
      console.print(lines: [
        headline(result),
        "items    \(Human.count(result.items.total)): \(Human.count(result.items.done)) done, \(Human.count(result.items.skipped)) skipped, \(Human.count(result.items.failed)) failed",
        "records  \(Human.counts(c, note: damaged))",
        "bytes    \(Human.bytes(result.bytes.fetched)) fetched, \(Human.bytes(result.bytes.decompressed)) decompressed, \(Human.bytes(result.bytes.written)) written",
      ])
    }
    if isQuiet, result.exitCode != 0 {
      console.log(.error, lines: notice.lines)
    } else if let problem = result.problem {
      console.log(.error, "\(result.pipeline): \(problem)\(result.problemCode.map { " [\($0.rawValue)]" } ?? "")")
    }
    // The notice has told it already.
    if !isQuiet || result.exitCode == 0 { Self.tellOfUnfinished(result.unfinishedRuns, of: result.pipeline, state, console) }
  }

  private func headline(_ result: RunResult) -> String {
    if let run = result.run { return "run \(run) of \(result.pipeline): \(result.status.rawValue) in \(Human.seconds(result.seconds))" }
    guard let last = result.last else { return "nothing is new for \(result.pipeline)" }
    let since = "nothing is new for \(result.pipeline) since run \(last.id)"
    switch last.status {
    case .done: return since
    case .closed: return "\(since), which was closed"
    case .running, .interrupted: return "\(since), which is not finished"
    case .failed:
      let why = last.error.map { ": \($0)" } ?? ""
      return "\(since), which failed\(why); close it with: \(state.command("runs", "close", "\(last.id)"))"
    }
  }

  /// Warns of unfinished runs, until the user resumes or closes them.
  static func tellOfUnfinished(_ runs: [RunID], of pipeline: String, _ state: StateFolder, _ console: Console) {
    for run in runs.prefix(RunNotice.shownItems) {
      console.log(
        .warning,
        "run \(run) of \(pipeline) is not finished; finish it with: \(state.command("resume", "\(run)")), or give it up with: \(state.command("runs", "close", "\(run)"))"
      )
    }
    if runs.count > RunNotice.shownItems {
      console.log(.warning, "and \(runs.count - RunNotice.shownItems) more runs of \(pipeline) are not finished")
    }
  }

  static func json(_ result: RunResult) -> [String: Any] {
    [
      "run": result.run?.value ?? NSNull() as Any, "last_run": (result.run ?? result.last?.id)?.value ?? NSNull() as Any,
      "pipeline": result.pipeline, "status": result.status.rawValue,
      "items": ["total": result.items.total, "done": result.items.done, "skipped": result.items.skipped, "failed": result.items.failed],
      "records": JSONForms.counts(result.counts), "blank_lines": result.counts.blankLines, "bytes": JSONForms.bytes(result.bytes),
      "seconds": result.seconds,
      "restarts": result.restarts, "retries": result.retries, "events": result.events, "damaged_items": result.damagedItems,
      "unfinished_runs": result.unfinishedRuns.map(\.value),
    ]
  }

  // MARK: Progress

  private func showProgress(_ runner: Runner) async {
    guard console.progressStyle != .none else { return }
    let isBar = console.progressStyle == .bar
    while !Task.isCancelled {
      try? await Task.sleep(for: isBar ? .milliseconds(200) : .seconds(10))
      if Task.isCancelled { return }
      let line = Self.line(runner.progress.snapshot, runner.progress.started.duration(to: .now))
      if isBar { console.draw(line) } else { console.log(.info, line) }
    }
  }

  static func line(_ p: ProgressSnapshot, _ elapsed: Duration) -> String {
    let seconds = max(0.001, elapsed / .seconds(1))
    var parts = ["items \(p.itemsDone + p.itemsSkipped + p.itemsFailed)/\(p.itemsTotal)"]
    if p.bytesTotal > 0 {
      let share = min(1, Double(p.bytes.fetched) / Double(p.bytesTotal))
      let filled = Int(share * 20)
      let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled)
      parts.insert("[\(bar)] \(Int(share * 100)) %", at: 0)
    }
    parts.append("\(Human.count(p.counts.read)) records, \(Human.count(Int(Double(p.counts.read) / seconds)))/s")
    parts.append("\(Human.bytes(Int(Double(p.bytes.written) / seconds)))/s written")
    if p.bytesTotal > 0, p.bytes.fetched > 0, p.bytes.fetched < p.bytesTotal {
      parts.append("\(Human.seconds(seconds / Double(p.bytes.fetched) * Double(p.bytesTotal - p.bytes.fetched))) left")
    }
    if p.counts.deadLettered > 0 { parts.append("\(Human.count(p.counts.deadLettered)) dead letters") }
    if p.retries > 0 { parts.append("\(p.retries) retries") }
    return parts.joined(separator: " · ")
  }
}

/// Ledger values as JSON objects.
enum JSONForms {
  static func counts(_ c: RecordCounts) -> [String: Int] {
    ["read": c.read, "written": c.written, "filtered": c.filtered, "dead_lettered": c.deadLettered]
  }

  static func bytes(_ b: ByteCounts) -> [String: Int] { ["fetched": b.fetched, "decompressed": b.decompressed, "written": b.written] }

  static func run(_ run: RunRecord) -> [String: Any] {
    [
      "run": run.id.value, "pipeline": run.pipeline, "status": run.status.rawValue, "started_at": run.startedAt.ISO8601Format(),
      "ended_at": run.endedAt.map { $0.ISO8601Format() } ?? NSNull() as Any, "records": counts(run.counts), "bytes": bytes(run.bytes),
      "retries": run.retries, "restarts": run.restarts, "error": run.error ?? NSNull() as Any,
    ]
  }

  /// The errors that `check` found in a definition.
  static func checked(_ path: String, _ errors: [Diagnostic]) -> [String: Any] {
    [
      "definition": path, "ok": errors.isEmpty,
      "errors": errors.map {
        ["line": $0.line, "column": $0.column, "length": $0.length, "code": $0.code.rawValue, "message": $0.message] as [String: Any]
      },
    ]
  }

  static func deadLetter(_ letter: DeadLetter) -> [String: Any] {
    var object: [String: Any] = [
      "id": letter.id, "run": letter.run.value, "pipeline": letter.pipeline, "item": letter.item, "stage": letter.stage,
      "record": letter.record ?? NSNull() as Any, "line": letter.line ?? NSNull() as Any, "offset": letter.offset ?? NSNull() as Any,
      "field": letter.field ?? NSNull() as Any, "code": letter.code, "reason": letter.reason, "attempts": letter.attempts,
      "at": letter.at.ISO8601Format(), "resolved": letter.resolved,
    ]
    if let text = String(validating: letter.raw, as: UTF8.self) {
      object["raw"] = text
    } else {
      object["raw_base64"] = Data(letter.raw).base64EncodedString()
    }
    return object
  }
}
