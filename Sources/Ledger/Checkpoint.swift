import Files

/// The records of an item or a run: `read` is the sum of `written`, `filtered` and `deadLettered`.
package struct RecordCounts: Sendable, Hashable {
  /// The records that parse found.
  package var read = 0
  /// The records that went into the output.
  package var written = 0
  /// The records that a step took out.
  package var filtered = 0
  /// The records that became dead letters.
  package var deadLettered = 0
  /// Lines that are blank; they are no records, and `read` leaves them out.
  package var blankLines = 0

  /// Makes counts of nothing.
  package init() {}

  /// Adds up two counts.
  package static func + (a: RecordCounts, b: RecordCounts) -> RecordCounts {
    var sum = a
    sum.read += b.read
    sum.written += b.written
    sum.filtered += b.filtered
    sum.deadLettered += b.deadLettered
    sum.blankLines += b.blankLines
    return sum
  }

  /// Returns the difference, count by count.
  package static func - (a: RecordCounts, b: RecordCounts) -> RecordCounts {
    var rest = a
    rest.read -= b.read
    rest.written -= b.written
    rest.filtered -= b.filtered
    rest.deadLettered -= b.deadLettered
    rest.blankLines -= b.blankLines
    return rest
  }
}

/// The bytes of an item or a run, by stage.
package struct ByteCounts: Sendable, Hashable {
  /// The bytes that came from the source.
  package var fetched = 0
  /// The bytes after decompression.
  package var decompressed = 0
  /// The bytes of the output.
  package var written = 0

  /// Makes counts of nothing.
  package init() {}

  /// Adds up two counts.
  package static func + (a: ByteCounts, b: ByteCounts) -> ByteCounts {
    var sum = a
    sum.fetched += b.fetched
    sum.decompressed += b.decompressed
    sum.written += b.written
    return sum
  }
}

/// A point in an item up to which sink and ledger agree on durable storage.
package struct Checkpoint: Sendable {
  /// The bytes of the decompressed item that are done; a record begins here.
  package var offset = 0
  /// The lines before it.
  package var lines = 0
  /// The records before it.
  package var counts = RecordCounts()
  /// The bytes before it.
  package var bytes = ByteCounts()
  /// The output's position with all of that, in its sink's words.
  package var position = SinkPosition.start
  /// The codec's state, by which reading goes on from here, or from a little before; nil where there is none. Opaque, about 90 KB for gzip.
  /// ``ItemLedger/continuation(_:)`` alone loads it: an item that is listed has nil here.
  package var continuation: [UInt8]?

  /// Makes the checkpoint at an item's beginning.
  package init() {}
}

/// The news of an item since its last checkpoint.
package struct ItemProgress: Sendable {
  /// The point up to which all is durable.
  package var checkpoint: Checkpoint
  /// The dead letters since then. The ledger iterates each sequence once, in its transaction, so the engine may make many as they are asked for.
  package var letters: [any Sequence<DeadLetter> & Sendable] = []
  /// The item's columns as JSON, which only the engine reads, for replays of its dead letters; nil leaves what the ledger has.
  package var header: String?
  /// Whether it is the first of new content, with which the dead letters of the content before go.
  package var replacesEarlier = false

  /// Makes progress up to a checkpoint, without dead letters.
  package init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }
}

/// An item whose output is whole on durable storage.
package struct FinishedItem: Sendable {
  /// The item's number.
  package var id: ItemID
  /// The version of the source that was read to its end.
  package var version: String
  /// The rest of the item. Its checkpoint is at the item's end and has no continuation.
  package var progress: ItemProgress
  /// The commits that its sinks owe; empty where the run has one output for all, or none.
  package var commits: [PendingCommit]
  /// The sinks that its records are in from now on, of those that commit each item for itself; empty where the definition has one sink.
  package var marks: [Int] = []
  /// The time that its last attempt took.
  package var seconds: Double
  /// The number of its columns, from ``HistoryLedger/sourceSchema(pipeline:_:)``; nil where it has no columns.
  package var sourceSchema: Int64?

  /// Makes a finished item, and drops its continuation, for nothing is left to read.
  package init(id: ItemID, version: String, progress: ItemProgress, commits: [PendingCommit], seconds: Double, sourceSchema: Int64?) {
    self.seconds = seconds
    self.sourceSchema = sourceSchema
    self.id = id
    self.version = version
    self.progress = progress
    self.commits = commits
    // The last checkpoint stays: it says how long the item's share of the output is.
    self.progress.checkpoint.continuation = nil
  }
}
