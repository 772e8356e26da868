import Foundation

/// A record or an item that will not be tried again in its run, kept whole, with why.
package struct DeadLetter: Sendable {
  package var id: Int64 = 0
  package var run: RunID
  package var pipeline: String
  package var item: String
  package var itemID: ItemID?
  package var stage: String
  package var record: Int?
  package var line: Int?
  package var offset: Int?
  package var field: String?
  package var code: String
  package var reason: String
  package var attempts: Int
  package var at: Date
  package var raw: [UInt8]
  /// What stands before and after the record, where it is known: at most ``neighbourBytes`` of each.
  package var previous: [UInt8]?
  package var next: [UInt8]?
  package var resolved = false

  package static let neighbourBytes = 512
  /// The code of an item that is damaged, or of the damaged rest of one.
  package static let damagedItem = "damaged_item"

  package init(
    run: RunID, pipeline: String, item: String, itemID: ItemID?, stage: String, record: Int? = nil, line: Int? = nil,
    offset: Int? = nil, field: String? = nil, code: String, reason: String, attempts: Int = 1, at: Date = Date(), raw: [UInt8] = []
  ) {
    self.run = run
    self.pipeline = pipeline
    self.item = item
    self.itemID = itemID
    self.stage = stage
    self.record = record
    self.line = line
    self.offset = offset
    self.field = field
    self.code = code
    self.reason = reason
    self.attempts = attempts
    self.at = at
    self.raw = raw
  }
}

/// What to look for among dead letters; nil is all.
package struct DeadLetterFilter: Sendable {
  package var id: Int64?
  package var run: Int64?
  package var pipeline: String?
  package var item: String?
  package var stage: String?
  package var code: String?
  /// A part of the reason, without regard to case (of ASCII letters).
  package var reason: String?
  package var isResolved: Bool?
  /// Only records, or only items as a whole.
  package var isRecord: Bool?
  package init() {}

  /// Whether it names anything but a pipeline.
  package var isNarrow: Bool { id != nil || run != nil || item != nil || stage != nil || code != nil || reason != nil }
}

/// Dead letters with the same stage, code and field.
package struct ReasonGroup: Sendable {
  package var stage: String
  package var code: String
  package var field: String?
  package var count: Int
  package var examples: [DeadLetter]
}

/// An item's dead letters that are to be replayed.
package struct ReplayGroup: Sendable {
  package var item: String
  package var itemID: ItemID?
  package var count: Int
  /// What the item's columns were; see ``ItemProgress/header``.
  package var header: String?
  /// The schema that its run inferred, where it did.
  package var schema: String?
  /// Its place among the items of its run.
  package var ordinal: Int
}

/// What a replay made of dead letters.
package struct ReplayOutcome: Sendable {
  package var passed: [Int64] = []
  /// What failed again, with the new reason.
  package var failed: [(id: Int64, field: String?, code: String, reason: String)] = []
  package init() {}
}
