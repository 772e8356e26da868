/// Tables in Markdown, for the reference.
public enum MarkdownTable {
  /// Returns the table's lines: the head, the rule, a line for each row. `|` in a cell is escaped; a cell must have no line end.
  public static func lines(_ head: [String], _ rows: [[String]]) -> [String] {
    [line(head), "|" + String(repeating: "---|", count: head.count)] + rows.map(line)
  }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
  }
}
