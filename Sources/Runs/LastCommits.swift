import Dataflow
import Ledger
import Supervision
import Write

/// Commits outputs that the ledger calls made, where no item's commit follows that would tell it so: at the end of a run, and of a replay.
struct LastCommits {
  let ledger: any Ledger
  let sinks: SinkSessions

  typealias Refused = (commit: PendingCommit, refusal: CommitRefusal)

  /// Lets the sinks commit, and the ledger forget what they have done. A commit that is refused is taken back in the ledger.
  ///
  /// - Parameter call: makes the calls of sinks, again where that may help.
  /// - Returns: a refusal, where there is one.
  /// - Throws: ``WriteError``, ``LedgerError``.
  func perform(
    _ commits: [PendingCommit],
    by call: (@escaping @Sendable () throws -> [Refused]) async throws -> [Refused] = { body in
      try await BlockingThreads.files.run { try body() }
    }
  ) async throws -> CommitRefusal? {
    let refused = try await call { [sinks] in try sinks.commit(commits, forgetting: []) }
    for (commit, _) in refused { try await ledger.revoke(commit) }
    let done = commits.filter { commit in !refused.contains { $0.commit.committable == commit.committable } }
    try await ledger.committed(done.map(\.committable))
    _ = try await BlockingThreads.files.run { [sinks] in try sinks.commit([], forgetting: done) }
    return refused.first?.refusal
  }
}
