import Configuration
import Definition
import Ledger
import Synchronization

/// Decides whether a run goes on. Its user, a limit or a failure that concerns all of it stops the run; then everything that could wait is
/// told.
final class RunControl: Sendable {
  private struct State {
    var isStopping = false
    var failure: RunFailure?
    var counts = RecordCounts()
    var failedItems = 0
    var hasTooManyDeadLetters = false
    var onStop: [@Sendable () -> Void] = []
  }
  /// Of the first records a few bad ones are a large share, and say little: a share is one of so many at least.
  private static let leastRead = 1000

  /// More dead letters than this stop the run; nil where they are counted at its end.
  private let deadLetterLimit: DeadLetterLimit?
  private let failedItemLimit: Int
  private let state = Mutex(State())

  init(_ definition: PipelineDefinition) {
    deadLetterLimit = definition.onExceed == .stop ? definition.deadLetterLimit : nil
    failedItemLimit = definition.failedItemLimit
  }

  /// Calls `body` when the run stops, at once where it has.
  func onStop(_ body: @escaping @Sendable () -> Void) {
    let isStopping = state.withLock { state in
      if !state.isStopping { state.onStop.append(body) }
      return state.isStopping
    }
    if isStopping { body() }
  }

  var isStopping: Bool { state.withLock { $0.isStopping } }
  /// The failure that the run can't go on after.
  var failure: RunFailure? { state.withLock { $0.failure } }
  var hasTooManyDeadLetters: Bool { state.withLock { $0.hasTooManyDeadLetters } }
  var hasTooManyFailedItems: Bool { state.withLock { $0.failedItems } > failedItemLimit }

  /// Waits, but not past the run's being stopped.
  func pause(_ wait: Duration) async throws {
    let end = ContinuousClock.now + wait
    while ContinuousClock.now < end, !isStopping {
      try await Task.sleep(for: min(.milliseconds(100), ContinuousClock.now.duration(to: end)))
    }
  }

  /// Takes no more items; those under way are checkpointed and left.
  func stop() {
    let told = state.withLock { state in
      state.isStopping = true
      defer { state.onStop = [] }
      return state.onStop
    }
    for tell in told { tell() }
  }

  /// Stops the run, since it can't go on; it can be resumed.
  func abort(_ failure: RunFailure) {
    state.withLock { if $0.failure == nil { $0.failure = failure } }
    stop()
  }

  /// Counts records; with `on_exceed: stop` too many dead letters, or too large a share of what was read so far, stop the run.
  func count(_ counts: RecordCounts) {
    let isExceeded = state.withLock { state in
      state.counts = state.counts + counts
      guard counts.deadLettered > 0, let deadLetterLimit,
        deadLetterLimit.isExceeded(by: state.counts.deadLettered, of: max(state.counts.read, Self.leastRead))
      else { return false }
      state.hasTooManyDeadLetters = true
      return true
    }
    if isExceeded { stop() }
  }

  /// Takes back the records that an attempt at an item has written since `start`, here and in the run's progress, as the attempt is given
  /// up.
  func takeBack(_ point: Checkpoint, since start: Checkpoint, _ progress: RunProgress) {
    let counts = point.counts - start.counts
    state.withLock { $0.counts = $0.counts - counts }
    progress.update {
      $0.counts = $0.counts - counts
      $0.bytes.written -= point.bytes.written - start.bytes.written
    }
  }

  /// Counts an item that failed; more than `limits.failed_items` stop the run.
  func countFailedItem() {
    state.withLock { $0.failedItems += 1 }
    if hasTooManyFailedItems { stop() }
  }

  /// Adds the counts of an engine before this one, which died: limits hold for the run, and not for an engine.
  func add(_ counts: RecordCounts, failedItems: Int) {
    state.withLock {
      $0.counts = $0.counts + counts
      $0.failedItems += failedItems
    }
  }
}
