import Definition
import Fetch
import Files
import Ledger
import Supervision
import Synchronization
import Write

/// Commits items whose output is written to its end. Those that wait go together: their outputs are prepared, one transaction says that
/// they are done, and their sink commits them, with one sync of each folder. So a thousand small items cost a few syncs,
/// and a large one no more than before.
///
/// Items are committed in the order they come.
final class Commits: Sendable {
  /// An item that is written to its end.
  struct Whole: Sendable {
    let planned: PlannedItem
    let output: any SinkWriter
    let finished: FinishedItem
  }

  private struct State {
    var waiting: [Whole] = []
    var isAtWork = false
    var rest: Task<Void, Never>?
    var drains: [CheckedContinuation<Void, Never>] = []
  }
  /// From one commit's begin to the next one's, unless somebody waits for it: what small items lose by a kill at most, and
  /// what makes them go together.
  private static let pause = Duration.milliseconds(50)
  /// How many items may wait.
  private let limit: Int
  private let credits: Credits
  private let state = Mutex(State())

  init(limit: Int) {
    self.limit = limit
    credits = Credits(messages: limit)
  }

  /// Hands an item over, after waiting for room.
  ///
  /// - Parameter commit: does it for as many as wait, and deals with what goes wrong.
  func add(_ whole: Whole, commit: @escaping @Sendable ([Whole]) async -> Void) async throws {
    try await credits.take()
    let isFirst = state.withLock { state in
      state.waiting.append(whole)
      if state.waiting.count >= limit / 2 { state.rest?.cancel() }
      defer { state.isAtWork = true }
      return !state.isAtWork
    }
    if isFirst { Task { await work(commit) } }
  }

  private func work(_ commit: @Sendable ([Whole]) async -> Void) async {
    while let group = next() {
      let next = ContinuousClock.now + Self.pause
      await commit(group)
      for _ in group { credits.give() }
      await rest(until: next)
    }
  }

  private func rest(until next: ContinuousClock.Instant) async {
    let rest = state.withLock { state -> Task<Void, Never>? in
      guard state.drains.isEmpty, state.waiting.count < limit / 2 else { return nil }
      state.rest = Task { try? await Task.sleep(until: next) }
      return state.rest
    }
    await rest?.value
    state.withLock { $0.rest = nil }
  }

  private func next() -> [Whole]? {
    let (group, drains) = state.withLock { state in
      let group = state.waiting
      state.waiting = []
      guard group.isEmpty else { return (group, [CheckedContinuation<Void, Never>]()) }
      state.isAtWork = false
      defer { state.drains = [] }
      return (group, state.drains)
    }
    for drain in drains { drain.resume() }
    return group.isEmpty ? nil : group
  }

  /// Waits until all that was handed over is committed.
  func drain() async {
    await withCheckedContinuation { continuation in
      let isIdle = state.withLock { state in
        if state.isAtWork { state.drains.append(continuation) }
        state.rest?.cancel()
        return !state.isAtWork
      }
      if isIdle { continuation.resume() }
    }
  }
}

extension RunEngine {
  /// What is done in which order, and why, is in `Sources/Ledger/README.md`.
  func commit(_ group: [Commits.Whole]) async {
    // After a failure nothing more is said to be done: what was written stands in its part, for whoever resumes.
    if fatal != nil { return }
    var refused: [Committable: String] = [:]
    do {
      let writers = Dictionary(grouping: group.map(\.output), by: ObjectIdentifier.init).values.compactMap(\.first)
      try await BlockingThreads.files.run { [session] in try session.prepare(writers) }
      let committed = takeCommitted()
      try await ledger.finish(group.map(\.finished), committed: committed)
      let committables = group.compactMap(\.finished.commit?.committable)
      let refusals = try await BlockingThreads.files.run { [session] in
        try committables.isEmpty ? [] : session.commit(committables, forgetting: committed)
      }
      refused = Dictionary(refusals.map { ($0.committable, $0.reason) }) { first, _ in first }
      noteCommitted(committables.filter { refused[$0] == nil })
    } catch let error as WriteError {
      return abort(.write(error))
    } catch let error as LedgerError {
      return abort(.ledger(error))
    } catch {
      return abort(.from(error))
    }
    for whole in group {
      if let committable = whole.finished.commit?.committable, let reason = refused[committable] {
        await refuse(whole, committable, reason)
        continue
      }
      removeSpool(whole.planned)
      progress.update { $0.itemsDone += 1 }
      event(
        .itemDone(
          item: whole.planned.item.key, counts: whole.finished.progress.checkpoint.counts, seconds: whole.finished.seconds))
    }
  }

  /// The target does not take what an item was made into: the item fails, though the ledger had called it done.
  private func refuse(_ whole: Commits.Whole, _ committable: Committable, _ reason: String) async {
    do {
      let failure = ItemFailure.refused(.init(reason, .cannotWrite))
      try await fail(whole.planned, failure, reason: definition.redactor.redact(reason), attempts: 1, refused: committable)
    } catch {
      abort(.from(error))
    }
  }
}
