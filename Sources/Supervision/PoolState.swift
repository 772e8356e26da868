/// A pool's workers and units: which worker has which unit, and which units wait. Pure: each event returns what the shell around it must do
/// (see ``WorkerPool``).
///
/// Units are numbers here, which the shell knows: so this is compiled once, and not for each kind of unit.
///
/// A unit is in one place at a time: in the channel, in `again`, or with one worker. It leaves by being done or exhausted, and in no other
/// way.
struct PoolState {
  /// A unit on its way to a worker.
  struct Delivery: Sendable {
    /// Another for each attempt.
    let id: UInt64
    let unit: UInt64
    /// From 1.
    let attempt: Int
    /// The worker that is there for this unit alone.
    var owner: Int?
    /// Not to be delivered before.
    var readyAt = Duration.zero
  }

  /// The fate of a unit whose worker was told to end.
  private enum Fate {
    /// The worker was no part of the failure: its unit is delivered again, and the attempt does not count.
    case again
    case failed(any Error)
    /// The caller of ``serve(_:at:)`` was cancelled and wants the unit no more.
    case dropped
  }

  private enum Worker {
    case idle(since: Duration)
    case working(Delivery)
    case stopping(Delivery, Fate)
    case resting(until: Duration)
  }

  enum Action {
    case start(worker: Int, Delivery)
    case cancel(Delivery)
    /// Take the next unit from the channel.
    case take
    case exhausted(Delivery, any Error)
    /// The unit is done or dropped: the shell may forget it.
    case forget(Delivery)
    /// The delivery's own worker has done it, or can't.
    case served(owner: Int, Result<Void, any Error>)
    case wake(at: Duration)
    /// The pool's run ends: all is done, or it gave up, or it was stopped.
    case over(Result<Void, any Error>)
    case tell(worker: Int, SupervisionEvent.Kind)
  }

  private let name: String
  private let policy: RestartPolicy
  private let size: PoolSize
  private let attempts: Int
  private var restarts: RestartState
  /// By number; a place may be empty.
  private var workers: [Worker?] = []
  private var again: [Delivery] = []
  private var nextID: UInt64 = 0
  private var isTaking = false
  private var isClosed = false
  private(set) var isRunning = false
  /// Why the run is to end, once its workers have.
  private var ending: (any Error)?
  private var wakeAt: Duration?

  init(_ name: String, size: PoolSize, policy: RestartPolicy, attempts: Int) {
    self.name = name
    self.size = size
    self.policy = policy
    self.attempts = attempts
    restarts = RestartState(policy)
  }

  /// Whether units of the channel are worked on.
  private var isServing: Bool { isRunning && ending == nil }

  /// Workers that the pool has: those that rest after a failure included.
  var workerCount: Int { workers.reduce(0) { $0 + ($1 == nil ? 0 : 1) } }

  // MARK: Events

  /// The pool is started, or started again after it gave up.
  mutating func begin(at now: Duration) -> [Action] {
    isRunning = true
    ending = nil
    restarts = RestartState(policy)
    var actions: [Action] = []
    while workerCount < size.min { add(at: now, &actions) }
    return actions + schedule(now)
  }

  /// The channel gave a unit. `isPressed` says that more wait there, and that what comes behind the pool has room.
  mutating func arrived(_ unit: UInt64, isPressed: Bool, at now: Duration) -> [Action] {
    isTaking = false
    again.append(delivery(of: unit))
    var actions: [Action] = []
    if isPressed, isServing, workerCount < size.max, idleCount <= 1 {
      add(at: now, &actions)
    }
    return actions + schedule(now)
  }

  /// The channel has ended.
  mutating func closed(at now: Duration) -> [Action] {
    isTaking = false
    isClosed = true
    return schedule(now)
  }

  /// A unit that must not wait behind others gets a worker of its own.
  mutating func serve(_ unit: UInt64, at now: Duration) -> (owner: Int, [Action]) {
    var delivery = delivery(of: unit)
    let owner = place(.idle(since: now))
    delivery.owner = owner
    workers[owner] = .working(delivery)
    return (owner, [.start(worker: owner, delivery)])
  }

  /// The task that called ``serve(_:at:)`` was cancelled and waits no more.
  mutating func drop(owner: Int) -> [Action] {
    guard let held = held(by: owner), held.delivery.owner == owner else { return [] }
    workers[owner] = .stopping(held.delivery, .dropped)
    return [.cancel(held.delivery)]
  }

  mutating func ended(_ delivery: Delivery, worker: Int, _ result: Result<Void, any Error>, at now: Duration, random: Double) -> [Action] {
    guard let held = held(by: worker), held.delivery.id == delivery.id else { return [] }
    switch (result, held.fate) {
    case (.success, _): return done(delivery, worker, at: now)
    case (.failure, .again?):
      workers[worker] = .idle(since: now)
      var delivery = delivery
      delivery.readyAt = now
      if ending != nil, delivery.owner != nil {
        workers[worker] = nil
        return [.forget(delivery), .served(owner: worker, .failure(CancellationError()))] + schedule(now)
      }
      again.insert(delivery, at: 0)
      return schedule(now)
    case (.failure(let error), .dropped?):
      workers[worker] = nil
      return [.forget(delivery), .served(owner: worker, .failure(error))] + schedule(now)
    case (.failure, .failed(let error)?): return failed(delivery, worker, error, at: now, random)
    case (.failure(let error), nil): return failed(delivery, worker, error, at: now, random)
    }
  }

  /// The worker has made no progress for the watchdog's time: its unit is taken from it.
  mutating func stalled(_ delivery: Delivery, worker: Int) -> [Action] {
    guard case .working(let held)? = workers[worker], held.id == delivery.id else { return [] }
    workers[worker] = .stopping(held, .failed(Stalled(limit: policy.watchdog)))
    return [.tell(worker: worker, .stalled(for: policy.watchdog)), .cancel(held)]
  }

  /// The worker was told to end and did not. It may still work on its unit, so that the pool does not deliver it again: two might have it.
  /// Another worker takes its place.
  mutating func stuck(_ delivery: Delivery, worker: Int, at now: Duration) -> [Action] {
    guard let held = held(by: worker), held.delivery.id == delivery.id, held.fate != nil else { return [] }
    let error = Stuck(grace: policy.grace)
    workers[worker] = nil
    var actions: [Action] = [.tell(worker: worker, .stuck), .exhausted(delivery, error)]
    if delivery.owner != nil {
      actions.append(.served(owner: worker, .success(())))
    } else if isServing, workerCount < size.min {
      add(at: now, &actions)
    }
    return actions + schedule(now)
  }

  /// Time has come to what ``Action/wake(at:)`` asked for.
  mutating func woke(at now: Duration) -> [Action] {
    wakeAt = nil
    return schedule(now)
  }

  /// The pool is to end: workers are told so, and what they had begun may be delivered again if it starts anew.
  mutating func stop(_ reason: any Error, at now: Duration) -> [Action] {
    guard isServing else { return [] }
    ending = reason
    return tellAll(but: nil) + schedule(now)
  }

  // MARK: Failure

  private mutating func failed(_ delivery: Delivery, _ worker: Int, _ error: any Error, at now: Duration, _ random: Double) -> [Action] {
    var actions: [Action] = [.tell(worker: worker, .failed(cause: "\(error)", attempt: delivery.attempt))]
    workers[worker] = nil
    let isLast = delivery.attempt >= attempts
    var next = Delivery(id: newID(), unit: delivery.unit, attempt: delivery.attempt + 1, owner: delivery.owner)
    guard case .restart(let wait) = restarts.failed(at: now, random: random), ending == nil else {
      if isLast { actions.append(.exhausted(delivery, error)) }
      let reason = GaveUp(pool: name, last: "\(error)")
      if ending == nil { actions.append(.tell(worker: worker, .gaveUp(cause: "\(error)"))) }
      if delivery.owner != nil {
        actions.append(.served(owner: worker, isLast ? .success(()) : .failure(reason)))
      } else if !isLast {
        again.insert(next, at: 0)
      }
      if isServing {
        ending = reason
        actions += tellAll(but: nil)
      }
      return actions + schedule(now)
    }
    if isLast {
      actions.append(.exhausted(delivery, error))
      if delivery.owner != nil { return actions + [.served(owner: worker, .success(()))] + schedule(now) }
    } else {
      next.readyAt = now + wait
      again.append(next)
    }
    workers[worker] = .resting(until: now + wait)
    actions.append(.tell(worker: worker, .restarted(after: wait, attempt: next.attempt)))
    let strategy = policy.strategy
    if strategy != .oneForOne { actions += tellAll(but: worker) { strategy.restarts($0, with: worker) } }
    return actions + schedule(now)
  }

  /// Tells workers to end; what they have is delivered again.
  private mutating func tellAll(but spared: Int?, where isMeant: (Int) -> Bool = { _ in true }) -> [Action] {
    var actions: [Action] = []
    for worker in workers.indices.reversed() where worker != spared && isMeant(worker) {
      guard case .working(let delivery)? = workers[worker] else { continue }
      workers[worker] = .stopping(delivery, .again)
      actions.append(.cancel(delivery))
    }
    return actions
  }

  // MARK: The next delivery

  private mutating func schedule(_ now: Duration) -> [Action] {
    var actions: [Action] = []
    for (worker, state) in workers.enumerated() {
      if case .resting(let until)? = state, until <= now { workers[worker] = .idle(since: now) }
    }
    deliver(now, &actions)
    if isServing {
      shrink(now, &actions)
      if idleCount > 0, !isTaking, !isClosed, !again.contains(where: { $0.readyAt <= now && $0.owner == nil }) {
        isTaking = true
        actions.append(.take)
      }
    }
    if let over = overResult() {
      isRunning = false
      for worker in workers.indices { if case .idle? = workers[worker] { workers[worker] = nil } }
      actions.append(.over(over))
    }
    if let at = nextWake(after: now), at < wakeAt ?? .seconds(Int64.max) {
      wakeAt = at
      actions.append(.wake(at: at))
    }
    return actions
  }

  private mutating func deliver(_ now: Duration, _ actions: inout [Action]) {
    var at = 0
    while at < again.count {
      let delivery = again[at]
      guard delivery.readyAt <= now else {
        at += 1
        continue
      }
      let worker = delivery.owner ?? (isServing ? firstIdle : nil)
      guard let worker, case .idle? = workers[worker] else {
        at += 1
        continue
      }
      again.remove(at: at)
      workers[worker] = .working(delivery)
      actions.append(.start(worker: worker, delivery))
    }
  }

  /// Workers that had nothing to do for a while go, down to the least.
  private mutating func shrink(_ now: Duration, _ actions: inout [Action]) {
    for worker in workers.indices.reversed() where workerCount > size.min {
      guard case .idle(let since)? = workers[worker], now - since >= PoolSize.idleTime else { continue }
      workers[worker] = nil
      actions.append(.tell(worker: worker, .left))
    }
  }

  private func overResult() -> Result<Void, any Error>? {
    guard isRunning else { return nil }
    let isAtWork = workers.contains { worker in
      switch worker {
      case .working(let delivery)?, .stopping(let delivery, _)?: delivery.owner == nil || ending != nil
      default: false
      }
    }
    if isAtWork { return nil }
    if let ending { return .failure(ending) }
    return isClosed && !again.contains { $0.owner == nil } ? .success(()) : nil
  }

  private func nextWake(after now: Duration) -> Duration? {
    var next: Duration?
    func consider(_ time: Duration) { if time > now, time < next ?? .seconds(Int64.max) { next = time } }
    for delivery in again { consider(delivery.readyAt) }
    let mayShrink = isRunning && workerCount > size.min
    for worker in workers {
      switch worker {
      case .resting(let until)?: consider(until)
      case .idle(let since)? where mayShrink: consider(since + PoolSize.idleTime)
      default: continue
      }
    }
    return next
  }

  // MARK: Places

  private mutating func done(_ delivery: Delivery, _ worker: Int, at now: Duration) -> [Action] {
    if delivery.owner != nil {
      workers[worker] = nil
      return [.forget(delivery), .served(owner: worker, .success(()))] + schedule(now)
    }
    workers[worker] = .idle(since: now)
    return [.forget(delivery)] + schedule(now)
  }

  private mutating func newID() -> UInt64 {
    nextID += 1
    return nextID
  }

  private mutating func delivery(of unit: UInt64) -> Delivery { Delivery(id: newID(), unit: unit, attempt: 1) }

  private mutating func place(_ worker: Worker) -> Int {
    if let free = workers.firstIndex(where: { $0 == nil }) {
      workers[free] = worker
      return free
    }
    workers.append(worker)
    return workers.count - 1
  }

  private mutating func add(at now: Duration, _ actions: inout [Action]) {
    actions.append(.tell(worker: place(.idle(since: now)), .started))
  }

  private var firstIdle: Int? { workers.firstIndex { if case .idle? = $0 { true } else { false } } }
  private var idleCount: Int { workers.reduce(0) { if case .idle? = $1 { $0 + 1 } else { $0 } } }

  private func held(by worker: Int) -> (delivery: Delivery, fate: Fate?)? {
    guard workers.indices.contains(worker) else { return nil }
    switch workers[worker] {
    case .working(let delivery)?: return (delivery, nil)
    case .stopping(let delivery, let fate)?: return (delivery, fate)
    default: return nil
    }
  }
}

/// The least and the most workers of a pool: it grows while its input is full and its output is not, and shrinks when they are idle.
public struct PoolSize: Sendable, Hashable {
  /// The workers that the pool starts with and keeps, from 1.
  public var min: Int
  /// The most workers that it grows to; not less than ``min``.
  public var max: Int

  /// Makes a size from bounds. A `min` below 1 counts as 1, and a `max` below `min` as `min`.
  public init(min: Int, max: Int) {
    self.min = Swift.max(1, min)
    self.max = Swift.max(self.min, max)
  }

  /// A worker above the least that had nothing to do for so long goes.
  static let idleTime = Duration.seconds(10)
}
