import Foundation

/// The durable state of the pipelines of one `--state`: runs, items, checkpoints, committables, dead letters.
///
/// The engine keeps the first rule of the commit protocol (see the README of this folder): it tells a ledger only of what is
/// durable. A ledger keeps the second: each call is one transaction, and when the call has returned, what it wrote survives a
/// crash of the machine. So a ledger's commit is the commit. `Tests/LedgerTests` holds every ledger to what its methods say.
///
/// The methods throw ``LedgerError`` where the ledger can't be read or written.
package protocol Ledger: RunLedger, ItemLedger, CommitLedger, DeadLetterLedger, HistoryLedger {
  /// Whether `place`, which somebody gave as `--state`, is one of this kind.
  static func isKind(of place: String) -> Bool

  /// Opens the ledger of `place`, made where there is none, and brings its tables to the present version.
  static func open(_ place: String) throws(LedgerError) -> Self

  /// Opens the ledger of `place` without writing a byte; nil where there is none.
  static func openReadOnly(_ place: String) throws(LedgerError) -> Self?

  /// Whether `place` has a ledger, be it a sound one or not.
  static func exists(_ place: String) -> Bool

  /// The ledger as its user knows it.
  var place: String { get }

  /// Whether it was opened by ``openReadOnly(_:)``: methods that write throw.
  var isReadOnly: Bool { get }

  /// The names of the pipelines that have runs, in order.
  func pipelines() async throws -> [String]

  /// Takes out runs that ended before `date`, and resolved dead letters whose last attempt was before it (open ones too, with
  /// `includingOpen`), and gives their room back to the disk.
  ///
  /// A pipeline's newest run stays, and so do runs of which something is left to do or a dead letter is left. Items stay: without them
  /// a run would do again what is done.
  ///
  /// - Parameter pipeline: the pipeline to prune; nil for all.
  func prune(before date: Date, pipeline: String?, includingOpen: Bool) async throws -> Pruned
}

/// The kinds of ledger, a line each.
package enum Ledgers {
  /// All kinds; the last takes what no other takes.
  static let all: [any Ledger.Type] = [SQLiteLedger.self]

  /// The kind of ledger that `place` is; nil where no kind takes such a `--state`.
  package static func kind(of place: String) -> (any Ledger.Type)? { all.first { $0.isKind(of: place) } }

  /// Opens the ledger of `place`, made where there is none.
  package static func open(_ place: String) throws(LedgerError) -> any Ledger { try required(place).open(place) }

  /// Opens the ledger of `place` without writing a byte; nil where there is none.
  package static func openReadOnly(_ place: String) throws(LedgerError) -> (any Ledger)? { try required(place).openReadOnly(place) }

  /// Whether `place` has a ledger, be it a sound one or not.
  package static func exists(_ place: String) -> Bool { kind(of: place)?.exists(place) == true }

  private static func required(_ place: String) throws(LedgerError) -> any Ledger.Type {
    guard let kind = kind(of: place) else { throw LedgerError(place, reason: unknown) }
    return kind
  }

  /// The words about a `--state` that is of no kind.
  package static let unknown = "no kind of ledger has such an address; give a folder"
}
