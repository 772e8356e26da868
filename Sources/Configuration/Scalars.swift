import Foundation

/// Durations, sizes and shares as a definition writes them. Each is nil where the text is none.
public enum Scalars {
  /// Reads `500ms`, `10s`, `5m`, `1h` or `2d`; fractions such as `1.5s` to the millisecond.
  public static func duration(_ text: String) -> Duration? {
    for (unit, milliseconds) in [("ms", 1.0), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)] where text.hasSuffix(unit) {
      guard let number = number(text.dropLast(unit.count)) else { continue }
      return .milliseconds(Int64(number * milliseconds))
    }
    return nil
  }

  /// Reads two durations such as `500ms..60s`, the first not longer than the second.
  package static func durationRange(_ text: String) -> (Duration, Duration)? {
    guard let dots = text.range(of: ".."), let low = duration(String(text[..<dots.lowerBound])),
      let high = duration(String(text[dots.upperBound...])), low <= high
    else { return nil }
    return (low, high)
  }

  /// Reads a size in bytes: `256MB` (powers of 1000), `1GiB` (of 1024), `1000`.
  public static func byteCount(_ text: String) -> Int? {
    let units: [(String, Double)] = [
      ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("TiB", 1_099_511_627_776), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9),
      ("TB", 1e12), ("B", 1), ("", 1),
    ]
    for (unit, size) in units where text.hasSuffix(unit) {
      let head = text.dropLast(unit.count).trimmingCharacters(in: .whitespaces)
      if let number = number(head), number * size < 9e18 { return Int(number * size) }
    }
    return nil
  }

  /// Reads a count such as `10`, or a share from `0%` to `100%`.
  package static func share(_ text: String) -> DeadLetterLimit? {
    if text.hasSuffix("%") { return number(text.dropLast()).flatMap { $0 <= 100 ? .share($0 / 100) : nil } }
    return Int(text).flatMap { $0 >= 0 ? .count($0) : nil }
  }

  private static func number(_ text: some StringProtocol) -> Double? {
    guard !text.isEmpty, text.allSatisfy({ $0.isNumber || $0 == "." }) else { return nil }
    return Double(text)
  }
}

/// The dead letters that a run may have (`limits.dead_letters`).
public enum DeadLetterLimit: Sendable, Hashable {
  /// So many dead letters, from 0.
  case count(Int)
  /// A share of the records read, from 0 to 1.
  case share(Double)

  /// Whether a run has too many: more than the limit. With a share, a run that read nothing counts as one that read one record.
  public func isExceeded(by deadLetters: Int, of read: Int) -> Bool {
    switch self {
    case .count(let limit): deadLetters > limit
    case .share(let limit): Double(deadLetters) > limit * Double(max(read, 1))
    }
  }
}
