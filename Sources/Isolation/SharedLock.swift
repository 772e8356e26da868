import Synchronization

/// A read-write lock for tasks: many share it, or one has it alone. Tasks get it in the order in which they ask.
package final class SharedLock: Sendable {
  private struct State {
    var workers = 0
    var isTaken = false
    var waiting: [(isAlone: Bool, CheckedContinuation<Void, Never>)] = []
  }
  private let state = Mutex(State())

  /// Makes a lock that no task holds.
  package init() {}

  /// Waits for the lock: for a share of it, or for all of it. ``leave(alone:)`` must follow.
  package func enter(alone isAlone: Bool) async {
    await withCheckedContinuation { continuation in
      let mayGo = state.withLock { state in
        if state.waiting.isEmpty, Self.admit(&state, isAlone) { return true }
        state.waiting.append((isAlone, continuation))
        return false
      }
      if mayGo { continuation.resume() }
    }
  }

  /// Gives back the share, or all of the lock, that ``enter(alone:)`` took.
  package func leave(alone isAlone: Bool) {
    let next = state.withLock { state in
      if isAlone { state.isTaken = false } else { state.workers -= 1 }
      var next: [CheckedContinuation<Void, Never>] = []
      while let first = state.waiting.first, Self.admit(&state, first.isAlone) { next.append(state.waiting.removeFirst().1) }
      return next
    }
    for continuation in next { continuation.resume() }
  }

  private static func admit(_ state: inout State, _ isAlone: Bool) -> Bool {
    if state.isTaken || (isAlone && state.workers > 0) { return false }
    if isAlone { state.isTaken = true } else { state.workers += 1 }
    return true
  }
}
