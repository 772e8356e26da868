/// A file of the time zone database (RFC 8536).
struct ZoneFile {
  typealias Period = (start: Int64, offset: Int64, abbreviation: String)
  private let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Years behind the last change of the file for which its rule is worked out.
  private static let ruledYears = 401

  private func number(_ at: Int, _ length: Int) -> Int64? {
    guard at >= 0, at + length <= bytes.count else { return nil }
    var value: Int64 = length == 4 && bytes[at] >= 0x80 ? -1 : 0
    for i in 0..<length { value = value << 8 | Int64(bytes[at + i]) }
    return value
  }

  /// The periods of constant offset, and whether the last 400 years of them repeat; nil where the file is damaged.
  func periods() -> (periods: [Period], repeats: Bool)? {
    guard bytes.count > 44 else { return nil }
    guard bytes[4] >= 0x32 else { return block(at: 0, width: 4).map { ($0.periods, false) } }
    guard let old = block(at: 0, width: 4), let new = block(at: old.end, width: 8) else { return nil }
    guard new.end < bytes.count, let end = bytes[(new.end + 1)...].firstIndex(of: 0x0A) else { return nil }
    let footer = String(decoding: bytes[(new.end + 1)..<end], as: UTF8.self)
    if footer.isEmpty { return (new.periods, false) }
    guard let rule = ZoneRule(footer) else { return nil }
    var periods = new.periods
    guard let summer = rule.summer else { return (periods, false) }
    let last = periods[periods.count - 1].start
    let year = last == .min ? 1970 : TimeText.civil(last >= 0 ? last / 86_400 : -((-last + 86_399) / 86_400)).year
    for year in year...year + Self.ruledYears {
      let changes: [Period] = [
        (summer.begin.moment(year) - rule.offset, summer.offset, summer.abbreviation),
        (summer.end.moment(year) - summer.offset, rule.offset, rule.abbreviation),
      ].sorted { $0.0 < $1.0 }
      for change in changes where change.start > periods[periods.count - 1].start { periods.append(change) }
    }
    return (periods, true)
  }

  private func block(at start: Int, width: Int) -> (periods: [Period], end: Int)? {
    guard start + 44 <= bytes.count, bytes[start..<start + 4].elementsEqual("TZif".utf8) else { return nil }
    let counts = (0..<6).compactMap { number(start + 20 + 4 * $0, 4).map { Int($0) } }
    guard counts.count == 6, counts.allSatisfy({ (0...1_000_000).contains($0) }), counts[4] > 0 else { return nil }
    let (utc, standard, leaps, times, types, characters) = (counts[0], counts[1], counts[2], counts[3], counts[4], counts[5])
    let indices = start + 44 + times * width
    let kinds = indices + times
    let names = kinds + types * 6
    let end = names + characters + leaps * (width + 4) + standard + utc
    guard end <= bytes.count else { return nil }
    func kind(_ i: Int) -> (offset: Int64, abbreviation: String)? {
      guard i < types, let offset = number(kinds + 6 * i, 4), abs(offset) <= 26 * 3600, Int(bytes[kinds + 6 * i + 5]) < characters else {
        return nil
      }
      let name = bytes[(names + Int(bytes[kinds + 6 * i + 5]))..<(names + characters)].prefix { $0 != 0 }
      return (offset, String(decoding: name, as: UTF8.self))
    }
    guard let first = kind(0) else { return nil }
    var periods: [Period] = [(.min, first.offset, first.abbreviation)]
    for i in 0..<times {
      guard let at = number(start + 44 + width * i, width), let kind = kind(Int(bytes[indices + i])) else { return nil }
      guard at > periods[periods.count - 1].start else { return nil }
      // Far before all calendars there is nothing to tell apart.
      periods.append((max(at, -(1 << 59)), kind.offset, kind.abbreviation))
    }
    return (periods, end)
  }
}

/// The rule by which a zone's clocks change behind the last change of its file, as POSIX's TZ writes it (RFC 8536 §3.3.1):
/// `CET-1CEST,M3.5.0,M10.5.0/3`.
private struct ZoneRule {
  struct Day {
    enum Kind { case monthWeek(month: Int, week: Int, day: Int), julian(Int), zeroBased(Int) }
    var kind: Kind
    /// Seconds from the day's begin, which may be of another day.
    var time: Int64 = 7200

    /// The local time of the change in a year, in seconds since 1970.
    func moment(_ year: Int) -> Int64 {
      let begin = TimeText.daysSinceEpoch(year: year, month: 1, day: 1)
      let isLeap = TimeText.days(in: 2, of: year) == 29
      let day: Int64
      switch kind {
      case .julian(let number): day = begin + Int64(number - 1 + (isLeap && number >= 60 ? 1 : 0))
      case .zeroBased(let number): day = begin + Int64(number)
      case .monthWeek(let month, let week, let weekday):
        let first = TimeText.daysSinceEpoch(year: year, month: month, day: 1)
        // 1970-01-01 was a Thursday.
        let firstWeekday = Int(((first + 4) % 7 + 7) % 7)
        var number = (weekday - firstWeekday + 7) % 7 + 7 * (week - 1)
        if number >= TimeText.days(in: month, of: year) { number -= 7 }
        day = first + Int64(number)
      }
      return day * 86_400 + time
    }
  }

  var abbreviation = ""
  var offset: Int64 = 0
  var summer: (abbreviation: String, offset: Int64, begin: Day, end: Day)?

  private var rest: Substring.UTF8View

  init?(_ text: String) {
    rest = text[...].utf8
    guard let name = takeName(), let west = takeTime() else { return nil }
    abbreviation = name
    offset = -west
    if rest.isEmpty { return }
    guard let summerName = takeName() else { return nil }
    var summerOffset = offset + 3600
    if rest.first != 0x2C {
      guard let west = takeTime() else { return nil }
      summerOffset = -west
    }
    guard let begin = takeDay(), let end = takeDay(), rest.isEmpty else { return nil }
    summer = (summerName, summerOffset, begin, end)
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func takeNumber() -> Int? {
    let digits = rest.prefix { $0 &- 0x30 <= 9 }
    guard !digits.isEmpty, digits.count <= 4 else { return nil }
    rest = rest.dropFirst(digits.count)
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  private mutating func takeName() -> String? {
    let isQuoted = take(0x3C)
    let name = rest.prefix { isQuoted ? $0 != 0x3E : ($0 | 0x20) &- 0x61 < 26 }
    rest = rest.dropFirst(name.count)
    guard !name.isEmpty, !isQuoted || take(0x3E) else { return nil }
    return String(Substring(name))
  }

  /// `[+-]hh[:mm[:ss]]` in seconds.
  private mutating func takeTime() -> Int64? {
    let isNegative = take(0x2D)
    if !isNegative { _ = take(0x2B) }
    guard let hours = takeNumber(), hours <= 167 else { return nil }
    var seconds = hours * 3600
    if take(0x3A) {
      guard let minutes = takeNumber() else { return nil }
      seconds += minutes * 60
      if take(0x3A) {
        guard let rest = takeNumber() else { return nil }
        seconds += rest
      }
    }
    return Int64(isNegative ? -seconds : seconds)
  }

  private mutating func takeDay() -> Day? {
    guard take(0x2C) else { return nil }
    var day: Day
    if take(0x4D) {
      guard let month = takeNumber(), take(0x2E), let week = takeNumber(), take(0x2E), let weekday = takeNumber(),
        (1...12).contains(month), (1...5).contains(week), weekday <= 6
      else { return nil }
      day = Day(kind: .monthWeek(month: month, week: week, day: weekday))
    } else if take(0x4A) {
      guard let number = takeNumber(), (1...365).contains(number) else { return nil }
      day = Day(kind: .julian(number))
    } else {
      guard let number = takeNumber(), number <= 365 else { return nil }
      day = Day(kind: .zeroBased(number))
    }
    if take(0x2F) {
      guard let time = takeTime() else { return nil }
      day.time = time
    }
    return day
  }
}
