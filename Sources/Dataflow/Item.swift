import Configuration
import Decompress
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Parse
import Records
import Write

/// One source object that a run works on.
package struct Item: Sendable {
  /// Its identity in the ledger and in messages, without secrets.
  package var key: String
  /// The last part of its path or address.
  package var name: String
  /// The source that reads it.
  package var source: any ItemSource
  /// The text that its source opens it by: its identity within a run. It may hold secrets; no other code reads it.
  package var location: String
  /// The part of the location that the ledger keeps.
  var kept: String
  /// Its size and version as the listing told them; nil where it told neither.
  package var listed: SourceState?
  /// The SHA-256 that its content must have, in hexadecimal; nil where the definition gives none.
  var sha256: String?
  /// The text between an archive's key and a member's name in a member's key.
  package static let memberSeparator = "!/"
  /// Keys that earlier builds may have given it.
  package var formerKeys: [String] = []

  /// An item as its source listed it.
  ///
  /// - Parameter sha256: the sum that its content must have, in hexadecimal; nil for any.
  package init(_ listed: ListedItem, _ source: any ItemSource, sha256: String? = nil) {
    key = listed.key
    name = listed.name
    self.source = source
    location = listed.location
    kept = listed.kept
    self.listed = listed.state
    self.sha256 = sha256
    formerKeys = listed.formerKeys
  }

  /// Its path, where it is a file of this machine.
  package var localPath: String? { source.localPath(location) }

  /// The source's name and ``kept``, as the ledger keeps them beside the key; nil where the key alone says both.
  package var keptLocation: String? {
    let type = Swift.type(of: source)
    return kept == key && Sources.answering(to: key).map({ $0 == type }) == true ? nil : "\(type.name) \(kept)"
  }

  /// The name without the endings of codecs and formats.
  package var stem: String { NameEndings.stem(of: name, formats: RecordFormats.endings) }
}

/// An item that a run will work on, and from where.
package struct PlannedItem: Sendable {
  var item: Item
  /// Its number in the ledger.
  package var id: ItemID
  /// Its output in each sink; where a run has one output, the same for all items.
  var slots: [OutputSlot]
  /// The position in each output of a run where the item's records begin.
  var bases: [SinkPosition]
  var start: Checkpoint
  var startVersion: String?
  var failedBefore = false
  var knownVersion: String?
  var size: Int?
  var refusal: Failure?
  /// The sinks that have the item's records already, at their versions.
  var marks: [SinkMark] = []
  /// The records that a sink refused when the item was written before.
  var refused: [RefusedRecord] = []

  /// An item that begins at its start or goes on from a checkpoint.
  ///
  /// - Parameters:
  ///   - id: its number in the ledger.
  ///   - slots: its output in each sink.
  ///   - bases: the positions where its share of each output of the run begins.
  ///   - start: the checkpoint to go on from, or one at the start.
  ///   - startVersion: the version that `start` is of.
  ///   - failedBefore: whether an earlier run's attempts at it all failed.
  ///   - knownVersion: a version that need not be fetched again.
  ///   - size: its bytes as it is stored, where they are known before it is fetched.
  ///   - refusal: why its output can't be written; it fails of that, unread.
  ///   - marks: the sinks that have its records already, by the present definition.
  ///   - refused: the records that a sink refused when it was written before.
  package init(
    item: Item, id: ItemID, slots: [OutputSlot], bases: [SinkPosition], start: Checkpoint, startVersion: String?, failedBefore: Bool,
    knownVersion: String?, size: Int?, refusal: Failure?, marks: [SinkMark] = [], refused: [RefusedRecord] = []
  ) {
    self.item = item
    self.id = id
    self.slots = slots
    self.bases = bases
    self.start = start
    self.startVersion = startVersion
    self.failedBefore = failedBefore
    self.knownVersion = knownVersion
    self.size = size
    self.refusal = refusal
    self.marks = marks
    self.refused = refused
  }

  /// The item, for another try.
  ///
  /// - Parameters:
  ///   - point: the checkpoint to go on from, and the version that it is of; nil to begin anew.
  ///   - marks: the sinks that have its records by now.
  ///   - refused: the records that a sink has refused by now.
  package func again(from point: (start: Checkpoint, version: String?)?, marks: [SinkMark], refused: [RefusedRecord]) -> PlannedItem {
    var again = self
    again.start = point?.start ?? Checkpoint()
    (again.startVersion, again.knownVersion) = (point?.version, nil)
    (again.marks, again.refused) = (marks, refused)
    return again
  }
}

/// The end of an attempt at an item that did not come to the item's end.
enum AttemptEnd: Sendable {
  /// - attempts: how often the item was tried by then, where the failure knows better than the attempt: each request that failed is a try.
  /// - isTold: whether the user was told of it, and the wait before the next try is over.
  case failed(Failure, attempts: Int? = nil, isTold: Bool = false)
  /// The run stops. The item goes on from its checkpoint later.
  case stopped
  /// The source says that nothing changed.
  case unchanged

  /// A worker failed with the item in its hands: another attempt may succeed.
  static func worker(_ reason: String, _ stage: Stage) -> AttemptEnd { .failed(Failure(.workerFailed, stage, reason, isTransient: true)) }
}

extension Failure {
  /// The code of the dead letter that an item becomes. The ledger has these words for good.
  var deadLetterCode: String {
    switch (code, stage) {
    case (.workerFailed, _): "worker_failed"
    case (.wrongChecksum, _): "checksum_mismatch"
    case (_, .fetch): "fetch_failed"
    case (_, .write): "output_refused"
    default: DeadLetter.damagedItem
    }
  }
}
