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

  private static let columns = 160
  private static let columnsBefore = 120

  /// `file:line:column: error: message [code]`, the line and a caret under the place, for each.
  public var description: String {
    let lines = Redactor.hidingPasswords(text, keepsLength: true).split(separator: "\n", omittingEmptySubsequences: false)
    let sorted = diagnostics.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    return sorted.map { diagnostic in
      var out = "\(file):\(diagnostic.line):\(diagnostic.column): error: \(diagnostic.message) [\(diagnostic.code.rawValue)]"
      guard !text.isEmpty, diagnostic.line >= 1, diagnostic.line <= lines.count else { return out }
      // Of a long line what is around the place.
      let whole = lines[diagnostic.line - 1]
      let cut = max(0, diagnostic.column - 1 - Self.columnsBefore)
      let line = whole.dropFirst(cut).prefix(Self.columns)
      let column = diagnostic.column - cut
      let number = String(diagnostic.line)
      let margin = String(repeating: " ", count: number.count)
      let caret = String(repeating: "^", count: max(1, min(diagnostic.length, line.count - column + 2)))
      // Tabs are kept so that the caret stands under its place.
      let before = line.prefix(max(0, column - 1)).map { $0 == "\t" ? "\t" : " " }.joined()
      out += "\n \(number) | \(line)\n \(margin) | \(before)\(caret)"
      return out
    }.joined(separator: "\n")
  }
}
