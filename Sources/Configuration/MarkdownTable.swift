/// A table of Markdown, a line each.
public enum MarkdownTable {
  /// The table's lines, with columns of one width.
  public static func lines(_ head: [String], _ rows: [[String]]) -> [String] {
    [line(head), "|" + String(repeating: "---|", count: head.count)] + rows.map(line)
  }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
  }
}
