import Foundation

/// Text by the columns that a terminal needs for it.
enum TerminalText {
  static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

  /// At most so many columns, with “…” in the place of the end that is cut off.
  static func cut(_ text: String, to columns: Int) -> String {
    guard width(text) > columns else { return text }
    return String(fitting(text, columns - 1)) + (columns > 0 ? "…" : "")
  }

  /// The same with the begin cut off, as for paths, whose ends tell more.
  static func cutBegin(_ text: String, to columns: Int) -> String {
    guard width(text) > columns else { return text }
    return (columns > 0 ? "…" : "") + String(fitting(String(text.reversed()), columns - 1).reversed())
  }

  private static func fitting(_ text: String, _ columns: Int) -> String {
    var left = columns
    return String(
      text.prefix { character in
        left -= width(character)
        return left >= 0
      })
  }

  /// Two columns for what East Asian scripts and emoji need (Unicode's report 11, wide and fullwidth), none for what joins another.
  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.value {
    case 0..<0x300: return 1
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default:
      if scalar.properties.isEmojiPresentation { return 2 }
      return scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
    }
  }
}
