/// The place of a key or value in the definition's file.
package struct Position: Sendable {
  /// The line, from 1.
  package var line: Int
  /// The column, in characters, from 1.
  package var column: Int
  /// The length, in characters, at least 1.
  package var length: Int
  /// Whether the file holds the value's text character by character from here, so that an error in an expression can be placed in the file.
  package var isVerbatim = false
  /// The value with its secrets told apart; nil where it has none.
  package var source: SourcePattern?

  /// Makes a place that is not verbatim and has no secrets.
  package init(line: Int, column: Int, length: Int) {
    self.line = line
    self.column = column
    self.length = length
  }

  /// Makes an error at this place.
  package func diagnostic(_ message: String, _ code: ErrorCode = .invalidSetting) -> Diagnostic {
    Diagnostic(message, code, line: line, column: column, length: length)
  }
}

/// A key of a map, with its value.
package struct Entry {
  /// The key as the file has it; variables are not expanded in keys.
  package var key: String
  /// The place of the key.
  package var at: Position
  /// The value; ``Value/unread(_:)`` where it has an error.
  package var value: Value
}

/// A value of a definition that fits its shape, with its place.
package indirect enum Value {
  /// A text with its variables expanded. Numbers and booleans are texts too.
  case scalar(String, Position)
  case null(Position)
  case list([Value], Position)
  case map([Entry], Position)
  /// A value that could not be read. Its error is reported, so readers of it report nothing more.
  case unread(Position)

  /// The place of the value; of a list or a map the place where it begins.
  package var position: Position {
    switch self {
    case .scalar(_, let p), .null(let p), .list(_, let p), .map(_, let p), .unread(let p): p
    }
  }
  /// Whether it fits its shape; a list or a map may still hold values that do not.
  package var isRead: Bool {
    if case .unread = self { return false }
    return true
  }
  /// Whether it fits its shape, with every value in it.
  package var isWhole: Bool {
    switch self {
    case .scalar, .null: true
    case .list(let elements, _): elements.allSatisfy(\.isWhole)
    case .map(let entries, _): entries.allSatisfy(\.value.isWhole)
    case .unread: false
    }
  }
  /// The text of a scalar; nil for any other value.
  package var text: String? {
    if case .scalar(let text, _) = self { return text }
    return nil
  }
  /// The entries of a map, in order; empty for any other value.
  package var entries: [Entry] {
    if case .map(let entries, _) = self { return entries }
    return []
  }
  /// The elements of a list; any other value is a list of itself alone.
  package var elements: [Value] {
    if case .list(let elements, _) = self { return elements }
    return [self]
  }
  /// The value of a map's key; nil where the key is not there, or this is no map.
  package subscript(_ key: String) -> Value? { entries.first { $0.key == key }?.value }
}
