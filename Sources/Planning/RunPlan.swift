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
  /// The positions up to which the outputs of the run are kept, a sink each.
  package var kept: [SinkPosition]
  /// The positions in the outputs of the run where the item that is resumed has begun, a sink each.
  package var bases: [SinkPosition]
  /// Items that are done, and could not be asked about.
  package var unasked = 0
  /// The keys of those that failed in this run before its engine was started again.
  package var failed: [String] = []
  /// Items that are done, but by the definition as it was before, and stay so.
  package var outdated = 0
  /// Whether the outputs of the run are in their places already.
  package var isInPlace = false

  /// A plan without work, for so many sinks.
  init(sinks: Int) {
    kept = Array(repeating: .start, count: sinks)
    bases = kept
  }
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
