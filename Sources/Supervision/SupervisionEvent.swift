/// What happens under a supervisor, for logs, counters and whoever watches.
public struct SupervisionEvent: Sendable {
  /// What happened.
  public enum Kind: Sendable {
    /// A worker was added: at the start, or because its pool's input was full.
    case started
    case failed(cause: String, attempt: Int)
    /// A failed worker goes on after a wait; its unit's next attempt is this one.
    case restarted(after: Duration, attempt: Int)
    /// No progress for the watchdog's time: the worker is told to end.
    case stalled(for: Duration)
    /// It did not end.
    case stuck
    /// Too many failures: the supervisor's own supervisor is told.
    case gaveUp(cause: String)
    /// A worker that had nothing to do for a while was let go.
    case left
  }

  /// The stage; `run` for the supervisor of the stages.
  public let pool: String
  /// From 0; of the run's supervisor the stage's place.
  public let worker: Int
  public let kind: Kind

  /// The same with its cause told otherwise: what it holds may not be for everybody.
  public func telling(_ words: (String) -> String) -> SupervisionEvent {
    switch kind {
    case .failed(let cause, let attempt):
      SupervisionEvent(pool: pool, worker: worker, kind: .failed(cause: words(cause), attempt: attempt))
    case .gaveUp(let cause): SupervisionEvent(pool: pool, worker: worker, kind: .gaveUp(cause: words(cause)))
    default: self
    }
  }
}

/// A supervisor's children failed more often than its policy allows.
public struct GaveUp: Error, Sendable, CustomStringConvertible {
  public let pool: String
  public let last: String
  public var description: String { "\(pool) gave up after too many failures; the last: \(last)" }
}
