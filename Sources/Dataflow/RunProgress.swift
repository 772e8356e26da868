import Configuration
import Definition
import Foundation
import Isolation
import Ledger
import Supervision
import Synchronization

/// The figures of a run at one moment.
package struct ProgressSnapshot: Sendable {
  /// Items in all, done ones included.
  package var itemsTotal = 0
  /// Items that this process has done.
  package var itemsDone = 0
  /// Items that were done before, and items that their source called unchanged.
  package var itemsSkipped = 0
  /// Items that failed, in this run and before an engine of it died.
  package var itemsFailed = 0
  /// Records that came to write in this process. A second attempt at an item counts them again.
  package var counts = RecordCounts()
  /// Bytes that this process has fetched and written, second attempts included. Decompressed bytes are not counted here.
  package var bytes = ByteCounts()
  /// Size of the items to fetch, as far as it is known.
  package var bytesTotal = 0
  /// Requests and items that the stages tried again.
  package var retries = 0
  /// Restarts of workers, programs and engines.
  package var restarts = 0
}

/// Counts what happens in a run.
package final class RunProgress: Sendable {
  private let state = Mutex(ProgressSnapshot())
  /// The start of the command.
  package let started = EngineRole.started

  /// Counts from zero, for a run of a command that has started already.
  package init() {}

  /// Seconds since the command started.
  package var seconds: Double { started.duration(to: .now) / .seconds(1) }

  /// The figures as they are now.
  package var snapshot: ProgressSnapshot { state.withLock { $0 } }

  /// Changes figures, all at once for readers. `body` runs under a lock.
  package func update(_ body: (inout sending ProgressSnapshot) -> Void) { state.withLock { body(&$0) } }
}

/// An event of a run, as its user is told of it.
package enum RunEvent: Sendable {
  case retry(item: String, attempt: Int, reason: String, wait: Duration)
  case itemDone(item: String, counts: RecordCounts, seconds: Double)
  case itemFailed(item: String, stage: Stage, reason: String, code: ErrorCode)
  case supervision(SupervisionEvent)
  /// A line that a program of the user's wrote to its standard error.
  case programSaid(command: String, line: String)
  case programRestarted(command: String, reason: String)
  case schema(String)
  /// Fields that are inferred have other types than in the run before.
  case retyped(String)
  /// An item's columns are other than its source's were; a change that was told is not told again.
  case schemaChanged(item: String, change: String)
  /// Fields that the definition names are in none of the records that were read, and NULL in all of them.
  case absentFields([String], records: Int)
  /// An item, or an output, begins anew: its earlier work can't be gone on from.
  case startsOver(item: String, reason: String)
  /// A server could not be asked whether an item that is done is new.
  case notAsked(item: String, reason: String)
  /// Items are done, but by the definition as it was before.
  case outdated(count: Int, definition: String)
  /// Items that were not done, and that are no longer found: no run will try them again.
  case closed(items: [String])
  /// Outputs of items that are done are no longer there.
  case outputsGone(count: Int, first: String)
  /// Files that a pattern matches are no items: the pipeline has written them, or they are its own otherwise.
  case passedOver(count: Int, first: String)
  /// Records go to standard output, of which nothing can be taken back.
  case toStandardOutput
  /// An output takes the place of another item's, or pipeline's, which is gone.
  case takesOver(output: String, owner: String)
}
