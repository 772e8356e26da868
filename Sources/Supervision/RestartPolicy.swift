/// How a supervisor treats failures of its workers: OTP's strategies and intensity, systemd's restart, with backoff. `supervise` in a
/// definition.
public struct RestartPolicy: Sendable, Hashable, Codable {
  /// When a child is started again: systemd's words. A stage's workers end only with their stage, so that `always` is `onFailure` for them;
  /// a program that leaves of its own accord is replaced under both. Under `never` the first failure makes the supervisor give up.
  public enum Restart: String, Sendable, Hashable, Codable, CaseIterable {
    case onFailure = "on_failure"
    case always, never
  }

  /// Which of a supervisor's children are restarted with one that failed: OTP's words.
  public enum Strategy: String, Sendable, Hashable, Codable, CaseIterable {
    case oneForOne = "one_for_one"
    case restForOne = "rest_for_one"
    case oneForAll = "one_for_all"

    /// Whether the child in place `other` is restarted with the one in place `failed`.
    public func restarts(_ other: Int, with failed: Int) -> Bool {
      switch self {
      case .oneForOne: other == failed
      case .restForOne: other >= failed
      case .oneForAll: true
      }
    }
  }

  /// When a child is started again; after a failure, if the definition does not say.
  public var restart = Restart.onFailure
  /// Which children are restarted together: workers of a stage by their number, stages of a run by the order of the flow.
  public var strategy = Strategy.oneForOne
  /// The failures within ``within`` that a supervisor takes. At one more it gives up and tells its own supervisor.
  public var maxRestarts = 10
  /// The period in which failures are counted. A period without one is healthy: the backoff starts anew after it.
  public var within = Duration.seconds(60)
  /// The waits before restarts. The supervisor waits between half of the ceiling and all of it.
  public var backoff = Backoff(first: .milliseconds(100), longest: .seconds(30))
  /// The longest time without a sign of progress. Then the watchdog takes the unit from its worker.
  public var watchdog = Duration.seconds(60)
  /// The time that a worker has to end after it was told to; then it counts as stuck. A shorter ``watchdog`` of the definition shortens it.
  public var grace = Duration.seconds(5)

  /// Makes the policy of a definition that says nothing: 10 restarts within 60 s, each worker alone.
  public init() {}
}

/// Waits that double with each failure, from `first` to `longest`.
public struct Backoff: Sendable, Hashable, Codable {
  /// The ceiling of the wait after the first failure.
  public var first: Duration
  /// The highest ceiling; later failures wait no longer than this.
  public var longest: Duration

  /// Makes a backoff from its first and its highest ceiling.
  public init(first: Duration, longest: Duration) {
    self.first = first
    self.longest = longest
  }

  /// The longest wait after failure number `attempt`, from 1: `first` doubled `attempt` - 1 times, at most `longest`.
  public func ceiling(after attempt: Int) -> Duration {
    var wait = first
    for _ in 1..<max(1, min(attempt, 64)) {
      wait = wait * 2
      if wait >= longest { return longest }
    }
    return min(wait, longest)
  }

  /// A wait between zero and the ceiling: full jitter (M. Brooker, Exponential Backoff And Jitter, 2015).
  ///
  /// - Parameters:
  ///   - attempt: the number of the failure, from 1.
  ///   - random: from 0 up to 1.
  public func wait(after attempt: Int, random: Double) -> Duration { ceiling(after: attempt) * random }
}

/// A supervisor's memory of its children's failures, and its decisions. Pure: time comes in with each event.
public struct RestartState: Sendable {
  /// The decision about a failure: start the child again after a wait, or give up and tell the supervisor above.
  public enum Action: Sendable, Equatable {
    case restart(after: Duration)
    case giveUp
  }

  private let policy: RestartPolicy
  private var failures: [Duration] = []
  /// Failures without a healthy period between them.
  private var streak = 0

  /// Makes the memory of a supervisor that has seen no failure.
  public init(_ policy: RestartPolicy) { self.policy = policy }

  /// Notes a child's failure and decides. Gives up under `never`, and past the policy's failures within its period.
  ///
  /// - Parameters:
  ///   - now: time since any fixed moment.
  ///   - random: from 0 up to 1, for the jitter.
  public mutating func failed(at now: Duration, random: Double) -> Action {
    if policy.restart == .never { return .giveUp }
    // A period without a failure is a healthy one: the backoff starts anew.
    if let last = failures.last, now - last >= policy.within { streak = 0 }
    failures.removeAll { now - $0 >= policy.within }
    failures.append(now)
    streak += 1
    if failures.count > policy.maxRestarts { return .giveUp }
    let ceiling = policy.backoff.ceiling(after: streak)
    return .restart(after: ceiling * (0.5 + random / 2))
  }

  /// Forgets all failures: the child has done its work since, so they count no more.
  public mutating func settled() {
    failures = []
    streak = 0
  }
}
