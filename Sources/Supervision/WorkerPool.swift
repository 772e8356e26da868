import Synchronization

/// A worker's place, attempt and heartbeat, which the pool gives it with its unit.
public struct Assignment: Sendable {
  /// The worker's place in its pool, from 0.
  public let worker: Int
  /// The number of the try at the unit, from 1. A restart for another worker's sake does not count.
  public let attempt: Int
  /// The heartbeat that the worker beats as it gets on; the watchdog watches it.
  public let heartbeat: Heartbeat
}

/// A stage's workers: each takes units from one channel, until it ends.
///
/// A worker that throws, or makes no progress for the watchdog's time, is replaced after a backoff. The new one gets its unit, with the
/// attempt counted; the other workers go on, unless the strategy says otherwise. The pool gives a unit up that failed `attempts` workers,
/// or whose worker does not end when it is told to. After too many failures within the policy's period the pool gives up: ``run(_:)``
/// throws. It may be run again, and then goes on with the units it had.
///
/// `PoolState` decides; this class does what it says.
public final class WorkerPool<Unit: Sendable>: Sendable {
  /// The two things that a pool does with units: works on one, and gives one up.
  public struct Service: Sendable {
    let work: @Sendable (Unit, Assignment) async throws -> Void
    let exhausted: @Sendable (Unit, any Error) -> Void

    /// Makes a service.
    ///
    /// - Parameters:
    ///   - work: works on a unit; it throws where it failed, and the pool then tries the unit again.
    ///   - exhausted: takes a unit that the pool gave up, with the last error.
    public init(
      work: @escaping @Sendable (Unit, Assignment) async throws -> Void, exhausted: @escaping @Sendable (Unit, any Error) -> Void
    ) {
      self.work = work
      self.exhausted = exhausted
    }
  }

  private typealias Delivery = PoolState.Delivery
  private typealias Waiter = CheckedContinuation<Void, any Error>
  /// A task that does one chore after another: it waits for a unit and works on it, with no task made in between.
  private final class Hand: Sendable {
    private let state = Mutex<(task: Task<Void, Never>?, isTold: Bool)>((nil, false))

    func start(_ task: Task<Void, Never>) {
      let isTold = state.withLock { state in
        state.task = task
        return state.isTold
      }
      if isTold { task.cancel() }
    }

    /// Marks it as told to end; what is returned is to be cancelled.
    func tell() -> Task<Void, Never>? {
      state.withLock { state in
        state.isTold = true
        return state.task
      }
    }

    /// Then it does its unit and no more: it may hear of it late.
    var isTold: Bool { state.withLock { $0.isTold } }
  }
  private enum Chore {
    case take
    case serve(Delivery, worker: Int)
  }
  private struct Shell {
    var state: PoolState
    /// By the numbers that the state has for them.
    var units: [UInt64: Unit] = [:]
    var nextUnit: UInt64 = 0

    /// Makes a hand for each unit that these actions start: from here on it can be told to end.
    mutating func entered(_ actions: [PoolState.Action]) -> [PoolState.Action] {
      for case .start(_, let delivery) in actions { hands[delivery.id] = Hand() }
      return actions
    }

    mutating func enter(_ unit: Unit) -> UInt64 {
      nextUnit += 1
      units[nextUnit] = unit
      return nextUnit
    }
    /// The worker that has each delivery in work.
    var hands: [UInt64: Hand] = [:]
    var timer: Task<Void, Never>?
    var run: Waiter?
    var served: [Int: Waiter] = [:]
  }

  /// The stage's name, as events and errors have it.
  public let name: String
  private let channel: Channel<Unit>
  private let conditions: Conditions
  private let watchdog: Watchdog
  private let hasRoom: @Sendable () -> Bool
  private let event: @Sendable (SupervisionEvent) -> Void
  private let shell: Mutex<Shell>

  /// Makes a pool that serves `channel` once it is run.
  ///
  /// - Parameters:
  ///   - attempts: how many workers a unit may fail, at least 1.
  ///   - hasRoom: whether the next stage has room for output; a pool grows only then.
  ///   - event: takes each event of the pool; any thread may call it.
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

  /// The workers that the pool has now, those included that rest after a failure.
  public var workerCount: Int { shell.withLock { $0.state.workerCount } }

  /// The pool's workers by their state, at this moment.
  public var activity: Activity {
    let wants = watchdog.wants
    var activity = Activity()
    activity.blocked = wants.count { $0 == .room }
    activity.busy = wants.count { $0 == nil || $0 == .other }
    activity.waiting = max(0, workerCount - activity.blocked - activity.busy)
    return activity
  }

  /// Serves the channel until it is finished and empty.
  ///
  /// - Throws: ``GaveUp`` after too many failures, `CancellationError` where the caller's task is cancelled; both once all workers have
  ///   ended or are stuck.
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

  /// Serves one unit outside the channel, by a worker of its own: for a unit that must not wait behind others. Returns when the unit is
  /// done or given up.
  ///
  /// - Throws: ``GaveUp`` where the pool gave up at the unit, `CancellationError` where the caller's task is cancelled or the pool stops.
  public func serve(_ unit: Unit, _ service: Service) async throws {
    let owner = Mutex<Int?>(nil)
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: Waiter) in
        let now = conditions.now()
        let actions = shell.withLock { shell in
          let (worker, actions) = shell.state.serve(shell.enter(unit), at: now)
          shell.served[worker] = continuation
          owner.withLock { $0 = worker }
          return shell.entered(actions)
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
    perform(shell.withLock { $0.entered(transition(&$0.state, now)) }, service)
  }

  private func perform(_ actions: [PoolState.Action], _ service: Service) {
    for action in actions {
      if let chore = perform(action, service) { begin(chore, service) }
    }
  }

  /// The same by a hand that has nothing to do: it goes on with the first chore that comes of it, unless it was told to end.
  private func handle(
    _ service: Service, by hand: Hand, _ transition: (inout PoolState, Duration) -> [PoolState.Action]
  ) -> Chore? {
    let now = conditions.now()
    var next: Chore?
    for action in shell.withLock({ $0.entered(transition(&$0.state, now)) }) {
      guard let chore = perform(action, service) else { continue }
      if next == nil, !hand.isTold, claim(chore, hand) { next = chore } else { begin(chore, service) }
    }
    return next
  }

  /// Does an action, or returns what takes a hand.
  private func perform(_ action: PoolState.Action, _ service: Service) -> Chore? {
    switch action {
    case .start(let worker, let delivery): return .serve(delivery, worker: worker)
    case .take: return .take
    case .cancel(let delivery):
      watchdog.told(delivery.id)
      // Told under the lock: a hand that is done with the delivery has other work by now.
      shell.withLock { $0.hands[delivery.id]?.tell() }?.cancel()
    case .exhausted(let delivery, let error):
      if let unit = shell.withLock({ $0.units.removeValue(forKey: delivery.unit) }) { service.exhausted(unit, error) }
    case .forget(let delivery): shell.withLock { _ = $0.units.removeValue(forKey: delivery.unit) }
    case .served(let owner, let result): shell.withLock { $0.served.removeValue(forKey: owner) }?.resume(with: result)
    case .wake(let time): wake(at: time, service)
    case .over(let result): end(result)
    case .tell(let worker, let kind): event(SupervisionEvent(pool: name, worker: worker, kind: kind))
    }
    return nil
  }

  /// Gives a chore to the hand that was entered for it, or to a new one.
  private func begin(_ chore: Chore, _ service: Service) {
    let hand =
      if case .serve(let delivery, _) = chore, let entered = shell.withLock({ $0.hands[delivery.id] }) { entered } else { Hand() }
    hand.start(
      conditions.task { [self] in
        var next: Chore? = chore
        while let chore = next {
          switch chore {
          case .take: next = await take(hand, service)
          case .serve(let delivery, let worker): next = await serve(delivery, worker, hand, service)
          }
        }
      })
  }

  /// Puts a hand in the place of the one that was entered for a chore; false where that was told to end already.
  private func claim(_ chore: Chore, _ hand: Hand) -> Bool {
    guard case .serve(let delivery, _) = chore else { return true }
    return shell.withLock { shell in
      guard shell.hands[delivery.id]?.isTold == false else { return false }
      shell.hands[delivery.id] = hand
      return true
    }
  }

  /// Waits for the channel's next unit. No hand is told to end meanwhile: an AsyncStream ends for all when one that waits for it is
  /// cancelled.
  private func take(_ hand: Hand, _ service: Service) async -> Chore? {
    var iterator = channel.makeAsyncIterator()
    guard let unit = await iterator.next() else { return handle(service, by: hand) { $0.closed(at: $1) } }
    let isPressed = channel.isFull && hasRoom()
    let number = shell.withLock { $0.enter(unit) }
    return handle(service, by: hand) { $0.arrived(number, isPressed: isPressed, at: $1) }
  }

  private func serve(_ delivery: Delivery, _ worker: Int, _ hand: Hand, _ service: Service) async -> Chore? {
    guard let unit = shell.withLock({ $0.units[delivery.unit] }) else { return nil }
    let heartbeat = Heartbeat(conditions)
    watchdog.watch(delivery.id, heartbeat) { [self] in
      handle(service) { state, _ in state.stalled(delivery, worker: worker) }
    } stuck: { [self] in
      handle(service) { $0.stuck(delivery, worker: worker, at: $1) }
    }
    var result = Result<Void, any Error>.success(())
    var random = 0.0
    do {
      try await service.work(unit, Assignment(worker: worker, attempt: delivery.attempt, heartbeat: heartbeat))
    } catch {
      result = .failure(error)
      random = conditions.random()
    }
    watchdog.forget(delivery.id)
    shell.withLock { _ = $0.hands.removeValue(forKey: delivery.id) }
    return handle(service, by: hand) { [result, random] in $0.ended(delivery, worker: worker, result, at: $1, random: random) }
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
