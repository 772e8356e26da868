import Files

/// A ledger's runs.
package protocol RunLedger: Sendable {
  /// The number that the next run will have, unless another pipeline of the ledger takes it.
  func nextRun() async throws -> RunID

  /// Enters a new run with its items, or opens `continuing` again with those that it will work on.
  ///
  /// One transaction does both: a run without its items would look finished to a later `resume`. A new run makes the pipeline's earlier
  /// runs failed ones where they are running or interrupted, and gives them an error and an end.
  ///
  /// - Parameters:
  ///   - definitionHash: the fingerprint of all that the items' outputs depend on.
  ///   - items: in the order in which the run works on them.
  /// - Returns: the items' numbers, in the order of `items`.
  func begin(
    _ new: NewRun, continuing: RunID?, pipeline: String, definitionHash: String, _ items: [ItemEntry]
  ) async throws -> (run: RunID, items: [ItemID])

  /// Ends a run.
  ///
  /// - Parameters:
  ///   - commits: of the outputs that are the run's and not an item's, where they are whole.
  ///   - committed: the committables that their sinks have committed since.
  func endRun(_ id: RunID, _ end: RunEnd, commits: [PendingCommit], committed: [Committable]) async throws

  /// The runs of a pipeline, or of all with nil: the newest first, at most `limit`.
  func runs(pipeline: String?, limit: Int) async throws -> [RunRecord]

  /// The runs of which something is left to do, the newest first; of all pipelines with nil.
  func unfinishedRuns(pipeline: String?) async throws -> [RunRecord]

  /// A run by its number; nil where there is none.
  func run(_ id: RunID) async throws -> RunRecord?

  /// Whether something of a run is left to do: it is running or interrupted, an item is open, or an output may not be committed.
  /// Of the outputs of a closed run nothing is said.
  func isUnfinished(_ run: RunRecord) async throws -> Bool

  /// Whether all items that a run worked on were begun under the definition of this fingerprint.
  func hasDefinition(_ hash: String, run: RunID) async throws -> Bool

  /// The sum of a run's items, up to their last checkpoints, and how many there are in each state.
  func totals(_ run: RunID) async throws -> (counts: RecordCounts, bytes: ByteCounts, items: [ItemStatus: Int])

  /// How many of the run's items are done but for a damaged rest, which is a dead letter.
  func damagedItems(_ run: RunID) async throws -> Int

  /// Closes items, and their runs where nothing else of them is left to do. The dead letters of the items as a whole become resolved,
  /// and those of their records go.
  ///
  /// - Parameters:
  ///   - runs: runs that are closed with all their open items, be their output committed or not.
  ///   - continued: a run that goes on, and is not closed; nil where none does.
  func close(_ items: [ItemID], runs: [RunID], continued: RunID?) async throws
}

extension RunLedger {
  /// The runs of a pipeline, or of all with nil: the newest first, at most 1,000.
  package func runs(pipeline: String?) async throws -> [RunRecord] { try await runs(pipeline: pipeline, limit: 1000) }
}
