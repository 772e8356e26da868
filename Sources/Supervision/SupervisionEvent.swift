/// An event under a supervisor, for the log, the counters and `sluice status --watch`.
public struct SupervisionEvent: Sendable {
  /// The kind of the event, with what belongs to it.
  public enum Kind: Sendable {
    /// A worker was added: at the start, or because its pool's input was full.
    case started
    /// A worker threw at its unit; `attempt` is the try that failed, from 1.
    case failed(cause: String, attempt: Int)
    /// A failed worker goes on after a wait; its unit's next try has this number.
    case restarted(after: Duration, attempt: Int)
    /// A worker made no progress for the watchdog's time and is told to end.
    case stalled(for: Duration)
    /// A worker was told to end and did not within the grace. The pool replaces it and gives its unit up.
    case stuck
    /// The supervisor saw too many failures and tells its own supervisor.
    case gaveUp(cause: String)
    /// The pool let a worker go that had no unit for 10 s.
    case left
  }

  /// The stage's name; `run` for the supervisor of the stages.
  public let pool: String
  /// The worker's place in its pool, from 0; for the run's supervisor the place of the stage.
  public let worker: Int
  /// The kind of event, with its cause and times.
  public let kind: Kind

  /// The same event with its cause put through `words`, such as a redactor: an error's text may hold a secret.
  public func telling(_ words: (String) -> String) -> SupervisionEvent {
    switch kind {
    case .failed(let cause, let attempt):
      SupervisionEvent(pool: pool, worker: worker, kind: .failed(cause: words(cause), attempt: attempt))
    case .gaveUp(let cause): SupervisionEvent(pool: pool, worker: worker, kind: .gaveUp(cause: words(cause)))
    default: self
    }
  }
}

/// The error of a supervisor that gives up: its children failed more often than its policy allows.
public struct GaveUp: Error, Sendable, CustomStringConvertible {
  /// The name of the pool or supervisor that gave up.
  public let pool: String
  /// The last failure's text.
  public let last: String
  /// The sentence for the log and the report.
  public var description: String { "\(pool) gave up after too many failures; the last: \(last)" }
}
