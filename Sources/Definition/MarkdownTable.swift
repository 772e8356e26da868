/// A table of Markdown, a line each.
public enum MarkdownTable {
  public static func lines(_ head: [String], _ rows: [[String]]) -> [String] {
    [line(head), "|" + String(repeating: "---|", count: head.count)] + rows.map(line)
  }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
  }
}
