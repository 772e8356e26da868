import Files
import Foundation
import Records

/// A position in an output's rows: the bytes of the part, and the columns that they are spelled for. Rows that are spelled for other columns can't
/// follow them.
struct TablePosition {
  var prefix: FilePrefix
  /// A hash of the columns' names and types.
  var columns: String

  init(_ prefix: FilePrefix, _ columns: [TableColumn]) {
    self.prefix = prefix
    let words = columns.map { "\($0.name)\0\($0.type)\0\($0.isCast)" }.joined(separator: "\u{1}")
    self.columns = String(StableHash.of(words), radix: 16)
  }

  /// Reads a position; nil where another sink wrote it.
  init?(_ position: SinkPosition) {
    let parts = position.token.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
    guard let prefix = FilePrefix(SinkPosition(parts.first.map(String.init) ?? "")) else { return nil }
    self.prefix = prefix
    columns = parts.count == 2 ? String(parts[1]) : ""
  }

  /// The position as the ledger keeps it.
  var position: SinkPosition { prefix.length == 0 ? .start : SinkPosition("\(prefix.position.token);\(columns)") }
}
