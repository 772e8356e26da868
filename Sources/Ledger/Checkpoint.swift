import Files

/// How many records of an item or a run went where: `read` is the sum of `written`, `filtered` and `deadLettered`.
package struct RecordCounts: Sendable, Hashable, Codable {
  package var read = 0
  package var written = 0
  package var filtered = 0
  package var deadLettered = 0
  /// Lines that are blank, and no records.
  package var blankLines = 0

  package init() {}

  package static func + (a: RecordCounts, b: RecordCounts) -> RecordCounts {
    var sum = a
    sum.read += b.read
    sum.written += b.written
    sum.filtered += b.filtered
    sum.deadLettered += b.deadLettered
    sum.blankLines += b.blankLines
    return sum
  }
}

/// Bytes of an item or a run by stage.
package struct ByteCounts: Sendable, Hashable, Codable {
  package var fetched = 0
  package var decompressed = 0
  package var written = 0

  package init() {}

  package static func + (a: ByteCounts, b: ByteCounts) -> ByteCounts {
    var sum = a
    sum.fetched += b.fetched
    sum.decompressed += b.decompressed
    sum.written += b.written
    return sum
  }
}

/// A point in an item up to which output and ledger agree on disk.
package struct Checkpoint: Sendable {
  /// Bytes of the decompressed item that are done; a record begins here.
  package var offset = 0
  /// Lines before it.
  package var lines = 0
  package var counts = RecordCounts()
  package var bytes = ByteCounts()
  /// Where the output is with all of that.
  package var position = SinkPosition.start
  /// How reading goes on from here, or from a little before, without going through what comes before; opaque, and
  /// loaded by ``Ledger/continuation(_:)`` alone. About 90 KB for gzip.
  package var continuation: [UInt8]?

  package init() {}
}

/// What is new of an item since its last checkpoint.
package struct ItemProgress: Sendable {
  package var checkpoint: Checkpoint
  /// Made as they are put in, where they are many.
  package var letters: [any Sequence<DeadLetter> & Sendable] = []
  /// What its columns are, where there are dead letters of it that may be replayed: JSON of the caller's making.
  package var header: String?

  package init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }
}

/// An item that is whole on the disk.
package struct FinishedItem: Sendable {
  package var id: ItemID
  package var version: String
  package var progress: ItemProgress
  /// What its sink is to commit; nil where the run has one output for all.
  package var commit: PendingCommit?
  /// How long its last attempt took.
  package var seconds: Double
  /// What its columns are called: ``Ledger/sourceSchema(pipeline:_:)``.
  package var sourceSchema: Int64?

  package init(id: ItemID, version: String, progress: ItemProgress, commit: PendingCommit?, seconds: Double, sourceSchema: Int64?) {
    self.seconds = seconds
    self.sourceSchema = sourceSchema
    self.id = id
    self.version = version
    self.progress = progress
    self.commit = commit
    // The last checkpoint stays: it says how long the item's share of the output is.
    self.progress.checkpoint.continuation = nil
  }
}
