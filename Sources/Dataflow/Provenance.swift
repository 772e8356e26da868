import Foundation
import Ledger
import Records
import Supervision
import Synchronization

/// The run that batches are read in, from which they get their origins.
package struct Provenance: Sendable {
  private let run: RunID
  /// In microseconds since 1970-01-01 00:00 UTC.
  private let startedAt: Int64
  /// The parts of origins that any step reads.
  let reads: OriginParts

  /// Makes the provenance of a run.
  ///
  /// - Parameters:
  ///   - startedAt: when the run began first, as the ledger has it: every process that goes on with the run then says the same.
  ///   - reads: the parts that steps read, from ``TransformChain/reads``; batches of chunks get an origin where there are any.
  package init(run: RunID, startedAt: Date, reads: OriginParts = []) {
    self.run = run
    self.startedAt = Int64((startedAt.timeIntervalSince1970 * 1_000_000).rounded())
    self.reads = reads
  }

  /// The origin of an item's first record.
  package func origin(of item: Item) -> RecordOrigin {
    RecordOrigin(
      item: item.key, name: item.name, member: item.source.member(item.location), run: run.value, runStartedAt: startedAt)
  }

  /// The origin of a chunk's records; nil where no step reads it. It may wait until the chunks before it are parsed.
  ///
  /// - Throws: ``Closed`` where the attempt at the item ends meanwhile, `CancellationError` where the worker is told to end.
  func origin(of chunk: ItemChunk, _ heartbeat: Heartbeat) async throws -> RecordOrigin? {
    guard !reads.isEmpty else { return nil }
    var origin = origin(of: chunk.task.planned.item)
    origin.bytes = chunk.chunk.offset
    if let place = chunk.place {
      let start = try await place.start(chunk.task, heartbeat)
      (origin.records, origin.lines) = (start.records, start.lines)
    }
    return origin
  }
}

/// The place of a chunk in its item: how many records and lines stand before it. Chunks are parsed in any order, and each adds its own
/// counts to the place of the next.
final class ChunkPlace: Sendable {
  struct Counts: Sendable {
    var records: Int
    var lines: Int
  }
  private typealias Waiter = CheckedContinuation<Counts, any Error>
  private struct State {
    /// Before the chunk; nil while a chunk before it is not parsed.
    var start: Counts?
    /// In the chunk itself; nil while it is not parsed.
    var own: Counts?
    /// The chunk behind it. Each place holds the next alone, so places go as their chunks are written.
    var next: ChunkPlace?
    var waiters: [Waiter] = []
    var isClosed = false
  }
  private let state: Mutex<State>

  /// Makes the place of an attempt's first chunk.
  init(_ start: Counts) { state = Mutex(State(start: start)) }

  private init() { state = Mutex(State()) }

  /// Makes the place of the next chunk. It is called once.
  func following() -> ChunkPlace {
    let next = ChunkPlace()
    pass { $0.next = next }
    return next
  }

  /// Notes the counts of the chunk itself. Another worker may have noted the same before.
  func note(records: Int, lines: Int) { pass { $0.own = Counts(records: records, lines: lines) } }

  /// Waits for the place to be known.
  func start(_ task: ItemTask, _ heartbeat: Heartbeat) async throws -> Counts {
    if let start = state.withLock({ $0.start }) { return start }
    let end = task.onEnd { [self] in close(with: Closed()) }
    defer { task.forget(end) }
    return try await heartbeat.waiting(for: .input) {
      try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { (waiter: Waiter) in
          let known: Result<Counts, any Error>? = state.withLock { state in
            if let start = state.start { return .success(start) }
            if state.isClosed { return .failure(Closed()) }
            state.waiters.append(waiter)
            return nil
          }
          if let known { waiter.resume(with: known) } else if Task.isCancelled { giveUp(CancellationError()) }
        }
      } onCancel: {
        giveUp(CancellationError())
      }
    }
  }

  private func close(with error: Closed) {
    state.withLock { $0.isClosed = true }
    giveUp(error)
  }

  private func giveUp(_ error: any Error) {
    let waiters = state.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(throwing: error) }
  }

  /// Makes a change, and hands on what is known by it from place to place.
  private func pass(_ change: (inout State) -> Void) {
    var known = state.withLock { state in
      change(&state)
      return Self.known(state)
    }
    while let (next, start) = known {
      let (waiters, onward) = next.state.withLock { state in
        defer { state.waiters = [] }
        let isNew = state.start == nil
        state.start = start
        return (state.waiters, isNew ? Self.known(state) : nil)
      }
      for waiter in waiters { waiter.resume(returning: start) }
      known = onward
    }
  }

  /// The next place and its start, where both are known.
  private static func known(_ state: State) -> (next: ChunkPlace, start: Counts)? {
    guard let start = state.start, let own = state.own, let next = state.next else { return nil }
    return (next, Counts(records: start.records + own.records, lines: start.lines + own.lines))
  }
}
