/// What was taken out.
package struct Pruned: Sendable {
  package var runs = 0
  package var deadLetters = 0
  /// How much smaller the ledger's files are.
  package var bytes = 0
  package init() {}
}
