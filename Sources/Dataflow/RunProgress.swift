import Configuration
import Definition
import Foundation
import Isolation
import Ledger
import Supervision
import Synchronization

/// How far a run is, for whoever shows it.
package struct ProgressSnapshot: Sendable {
  package var itemsTotal = 0
  package var itemsDone = 0
  package var itemsSkipped = 0
  package var itemsFailed = 0
  package var counts = RecordCounts()
  package var bytes = ByteCounts()
  /// Size of the items to fetch, as far as it is known.
  package var bytesTotal = 0
  package var retries = 0
  package var restarts = 0
}

/// Counts what happens in a run.
package final class RunProgress: Sendable {
  private let state = Mutex(ProgressSnapshot())
  package let started = EngineRole.started

  package init() {}

  /// Seconds since the command started.
  package var seconds: Double { started.duration(to: .now) / .seconds(1) }

  package var snapshot: ProgressSnapshot { state.withLock { $0 } }

  package func update(_ body: (inout sending ProgressSnapshot) -> Void) { state.withLock { body(&$0) } }
}

/// What a run tells as it goes.
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
  /// An item's columns are other than its source's were; what was seen before is not told again.
  case schemaChanged(item: String, change: String)
  /// What was done of an item before can't be gone on from.
  case startsOver(item: String, reason: String)
  /// A server could not be asked whether an item that is done is new.
  case notAsked(item: String, reason: String)
  /// Items are done, but by the definition as it was before.
  case outdated(count: Int, definition: String)
  /// Items that were not done, and that are no longer found: nobody will try them again.
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
