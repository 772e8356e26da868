import Files

/// A committable that the ledger's commit made good, and whose sink may not have committed it yet: the redo log of the last step.
package struct PendingCommit: Sendable {
  package var committable: Committable
  package var pipeline: String
  package var run: RunID?
  /// The item whose output it is; nil for the one output of a run.
  package var item: ItemID?
  /// The replay of dead letters that wrote it.
  package var replay: Int?
  /// The output, where it is a file; nil for a pending commit that was found, whose output is known.
  package var output: Output?

  package init(_ committable: Committable, pipeline: String, run: RunID?, item: ItemID?, replay: Int? = nil, output: Output? = nil) {
    self.committable = committable
    self.pipeline = pipeline
    self.run = run
    self.item = item
    self.replay = replay
    self.output = output
  }
}
