import Foundation

/// What stands before an item's first record.
///
/// The ledger keeps it, as property list in checkpoints and as JSON with dead letters: its keys are for good.
package struct Prologue: Sendable, Codable {
  /// How many bytes, and how many lines.
  package var bytes: Int
  package var lines: Int
  /// The columns' names, where the format has them there.
  package var header: [String]?
  /// Whether a lone carriage return ends a record in this item.
  package var endsInReturn: Bool
  /// Whether each line feed has several carriage returns before it. Nil is no, as in ledgers from before.
  package var hasReturnRuns: Bool?
  /// The header as it stands in the item, where the columns have other names.
  package var found: [String]?
  /// The bytes themselves, where they are not too many to be kept.
  package var text = Data()

  /// What the columns are called in the item itself.
  package var columns: [String]? { found ?? header }

  /// Makes the prologue of an item whose first record is behind so many bytes and lines.
  package init(bytes: Int, lines: Int, header: [String]? = nil, endsInReturn: Bool = false) {
    self.bytes = bytes
    self.lines = lines
    self.header = header
    self.endsInReturn = endsInReturn
  }
}
