import Synchronization

@testable import Supervision

/// A value that tasks of a test share.
final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
  func withLock<R: Sendable>(_ body: (inout sending Value) -> sending R) -> R { value.withLock(body) }
}

struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  /// SplitMix64 (Steele, Lea and Flood, 2014).
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Supervision without waiting and without threads: tasks run one by one on the test's own, in an order that the seed
/// gives, and time goes on to the next timer when none is left to run.
final class Simulation: TaskExecutor, Sendable {
  private enum Alarm {
    case sleeper(CheckedContinuation<Void, any Error>)
    case body(every: Duration, @Sendable () -> Void)
  }
  private struct State {
    var jobs: [UnownedJob] = []
    var now = Duration.zero
    var alarms: [UInt64: (at: Duration, alarm: Alarm)] = [:]
    var cancelled: Set<UInt64> = []
    var nextID: UInt64 = 0
    var generator: Seeded
  }
  private let state: Mutex<State>

  init(seed: UInt64) { state = Mutex(State(generator: Seeded(seed))) }

  var now: Duration { state.withLock { $0.now } }

  func random<T: FixedWidthInteger & Sendable>(in range: Range<T>) -> T {
    state.withLock { T.random(in: range, using: &$0.generator) }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
  }

  var conditions: Conditions {
    Conditions(
      now: { [self] in now }, sleep: { [self] in try await sleep($0) }, every: { [self] in every($0, $1) },
      random: { [self] in Double(random(in: 0..<1000)) / 1000 }, executor: self)
  }

  // MARK: Time

  func sleep(_ duration: Duration) async throws {
    let id = newID()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let isCancelled = state.withLock { state in
          if state.cancelled.remove(id) != nil { return true }
          state.alarms[id] = (state.now + max(.zero, duration), .sleeper(continuation))
          return false
        }
        if isCancelled { continuation.resume(throwing: CancellationError()) }
      }
    } onCancel: {
      let alarm = state.withLock { state in
        let alarm = state.alarms.removeValue(forKey: id)?.alarm
        if alarm == nil { state.cancelled.insert(id) }
        return alarm
      }
      if case .sleeper(let continuation)? = alarm { continuation.resume(throwing: CancellationError()) }
    }
  }

  /// Waits and can't be told not to: what a call into C does that never returns.
  func sleepDeaf(_ duration: Duration) async {
    let id = newID()
    try? await withCheckedThrowingContinuation { continuation in
      state.withLock { $0.alarms[id] = ($0.now + duration, .sleeper(continuation)) }
    }
  }

  private func every(_ interval: Duration, _ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    let id = newID()
    state.withLock { $0.alarms[id] = ($0.now + interval, .body(every: interval, body)) }
    return { [self] in state.withLock { _ = $0.alarms.removeValue(forKey: id) } }
  }

  private func newID() -> UInt64 {
    state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
  }

  // MARK: Running

  /// Runs a task and all that comes of it until it has ended; nil where nothing is left that could end it, or after
  /// `limit`.
  func run<T: Sendable>(limit: Duration = .seconds(100_000), _ body: @escaping @Sendable () async throws -> T) -> Result<T, any Error>? {
    let result = Shared<Result<T, any Error>?>(nil)
    start {
      do {
        let value = try await body()
        result.withLock { $0 = .success(value) }
      } catch {
        result.withLock { $0 = .failure(error) }
      }
    }
    while result.withLock({ $0 == nil }), now < limit, step() {}
    return result.withLock { $0 }
  }

  @discardableResult
  func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> { Task(executorPreference: self, operation: body) }

  /// Runs what is there for so long.
  func pass(_ duration: Duration) {
    let end = now + duration
    start { [self] in await sleepDeaf(duration) }
    while now < end, step() {}
    while runOne() {}
  }

  /// Runs one job, or goes on to the next alarm; false where there is neither.
  private func step() -> Bool { runOne() || ring() }

  private func runOne() -> Bool {
    let job = state.withLock { state -> UnownedJob? in
      if state.jobs.isEmpty { return nil }
      return state.jobs.remove(at: Int.random(in: 0..<state.jobs.count, using: &state.generator))
    }
    job?.runSynchronously(on: asUnownedTaskExecutor())
    return job != nil
  }

  private func ring() -> Bool {
    let alarm = state.withLock { state -> Alarm? in
      guard let (id, (at, alarm)) = state.alarms.min(by: { ($0.value.at, $0.key) < ($1.value.at, $1.key) }) else { return nil }
      state.now = max(state.now, at)
      state.alarms[id] = nil
      if case .body(let interval, _) = alarm { state.alarms[id] = (at + interval, alarm) }
      return alarm
    }
    switch alarm {
    case .sleeper(let continuation)?: continuation.resume()
    case .body(_, let body)?: body()
    case nil: return false
    }
    return true
  }
}
