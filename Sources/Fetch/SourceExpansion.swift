import Configuration
import Foundation

/// Turns an entry of `fetch.from` into addresses: curl's sets and ranges in braces.
public enum SourceExpansion {
  /// Returns all strings that `pattern` stands for: `{a,b}` is each of a list, `{01..12}` a range of numbers (zero-padded as its ends are),
  /// `{a..e}` one of letters. They nest and multiply. Braces that hold neither stay as they are.
  static func braces(_ pattern: String) -> Braces {
    let characters = Array(pattern)
    var segments: [[String]] = []
    var from = 0
    var search = 0
    while let open = characters[search...].firstIndex(of: "{"), let close = matching(characters, open) {
      if let choices = choices(Array(characters[(open + 1)..<close])) {
        segments.append([String(characters[from..<open])])
        segments.append(choices)
        from = close + 1
        search = from
      } else {
        search = open + 1
      }
    }
    segments.append([String(characters[from...])])
    return Braces(segments: segments)
  }

  /// The strings that a pattern with braces stands for. Each is made as it is asked for: a range may hold a million.
  public struct Braces: RandomAccessCollection, Sendable {
    let segments: [[String]]
    /// The first string's place.
    public let startIndex = 0
    /// The number of strings.
    public let endIndex: Int

    init(segments: [[String]]) {
      self.segments = segments
      endIndex = segments.reduce(1) { $0.multipliedReportingOverflow(by: $1.count).partialValue }
    }

    /// The string at a place, from 0. The last braces turn fastest.
    public subscript(position: Int) -> String {
      var left = position
      var parts: [String] = []
      for segment in segments.reversed() {
        parts.append(segment[left % segment.count])
        left /= segment.count
      }
      return parts.reversed().joined()
    }
  }

  private static func matching(_ characters: [Character], _ open: Int) -> Int? {
    var depth = 0
    for i in open..<characters.count {
      if characters[i] == "{" { depth += 1 }
      if characters[i] == "}" {
        depth -= 1
        if depth == 0 { return i }
      }
    }
    return nil
  }

  private static func choices(_ inner: [Character]) -> [String]? {
    let text = String(inner)
    if let range = text.range(of: "..") {
      return span(String(text[..<range.lowerBound]), String(text[range.upperBound...]))
    }
    var parts: [String] = [""]
    var depth = 0
    for character in inner {
      if character == "," && depth == 0 {
        parts.append("")
        continue
      }
      if character == "{" { depth += 1 }
      if character == "}" { depth -= 1 }
      parts[parts.count - 1].append(character)
    }
    return parts.count > 1 ? parts.flatMap { Array(braces($0)) } : nil
  }

  private static func span(_ low: String, _ high: String) -> [String]? {
    if let a = Int(low), let b = Int(high), abs(b - a) < 1_000_000 {
      let padded = low.hasPrefix("0") && low.count > 1 || high.hasPrefix("0") && high.count > 1
      let width = padded ? max(low.count, high.count) : 0
      return stride(from: a, through: b, by: a <= b ? 1 : -1).map { n in
        let digits = String(n)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
      }
    }
    guard low.count == 1, high.count == 1, let a = low.unicodeScalars.first?.value, let b = high.unicodeScalars.first?.value,
      low.first?.isLetter == true, high.first?.isLetter == true
    else { return nil }
    return stride(from: Int(a), through: Int(b), by: a <= b ? 1 : -1).compactMap { Unicode.Scalar($0).map(String.init) }
  }

  /// Whether a path holds `*`, `?` or `[`.
  static func isGlob(_ path: String) -> Bool { path.contains { "*?[".contains($0) } }
}

extension SourcePattern {
  /// The patterns that its braces stand for, with the same secrets; itself where it has no braces.
  public var alternatives: LazyMapSequence<SourceExpansion.Braces, SourcePattern> {
    SourceExpansion.braces(text).lazy.map { [self] in with(text: $0) }
  }
}
