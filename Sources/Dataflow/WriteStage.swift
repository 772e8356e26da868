import Configuration
import Definition
import Files
import Foundation
import Isolation
import Ledger
import Records
import Supervision
import Write

/// The write stage: writes each item's chunks in order, makes another attempt where that may help, and decides what becomes of an item that
/// failed. `Sources/Ledger/README.md` gives the order of the steps, and its reasons.
///
/// Its workers run on threads that may block.
struct WriteStage {
  let definition: PipelineDefinition
  let ledger: any ItemLedger
  let sinks: RunSinks
  let items: ItemWriter
  let failing: ItemFailing
  let groups: ItemGroups
  let sources: SourcePools
  let spools: Spools
  let board: EngineBoard
  let control: RunControl
  let reporter: Reporter

  /// Writes the items of a group.
  func work(_ group: ItemGroup, _ assignment: Assignment) async throws {
    assignment.heartbeat.pause()
    defer { assignment.heartbeat.resume() }
    // The chunks that another worker had taken of the group are gone with it: then its unwritten items begin anew.
    _ = group.claim(.write)
    var chunks = EncodedChunks(group, assignment.heartbeat)
    do {
      while let task = group.nextToWrite {
        let mark = board.begin(.write, assignment, task.content)
        defer { board.end(mark) }
        try await write(task, &chunks, assignment.heartbeat)
        group.noteWritten()
      }
    } catch let error as WriteError {
      control.abort(.from(error))
    } catch let error as LedgerError {
      control.abort(.ledger(error))
    }
    groups.forget(group)
  }

  /// Writes an item, with further attempts where they may help.
  private func write(_ first: ItemTask, _ chunks: inout EncodedChunks, _ heartbeat: Heartbeat) async throws {
    // Of an item that was stopped before it began nothing is made.
    if case .stopped? = first.end, first.start.offset == 0 { return }
    var planned = first.planned
    if planned.refusal != nil, let end = first.end { return try await settle(first, nil, planned, end) }
    var task = first
    var output: ItemOutputs?
    var isOutdated = false
    var isWhole = try await attempt(first, &output, &isOutdated, &chunks)
    // A complete item is already queued for commit; later worker failures do not affect it.
    while !isWhole, case .failed(let failure, let counted, let isTold)? = task.end, mayTryAgain(failure, counted ?? task.attempt),
      output?.canGoBack != false
    {
      let attempts = counted ?? task.attempt
      if !isTold {
        let wait = definition.fetch.retry.backoff.wait(after: attempts, random: .random(in: 0..<1))
        reporter.retry(.write, item: planned.item.key, attempt: attempts, failure.reason, wait: wait)
        try await control.pause(wait)
      }
      if control.isStopping { return }
      // A sink that was away takes the item up where the ledger has it. An output of the run has other items behind it.
      let point =
        failure.stage == .write && !sinks.haveShared && !isOutdated
        ? try await ledger.lastCheckpoint(of: planned, pipeline: definition.name) : nil
      if let point {
        control.takeBack(task.start, since: point.start, reporter.progress)
      } else {
        try await ledger.startOver(planned.id)
        try output?.goBack(onlyShared: failure.stage == .write)
      }
      if failure.stage == .write { output = nil }
      planned = planned.again(from: point, marks: planned.marks, refused: planned.refused)
      let isFurther = (point?.start.offset ?? 0) > task.start.offset
      let again = groups.make([planned], attempt: isFurther ? 1 : attempts + 1)
      task = again.tasks[0]
      let attempted = task
      try await sources.serve(again) {
        var chunks = EncodedChunks(again, heartbeat)
        isWhole = try await attempt(attempted, &output, &isOutdated, &chunks)
      }
      groups.forget(again)
    }
    if !isWhole, let end = task.end { try await settle(task, output, planned, end) }
  }

  /// Makes an attempt at an item; true where it came to the item's end.
  ///
  /// - Parameters:
  ///   - output: the item's outputs; nil where they are to be opened.
  ///   - isOutdated: whether an output could not be gone on with where the ledger has it.
  private func attempt(
    _ task: ItemTask, _ output: inout ItemOutputs?, _ isOutdated: inout Bool, _ chunks: inout EncodedChunks
  ) async throws -> Bool {
    do {
      // A sink has the item already where it has this very content.
      if !task.planned.marks.isEmpty {
        await chunks.awaitFirst(task)
        output = nil
      }
      let open = try output ?? ItemOutputs(sinks, definition, task.planned, at: task.start.position, version: task.version)
      output = open
      return try await items.attempt(task, open, &chunks)
    } catch let error as WriteError where error.isOutdated {
      isOutdated = true
      task.end(.failed(Failure(error, isTransient: true)))
      return false
    } catch let error as WriteError where error.concernsOneOutput || error.isTransient {
      task.end(.failed(Failure(error)))
      return false
    }
  }

  private func mayTryAgain(_ failure: Failure, _ attempts: Int) -> Bool {
    failure.isTransient && attempts < definition.fetch.retry.attempts && !control.isStopping
  }

  /// Settles an item whose last attempt did not come to its end. The ledger hears of it first: a part that it does not speak of does no
  /// harm.
  private func settle(_ task: ItemTask, _ output: ItemOutputs?, _ planned: PlannedItem, _ end: AttemptEnd) async throws {
    switch end {
    case .stopped: return
    case .unchanged:
      try await ledger.unchanged(planned.id, version: planned.knownVersion ?? "")
      spools.remove(planned)
      try output?.discard()
      reporter.progress.update { $0.itemsSkipped += 1 }
    // An item that fails after the run has stopped for failures is for the next run to try.
    case .failed where control.hasTooManyFailedItems: return
    case .failed(let failure, _, _) where failure.code == .processLimit:
      control.abort(.limits("\(planned.item.key): \(definition.redactor.redact(failure.reason))"))
    // A sink that can't be reached fails no item: the run can be resumed when it is there again.
    case .failed(let failure, _, _) where failure.code == .cannotWrite && failure.isTransient:
      control.abort(.unreachable("\(definition.redactor.redact(failure.reason))"))
    case .failed(let failure, _, _) where failure.code == .ledger:
      control.abort(.state("\(planned.item.key): \(definition.redactor.redact(failure.reason))"))
    case .failed(var failure, let attempts, _):
      if let output, !output.canGoBack {
        failure.reason += "; records of it are in \(planned.slots.map(\.shown).joined(separator: ", ")) already"
      }
      try await failing.fail(planned, failure, attempts: attempts ?? task.attempt) { try output?.discard() }
    }
  }
}

/// Makes an item failed.
struct ItemFailing {
  let ledger: any ItemLedger
  let run: RunID
  let pipeline: String
  let control: RunControl
  let reporter: Reporter

  /// Tells the ledger, then takes away the item's output, then tells the user and the limits.
  ///
  /// - Parameter refused: the commits that their sinks will never do.
  func fail(
    _ planned: PlannedItem, _ failure: Failure, attempts: Int, refused: [PendingCommit] = [], discarding discard: () throws -> Void = {}
  ) async throws {
    let reason = reporter.redactor.redact(failure.reason)
    try await ledger.fail(
      planned.id, error: reason,
      DeadLetter(
        run: run, pipeline: pipeline, item: planned.item.key, itemID: planned.id, stage: failure.stage.rawValue,
        code: failure.deadLetterCode, reason: reason, attempts: attempts), refused: refused)
    try discard()
    reporter.progress.update { $0.itemsFailed += 1 }
    reporter.event(.itemFailed(item: planned.item.key, stage: failure.stage, reason: reason, code: failure.code))
    control.countFailedItem()
  }
}
