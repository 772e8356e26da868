import Foundation

/// A ledger's dead letters and their replays.
package protocol DeadLetterLedger: Sendable {
  /// Hands each dead letter to `body`, in the order of their items' keys (by bytes) and of their records, in flat memory.
  func deadLetters(_ filter: DeadLetterFilter, _ body: @escaping @Sendable (DeadLetter) throws -> Void) async throws

  /// How many there are by item, stage and code, in that order.
  func deadLetterCounts(
    _ filter: DeadLetterFilter
  ) async throws -> [(item: String, stage: String, code: String, isResolved: Bool, count: Int)]

  /// How many there are by stage, code and field, the most first, each with its first few.
  func deadLetterReasons(_ filter: DeadLetterFilter, examples: Int) async throws -> [ReasonGroup]

  /// A dead letter's earlier attempts, the first first.
  func attempts(ofDeadLetter id: Int64) async throws -> [(attempt: Int, at: Date, code: String, reason: String)]

  /// Whether there was a dead letter of this number. No other will ever have it.
  func hadDeadLetter(_ id: Int64) async throws -> Bool

  /// Takes dead letters away for good; returns how many.
  func drop(_ filter: DeadLetterFilter) async throws -> Int

  // MARK: Replays

  /// The items that have dead letters by `filter`, in their order in their runs.
  func replayGroups(_ filter: DeadLetterFilter) async throws -> [ReplayGroup]

  /// The next dead letters of one item's records, in the records' order, at most `limit`. A dead letter of the item as a whole is not
  /// among them.
  ///
  /// - Parameter last: the last one of the call before; nil for the first.
  func deadLetters(_ filter: DeadLetterFilter, of item: String, after last: DeadLetter?, limit: Int) async throws -> [DeadLetter]

  /// The number that the next replay of the ledger will have.
  func nextReplay() async throws -> Int

  /// Enters a replay: the dead letters that passed are resolved and their outputs prepared, those that failed again have one attempt more.
  func replayed(_ number: Int, pipeline: String, _ outcome: ReplayOutcome, _ commits: [PendingCommit]) async throws
}
