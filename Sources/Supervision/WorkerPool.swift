import Synchronization

/// A sign of life that a worker gives as it gets on with its unit.
public final class Heartbeat: Sendable {
  private struct State {
    var last: ContinuousClock.Instant
    var waits = 0
  }
  private let state = Mutex(State(last: .now))

  public init() {}

  /// The unit made progress.
  public func beat() { state.withLock { $0.last = .now } }

  /// From here on until ``resume()`` standing still is no fault of the worker's.
  public func pause() { state.withLock { $0.waits += 1 } }

  public func resume() {
    state.withLock {
      $0.waits -= 1
      $0.last = .now
    }
  }

  /// Runs `body`, during which standing still is no fault of the worker's: it waits for room or for its input.
  public func waiting<T: Sendable>(_ body: () async throws -> T) async rethrows -> T {
    pause()
    defer { resume() }
    return try await body()
  }

  func isStalled(for limit: Duration) -> Bool {
    state.withLock { $0.waits == 0 && ContinuousClock.now - $0.last > limit }
  }
}

/// A unit's worker made no progress for the watchdog's time.
public struct Stalled: Error, Sendable, CustomStringConvertible {
  public let limit: Duration
  public var description: String { "no progress for \(limit)" }
}

/// A stage's workers failed more often than its policy allows.
public struct GaveUp: Error, Sendable, CustomStringConvertible {
  public let pool: String
  public let last: String
  public var description: String { "stage \(pool) gave up after too many failures of its workers; the last: \(last)" }
}

/// What happens in a pool, for logs and counters.
public enum PoolEvent: Sendable {
  case restarted(pool: String, after: Duration, attempt: Int, cause: String)
  case exhausted(pool: String, attempts: Int, cause: String)
}

/// A stage's workers: each takes units from one channel, until it ends.
///
/// A worker that throws, or stands still for the watchdog's time, is replaced after a backoff and its unit delivered to
/// the new one with its attempt counted; the other workers never notice. A unit that failed `attempts` workers goes to
/// `exhausted`. Too many failures within the policy's period, and the pool gives up: ``run(_:exhausted:)`` throws.
public final class WorkerPool<Unit: Sendable>: Sendable {
  public let name: String
  private let size: Int
  private let channel: Channel<Unit>
  private let policy: RestartPolicy
  private let attempts: Int
  private let restarts: Mutex<RestartState>
  private let beats = Mutex<[ObjectIdentifier: (Heartbeat, @Sendable () -> Void)]>([:])
  private let event: @Sendable (PoolEvent) -> Void

  public init(
    _ name: String, size: Int, channel: Channel<Unit>, policy: RestartPolicy, attempts: Int,
    event: @escaping @Sendable (PoolEvent) -> Void
  ) {
    self.name = name
    self.size = max(1, size)
    self.channel = channel
    self.policy = policy
    self.attempts = max(1, attempts)
    restarts = Mutex(RestartState(policy))
    self.event = event
  }

  /// Serves the channel until it is finished and empty.
  ///
  /// - Throws: ``GaveUp``; `CancellationError`.
  public func run(
    _ work: @escaping @Sendable (Unit, Heartbeat) async throws -> Void,
    exhausted: @escaping @Sendable (Unit, any Error) async -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask { [self] in
        await watch()
        return false
      }
      for _ in 0..<size {
        group.addTask { [self] in
          for await unit in channel {
            try await serve(unit, work, exhausted: exhausted)
            try Task.checkCancellation()
          }
          return true
        }
      }
      var left = size
      while left > 0, let isWorker = try await group.next() { if isWorker { left -= 1 } }
      group.cancelAll()
    }
  }

  /// Serves one unit outside the channel, as one more worker would: for a unit that must not wait behind others.
  public func serve(
    _ unit: Unit, _ work: @escaping @Sendable (Unit, Heartbeat) async throws -> Void,
    exhausted: @escaping @Sendable (Unit, any Error) async -> Void
  ) async throws {
    var attempt = 1
    while true {
      do {
        return try await attemptOnce(unit, work)
      } catch let error as CancellationError {
        throw error
      } catch {
        let clock = ContinuousClock.now
        let action = restarts.withLock { $0.failed(at: Self.epoch.duration(to: clock), random: .random(in: 0..<1)) }
        guard case .restart(let wait) = action else { throw GaveUp(pool: name, last: "\(error)") }
        if attempt >= attempts {
          event(.exhausted(pool: name, attempts: attempt, cause: "\(error)"))
          return await exhausted(unit, error)
        }
        event(.restarted(pool: name, after: wait, attempt: attempt, cause: "\(error)"))
        try await Task.sleep(for: wait)
        attempt += 1
      }
    }
  }

  private static var epoch: ContinuousClock.Instant { processStart }

  /// Runs the worker as a task of its own, so that one that ignores its cancellation can be left behind.
  private func attemptOnce(_ unit: Unit, _ work: @escaping @Sendable (Unit, Heartbeat) async throws -> Void) async throws {
    let heartbeat = Heartbeat()
    let result = OneResult()
    let task = Task {
      do {
        try await work(unit, heartbeat)
        result.settle(.success(()))
      } catch {
        result.settle(.failure(error))
      }
    }
    let limit = policy.watchdog
    let stall: @Sendable () -> Void = {
      task.cancel()
      result.settle(.failure(Stalled(limit: limit)))
    }
    beats.withLock { $0[ObjectIdentifier(heartbeat)] = (heartbeat, stall) }
    defer { beats.withLock { $0[ObjectIdentifier(heartbeat)] = nil } }
    try await withTaskCancellationHandler {
      try await result.value()
    } onCancel: {
      task.cancel()
    }
  }

  private func watch() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: policy.watchdog / 4)
      for (heartbeat, stall) in beats.withLock({ Array($0.values) }) where heartbeat.isStalled(for: policy.watchdog) {
        stall()
      }
    }
  }
}

private let processStart = ContinuousClock.now

/// A result that is given once and waited for once.
private final class OneResult: Sendable {
  private enum State {
    case empty
    case waiting(CheckedContinuation<Void, any Error>)
    case settled(Result<Void, any Error>)
    case done
  }
  private let state = Mutex(State.empty)

  func settle(_ result: Result<Void, any Error>) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      switch state {
      case .empty:
        state = .settled(result)
        return nil
      case .waiting(let continuation):
        state = .done
        return continuation
      case .settled, .done: return nil
      }
    }
    waiter?.resume(with: result)
  }

  func value() async throws {
    try await withCheckedThrowingContinuation { continuation in
      let settled = state.withLock { state -> Result<Void, any Error>? in
        if case .settled(let result) = state {
          state = .done
          return result
        }
        state = .waiting(continuation)
        return nil
      }
      if let settled { continuation.resume(with: settled) }
    }
  }
}
