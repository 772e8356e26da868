import Fetch
import Supervision
import Write

/// Repeats calls of sinks that may be repeated, as commits may, while a sink is away.
package struct SinkRetry: Sendable {
  private let retry: Fetcher.Retry
  private let control: RunControl
  private let tell: @Sendable (_ attempt: Int, _ error: WriteError, _ wait: Duration) -> Void
  /// A server that is started again is away for so long: it is asked however few attempts there are.
  private static let patience = Duration.seconds(60)

  /// Repeats calls as often as `retry` says, and for a minute at least.
  ///
  /// - Parameters:
  ///   - control: once it stops the run no call is repeated.
  ///   - tell: tells the user of a call that failed, before the wait.
  init(
    _ retry: Fetcher.Retry, _ control: RunControl,
    tell: @escaping @Sendable (_ attempt: Int, _ error: WriteError, _ wait: Duration) -> Void
  ) {
    self.retry = retry
    self.control = control
    self.tell = tell
  }

  /// Calls `body`, which blocks, until it succeeds.
  ///
  /// - Throws: its error where another try can't help, or did not.
  package func callAsFunction<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    let begun = ContinuousClock.now
    var attempt = 1
    while true {
      do {
        return try await BlockingThreads.files.run { try body() }
      } catch let error as WriteError
        where error.isTransient && !control.isStopping && (attempt < retry.attempts || ContinuousClock.now - begun < Self.patience)
      {
        let wait = min(retry.backoff.wait(after: attempt, random: .random(in: 0.5..<1)), .seconds(5))
        tell(attempt, error, wait)
        try await control.pause(wait)
        attempt += 1
      }
    }
  }
}
