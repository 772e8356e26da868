import Foundation
import Synchronization

/// The rules of one time zone: the offsets of its clocks from UTC, and the moments at which they change.
///
/// The rules come from the system's time zone database (TZif, RFC 8536), in `$TZDIR` or `/usr/share/zoneinfo`. Offsets are in seconds east
/// of UTC, moments in seconds since 1970-01-01 00:00 UTC, without leap seconds.
public final class ZoneRules: Sendable {
  /// Why there are no rules for a name.
  public enum Trouble: Error, Sendable, Equatable {
    /// The database has no such zone.
    case unknown(String)
    /// The machine has no time zone database, whose folder would be this.
    case noDatabase(String)
    /// The zone's file is damaged.
    case damaged(String)
  }

  /// The moment that a local time stands for.
  public enum Moment: Sendable, Equatable {
    case one(Int64)
    /// The clocks skip the local time. Read by the offset behind the gap it is the earlier moment, by the offset before it the later one.
    case gap(earlier: Int64, later: Int64)
    /// The clocks show the local time twice.
    case overlap(earlier: Int64, later: Int64)
  }

  /// The name, as the database has it: `Europe/Berlin`.
  public let name: String
  /// The moment from which each period's offset holds, ascending; the first holds from the beginning.
  private let starts: [Int64]
  private let offsets: [Int64]
  private let abbreviations: [String]
  /// The moments of each period that are so far from its ends that no other period can show the same local time.
  private let calm: [Range<Int64>]
  /// Whether the last 400 years of periods come again and again.
  private let repeats: Bool

  /// The Gregorian calendar repeats after 400 years, weekdays included.
  private static let cycle: Int64 = 146_097 * 86_400
  /// More than any offset differs from another.
  private static let margin: Int64 = 36 * 3600

  private static let known = Mutex<[String: ZoneRules]>([:])

  /// Finds the rules of a zone: a name of the database as `Europe/Berlin` or `UTC`, whose letters' case counts, or a fixed offset as
  /// `+02:00`. Each zone is read once in the life of the process.
  public static func named(_ name: String) throws(Trouble) -> ZoneRules {
    if let rules = known.withLock({ $0[name] }) { return rules }
    let rules: ZoneRules
    if let fixed = fixed(name) { rules = fixed } else { rules = try ZoneRules(file: name) }
    known.withLock { $0[name] = rules }
    return rules
  }

  /// The folder of the database.
  public static var folder: String { ProcessInfo.processInfo.environment["TZDIR"] ?? "/usr/share/zoneinfo" }

  /// The names of all zones of the database, sorted; empty where there is none. It walks the folder.
  public static func names() -> [String] {
    let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return all.filter { name in
      guard let first = name.utf8.first, (0x41...0x5A).contains(first) else { return false }
      return FileManager.default.contents(atPath: "\(folder)/\(name)")?.starts(with: "TZif".utf8) == true
    }.sorted()
  }

  /// `+HH`, `+HH:MM` or `+HHMM`, and the same with a minus.
  private static func fixed(_ name: String) -> ZoneRules? {
    var digits = name.utf8.dropFirst().map { $0 }
    guard let sign = name.utf8.first, sign == 0x2B || sign == 0x2D else { return nil }
    if digits.count == 5, digits[2] == 0x3A { digits.remove(at: 2) }
    guard digits.count == 2 || digits.count == 4, digits.allSatisfy({ $0 &- 0x30 <= 9 }) else { return nil }
    let number = digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    let (hours, minutes) = digits.count == 2 ? (number, 0) : (number / 100, number % 100)
    guard hours <= 15, minutes < 60 else { return nil }
    return ZoneRules(name, [(.min, (hours * 60 + minutes) * (sign == 0x2D ? -60 : 60), name)], repeats: false)
  }

  private init(_ name: String, _ periods: [(start: Int64, offset: Int64, abbreviation: String)], repeats: Bool) {
    self.name = name
    starts = periods.map(\.start)
    offsets = periods.map(\.offset)
    abbreviations = periods.map(\.abbreviation)
    self.repeats = repeats
    calm = periods.indices.map { i in
      let lower = periods[i].start == .min ? .min : periods[i].start + Self.margin
      let upper = i + 1 < periods.count ? periods[i + 1].start - Self.margin : repeats ? lower : .max
      return lower..<max(lower, upper)
    }
  }

  private convenience init(file name: String) throws(Trouble) {
    let isName = !name.isEmpty && name.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || "/_+-".utf8.contains($0) }
    let folder = Self.folder
    guard isName, !name.hasPrefix("/"), let content = FileManager.default.contents(atPath: "\(folder)/\(name)"),
      content.starts(with: "TZif".utf8)
    else { throw FileManager.default.fileExists(atPath: folder) ? .unknown(name) : .noDatabase(folder) }
    guard let (periods, repeats) = ZoneFile(Array(content)).periods() else { throw .damaged("\(folder)/\(name)") }
    self.init(name, periods, repeats: repeats)
  }

  // MARK: Asking

  /// How far before `moment` the calendar is the same, within the periods; 0 where they reach as far.
  @inline(__always)
  private func fold(_ moment: Int64) -> Int64 {
    let last = starts[starts.count - 1]
    return repeats && moment >= last ? ((moment - last) / Self.cycle + 1) * Self.cycle : 0
  }

  /// The period that a folded moment is in.
  private func period(_ moment: Int64) -> Int {
    var (low, high) = (0, starts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= moment { low = middle } else { high = middle }
    }
    return low
  }

  /// The offset of the zone's clocks at a moment, in seconds east of UTC.
  public func offset(at moment: Int64) -> Int { Int(offsets[period(moment - fold(moment))]) }

  /// The abbreviation of the zone's time at a moment: `CEST`.
  public func abbreviation(at moment: Int64) -> String { abbreviations[period(moment - fold(moment))] }

  /// The moment at which the zone's clocks show a local time, given in seconds since 1970-01-01 00:00 of those clocks.
  ///
  /// - Parameter hint: the period that the answer is looked for in first; the call sets it. Begin with 0, and keep it between calls.
  @inline(__always)
  public func moment(ofLocal local: Int64, hint: inout Int) -> Moment {
    let utc = local &- offsets[hint]
    return calm[hint].contains(utc) ? .one(utc) : search(local, &hint)
  }

  /// The moment at which the zone's clocks show a local time; see ``moment(ofLocal:hint:)``.
  public func moment(ofLocal local: Int64) -> Moment {
    var hint = 0
    return search(local, &hint)
  }

  private func search(_ unfolded: Int64, _ hint: inout Int) -> Moment {
    let shift = fold(unfolded + Self.margin)
    let local = unfolded - shift
    let first = period(local - Self.margin)
    var (found, earliest, latest) = (0, Int64(0), Int64(0))
    var next = first
    while next < starts.count, next == first || starts[next] <= local + Self.margin {
      let utc = local - offsets[next]
      if utc >= starts[next], next + 1 == starts.count || utc < starts[next + 1] {
        if found == 0 { earliest = utc }
        latest = utc
        found += 1
        hint = next
      }
      next += 1
    }
    if found == 1 { return .one(latest + shift) }
    if found > 1 { return .overlap(earlier: earliest + shift, later: latest + shift) }
    // The change that skips the time: before it the clocks do not reach it, behind it they are past it.
    for change in first + 1..<next {
      let (earlier, later) = (local - offsets[change], local - offsets[change - 1])
      if later >= starts[change], earlier < starts[change] { return .gap(earlier: earlier + shift, later: later + shift) }
    }
    return .one(local - offsets[first] + shift)
  }
}
