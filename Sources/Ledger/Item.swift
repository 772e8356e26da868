/// An item's number in its ledger.
package struct ItemID: Sendable, Hashable {
  /// The number, from 1.
  package let value: Int64
  /// Makes an item's number.
  package init(_ value: Int64) { self.value = value }
}

/// The state of an item. A `closed` item was not done, and no run works on it unless it finds the item again.
package enum ItemStatus: String, Sendable { case pending, working, done, failed, closed }

/// An item as the ledger holds it.
package struct ItemRecord: Sendable {
  /// The item's number.
  package var id: ItemID
  /// The pipeline's name.
  package var pipeline: String
  /// The identity that is shown; it holds no secrets.
  package var key: String
  /// The source's version that the checkpoint, or the output, is of; nil where nothing of it is written.
  package var version: String?
  /// The last run that worked on it, or is to.
  package var run: RunID
  /// The item's place in its run's order.
  package var ordinal: Int
  /// The state.
  package var status: ItemStatus
  /// The fingerprint of all that its output depends on, from the run that began it.
  package var definitionHash: String
  /// The last checkpoint, without its continuation; nil where nothing is written. It stays once the item is done.
  package var checkpoint: Checkpoint?
  /// The records of the item once it is done, without blank lines; nothing before.
  package var counts: RecordCounts
  /// The reason why it failed; nil otherwise.
  package var error: String?
  /// The address to open it by, without secrets; nil where its key says it all, and in ledgers of earlier builds.
  package var location: String?
}

/// An item that a run is to work on.
package struct ItemEntry: Sendable {
  /// The identity that is shown.
  package var key: String
  /// The address to open it by, without secrets; nil where its key says it all.
  package var location: String?
  /// Whether its work begins anew: the ledger forgets checkpoint, dead letters, version and counts.
  package var startsOver: Bool
  /// Whether the dead letters and counts of the content before stay until ``ItemProgress/replacesEarlier``, though the item starts over: its
  /// source may still say that nothing changed.
  package var keepsEarlier: Bool
  /// Whether no sink counts as having the item's records: then all of them are written again (`--full`).
  package var forgetsSinks: Bool
  /// The place among all the run's items, from 0, those included that are done already.
  package var ordinal: Int
  /// Whether the ledger has it already; false spares the ledger to look for what is to be forgotten.
  package var isKnown: Bool

  /// Makes an entry.
  package init(
    key: String, location: String?, ordinal: Int, startsOver: Bool, keepsEarlier: Bool = false, forgetsSinks: Bool = false, isKnown: Bool
  ) {
    self.key = key
    self.location = location
    self.ordinal = ordinal
    self.startsOver = startsOver
    self.keepsEarlier = keepsEarlier
    self.forgetsSinks = forgetsSinks
    self.isKnown = isKnown
  }
}

/// An item that is not done.
package struct OpenItem: Sendable {
  /// The item's number.
  package var id: ItemID
  /// The identity that is shown.
  package var key: String
  /// The run that it belongs to.
  package var run: RunID
  /// The state.
  package var status: ItemStatus
  /// The text of its run's definition; nil where the ledger has the run no more.
  package var definition: String?
  /// The `--var` values of its run; nil where the ledger has the run no more.
  package var variables: [String: String]?

  /// An item that is not done.
  package init(
    id: ItemID, key: String, run: RunID, status: ItemStatus, definition: String? = nil, variables: [String: String]? = nil
  ) {
    self.id = id
    self.key = key
    self.run = run
    self.status = status
    self.definition = definition
    self.variables = variables
  }
}

/// The figures of one item in a run's report.
package struct ItemFigures: Sendable {
  /// The identity that is shown.
  package var key: String
  /// The state.
  package var status: ItemStatus
  /// The records of the item once it is done, else 0.
  package var read: Int
  /// The time that its last attempt took; nil where the item was never done, and in ledgers of earlier builds.
  package var seconds: Double?
  /// The names of its columns; nil where the item has none, or was never done.
  package var columns: [String]?
  /// The reason why it failed; nil otherwise.
  package var error: String?
}
