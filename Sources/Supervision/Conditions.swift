import Dispatch

/// The clock, the timers, the chance and the threads that supervisors use. Tests give a manual clock and run tasks one by one, in an order
/// of their own.
public struct Conditions: Sendable {
  /// Returns the time since a moment that stays the same while the process lives.
  public var now: @Sendable () -> Duration
  /// Suspends for so long. Throws `CancellationError` where the task is cancelled meanwhile.
  public var sleep: @Sendable (Duration) async throws -> Void
  /// Calls a body again and again with so much time between, on a thread that tasks can't hold up. Call the closure that it returns to end
  /// this.
  public var every: @Sendable (Duration, @escaping @Sendable () -> Void) -> @Sendable () -> Void
  /// Returns a random number from 0 up to, not including, 1.
  public var random: @Sendable () -> Double
  /// The threads that workers run on; nil for Swift's own.
  public var executor: (any TaskExecutor)?

  /// Makes conditions from a clock, its timers and a source of chance.
  public init(
    now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void,
    every: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> @Sendable () -> Void,
    random: @escaping @Sendable () -> Double, executor: (any TaskExecutor)? = nil
  ) {
    self.now = now
    self.sleep = sleep
    self.every = every
    self.random = random
    self.executor = executor
  }

  /// The machine's clock, timers and random numbers, with Swift's own threads.
  public static let system = Conditions(
    now: { processStart.duration(to: .now) },
    sleep: { try await Task.sleep(for: $0) },
    every: { interval, body in
      // A dispatch source may be used from any thread; it is not marked so on this platform.
      nonisolated(unsafe) let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "sluice.watchdog"))
      let seconds = interval / .seconds(1)
      timer.schedule(deadline: .now() + seconds, repeating: seconds, leeway: .milliseconds(Int(seconds * 100)))
      timer.setEventHandler(handler: body)
      timer.resume()
      return { timer.cancel() }
    },
    random: { .random(in: 0..<1) })

  /// ``system`` with tasks on ``BlockingThreads/files``: for stages whose workers block on files.
  public static let blocking: Conditions = {
    var conditions = system
    conditions.executor = BlockingThreads.files
    return conditions
  }()

  private static let processStart = ContinuousClock.now

  /// Starts a task on the executor of these conditions.
  func task(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: executor, operation: body)
  }
}
