/// Makes text safe to show: it spells out the characters that a terminal, a log or a mail would act on.
///
/// Data and names can hold anything: an escape sequence that recolours or erases lines, a line end that forges a line of the log. Every
/// text goes through here where it leaves the process: the console, the log file, notices, reports.
public enum ShownText {
  /// How much a message quotes of one value, in characters.
  public static let quoted = 80
  /// The longest line of a message, in characters.
  package static let longest = 2000

  /// Returns the text as one line: each control character and line end as `\x1b`, `\n` or `\u2028`.
  public static func line(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHarmful) else { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      if isHarmful(scalar) { out += escape(scalar) } else { out.unicodeScalars.append(scalar) }
    }
    return out
  }

  /// Returns a message as one line of at most ``longest`` characters and a note of the rest. Text between “ and ” is cut to ``quoted``
  /// characters.
  public static func message(_ text: String) -> String {
    let short = shortened(text)
    return line(short.count > longest ? "\(short.prefix(longest))… (\(short.count - longest) more characters)" : short)
  }

  /// Returns JSON text with control characters above ASCII escaped (`\u202e`): JSON escapes those of ASCII itself, and a terminal acts on
  /// others too.
  public static func json(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value >= 0x7F && isHarmful($0) }) else { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      if scalar.value >= 0x7F, isHarmful(scalar) { out += "\\u" + hexadecimal(scalar, 4) } else { out.unicodeScalars.append(scalar) }
    }
    return out
  }

  private static func shortened(_ text: String) -> String {
    guard text.utf8.count > quoted, text.contains("“") else { return text }
    var out = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: "“") {
      let inside = rest[rest.index(after: open)...]
      guard let close = inside.firstIndex(of: "”") else { break }
      out += rest[...open]
      let value = inside[..<close]
      out += value.count > quoted && !value.hasSuffix("…") ? value.prefix(quoted) + "…" : value
      rest = inside[close...]
    }
    return out + rest
  }

  /// Control characters (C0, DEL, C1), separators of lines and paragraphs, marks that change the direction of text, and the byte order mark.
  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20..<0x7F: false
    case 0..<0x20, 0x7F..<0xA0, 0x61C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    default: false
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    case _ where scalar.value < 0x100: "\\x" + hexadecimal(scalar, 2)
    default: "\\u" + hexadecimal(scalar, 4)
    }
  }

  private static func hexadecimal(_ scalar: Unicode.Scalar, _ digits: Int) -> String {
    let text = String(scalar.value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
