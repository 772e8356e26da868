/// One error in a definition, with its place and code.
public struct Diagnostic: Error, Sendable, Hashable {
  /// The sentence without place and code. Secrets are taken out of it when the definition is loaded, before it is shown.
  public var message: String
  /// The line in the definition, from 1.
  public var line: Int
  /// The column in the line, in characters, from 1.
  public var column: Int
  /// How many characters the caret underlines, at least 1.
  public var length: Int
  /// The code that `sluice explain` takes.
  public var code: ErrorCode

  /// Makes an error from its sentence, code and place.
  public init(_ message: String, _ code: ErrorCode, line: Int, column: Int, length: Int = 1) {
    self.message = message
    self.code = code
    self.line = line
    self.column = column
    self.length = length
  }
}

/// Everything that is wrong in a definition, with the text to show it in; the definition was not accepted.
public struct DefinitionErrors: Error, Sendable, CustomStringConvertible {
  /// The definition's path, as it is shown.
  public var file: String
  /// The definition's text, without secrets that it spells out. Empty where there is none: errors then have no line to show.
  public var text: String
  /// The errors, in any order; ``lines`` sorts them by place.
  public var diagnostics: [Diagnostic]

  /// Makes the errors of a file. The caller takes secrets out of the messages and of the text.
  package init(file: String, text: String, diagnostics: [Diagnostic]) {
    self.file = file
    self.text = text
    self.diagnostics = diagnostics
  }

  private static let columns = 160
  private static let columnsBefore = 120

  /// An error without its line: `file:line:column: error: message [code]`.
  public func head(_ diagnostic: Diagnostic) -> String {
    "\(ShownText.line(file)):\(diagnostic.line):\(diagnostic.column): error: \(ShownText.message(diagnostic.message)) [\(diagnostic.code.rawValue)]"
  }

  /// The ``lines`` as one text.
  public var description: String { lines.joined(separator: "\n") }

  /// The errors in the order of their places.
  public var sorted: [Diagnostic] { diagnostics.sorted { ($0.line, $0.column) < ($1.line, $1.column) } }

  /// For each error `file:line:column: error: message [code]`, then its line and a caret under the place. Control characters are spelled
  /// out (``ShownText``).
  public var lines: [String] {
    let lines = Redactor.hidingPasswords(text, keepsLength: true).split(separator: "\n", omittingEmptySubsequences: false)
    return sorted.flatMap { diagnostic in
      let head = head(diagnostic)
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
