import Synchronization

/// The far side is gone: what would be sent is wanted no more.
public struct Closed: Error, Sendable {
  public init() {}
}

/// A bound in messages and bytes. ``take(bytes:)`` suspends while it is used up; ``give(bytes:)`` gives back.
public final class Credits: Sendable {
  private typealias Waiter = CheckedContinuation<Void, any Error>
  private struct State {
    var credits: CreditState<Waiter>
    var nextID: UInt64 = 0
    /// Waits that were cancelled before they began.
    var cancelled: Set<UInt64> = []
  }
  private let state: Mutex<State>

  public init(messages: Int, bytes: Int = .max) {
    state = Mutex(State(credits: CreditState(messages: max(1, messages), bytes: bytes)))
  }

  /// - Throws: `CancellationError`, or ``Closed`` after ``close()``.
  public func take(bytes: Int = 0) async throws {
    let action = state.withLock { $0.credits.take(bytes: bytes) }
    switch action {
    case .go: return
    case .closed: throw Closed()
    case .wait: try await wait(bytes)
    }
  }

  private func wait(_ bytes: Int) async throws {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: Waiter) in
        let outcome: Result<Void, any Error>? = state.withLock { state in
          if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
          switch state.credits.take(bytes: bytes) {
          case .go: return .success(())
          case .closed: return .failure(Closed())
          case .wait:
            state.credits.wait(id: id, bytes: bytes, continuation)
            return nil
          }
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      let found = state.withLock { state -> (cancelled: Waiter, woken: [Waiter])? in
        if let found = state.credits.cancel(id: id) { return found }
        state.cancelled.insert(id)
        return nil
      }
      found?.cancelled.resume(throwing: CancellationError())
      for waiter in found?.woken ?? [] { waiter.resume() }
    }
    state.withLock { _ = $0.cancelled.remove(id) }
  }

  /// Gives credit back: one message, and the bytes of it.
  public func give(bytes: Int = 0) {
    for waiter in state.withLock({ $0.credits.give(bytes: bytes) }) { waiter.resume() }
  }

  var isUsedUp: Bool { state.withLock { $0.credits.isUsedUp } }
  var used: (messages: Int, of: Int) { state.withLock { ($0.credits.limitMessages - $0.credits.messages, $0.credits.limitMessages) } }

  /// Wakes all that wait with ``Closed``, and refuses what comes after.
  public func close() {
    for waiter in state.withLock({ $0.credits.close() }) { waiter.resume(throwing: Closed()) }
  }
}
