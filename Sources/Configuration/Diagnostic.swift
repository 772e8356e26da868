/// One thing that is wrong in a definition, and where.
public struct Diagnostic: Error, Sendable, Hashable {
  public var message: String
  /// From 1.
  public var line: Int
  public var column: Int
  public var length: Int
  public var code: ErrorCode

  public init(_ message: String, _ code: ErrorCode, line: Int, column: Int, length: Int = 1) {
    self.message = message
    self.code = code
    self.line = line
    self.column = column
    self.length = length
  }
}

/// All that is wrong in a definition; it was not accepted.
public struct DefinitionErrors: Error, Sendable, CustomStringConvertible {
  public var file: String
  public var text: String
  public var diagnostics: [Diagnostic]

  package init(file: String, text: String, diagnostics: [Diagnostic]) {
    self.file = file
    self.text = text
    self.diagnostics = diagnostics
  }

  private static let columns = 160
  private static let columnsBefore = 120

  public var description: String { lines.joined(separator: "\n") }

  /// `file:line:column: error: message [code]`, the line and a caret under the place, for each; as ``ShownText`` has them.
  public var lines: [String] {
    let lines = Redactor.hidingPasswords(text, keepsLength: true).split(separator: "\n", omittingEmptySubsequences: false)
    let sorted = diagnostics.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    return sorted.flatMap { diagnostic in
      let head =
        "\(ShownText.line(file)):\(diagnostic.line):\(diagnostic.column): error: \(ShownText.message(diagnostic.message)) [\(diagnostic.code.rawValue)]"
      guard !text.isEmpty, diagnostic.line >= 1, diagnostic.line <= lines.count else { return [head] }
      // Of a long line what is around the place.
      let whole = lines[diagnostic.line - 1]
      let cut = max(0, diagnostic.column - 1 - Self.columnsBefore)
      let line = whole.dropFirst(cut).prefix(Self.columns)
      let column = diagnostic.column - cut
      let number = String(diagnostic.line)
      let margin = String(repeating: " ", count: number.count)
      let caret = String(repeating: "^", count: max(1, min(diagnostic.length, line.count - column + 2)))
      // Tabs are kept so that the caret stands under its place.
      func shown(_ text: Substring) -> String {
        text.split(separator: "\t", omittingEmptySubsequences: false).map { ShownText.line(String($0)) }.joined(separator: "\t")
      }
      let before = shown(line.prefix(max(0, column - 1))).map { $0 == "\t" ? "\t" : " " }.joined()
      return [head, " \(number) | \(shown(line))", " \(margin) | \(before)\(caret)"]
    }
  }
}
