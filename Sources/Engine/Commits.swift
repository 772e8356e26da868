import Fetch
import Files
import Ledger
import Supervision
import Synchronization
import Write

/// Commits items whose output is whole. Those that wait go together: their parts are synced, one transaction says that they
/// are done, and their outputs are put in place, with one sync of each folder. So a thousand small items cost a few syncs,
/// and a large one no more than before.
///
/// Items are committed in the order they come.
final class Commits: Sendable {
  /// An item that is written to its end.
  struct Whole: Sendable {
    let planned: PlannedItem
    let part: PartFile
    let version: String
    let advance: Ledger.Advance
    /// Nil where the run has one output.
    let placement: Placement?
  }

  private struct State {
    var waiting: [Whole] = []
    var isAtWork = false
    var drains: [CheckedContinuation<Void, Never>] = []
  }
  /// Items that may wait; what each holds is small.
  private let credits = Credits(messages: 256)
  private let state = Mutex(State())
  private let commit: @Sendable ([Whole]) async -> Void

  /// - Parameter commit: does it, and deals with what goes wrong.
  init(_ commit: @escaping @Sendable ([Whole]) async -> Void) { self.commit = commit }

  /// Hands an item over, after waiting for room.
  func add(_ whole: Whole) async throws {
    try await credits.take()
    let isFirst = state.withLock { state in
      state.waiting.append(whole)
      defer { state.isAtWork = true }
      return !state.isAtWork
    }
    if isFirst { Task { await work() } }
  }

  private func work() async {
    while let group = next() {
      await commit(group)
      for _ in group { credits.give() }
    }
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
    do {
      let parts = Dictionary(grouping: group, by: { ObjectIdentifier($0.part) }).values.compactMap { $0.first?.part }
      try await BlockingThreads.files.run { try PartFile.sync(parts) }
      let finished = group.map { Ledger.Finished(id: $0.planned.id, version: $0.version, advance: $0.advance, placement: $0.placement) }
      try await ledger.finish(finished, placed: takePlaced())
      let placements = group.compactMap { whole in whole.placement.map { (part: whole.part, name: $0.part) } }
      if !placements.isEmpty {
        let placed = placements.map(\.part)
        try await BlockingThreads.files.run { try PartFile.place(placed.map { ($0.path, $0.target) }) }
        for placement in placements { notePlaced(placement.name) }
      }
    } catch let error as WriteError {
      return abort(.write(error))
    } catch let error as LedgerError {
      return abort(.ledger(error))
    } catch {
      return abort(.from(error))
    }
    for whole in group {
      removeSpool(whole.planned)
      progress.update { $0.itemsDone += 1 }
      event(.itemDone(item: whole.planned.item.key, counts: whole.advance.checkpoint.counts))
    }
  }
}
