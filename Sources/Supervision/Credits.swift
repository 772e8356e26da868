import Synchronization

/// The error of a sender whose channel or credits are closed: the receiver takes no more.
public struct Closed: Error, Sendable {
  /// Makes the error; it holds nothing.
  public init() {}
}

/// A bound in messages and bytes. ``take(bytes:)`` suspends while it is used up; ``give(bytes:)`` gives credit back.
public final class Credits: Sendable {
  private typealias Waiter = CheckedContinuation<Void, any Error>
  private struct State {
    var credits: CreditState<Waiter>
    var nextID: UInt64 = 0
    /// Waits that were cancelled before they began.
    var cancelled: Set<UInt64> = []
  }
  private let state: Mutex<State>

  /// Makes a bound of which nothing is used.
  ///
  /// - Parameters:
  ///   - messages: how many credits may be out at once; less than 1 counts as 1.
  ///   - bytes: how many bytes they may stand for together. A larger one is granted when no other is out.
  public init(messages: Int, bytes: Int = .max) {
    state = Mutex(State(credits: CreditState(messages: max(1, messages), bytes: bytes)))
  }

  /// Takes one message's credit and its bytes; waits for its turn where they are used up.
  ///
  /// - Throws: `CancellationError` where the task is cancelled while it waits, ``Closed`` after ``close()``.
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

  /// Gives back one message's credit and its bytes: as many as were taken with it. Those that wait first go on.
  public func give(bytes: Int = 0) {
    for waiter in state.withLock({ $0.credits.give(bytes: bytes) }) { waiter.resume() }
  }

  var isUsedUp: Bool { state.withLock { $0.credits.isUsedUp } }
  var used: (messages: Int, of: Int) { state.withLock { ($0.credits.limitMessages - $0.credits.messages, $0.credits.limitMessages) } }

  /// Ends all waits with ``Closed``, and refuses every later ``take(bytes:)``.
  public func close() {
    for waiter in state.withLock({ $0.credits.close() }) { waiter.resume(throwing: Closed()) }
  }
}
