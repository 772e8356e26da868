import Files

/// A ledger's items and their checkpoints. An item is known by its pipeline and its key; keys are told apart by their bytes.
package protocol ItemLedger: Sendable {
  /// The pipeline's items with these keys, in their order; nil for each that is not known.
  ///
  /// - Parameter keys: for each item its key, then the keys that earlier builds gave it.
  func items(pipeline: String, keys: [[String]]) async throws -> [ItemRecord?]

  /// The run's items in their order, all or only those that are not done.
  func items(run: RunID, onlyOpen: Bool) async throws -> [ItemRecord]

  /// The keys of items, by their numbers.
  func keys(_ ids: [Int64]) async throws -> [Int64: String]

  /// The next items of a selection by number, at most `limit`: so a caller goes through millions in flat memory.
  ///
  /// - Parameter after: the last item of the page before; nil for the first page.
  func page(_ selection: ItemSelection, after: ItemID?, limit: Int) async throws -> [ItemListing]

  /// The keys of a pipeline's items that are not done.
  func openKeys(pipeline: String) async throws -> [String]

  /// Whether a pipeline has items that are not done, of any run.
  func hasOpenItems(pipeline: String) async throws -> Bool

  /// The pipeline's items that are not done and not among `keys`, told apart by their bytes.
  func openItems(pipeline: String, without keys: [String]) async throws -> [OpenItem]

  /// Writes a checkpoint together with the dead letters up to it, and the version of the item that they are of.
  func checkpoint(_ id: ItemID, version: String, _ progress: ItemProgress) async throws

  /// The item's ``Checkpoint/continuation``, as its last checkpoint has it.
  ///
  /// It is the memory of a C library, which takes only the very bytes that were kept. So it is nil where they are damaged, and where
  /// the checkpoint has none.
  func continuation(_ id: ItemID) async throws -> [UInt8]?

  /// Makes items done: this is the commit of their outputs. Their committables are the redo log of the sinks' part, which recovery does
  /// again.
  ///
  /// - Parameter committed: the committables that their sinks have committed by now.
  func finish(_ items: [FinishedItem], committed: [Committable]) async throws

  /// Makes an item done that is as it was when it was done before.
  func unchanged(_ id: ItemID, version: String) async throws

  /// Makes an item failed, with a dead letter for it. Its checkpoint and the dead letters of its records go.
  ///
  /// - Parameter refused: the commits that their sinks will never do: the item is in those sinks no more.
  func fail(_ id: ItemID, error: String, _ letter: DeadLetter, refused: [PendingCommit]) async throws

  /// The sinks that each item's records are in, by their last commits, where the definition had several.
  func sinkMarks(_ ids: [ItemID]) async throws -> [[SinkMark]]

  /// The records of an item that a sink has refused, and that have not become dead letters yet.
  func refusedRecords(_ id: ItemID) async throws -> [RefusedRecord]

  /// Forgets all that an earlier try left of an item: checkpoint, dead letters, version, columns and counts.
  func startOver(_ id: ItemID) async throws

  /// Gives items new keys, which their dead letters take over.
  func rename(_ items: [(id: ItemID, key: String)]) async throws
}

/// The mark that one of several sinks has an item's records: the sink is passed over where the item is read again for another one.
package struct SinkMark: Sendable, Hashable {
  /// The sink's place among those of the definition, from 0.
  package var sink: Int
  /// The version of the item that is in it.
  package var version: String
  /// The fingerprint of the definition that it was written by.
  package var definitionHash: String

  /// Makes a mark.
  package init(sink: Int, version: String, definitionHash: String) {
    self.sink = sink
    self.version = version
    self.definitionHash = definitionHash
  }
}

/// A record that a sink refused at its commit: the item is read again without it, and it becomes a dead letter then.
package struct RefusedRecord: Sendable, Hashable {
  /// The record's number in its item, from 0.
  package var record: Int
  /// The version of the item; the ledger fills it in.
  package var version: String
  /// The field that the sink named; nil where it named none.
  package var field: String?
  /// The sink's reason.
  package var reason: String

  /// Makes a refused record.
  package init(record: Int, version: String = "", field: String?, reason: String) {
    self.record = record
    self.version = version
    self.field = field
    self.reason = reason
  }
}

/// Some of a ledger's items.
package enum ItemSelection: Sendable {
  /// All of a pipeline.
  case pipeline(String)
  /// Those of a pipeline that are done.
  case done(pipeline: String)
  /// Those that are done, of the items that belong to a run.
  case doneIn(RunID)
}

/// An item in a list: its number, its key and the run that it belongs to.
package typealias ItemListing = (id: ItemID, key: String, run: RunID)

extension ItemLedger {
  /// Hands a selection to `body`, at most 1,000 items at a time, in the order of their numbers.
  package func forEachPage(_ selection: ItemSelection, _ body: ([ItemListing]) async throws -> Void) async throws {
    var after: ItemID?
    while true {
      let page = try await page(selection, after: after, limit: 1000)
      guard let last = page.last?.id else { return }
      // A damaged index may give a page twice.
      if let after, last.value <= after.value { return }
      try await body(page)
      after = last
    }
  }

  /// The run's items in their order.
  package func items(run: RunID) async throws -> [ItemRecord] { try await items(run: run, onlyOpen: false) }

  /// Makes an item failed, with a dead letter for it.
  package func fail(_ id: ItemID, error: String, _ letter: DeadLetter) async throws {
    try await fail(id, error: error, letter, refused: [])
  }
}
