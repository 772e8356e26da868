import Synchronization

/// What a worker is given with its unit.
public struct Assignment: Sendable {
  /// The worker's place in its pool, from 0.
  public let worker: Int
  /// Which try at the unit this is, from 1.
  public let attempt: Int
  public let heartbeat: Heartbeat
}

/// A stage's workers: each takes units from one channel, until it ends.
///
/// A worker that throws, or stands still for the watchdog's time, is replaced after a backoff and its unit delivered to
/// the new one with its attempt counted; the other workers never notice, unless the strategy says so. A unit that failed
/// `attempts` workers, or whose worker does not end when it is told to, is given up. Too many failures within the policy's
/// period, and the pool gives up: ``run(_:)`` throws. It may be run again, and then goes on with the units it had.
///
/// All that is decided is in `PoolState`; here it is done.
public final class WorkerPool<Unit: Sendable>: Sendable {
  /// What a pool does with a unit, and with one that it gives up.
  public struct Service: Sendable {
    let work: @Sendable (Unit, Assignment) async throws -> Void
    let exhausted: @Sendable (Unit, any Error) -> Void

    public init(
      work: @escaping @Sendable (Unit, Assignment) async throws -> Void, exhausted: @escaping @Sendable (Unit, any Error) -> Void
    ) {
      self.work = work
      self.exhausted = exhausted
    }
  }

  private typealias Delivery = PoolState.Delivery
  private typealias Waiter = CheckedContinuation<Void, any Error>
  private struct Shell {
    var state: PoolState
    /// By the numbers that the state has for them.
    var units: [UInt64: Unit] = [:]
    var nextUnit: UInt64 = 0

    mutating func enter(_ unit: Unit) -> UInt64 {
      nextUnit += 1
      units[nextUnit] = unit
      return nextUnit
    }
    var tasks: [UInt64: Task<Void, Never>] = [:]
    var timer: Task<Void, Never>?
    var run: Waiter?
    var served: [Int: Waiter] = [:]
  }

  public let name: String
  private let channel: Channel<Unit>
  private let conditions: Conditions
  private let watchdog: Watchdog
  private let hasRoom: @Sendable () -> Bool
  private let event: @Sendable (SupervisionEvent) -> Void
  private let shell: Mutex<Shell>

  /// - Parameters:
  ///   - attempts: how many workers a unit may fail.
  ///   - hasRoom: whether what the pool's workers make finds room; a pool grows only then.
  public init(
    _ name: String, size: PoolSize, channel: Channel<Unit>, policy: RestartPolicy, attempts: Int, conditions: Conditions = .system,
    hasRoom: @escaping @Sendable () -> Bool = { true }, event: @escaping @Sendable (SupervisionEvent) -> Void
  ) {
    self.name = name
    self.channel = channel
    self.conditions = conditions
    self.hasRoom = hasRoom
    self.event = event
    watchdog = Watchdog(limit: policy.watchdog, grace: policy.grace, conditions)
    shell = Mutex(Shell(state: PoolState(name, size: size, policy: policy, attempts: max(1, attempts))))
  }

  public var workerCount: Int { shell.withLock { $0.state.workerCount } }

  /// Serves the channel until it is finished and empty.
  ///
  /// - Throws: ``GaveUp``; `CancellationError`, once all workers have ended.
  public func run(_ service: Service) async throws {
    let unwatch = watchdog.start()
    defer { unwatch() }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: Waiter) in
        shell.withLock { $0.run = continuation }
        handle(service) { $0.begin(at: $1) }
        if Task.isCancelled { handle(service) { $0.stop(CancellationError(), at: $1) } }
      }
    } onCancel: {
      handle(service) { $0.stop(CancellationError(), at: $1) }
    }
  }

  /// Serves one unit outside the channel, by a worker of its own: for a unit that must not wait behind others.
  ///
  /// - Throws: ``GaveUp``; `CancellationError`.
  public func serve(_ unit: Unit, _ service: Service) async throws {
    let owner = Mutex<Int?>(nil)
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: Waiter) in
        let now = conditions.now()
        let actions = shell.withLock { shell in
          let (worker, actions) = shell.state.serve(shell.enter(unit), at: now)
          shell.served[worker] = continuation
          owner.withLock { $0 = worker }
          return actions
        }
        perform(actions, service)
        if Task.isCancelled { drop(owner, service) }
      }
    } onCancel: {
      drop(owner, service)
    }
  }

  private func drop(_ owner: borrowing Mutex<Int?>, _ service: Service) {
    guard let owner = owner.withLock({ $0 }) else { return }
    handle(service) { state, _ in state.drop(owner: owner) }
  }

  // MARK: Doing what the state says

  private func handle(_ service: Service, _ transition: (inout PoolState, Duration) -> [PoolState.Action]) {
    let now = conditions.now()
    perform(shell.withLock { transition(&$0.state, now) }, service)
  }

  private func perform(_ actions: [PoolState.Action], _ service: Service) {
    for action in actions {
      switch action {
      case .start(let worker, let delivery): start(worker, delivery, service)
      case .cancel(let delivery):
        watchdog.told(delivery.id)
        shell.withLock { $0.tasks[delivery.id] }?.cancel()
      case .take: take(service)
      case .exhausted(let delivery, let error):
        if let unit = shell.withLock({ $0.units.removeValue(forKey: delivery.unit) }) { service.exhausted(unit, error) }
      case .forget(let delivery): shell.withLock { _ = $0.units.removeValue(forKey: delivery.unit) }
      case .served(let owner, let result): shell.withLock { $0.served.removeValue(forKey: owner) }?.resume(with: result)
      case .wake(let time): wake(at: time, service)
      case .over(let result): end(result)
      case .tell(let worker, let kind): event(SupervisionEvent(pool: name, worker: worker, kind: kind))
      }
    }
  }

  private func start(_ worker: Int, _ delivery: Delivery, _ service: Service) {
    let heartbeat = Heartbeat(conditions)
    let assignment = Assignment(worker: worker, attempt: delivery.attempt, heartbeat: heartbeat)
    watchdog.watch(delivery.id, heartbeat) { [self] in
      handle(service) { state, _ in state.stalled(delivery, worker: worker) }
    } stuck: { [self] in
      handle(service) { $0.stuck(delivery, worker: worker, at: $1) }
    }
    // Entered before it can end, since that needs the lock too.
    shell.withLock { shell in
      guard let unit = shell.units[delivery.unit] else { return }
      shell.tasks[delivery.id] = conditions.task { [self] in
        let result: Result<Void, any Error>
        do {
          try await service.work(unit, assignment)
          result = .success(())
        } catch {
          result = .failure(error)
        }
        watchdog.forget(delivery.id)
        let random = conditions.random()
        self.shell.withLock { $0.tasks[delivery.id] = nil }
        handle(service) { $0.ended(delivery, worker: worker, result, at: $1, random: random) }
      }
    }
  }

  /// A task of its own, that nobody cancels: an AsyncStream ends for all when one that waits for it is cancelled.
  private func take(_ service: Service) {
    _ = conditions.task { [self] in
      var iterator = channel.makeAsyncIterator()
      if let unit = await iterator.next() {
        let isPressed = channel.isFull && hasRoom()
        let number = shell.withLock { $0.enter(unit) }
        handle(service) { $0.arrived(number, isPressed: isPressed, at: $1) }
      } else {
        handle(service) { $0.closed(at: $1) }
      }
    }
  }

  private func wake(at time: Duration, _ service: Service) {
    let timer = conditions.task { [self] in
      do { try await conditions.sleep(time - conditions.now()) } catch { return }
      handle(service) { $0.woke(at: $1) }
    }
    shell.withLock { shell in
      shell.timer?.cancel()
      shell.timer = timer
    }
  }

  private func end(_ result: Result<Void, any Error>) {
    let waiter = shell.withLock { shell in
      defer { shell.run = nil }
      return shell.run
    }
    waiter?.resume(with: result)
  }
}
