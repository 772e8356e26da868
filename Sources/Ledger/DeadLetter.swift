import Foundation

/// A record or an item that will not be tried again in its run, kept whole, with the reason.
package struct DeadLetter: Sendable {
  /// The number in its ledger, from 1; 0 until the ledger gives it one.
  package var id: Int64 = 0
  /// The run that made it.
  package var run: RunID
  /// The run's pipeline.
  package var pipeline: String
  /// The item's key.
  package var item: String
  /// The item's number; nil where the ledger has no such item.
  package var itemID: ItemID?
  /// The stage that gave it up.
  package var stage: String
  /// The record's number in its item, from 1; nil for an item as a whole.
  package var record: Int?
  /// The line where the record begins, from 1; nil for an item as a whole.
  package var line: Int?
  /// The byte of the decompressed item where the record begins, or from which on an item is damaged; nil where none is meant.
  package var offset: Int?
  /// The field that is wrong; nil where no one field is.
  package var field: String?
  /// The kind of fault in one word, such as `damaged_item`.
  package var code: String
  /// The fault in words, with its secrets hidden by the engine.
  package var reason: String
  /// The number of tries so far, replays included.
  package var attempts: Int
  /// The time of the last try.
  package var at: Date
  /// The record's bytes as the source had them; empty for an item as a whole.
  package var raw: [UInt8]
  /// The record before it, its first ``neighbourBytes``; nil where the chunk does not hold it.
  package var previous: [UInt8]?
  /// The record after it, its first ``neighbourBytes``; nil where the chunk does not hold it.
  package var next: [UInt8]?
  /// Whether a replay passed it, or its item was closed. The ledger sets it.
  package var resolved = false

  /// The most bytes that are kept of ``previous`` and of ``next``.
  package static let neighbourBytes = 512
  /// The code of an item that is damaged, or of the damaged rest of one.
  package static let damagedItem = "damaged_item"

  /// Makes an open dead letter without neighbours, which has no number yet.
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

/// A condition on dead letters: all fields that are not nil hold.
package struct DeadLetterFilter: Sendable {
  /// The number of the one dead letter.
  package var id: Int64?
  /// The number of the run that made it.
  package var run: Int64?
  /// The pipeline's name.
  package var pipeline: String?
  /// The item's key.
  package var item: String?
  /// The stage that gave it up.
  package var stage: String?
  /// The kind of fault.
  package var code: String?
  /// A part of the reason. ASCII letters match in either case.
  package var reason: String?
  /// True for resolved ones alone, false for open ones alone.
  package var isResolved: Bool?
  /// True for records alone, false for items as a whole alone.
  package var isRecord: Bool?
  /// Makes a filter that all dead letters pass.
  package init() {}

  /// Whether it names anything but a pipeline.
  package var isNarrow: Bool { id != nil || run != nil || item != nil || stage != nil || code != nil || reason != nil }
}

/// The dead letters of one stage, code and field.
package struct ReasonGroup: Sendable {
  /// The stage that gave them up.
  package var stage: String
  /// The kind of fault.
  package var code: String
  /// The field that is wrong; nil where no one field is.
  package var field: String?
  /// The number of dead letters.
  package var count: Int
  /// The first of them, as many as were asked for.
  package var examples: [DeadLetter]
}

/// The dead letters of one item that a replay takes.
package struct ReplayGroup: Sendable {
  /// The item's key.
  package var item: String
  /// The item's number; nil where the ledger has no such item.
  package var itemID: ItemID?
  /// The number of its dead letters.
  package var count: Int
  /// The item's columns, from ``ItemProgress/header``; nil where no checkpoint had them.
  package var header: String?
  /// The schema that the last of their runs inferred, from ``NewRun/schema``; nil where the definition has it.
  package var schema: String?
}

/// The result of a replay, by the numbers of dead letters.
package struct ReplayOutcome: Sendable {
  /// The dead letters that passed: their records are in the replay's outputs, or were filtered.
  package var passed: [Int64] = []
  /// The dead letters that failed again, each with its new field, code and reason.
  package var failed: [(id: Int64, field: String?, code: String, reason: String)] = []
  /// Makes a result of nothing.
  package init() {}
}
