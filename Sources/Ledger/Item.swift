/// An item's number in its ledger.
package struct ItemID: Sendable, Hashable, Codable {
  package let value: Int64
  package init(_ value: Int64) { self.value = value }
}

/// `closed` is an item that was not done, and is not to be unless a run finds it again.
package enum ItemStatus: String, Sendable, Codable { case pending, working, done, failed, closed }

/// An item as the ledger holds it.
package struct ItemRecord: Sendable {
  package var id: ItemID
  package var pipeline: String
  package var key: String
  package var version: String?
  package var run: RunID
  /// The item's place in its run's order.
  package var ordinal: Int
  package var status: ItemStatus
  /// What the definition's parse, transform and write were.
  package var definitionHash: String
  package var checkpoint: Checkpoint?
  package var counts: RecordCounts
  package var error: String?
  /// What it takes to open it again, without secrets; nil where its key says it all, and in ledgers of earlier builds.
  package var location: String?
}

/// What a run will work on, in order.
package struct ItemEntry: Sendable {
  package var key: String
  /// What it takes to open it again, without secrets; nil where its key says it all.
  package var location: String?
  /// Whether what was done before counts no more: checkpoint and dead letters go.
  package var startsOver: Bool
  /// Its place among all the run's items, those that are done already included.
  package var ordinal: Int
  /// Whether the ledger has it already.
  package var isKnown: Bool

  package init(key: String, location: String?, ordinal: Int, startsOver: Bool, isKnown: Bool) {
    self.key = key
    self.location = location
    self.ordinal = ordinal
    self.startsOver = startsOver
    self.isKnown = isKnown
  }
}

/// An item that is not done.
package struct OpenItem: Sendable {
  package var id: ItemID
  package var key: String
  package var run: RunID
  package var status: ItemStatus
  /// The text of its run's definition, and the variables of it; nil where the run is not known any more.
  package var definition: String?
  package var variables: [String: String]?
}

/// An item of a run with what a report tells of it.
package struct ItemFigures: Sendable {
  package var key: String
  package var status: ItemStatus
  package var read: Int
  /// How long its last attempt took; nil where that is not known.
  package var seconds: Double?
  package var columns: [String]?
  package var error: String?
}
