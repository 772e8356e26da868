import ArgumentParser
import Dispatch
import Engine
import Foundation
import Ledger
import Supervision
import Synchronization

/// A run as the command line does it: signals, progress, messages, the result.
struct RunSession {
  /// How long a stopped run may take to checkpoint.
  static let grace = 10

  let console: Console
  let output: OutputFormat
  let isQuiet: Bool

  func report(_ event: RunEvent) {
    switch event {
    case .retry(let item, let attempt, let reason, let wait):
      console.log(
        .warning,
        "\(item): attempt \(attempt) failed: \(reason); trying again in \(Human.wait(wait))"
      )
    case .itemDone(let item, let counts):
      console.log(.debug, "\(item): done, \(Human.count(counts.written)) of \(Human.count(counts.read)) records written")
    case .itemFailed(let item, let stage, let reason): console.log(.error, "\(item): failed in \(stage): \(reason)")
    case .supervision(let event): report(event)
    case .programSaid(let command, let line): console.log(.info, "\(command): \(line)")
    case .programRestarted(let command, let reason): console.log(.warning, "\(command) is started anew: \(reason)")
    case .startsOver(let item, let reason): console.log(.warning, "\(item): starts over: \(reason)")
    case .outputsGone(let count, let first):
      console.log(
        .warning,
        "\(count) output\(count == 1 ? "" : "s") of items that are done \(count == 1 ? "is" : "are") no longer there (\(first)\(count == 1 ? "" : ", …")); sluice run --full makes them again"
      )
    case .schema(let fields): console.log(.info, "inferred fields: \(fields)")
    }
  }

  private func report(_ event: SupervisionEvent) {
    let who = event.pool == "run" ? "a stage" : "worker \(event.worker + 1) of \(event.pool)"
    switch event.kind {
    case .started: console.log(.debug, "\(who) was started")
    case .left: console.log(.debug, "\(who) had nothing to do and was let go")
    case .failed(let cause, let attempt): console.log(.warning, "\(who) failed at attempt \(attempt): \(cause)")
    case .restarted(let wait, let attempt):
      console.log(.warning, "\(who) is restarted after \(Human.wait(wait)), for attempt \(attempt)")
    case .stalled(let limit): console.log(.warning, "\(who) made no progress for \(Human.wait(limit)); its unit is taken from it")
    case .stuck: console.log(.error, "\(who) does not end although it was told to")
    case .gaveUp(let cause): console.log(.error, "\(event.pool == "run" ? "the run" : "stage \(event.pool)") gave up: \(cause)")
    }
  }

  /// Carries a run out and prints what it came to.
  func perform(_ runner: Runner, _ work: @escaping @Sendable (Runner) async throws(RunFailure) -> RunResult) async throws {
    let isStopping = Mutex(false)
    let signals = Signals([SIGINT, SIGTERM]) { _ in
      let isFirst = isStopping.withLock { isStopping in
        defer { isStopping = true }
        return !isStopping
      }
      if !isFirst { _exit(75) }
      console.log(.warning, "stopping: items under way are checkpointed; press again to leave at once")
      runner.stop()
      DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Self.grace)) { _exit(75) }
    }
    let progress = Task { await showProgress(runner) }
    defer {
      progress.cancel()
      signals.cancel()
    }
    let result: RunResult
    do throws(RunFailure) {
      result = try await work(runner)
    } catch {
      progress.cancel()
      console.clearLine()
      throw console.fail(error)
    }
    progress.cancel()
    console.clearLine()
    show(result)
    if result.exitCode != 0 { throw ExitCode(result.exitCode) }
  }

  private func show(_ result: RunResult) {
    if output == .json {
      console.print(json: Self.json(result))
    } else if !isQuiet {
      let c = result.counts
      console.print(
        """
        run \(result.run) of \(result.pipeline): \(result.status.rawValue) in \(Human.seconds(result.seconds))
        items    \(Human.count(result.items.total)): \(Human.count(result.items.done)) done, \(Human.count(result.items.skipped)) skipped, \(Human.count(result.items.failed)) failed
        records  \(Human.count(c.read)) read = \(Human.count(c.written)) written + \(Human.count(c.filtered)) filtered + \(Human.count(c.deadLettered)) dead-lettered
        bytes    \(Human.bytes(result.bytes.fetched)) fetched, \(Human.bytes(result.bytes.decompressed)) decompressed, \(Human.bytes(result.bytes.written)) written
        """)
    }
    if let problem = result.problem { console.log(.error, "\(result.pipeline): \(problem)") }
  }

  static func json(_ result: RunResult) -> [String: Any] {
    [
      "run": result.run.value, "pipeline": result.pipeline, "status": result.status.rawValue,
      "items": ["total": result.items.total, "done": result.items.done, "skipped": result.items.skipped, "failed": result.items.failed],
      "records": JSONForms.counts(result.counts), "bytes": JSONForms.bytes(result.bytes), "seconds": result.seconds,
      "restarts": result.restarts, "retries": result.retries, "events": result.events,
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
