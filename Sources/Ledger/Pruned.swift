/// The result of a prune.
package struct Pruned: Sendable {
  /// The number of runs that are gone.
  package var runs = 0
  /// The number of dead letters that are gone.
  package var deadLetters = 0
  /// The bytes that the ledger's files are smaller by.
  package var bytes = 0
  /// Makes the result of a prune that takes nothing.
  package init() {}
}
