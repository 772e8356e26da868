import Configuration
import Dataflow
import Definition
import Ledger
import Planning
import Supervision
import Write

/// Ends a run whose items have flowed: commits its one output, where it has one, and gives the ledger and the user the run's result.
struct RunEnding {
  let definition: PipelineDefinition
  let state: StateFolder
  let ledger: any Ledger
  let run: RunID
  let flow: Flow
  let sinks: RunSinks
  let progress: RunProgress
  let event: @Sendable (RunEvent) -> Void

  /// Ends the run.
  ///
  /// - Parameter skipped: items that were done before.
  func end(skipped: Int) async throws -> RunResult {
    let totals = try await ledger.totals(run)
    let left = (totals.items[.pending] ?? 0) + (totals.items[.working] ?? 0)
    let failed = totals.items[.failed] ?? 0
    let isWhole = left == 0 && flow.failure == nil
    var commits: [PendingCommit] = []
    // An output that would hold nothing, since all failed, does not take the place of one that holds something.
    if isWhole, failed == 0 || (totals.items[.done] ?? 0) > 0 {
      do {
        try await BlockingThreads.files.run { [sinks] in try sinks.sessions.prepare(sinks.shared.map { ($0.sink.entry.number, $0.writer) })
        }
        commits = sinks.shared.compactMap { sink, writer in
          writer.committable.map {
            PendingCommit($0, definition, run: run, item: nil, sink: sink.entry.number, file: sink.slot?.file)
          }
        }
      } catch let error as WriteError {
        flow.abort(.write(error))
      }
    }
    var (status, exit, problem, code) = verdict(totals.counts, left: left, failed: failed)
    let snapshot = progress.snapshot
    func ended() -> RunEnd {
      // A run that was stopped before its output was in place can be gone on from; a run that failed has come to its end.
      RunEnd(
        status: flow.failure == nil ? status : .interrupted, counts: totals.counts, bytes: totals.bytes, retries: snapshot.retries,
        restarts: snapshot.restarts, error: problem)
    }
    let committed = flow.takeCommitted()
    try await ledger.endRun(run, ended(), commits: commits, committed: committed.map(\.committable))
    _ = try await BlockingThreads.files.run { [sinks] in try sinks.sessions.commit([], forgetting: committed) }
    if !commits.isEmpty {
      do {
        let last = LastCommits(ledger: ledger, sinks: sinks.sessions)
        if let refusal = try await last.perform(commits, by: { try await flow.retry($0) }) {
          throw WriteError(action: "write", path: refusal.committable.target, reason: refusal.reason)
        }
      } catch let error as WriteError {
        flow.abort(.write(error))
        (status, exit, problem, code) = verdict(totals.counts, left: left, failed: failed)
        try await ledger.endRun(run, ended(), commits: [], committed: [])
      }
    }
    // A note of a commit that the ledger still speaks of keeps recovery from doing it twice.
    if flow.failure == nil, try await ledger.pendingCommits(pipeline: definition.name).isEmpty {
      // A sink that can't be reached now does so when the next run begins.
      try? await BlockingThreads.files.run { [sinks] in try sinks.sessions.settle() }
    }
    try await Recovery(ledger: ledger, state: state, definition: definition, event: event).removeStale()
    // Items that a server called unchanged are done in the ledger, but nothing was done with them.
    let done = max(0, (totals.items[.done] ?? 0) - (snapshot.itemsSkipped - skipped))
    // A run that goes on has done items too that are not found any more.
    let total = max(snapshot.itemsTotal, done + failed + left)
    var result = RunResult(
      definition.name, items: (total: total, done: done, skipped: total - done - failed - left, failed: failed), progress)
    (result.run, result.status, result.exitCode, result.problem, result.problemCode) = (run, status, exit.rawValue, problem, code)
    (result.counts, result.bytes) = (totals.counts, totals.bytes)
    if definition.decompress.onDamage == .keepRecords { result.damagedItems = try await ledger.damagedItems(run) }
    result.unfinishedRuns = try await ledger.unfinishedRuns(pipeline: definition.name).map(\.id).filter { $0 != run }
    if flow.failure?.isReaderGone == true { result.isReaderGone = true }
    result.events = (try? await ledger.eventCounts(run)) ?? [:]
    return result
  }

  private func verdict(
    _ counts: RecordCounts, left: Int, failed: Int
  ) -> (RunStatus, ExitStatus, String?, ErrorCode?) {
    let path = definition.shownPath
    if flow.failure?.isReaderGone == true { return (.interrupted, .unfinished, nil, nil) }
    let resume = state.command("resume", "\(run)")
    if let fatal = flow.failure { return (.failed, fatal.exitStatus, definition.redactor.redact(fatal.description), fatal.code) }
    let isExceeded = definition.deadLetterLimit.isExceeded(by: counts.deadLettered, of: counts.read)
    if flow.hasTooManyDeadLetters || (left == 0 && failed == 0 && isExceeded) {
      return (
        .failed, .deadLetters,
        "\(counts.deadLettered) dead letter\(counts.deadLettered == 1 ? "" : "s") of \(counts.read) records, more than limits.dead_letters allows; see them with: sluice dead-letters list \(path)",
        .tooManyDeadLetters
      )
    }
    if flow.hasTooManyFailedItems {
      return (
        .interrupted, .failedItems,
        "more items failed than limits.failed_items allows; see why with: sluice dead-letters list \(path); then go on with: \(resume)",
        .tooManyFailedItems
      )
    }
    if left > 0 { return (.interrupted, .unfinished, "interrupted; finish it with: \(resume)", .interrupted) }
    if failed > 0 {
      return (
        .failed, .failedItems,
        "\(failed) item\(failed == 1 ? "" : "s") failed; the rest is written; try them again with: \(resume)",
        .failedItems
      )
    }
    return (.done, .done, nil, nil)
  }
}
