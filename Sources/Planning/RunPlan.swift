import Dataflow
import Files
import Ledger
import Write

/// The work of a run: which items, from where, and how much of a part is kept.
package struct RunPlan: Sendable {
  /// In order.
  package var work: [ItemDecision] = []
  /// Items in all, those that are done included.
  package var total = 0
  /// Of the one output of a run: what stands of it already, and where items that start over begin.
  package var kept = SinkPosition.start
  package var base = SinkPosition.start
  /// Items that are done, and could not be asked about.
  package var unasked = 0
  /// The keys of those that failed in this run before its engine was started again.
  package var failed: [String] = []
  /// Items that are done, but by the definition as it was before, and stay so.
  package var outdated = 0
  /// Whether the one output is in its place already.
  package var isInPlace = false
}

/// The decisions about all items.
package struct ItemDecisions {
  /// In order: about those that are to be worked on, or about all.
  package var decisions: [ItemDecision] = []
  package var total = 0
  /// As in ``Plan``.
  package var outdated = 0
  package var unasked = 0
  package var failed: [String] = []
}
