import Configuration
import Foundation
import Records

/// Turns an entry of `fetch.from` into addresses: curl's sets and ranges in braces.
public enum SourceExpansion {
  /// How many strings one pair of braces may stand for, which are all in memory.
  private static let mostChoices = 1_000_000
  /// How many strings a pattern may stand for.
  private static let most = 100_000_000
  /// How deep braces may nest.
  private static let deepest = 32

  /// Braces that stand for more than can be.
  private struct Excess: Error {
    let reason: String
  }

  /// Returns all strings that `pattern` stands for: `{a,b}` is each of a list, `{01..12}` a range of numbers (zero-padded as its ends are),
  /// `{a..e}` one of letters. They nest and multiply. Braces that hold neither stay as they are, and so do all where they stand for too much
  /// (``Braces/problem``).
  static func braces(_ pattern: String) -> Braces {
    do throws(Excess) {
      let segments = try segments(pattern, depth: 0)
      guard count(segments, most: most) != nil else {
        throw Excess(reason: "its braces together stand for more than \(most) addresses")
      }
      return Braces(segments: segments)
    } catch {
      return Braces(segments: [[pattern]], problem: error.reason)
    }
  }

  /// The number of strings that segments make together; nil where it is more than `most`.
  private static func count(_ segments: [[String]], most: Int) -> Int? {
    var count = 1
    // A segment of a pattern holds a million strings at most, so the product of two such numbers is none that overflows.
    for segment in segments where count <= most { count *= segment.count }
    return count <= most ? count : nil
  }

  private static func segments(_ pattern: String, depth: Int) throws(Excess) -> [[String]] {
    guard depth <= deepest else { throw Excess(reason: "its braces nest deeper than \(deepest)") }
    let characters = Array(pattern)
    var segments: [[String]] = []
    var from = 0
    var search = 0
    while let open = characters[search...].firstIndex(of: "{"), let close = matching(characters, open) {
      if let choices = try choices(Array(characters[(open + 1)..<close]), depth: depth) {
        segments.append([String(characters[from..<open])])
        segments.append(choices)
        from = close + 1
        search = from
      } else {
        search = open + 1
      }
    }
    segments.append([String(characters[from...])])
    return segments
  }

  /// The strings that a pattern with braces stands for. Each is made as it is asked for: a range may hold a million.
  public struct Braces: RandomAccessCollection, Sendable {
    let segments: [[String]]
    /// The reason why the pattern stands for itself alone, where its braces stand for too much; nil else.
    let problem: String?
    /// The first string's place.
    public let startIndex = 0
    /// The number of strings.
    public let endIndex: Int

    init(segments: [[String]], problem: String? = nil) {
      self.segments = segments
      self.problem = problem
      endIndex = segments.reduce(1) { $0 * $1.count }
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

  private static func choices(_ inner: [Character], depth: Int) throws(Excess) -> [String]? {
    let text = String(inner)
    if let range = text.range(of: "..") {
      return try span(String(text[..<range.lowerBound]), String(text[range.upperBound...]))
    }
    var parts: [String] = [""]
    var open = 0
    for character in inner {
      if character == "," && open == 0 {
        parts.append("")
        continue
      }
      if character == "{" { open += 1 }
      if character == "}" { open -= 1 }
      parts[parts.count - 1].append(character)
    }
    guard parts.count > 1 else { return nil }
    var all: [String] = []
    for part in parts {
      let segments = try segments(part, depth: depth + 1)
      guard count(segments, most: mostChoices - all.count) != nil else {
        throw Excess(reason: "“\(Excerpt.of("{\(text)}"))” stands for more than \(mostChoices) texts")
      }
      all += Braces(segments: segments)
    }
    return all
  }

  private static func span(_ low: String, _ high: String) throws(Excess) -> [String]? {
    if [low, high].allSatisfy(isNumber) {
      guard low.count <= 20, high.count <= 20, let a = Int(low), let b = Int(high), !b.subtractingReportingOverflow(a).overflow,
        (b - a).magnitude < mostChoices
      else { throw Excess(reason: "“\(Excerpt.of("{\(low)..\(high)}"))” stands for more than \(mostChoices) numbers") }
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

  private static func isNumber(_ text: String) -> Bool {
    let digits = text.drop { $0 == "-" || $0 == "+" }
    return text.count - digits.count <= 1 && !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
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
