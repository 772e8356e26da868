/// How a supervisor treats failures of its workers: OTP's strategies and intensity, systemd's restart, with backoff.
public struct RestartPolicy: Sendable, Hashable, Codable {
  /// systemd's words. A stage's workers end only with their stage, so that `always` is `onFailure` for them; a child
  /// process that leaves of its own accord is replaced under both.
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

  public var restart = Restart.onFailure
  public var strategy = Strategy.oneForOne
  /// More failures than this within ``within`` and the supervisor gives up: it tells its own.
  public var maxRestarts = 10
  public var within = Duration.seconds(60)
  public var backoff = Backoff(first: .milliseconds(100), longest: .seconds(30))
  /// A unit without a sign of progress for so long is taken from its worker.
  public var watchdog = Duration.seconds(60)
  /// How long a worker that was told to end may take, before it counts as stuck.
  public var grace = Duration.seconds(5)

  public init() {}
}

/// Waits that double from `first` to `longest`.
public struct Backoff: Sendable, Hashable, Codable {
  public var first: Duration
  public var longest: Duration

  public init(first: Duration, longest: Duration) {
    self.first = first
    self.longest = longest
  }

  /// The longest wait before try `attempt` + 1, where `attempt` (from 1) failed.
  public func ceiling(after attempt: Int) -> Duration {
    var wait = first
    for _ in 1..<max(1, min(attempt, 64)) {
      wait = wait * 2
      if wait >= longest { return longest }
    }
    return min(wait, longest)
  }

  /// A wait between nothing and the ceiling: full jitter (M. Brooker, Exponential Backoff And Jitter, 2015).
  public func wait(after attempt: Int, random: Double) -> Duration { ceiling(after: attempt) * random }
}

/// What a supervisor knows of its children's failures. Pure: time comes in with each event.
public struct RestartState: Sendable {
  /// What is to be done about a failure.
  public enum Action: Sendable, Equatable {
    case restart(after: Duration)
    case giveUp
  }

  private let policy: RestartPolicy
  private var failures: [Duration] = []
  /// Failures without a healthy period between them.
  private var streak = 0

  public init(_ policy: RestartPolicy) { self.policy = policy }

  /// A child failed.
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

  /// What failed has done its work since: its failures count no more.
  public mutating func settled() {
    failures = []
    streak = 0
  }
}
