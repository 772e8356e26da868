/// Where a value stands.
package struct Position: Sendable {
  package var line: Int
  package var column: Int
  package var length: Int
  /// Whether the text stands in the file as it is, so that a place in it is a place in the file.
  package var isVerbatim = false
  /// The text with its secrets told apart, where it has any.
  package var source: SourcePattern?

  package init(line: Int, column: Int, length: Int) {
    self.line = line
    self.column = column
    self.length = length
  }

  package func diagnostic(_ message: String, _ code: ErrorCode = .invalidSetting) -> Diagnostic {
    Diagnostic(message, code, line: line, column: column, length: length)
  }
}

/// A key of a map with its value.
package struct Entry {
  package var key: String
  /// Where the key stands.
  package var at: Position
  package var value: Value
}

/// A value that fits its shape.
package indirect enum Value {
  case scalar(String, Position)
  case null(Position)
  case list([Value], Position)
  case map([Entry], Position)
  /// What could not be read, which is told: nothing more is to be told of it.
  case unread(Position)

  package var position: Position {
    switch self {
    case .scalar(_, let p), .null(let p), .list(_, let p), .map(_, let p), .unread(let p): p
    }
  }
  package var isRead: Bool {
    if case .unread = self { return false }
    return true
  }
  /// Whether it was read, with all that is in it.
  package var isWhole: Bool {
    switch self {
    case .scalar, .null: true
    case .list(let elements, _): elements.allSatisfy(\.isWhole)
    case .map(let entries, _): entries.allSatisfy(\.value.isWhole)
    case .unread: false
    }
  }
  package var text: String? {
    if case .scalar(let text, _) = self { return text }
    return nil
  }
  package var entries: [Entry] {
    if case .map(let entries, _) = self { return entries }
    return []
  }
  package var elements: [Value] {
    if case .list(let elements, _) = self { return elements }
    return [self]
  }
  package subscript(_ key: String) -> Value? { entries.first { $0.key == key }?.value }
}
