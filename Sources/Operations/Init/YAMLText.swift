/// Text as YAML 1.2 has it.
enum YAMLText {
  /// Between quotes: single ones, in which nothing but they mean anything, or double ones where characters must be escaped.
  static func quoted(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: mustBeEscaped) else { return "'" + text.replacingOccurrences(of: "'", with: "''") + "'" }
    return "\"" + escaped(text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")) + "\""
  }

  /// As it is where that is safe.
  static func plain(_ text: String) -> String {
    let isSafe =
      text.utf8.first.map { ($0 | 0x20) &- 0x61 < 26 || $0 == 0x5F || $0 == 0x2F || $0 == 0x2E } == true
      && text.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || "_-./*?+=&%~".utf8.contains($0) }
      && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    // A colon that no space follows is safe in an address.
    let isAddress =
      text.hasPrefix("http") && !text.unicodeScalars.contains { " #'\"{}[],$".unicodeScalars.contains($0) || mustBeEscaped($0) }
    return isSafe || isAddress ? text : quoted(text)
  }

  /// The same for the value of a key, in which variables are put in the place of `${…}`.
  static func value(_ text: String) -> String { plain(text.replacingOccurrences(of: "${", with: "$${")) }

  /// A comment's text: characters that YAML does not let stand by themselves, and invisible ones, are spelled out.
  static func comment(_ text: String) -> String { escaped(text) }

  private static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      guard mustBeEscaped(scalar) else {
        out.unicodeScalars.append(scalar)
        continue
      }
      let digits = String(scalar.value, radix: 16)
      switch scalar.value {
      case 0x09: out += "\\t"
      case 0x0A: out += "\\n"
      case 0x0D: out += "\\r"
      case ..<0x100: out += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
      case ..<0x10000: out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
      }
    }
    return out
  }

  /// Control characters, line ends of any kind, invisible characters (U+FEFF, marks of direction), and code points that are no characters.
  private static func mustBeEscaped(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x7F { return scalar.value < 0x20 }
    if scalar.value & 0xFFFE == 0xFFFE { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: return true
    default: return false
    }
  }
}

/// A field's name as expressions have it.
enum FieldName {
  static func inExpression(_ name: String) -> String {
    let isWord =
      name.utf8.first.map { ($0 | 0x20) &- 0x61 < 26 || $0 == 0x5F } == true
      && name.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x5F }
      && !words.contains(name.uppercased())
    return isWord ? name : "\"" + name.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }

  /// Words that mean something in an expression.
  private static let words: Set = [
    "AND", "AS", "BETWEEN", "BY", "CASE", "CAST", "DATE", "DISTINCT", "ELSE", "END", "ESCAPE", "EXISTS", "EXTRACT", "FALSE", "FROM",
    "ILIKE",
    "IN", "INTERVAL", "IS", "LIKE", "NOT", "NULL", "OR", "SELECT", "THEN", "TIMESTAMP", "TRUE", "TRY_CAST", "WHEN", "WHERE",
  ]
}
