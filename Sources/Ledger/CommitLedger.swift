import Files

/// A ledger's committables and outputs.
///
/// The transaction that says that an output is whole enters its committable, and its row among the outputs where it is a file: so the ledger
/// knows of every file that Sluice has put into its place.
package protocol CommitLedger: Sendable {
  /// The pipeline's committables that their sinks may not have committed yet.
  func pendingCommits(pipeline: String) async throws -> [PendingCommit]

  /// Forgets committables that their sinks have committed durably.
  func committed(_ committables: [Committable]) async throws

  /// Takes a commit back, where its prepared output is damaged or its target refuses it. The items of it start over, those of a run's one
  /// output without the closed ones; or the dead letters of its replay are open again.
  ///
  /// - Parameter refused: the records that the target refuses. The item's next try makes dead letters of them.
  func revoke(_ commit: PendingCommit, refusing refused: [RefusedRecord]) async throws

  /// The paths of replays' outputs whose records newer outputs hold too.
  func staleOutputs(pipeline: String) async throws -> [String]

  /// Forgets replays' outputs that are gone, by their paths.
  func forgetOutputs(_ paths: [String]) async throws

  /// The outputs that are known at these places, in their order.
  func outputs(at places: [String]) async throws -> [Output?]

  /// Whether the pipeline has any output.
  func hasOutputs(pipeline: String) async throws -> Bool

  /// For each file the pipeline's outputs that it may be: by its place, or by its path in the definition, for folders may move.
  func outputs(pipeline: String, _ files: [(place: String, path: String)]) async throws -> [[Output]]

  /// Whether the pipeline has outputs that an earlier build made and did not enter.
  func hasUnlistedOutputs(pipeline: String) async throws -> Bool

  /// Enters outputs that an earlier build made; an output that is known by now stays as it is.
  ///
  /// - Parameter isLast: whether the pipeline has no more of them.
  func list(_ outputs: [Output], pipeline: String, isLast: Bool) async throws
}

extension CommitLedger {
  /// Takes a commit back whose target refuses no record in particular.
  package func revoke(_ commit: PendingCommit) async throws { try await revoke(commit, refusing: []) }
}
