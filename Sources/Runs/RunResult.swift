import Configuration
import Dataflow
import Ledger

/// The result of a run.
package struct RunResult: Sendable {
  /// Nil where nothing was new: then there was no run.
  package var run: RunID?
  /// The last run, where nothing is new since.
  package var last: RunRecord?
  /// The pipeline's name.
  package var pipeline: String
  /// The run's status in the ledger.
  package var status = RunStatus.done
  /// The exit code of the command: an ``ExitStatus``.
  package var exitCode = ExitStatus.done.rawValue
  /// The numbers of items: those of the run, and, as `skipped`, those that were done before or that their source called unchanged. Items that
  /// are not finished count in `total` alone.
  package var items: (total: Int, done: Int, skipped: Int, failed: Int)
  /// The records of the whole run, earlier processes of it included.
  package var counts = RecordCounts()
  /// The bytes of the whole run, earlier processes of it included.
  package var bytes = ByteCounts()
  /// Seconds since the command started.
  package var seconds: Double
  /// Restarts of workers, programs and engines.
  package var restarts: Int
  /// Requests and items that were tried again.
  package var retries: Int
  /// The numbers of the supervisors' events, by kind.
  package var events: [String: Int] = [:]
  /// Items that are done but for a damaged rest. Each rest counts as one record, read and dead-lettered.
  package var damagedItems = 0
  /// The pipeline's other runs of which something is left to do, the newest first.
  package var unfinishedRuns: [RunID] = []
  /// Why it is not done, in a sentence or two, without secrets; nil where it is done.
  package var problem: String?
  /// The error's code; nil where there is no problem.
  package var problemCode: ErrorCode?
  /// Whether it ended since the reader of standard output went away.
  package var isReaderGone = false

  /// A result without a run, and without a failure.
  init(_ pipeline: String, items: (total: Int, done: Int, skipped: Int, failed: Int), _ progress: RunProgress) {
    self.pipeline = pipeline
    self.items = items
    seconds = progress.seconds
    let snapshot = progress.snapshot
    restarts = snapshot.restarts
    retries = snapshot.retries
  }

  /// Items that are done, and could not be asked about, keep a run from being a success; nothing of it is left to resume.
  mutating func note(unasked: Int, isStopping: Bool, _ path: String) {
    guard unasked > 0, exitCode == ExitStatus.done.rawValue else { return }
    exitCode = (isStopping ? ExitStatus.unfinished : .failedItems).rawValue
    problem =
      "\(unasked) item\(unasked == 1 ? " that is done" : "s that are done") could not be asked about\(isStopping ? " before the run was stopped" : ""); what is known stays; ask again with: sluice run \(path)"
    problemCode = .notAsked
  }
}
