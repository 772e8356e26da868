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
  struct WrittenItem: Sendable {
    let planned: PlannedItem
    let output: ItemOutputs
    /// Its ``FinishedItem/commits`` are filled in once its outputs are prepared.
    var finished: FinishedItem
  }

  private struct State {
    var waiting: [WrittenItem] = []
    var isAtWork = false
    var rest: Task<Void, Never>?
    var drains: [CheckedContinuation<Void, Never>] = []
  }
  /// The time from one commit's begin to the next one's, unless a caller of ``drain()`` waits for it. Small items gather
  /// meanwhile, and a kill loses no more than those of that time.
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
  /// - Parameter commit: commits all items that wait, and deals with failures.
  func add(_ item: WrittenItem, commit: @escaping @Sendable ([WrittenItem]) async -> Void) async throws {
    try await credits.take()
    let isFirst = state.withLock { state in
      state.waiting.append(item)
      if state.waiting.count >= limit / 2 { state.rest?.cancel() }
      defer { state.isAtWork = true }
      return !state.isAtWork
    }
    if isFirst { Task { await work(commit) } }
  }

  private func work(_ commit: @Sendable ([WrittenItem]) async -> Void) async {
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

  private func next() -> [WrittenItem]? {
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
