import Configuration
import Definition

/// Cells under each other, as wide as they need to be but not wider than people read.
struct TextTable {
  private static let widest = 24

  let lines: [String]

  /// - Parameter rows: cells; nil is NULL.
  init(_ names: [String], _ rows: [[String?]]) {
    let shown = [names.map(Self.cut)] + rows.map { row in row.map { Self.cut($0 ?? "NULL") } }
    let widths = names.indices.map { column in shown.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    lines = shown.map { row in
      var line = ""
      for (cell, width) in zip(row, widths) { line += cell + String(repeating: " ", count: width - cell.count + 2) }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
  }

  private static func cut(_ text: String) -> String {
    let line = ShownText.line(text)
    return line.count > widest ? line.prefix(widest - 1) + "…" : line
  }
}
