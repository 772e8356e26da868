/// A spelling of dates and times, as `strptime` and `strftime` of POSIX have it: `%d/%m/%Y %H:%M`. It is compiled once, and reads and
/// writes bytes.
///
/// Names are English and read in any case. A number is read with or without the zeros that lead it, but for the four digits of `%Y` and the
/// two of `%y`. A blank stands for one or more blanks. All of a text must be what the pattern says.
public struct TimePattern: Sendable, Hashable {
  /// Why a text is no pattern, and where in its UTF-8.
  public struct Wrong: Error, Sendable, Equatable {
    /// A sentence for the user.
    public var reason: String
    /// The position of the error in the pattern's UTF-8, from 0.
    public var offset: Int
  }

  /// The date and time that a text says, of the clocks that its writer saw.
  public struct Parts: Sendable, Equatable {
    /// Days since 1970-01-01; 0 where the pattern has no date.
    public var days: Int64 = 0
    /// Microseconds since midnight; 0 where the pattern has no time.
    public var micros: Int64 = 0
    /// The offset of those clocks from UTC, in seconds east; nil where the text does not say it.
    public var offset: Int?

    /// Makes parts; the default is 1970-01-01 00:00.
    public init(days: Int64 = 0, micros: Int64 = 0, offset: Int? = nil) {
      self.days = days
      self.micros = micros
      self.offset = offset
    }
  }

  /// The pattern's text.
  public let text: String
  let items: [Item]

  enum Item: Hashable {
    case literal(UInt8)
    case blank
    case field(Directive, isPadded: Bool)
  }

  enum Directive: UInt8, CaseIterable {
    case year = 0x59  // Y
    case yearOfCentury = 0x79  // y
    case month = 0x6D  // m
    case monthName = 0x42  // B
    case monthShort = 0x62  // b
    case day = 0x64  // d
    case dayOfYear = 0x6A  // j
    case hour = 0x48  // H
    case hourOfHalf = 0x49  // I
    case half = 0x70  // p
    case minute = 0x4D  // M
    case second = 0x53  // S
    case fraction = 0x66  // f
    case weekdayName = 0x41  // A
    case weekdayShort = 0x61  // a
    case weekday = 0x75  // u
    case isoYear = 0x47  // G
    case isoWeek = 0x56  // V
    case offset = 0x7A  // z
    case zone = 0x5A  // Z
    case epoch = 0x73  // s
  }

  /// Directives that stand for others, or for a byte.
  private static let shorthands: [UInt8: String] = [
    0x54: "%H:%M:%S", 0x52: "%H:%M", 0x46: "%Y-%m-%d", 0x44: "%m/%d/%y", 0x68: "%b", 0x6E: "\n", 0x74: "\t",
  ]

  /// The directives, for messages and docs.
  public static let directives = "%Y %y %m %d %e %b %B %j %G %V %u %a %A %H %I %p %M %S %f %z %Z %s %F %T %R %D %%"

  /// Compiles a pattern.
  ///
  /// - Parameter reads: whether texts are to be read by it. A pattern that only writes may say a thing twice, and the hour of a half day alone.
  /// - Throws: ``Wrong`` for an unknown directive, and in a pattern that reads for one that stands twice or an hour that is ambiguous.
  public init(_ text: String, reads: Bool = true) throws(Wrong) {
    self.text = text
    var items: [Item] = []
    var seen: Set<UInt8> = []
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty else { throw Wrong(reason: "the pattern is empty", offset: 0) }
    var at = 0
    while at < bytes.count {
      defer { at += 1 }
      guard bytes[at] == 0x25 else {
        items.append(bytes[at] == 0x20 ? .blank : .literal(bytes[at]))
        continue
      }
      let start = at
      at += 1
      let isPadded = at >= bytes.count || bytes[at] != 0x2D
      if !isPadded { at += 1 }
      guard at < bytes.count else { throw Wrong(reason: "a % at the end; %% is a percent sign", offset: start) }
      if bytes[at] == 0x25, isPadded {
        items.append(.literal(0x25))
        continue
      }
      let inner: [Item]
      if bytes[at] == 0x65 {
        // %e is %d without its zero; a blank that stands in its place is read too.
        inner = [.field(.day, isPadded: false)]
      } else if isPadded, let long = Self.shorthands[bytes[at]] {
        inner = try TimePattern(long, reads: reads).items
      } else if let directive = Directive(rawValue: bytes[at]) {
        inner = [.field(directive, isPadded: isPadded)]
      } else {
        throw Wrong(
          reason: "%\(String(decoding: bytes[at...at], as: UTF8.self)) is no directive; there are \(Self.directives)", offset: start)
      }
      for item in inner {
        guard reads, case .field(let directive, _) = item else { continue }
        let kind = Self.same[directive] ?? directive
        guard seen.insert(kind.rawValue).inserted else {
          throw Wrong(reason: "the pattern says the \(Self.names[kind] ?? "same") twice", offset: start)
        }
      }
      items += inner
    }
    if seen.contains(Directive.hourOfHalf.rawValue) != seen.contains(Directive.half.rawValue) {
      throw Wrong(reason: "%I and %p go together; the hour of 24 is %H", offset: 0)
    }
    self.items = items
  }

  /// Directives that say the same, by the one that stands for all of them.
  private static let same: [Directive: Directive] = [
    .monthName: .month, .monthShort: .month, .weekdayName: .weekday, .weekdayShort: .weekday, .yearOfCentury: .year, .zone: .offset,
  ]
  private static let names: [Directive: String] = [
    .year: "year", .month: "month", .day: "day", .dayOfYear: "day of the year", .hour: "hour", .hourOfHalf: "hour",
    .half: "half of the day",
    .minute: "minute", .second: "second", .fraction: "fraction", .weekday: "weekday", .isoYear: "year", .isoWeek: "week",
    .offset: "offset", .epoch: "moment",
  ]

  private func has(_ directives: Directive...) -> Bool {
    items.contains { if case .field(let directive, _) = $0 { directives.contains(directive) } else { false } }
  }

  /// Whether a text of the pattern says its day: year, month and day; year and day of the year; ISO year, week and weekday; or `%s`.
  public var hasDate: Bool {
    let hasYear = has(.year, .yearOfCentury)
    return has(.epoch) || (hasYear && has(.month, .monthName, .monthShort) && has(.day)) || (hasYear && has(.dayOfYear))
      || (has(.isoYear) && has(.isoWeek) && has(.weekday, .weekdayName, .weekdayShort))
  }

  /// Whether a text of the pattern says something of a day.
  public var hasPartOfDate: Bool {
    has(
      .year, .yearOfCentury, .month, .monthName, .monthShort, .day, .dayOfYear, .isoYear, .isoWeek, .weekday, .weekdayName, .weekdayShort,
      .epoch)
  }

  /// Whether a text of the pattern says its hour.
  public var hasTime: Bool { has(.hour, .hourOfHalf, .epoch) }

  /// Whether a text of the pattern says something of a time of day.
  public var hasPartOfTime: Bool { has(.hour, .hourOfHalf, .minute, .second, .fraction, .epoch) }

  /// Whether a text of the pattern says the offset of its clocks from UTC, or its moment.
  public var hasZone: Bool { has(.offset, .zone, .epoch) }

  // MARK: Reading

  /// The parts of a text that were read so far.
  private struct Found {
    var year = 1970, month = 1, day = 1
    var dayOfYear = -1, weekday = -1, isoYear = -1, isoWeek = -1
    var hour = 0, minute = 0, second = 0, micros = 0
    var isAfternoon: Bool?
    var offset: Int?
    var epoch: Int64?
  }

  /// Reads a text. Nil where the bytes are not what the pattern says, say a day that the calendar does not have, or name the wrong weekday.
  public func read(_ p: UnsafePointer<UInt8>, _ count: Int) -> Parts? {
    var found = Found()
    var at = 0
    for item in items {
      switch item {
      case .literal(let byte):
        guard at < count, p[at] == byte else { return nil }
        at += 1
      case .blank:
        guard at < count, p[at] == 0x20 else { return nil }
        while at < count, p[at] == 0x20 { at += 1 }
      case .field(let directive, _): guard take(directive, p, count, &at, &found) else { return nil }
      }
    }
    return at == count ? parts(found) : nil
  }

  @inline(__always)
  private func number(_ p: UnsafePointer<UInt8>, _ count: Int, _ at: inout Int, least: Int = 1, most: Int) -> Int? {
    let start = at
    var value = 0
    while at < count, at - start < most {
      let digit = p[at] &- 0x30
      if digit > 9 { break }
      value = value * 10 + Int(digit)
      at += 1
    }
    return at - start >= least ? value : nil
  }

  private func take(_ directive: Directive, _ p: UnsafePointer<UInt8>, _ count: Int, _ at: inout Int, _ found: inout Found) -> Bool {
    func set(_ path: WritableKeyPath<Found, Int>, _ value: Int?, _ range: ClosedRange<Int>) -> Bool {
      guard let value, range.contains(value) else { return false }
      found[keyPath: path] = value
      return true
    }
    switch directive {
    case .year:
      guard let year = number(p, count, &at, least: 4, most: 4) else { return false }
      found.year = year
    case .yearOfCentury:
      guard let year = number(p, count, &at, least: 2, most: 2) else { return false }
      found.year = year + (year < 69 ? 2000 : 1900)
    case .month:
      guard let month = number(p, count, &at, most: 2), (1...12).contains(month) else { return false }
      found.month = month
    case .day:
      if at < count, p[at] == 0x20 { at += 1 }
      guard let day = number(p, count, &at, most: 2), (1...31).contains(day) else { return false }
      found.day = day
    case .hour:
      guard let hour = number(p, count, &at, most: 2), hour < 24 else { return false }
      found.hour = hour
    case .hourOfHalf:
      guard let hour = number(p, count, &at, most: 2), (1...12).contains(hour) else { return false }
      found.hour = hour
    case .minute:
      guard let minute = number(p, count, &at, most: 2), minute < 60 else { return false }
      found.minute = minute
    case .second:
      guard let second = number(p, count, &at, most: 2), second < 60 else { return false }
      found.second = second
    case .fraction:
      let start = at
      guard var value = number(p, count, &at, most: 9) else { return false }
      for _ in min(at - start, 6)..<6 { value *= 10 }
      for _ in 6..<max(at - start, 6) { value /= 10 }
      found.micros = value
    case .dayOfYear: return set(\.dayOfYear, number(p, count, &at, most: 3), 1...366)
    case .isoYear: return set(\.isoYear, number(p, count, &at, least: 4, most: 4), 0...9999)
    case .isoWeek: return set(\.isoWeek, number(p, count, &at, most: 2), 1...53)
    case .weekday: return set(\.weekday, number(p, count, &at, most: 1), 1...7)
    case .monthName, .monthShort: return set(\.month, word(p, count, &at, TimeNames.months), 1...12)
    case .weekdayName, .weekdayShort: return set(\.weekday, word(p, count, &at, TimeNames.weekdays), 1...7)
    case .half:
      guard at + 2 <= count, p[at + 1] | 0x20 == 0x6D, p[at] | 0x20 == 0x61 || p[at] | 0x20 == 0x70 else { return false }
      found.isAfternoon = p[at] | 0x20 == 0x70
      at += 2
    case .offset:
      guard let offset = offset(p, count, &at) else { return false }
      found.offset = offset
    case .zone:
      guard let length = ["UTC", "GMT", "UT", "Z"].first(where: { Self.stands($0.utf8, p, count, at) })?.utf8.count else { return false }
      found.offset = 0
      at += length
    case .epoch:
      let isNegative = at < count && p[at] == 0x2D
      if isNegative { at += 1 }
      guard let value = number(p, count, &at, most: 12) else { return false }
      found.epoch = Int64(isNegative ? -value : value)
    }
    return true
  }

  /// `Z`, `+HH`, `+HHMM` or `+HH:MM`.
  private func offset(_ p: UnsafePointer<UInt8>, _ count: Int, _ at: inout Int) -> Int? {
    guard at < count else { return nil }
    if p[at] | 0x20 == 0x7A {
      at += 1
      return 0
    }
    guard p[at] == 0x2B || p[at] == 0x2D else { return nil }
    let sign = p[at] == 0x2D ? -1 : 1
    at += 1
    guard let hours = number(p, count, &at, least: 2, most: 2), hours <= 15 else { return nil }
    var next = at
    if next < count, p[next] == 0x3A { next += 1 }
    guard next < count, p[next] &- 0x30 <= 9 else { return sign * hours * 3600 }
    at = next
    guard let minutes = number(p, count, &at, least: 2, most: 2), minutes < 60 else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }

  /// Whether a word stands at a place, in any case of its letters.
  private static func stands(_ word: String.UTF8View, _ p: UnsafePointer<UInt8>, _ count: Int, _ at: Int) -> Bool {
    guard at + word.count <= count else { return false }
    var i = at
    for byte in word {
      if p[i] | 0x20 != byte | 0x20 { return false }
      i += 1
    }
    return true
  }

  /// The number, from 1, of the name that stands in full or by its first three letters.
  private func word(_ p: UnsafePointer<UInt8>, _ count: Int, _ at: inout Int, _ names: [[UInt8]]) -> Int? {
    guard at + 3 <= count else { return nil }
    for (i, name) in names.enumerated() where (0..<3).allSatisfy({ p[at + $0] | 0x20 == name[$0] | 0x20 }) {
      let isWhole = at + name.count <= count && (3..<name.count).allSatisfy { p[at + $0] | 0x20 == name[$0] | 0x20 }
      at += isWhole ? name.count : 3
      return i + 1
    }
    return nil
  }

  private func parts(_ found: Found) -> Parts? {
    if let epoch = found.epoch {
      let micros = epoch * 1_000_000 + Int64(found.micros)
      guard TimeText.isInRange(micros) else { return nil }
      let days = TimeText.day(micros)
      return Parts(days: days, micros: micros - days * TimeText.microsecondsPerDay, offset: 0)
    }
    var days: Int64
    if found.isoWeek > 0, found.isoYear >= 0, found.weekday > 0 {
      let fourth = TimeText.daysSinceEpoch(year: found.isoYear, month: 1, day: 4)
      let monday = fourth - Int64(TimeText.weekday(fourth) - 1)
      days = monday + Int64((found.isoWeek - 1) * 7 + found.weekday - 1)
      // Week 53 of a year that has 52 is week 1 of the next.
      guard TimeText.isoWeek(days).year == found.isoYear else { return nil }
    } else if found.dayOfYear > 0 {
      guard found.dayOfYear <= 365 || TimeText.days(in: 2, of: found.year) == 29 else { return nil }
      days = TimeText.daysSinceEpoch(year: found.year, month: 1, day: 1) + Int64(found.dayOfYear - 1)
    } else {
      guard found.day <= 28 || found.day <= TimeText.days(in: found.month, of: found.year) else { return nil }
      days = TimeText.daysSinceEpoch(year: found.year, month: found.month, day: found.day)
      if !hasPartOfDate { days = 0 }
    }
    if found.weekday > 0, hasDate, TimeText.weekday(days) != found.weekday { return nil }
    var hour = found.hour
    if let isAfternoon = found.isAfternoon { hour = hour % 12 + (isAfternoon ? 12 : 0) }
    let micros = Int64((hour * 60 + found.minute) * 60 + found.second) * 1_000_000 + Int64(found.micros)
    guard TimeText.isInRange(days * TimeText.microsecondsPerDay + micros) else { return nil }
    return Parts(days: days, micros: micros, offset: found.offset)
  }
}
