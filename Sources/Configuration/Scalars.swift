import Foundation

/// Durations, sizes and shares as a definition writes them. Each is nil where the text is none, or is beyond its bound.
public enum Scalars {
  /// The longest duration, 100 years, in milliseconds. In nanoseconds too it is a number of 64 bits, which timers want.
  private static let longest = 36_500 * 86_400_000.0
  /// Doubles from here on are no sizes that an Int holds.
  private static let largest = 9e18

  /// Reads `500ms`, `10s`, `5m`, `1h` or `2d`, up to 100 years; fractions such as `1.5s` to the millisecond.
  public static func duration(_ text: String) -> Duration? {
    milliseconds(text).flatMap { $0 <= longest ? .milliseconds(Int64($0)) : nil }
  }

  private static func milliseconds(_ text: String) -> Double? {
    for (unit, milliseconds) in [("ms", 1.0), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)] where text.hasSuffix(unit) {
      if let number = number(text.dropLast(unit.count)) { return number * milliseconds }
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
  public static func byteCount(_ text: String) -> Int? { bytes(text).flatMap { $0 < largest ? Int($0) : nil } }

  private static func bytes(_ text: String) -> Double? {
    let units: [(String, Double)] = [
      ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("TiB", 1_099_511_627_776), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9),
      ("TB", 1e12), ("B", 1), ("", 1),
    ]
    for (unit, size) in units where text.hasSuffix(unit) {
      let head = text.dropLast(unit.count).trimmingCharacters(in: .whitespaces)
      if let number = number(head) { return number * size }
    }
    return nil
  }

  /// Reads a count such as `10`, or a share from `0%` to `100%`.
  package static func share(_ text: String) -> DeadLetterLimit? {
    if text.hasSuffix("%") { return number(text.dropLast()).flatMap { $0 <= 100 ? .share($0 / 100) : nil } }
    return Int(text).flatMap { $0 >= 0 ? .count($0) : nil }
  }

  /// Returns the bound that a number, duration or size is beyond, in words; nil where the text is none, or within its bounds.
  package static func bound(_ text: String, _ shape: Shape) -> String? {
    switch shape {
    case .integer(_, let most) where text.allSatisfy(\.isNumber) && (number(text) ?? 0) > Double(most): "\(most)"
    case .duration where (milliseconds(text) ?? 0) > longest: "36500d"
    case .byteCount where (bytes(text) ?? 0) >= largest: "8000000TB"
    default: nil
    }
  }

  private static func number(_ text: some StringProtocol) -> Double? {
    guard !text.isEmpty, text.allSatisfy({ $0.isNumber || $0 == "." }) else { return nil }
    return Double(text)
  }
}

extension Sequence<Int> {
  /// The sum of sizes that others tell, none of them negative: `Int.max` where it is beyond. A server or an archive may tell any size.
  package var sumOfSizes: Int {
    reduce(0) { sum, size in
      let (sum, isBeyond) = sum.addingReportingOverflow(size)
      return isBeyond ? .max : sum
    }
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
