import Dispatch

/// What supervisors take from outside: time, chance, and where their tasks run. Tests bring a manual clock and run tasks
/// one by one, in an order of their own.
public struct Conditions: Sendable {
  /// Time since any fixed moment.
  public var now: @Sendable () -> Duration
  /// Waits; throws `CancellationError` where the task is cancelled meanwhile.
  public var sleep: @Sendable (Duration) async throws -> Void
  /// Calls a body again and again with so much time between, on a thread that tasks can't hold up, until what it returns
  /// is called.
  public var every: @Sendable (Duration, @escaping @Sendable () -> Void) -> @Sendable () -> Void
  /// From 0 up to 1.
  public var random: @Sendable () -> Double
  /// Where workers run; nil for Swift's own threads.
  public var executor: (any TaskExecutor)?

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

  /// The machine's own.
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

  /// The machine's own, with tasks that may block: they run on threads for that.
  public static let blocking: Conditions = {
    var conditions = system
    conditions.executor = BlockingThreads.files
    return conditions
  }()

  private static let processStart = ContinuousClock.now

  /// A task that runs where these conditions say.
  func task(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: executor, operation: body)
  }
}
