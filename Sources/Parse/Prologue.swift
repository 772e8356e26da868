import Foundation

/// The beginning of an item, up to its first record: the header and the lines that were skipped.
///
/// The ledger keeps it, as a property list in checkpoints and as JSON with dead letters, so the names of its properties must not change.
package struct Prologue: Sendable, Codable {
  /// How many bytes of UTF-8 stand before the first record.
  package var bytes: Int
  /// How many lines stand before the first record.
  package var lines: Int
  /// The columns' names as fields know them; nil for a format or item without a header.
  package var header: [String]?
  /// Whether a lone carriage return ends a record in this item.
  package var endsInReturn: Bool
  /// Whether each line feed has several carriage returns before it. Nil means no; ledgers of earlier builds have no such key.
  package var hasReturnRuns: Bool?
  /// The header of the item itself, where `parse.columns` gives the columns other names; else nil.
  package var found: [String]?
  /// The bytes themselves, up to 64 KiB; empty where there are more. The chunker sets it.
  package var text = Data()

  /// The columns' names in the item itself; nil for an item without a header.
  package var columns: [String]? { found ?? header }

  /// Makes the prologue of an item whose first record follows `bytes` bytes and `lines` lines.
  package init(bytes: Int, lines: Int, header: [String]? = nil, endsInReturn: Bool = false) {
    self.bytes = bytes
    self.lines = lines
    self.header = header
    self.endsInReturn = endsInReturn
  }
}
