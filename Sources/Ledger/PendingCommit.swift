import Files

/// A committable that the ledger's commit made good, and whose sink may not have committed it yet: the redo log of the last step.
package struct PendingCommit: Sendable {
  /// The token that makes the output visible.
  package var committable: Committable
  /// The pipeline's name.
  package var pipeline: String
  /// The run that wrote it; nil for a replay's.
  package var run: RunID?
  /// The item whose output it is; nil for the one output of a run or of a replay.
  package var item: ItemID?
  /// The number of the replay that wrote it; nil for a run's.
  package var replay: Int?
  /// The sink's place among those of the definition, from 0.
  package var sink: Int
  /// The output, where it is a file; nil for a pending commit that was found, whose output is known.
  package var output: Output?

  /// Makes a commit that a sink owes.
  package init(
    _ committable: Committable, pipeline: String, run: RunID?, item: ItemID?, replay: Int? = nil, sink: Int = 0, output: Output? = nil
  ) {
    self.committable = committable
    self.pipeline = pipeline
    self.run = run
    self.item = item
    self.replay = replay
    self.sink = sink
    self.output = output
  }
}
