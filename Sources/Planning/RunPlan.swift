import Dataflow
import Files
import Ledger
import Write

/// The work of a run: which items, from where, and how much of a part is kept.
package struct RunPlan: Sendable {
  /// The items to work on, in order.
  package var work: [ItemDecision] = []
  /// Items in all, those that are done included.
  package var total = 0
  /// The position up to which the run's one output is kept.
  package var kept = SinkPosition.start
  /// The position in the run's one output where the item that is resumed has begun.
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
struct ItemDecisions {
  /// In order: about those that are to be worked on, or about all.
  var decisions: [ItemDecision] = []
  var total = 0
  /// As in ``RunPlan``.
  var outdated = 0
  var unasked = 0
  var failed: [String] = []
}
