/// Reads and writes dates and timestamps as text: ISO 8601 as SQL writes it.
///
/// A date is `YYYY-MM-DD`. A timestamp is a date, or a date, a space or `T`, `HH:MM`, optional `:SS` and up to nine
/// digits of fraction (kept to the microsecond), and an optional `Z`, `+HH`, `+HH:MM` or `+HHMM`, by which it is
/// brought to UTC.
public enum TimeText {
  /// A day of 24 hours in microseconds; timestamps know no leap seconds.
  public static let microsecondsPerDay: Int64 = 86_400_000_000

  /// Whether a timestamp, in microseconds since 1970-01-01 00:00 UTC, is of a year from 0 to 9999: its text has four digits for the year.
  public static func isInRange(_ micros: Int64) -> Bool {
    micros >= -62_167_219_200_000_000 && micros < 253_402_300_800_000_000
  }

  @inlinable @inline(__always)
  static func two(_ p: UnsafePointer<UInt8>, _ i: Int) -> Int {
    let a = p[i] &- 0x30
    let b = p[i + 1] &- 0x30
    return a > 9 || b > 9 ? -1 : Int(a) * 10 + Int(b)
  }

  /// Reads `YYYY-MM-DD` as days since 1970-01-01; nil where the bytes are no day of the proleptic Gregorian calendar.
  @inlinable @inline(__always)
  public static func date(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard count == 10, p[4] == 0x2D, p[7] == 0x2D else { return nil }
    let century = two(p, 0), rest = two(p, 2), month = two(p, 5), day = two(p, 8)
    guard century >= 0, rest >= 0, month >= 1, month <= 12, day >= 1 else { return nil }
    let year = century * 100 + rest
    guard day <= 28 || day <= days(in: month, of: year) else { return nil }
    return daysSinceEpoch(year: year, month: month, day: day)
  }

  /// Reads a timestamp as microseconds since 1970-01-01 00:00 UTC; nil where the bytes are none. A timestamp without a zone counts as UTC.
  @inlinable @inline(__always)
  public static func timestamp(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard count >= 10, let days = date(p, 10) else { return nil }
    if count == 10 { return days * microsecondsPerDay }
    guard count >= 16, p[10] == 0x20 || p[10] == 0x54 || p[10] == 0x74, p[13] == 0x3A else { return nil }
    let hour = two(p, 11), minute = two(p, 14)
    guard hour >= 0, hour < 24, minute >= 0, minute < 60 else { return nil }
    var second = 0
    var i = 16
    if i < count, p[i] == 0x3A {
      guard count >= 19 else { return nil }
      second = two(p, 17)
      guard second >= 0, second < 60 else { return nil }
      i = 19
    }
    let whole = days * microsecondsPerDay + Int64((hour * 60 + minute) * 60 + second) * 1_000_000
    if i == count { return whole }
    return tail(p, count, from: i, seconds: count >= 19, whole)
  }

  /// The fraction and the zone that follow the seconds.
  @usableFromInline
  static func tail(_ p: UnsafePointer<UInt8>, _ count: Int, from start: Int, seconds: Bool, _ whole: Int64) -> Int64? {
    var i = start
    var micros: Int64 = 0
    if p[i] == 0x2E {
      guard start == 19 else { return nil }
      i += 1
      var digits = 0
      while i < count, p[i] &- 0x30 <= 9 {
        if digits < 6 { micros = micros * 10 + Int64(p[i] &- 0x30) }
        digits += 1
        i += 1
      }
      guard digits >= 1, digits <= 9 else { return nil }
      for _ in min(digits, 6)..<6 { micros *= 10 }
    }
    if i == count { return whole + micros }
    if p[i] == 0x5A || p[i] == 0x7A { return i + 1 == count ? whole + micros : nil }
    guard p[i] == 0x2B || p[i] == 0x2D, count - i >= 3 else { return nil }
    let hours = two(p, i + 1)
    var minutes = 0
    switch count - i {
    case 3: break
    case 5: minutes = two(p, i + 3)
    case 6 where p[i + 3] == 0x3A: minutes = two(p, i + 4)
    default: return nil
    }
    guard hours >= 0, hours <= 15, minutes >= 0, minutes < 60 else { return nil }
    let offset = Int64(hours * 60 + minutes) * 60_000_000
    let result = whole + micros - (p[i] == 0x2B ? offset : -offset)
    return isInRange(result) ? result : nil
  }

  /// Reads `HH:MM`, `HH:MM:SS` or the same with up to nine digits of fraction (kept to the microsecond) as microseconds since midnight; nil
  /// where the bytes are no time of day.
  public static func time(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard count >= 5, p[2] == 0x3A else { return nil }
    let hour = two(p, 0), minute = two(p, 3)
    guard hour >= 0, hour < 24, minute >= 0, minute < 60 else { return nil }
    let whole = Int64(hour * 60 + minute) * 60_000_000
    if count == 5 { return whole }
    guard count >= 8, p[5] == 0x3A else { return nil }
    let second = two(p, 6)
    guard second >= 0, second < 60 else { return nil }
    let micros = whole + Int64(second) * 1_000_000
    if count == 8 { return micros }
    guard p[8] == 0x2E, count >= 10, count <= 18 else { return nil }
    var fraction: Int64 = 0
    for i in 9..<count {
      let digit = p[i] &- 0x30
      if digit > 9 { return nil }
      if i < 15 { fraction = fraction * 10 + Int64(digit) }
    }
    for _ in min(count - 9, 6)..<6 { fraction *= 10 }
    return micros + fraction
  }

  /// The day of a timestamp, in days since 1970-01-01.
  public static func day(_ micros: Int64) -> Int64 { micros / microsecondsPerDay - (micros % microsecondsPerDay < 0 ? 1 : 0) }

  /// The weekday of a day, from 1 for Monday to 7 for Sunday. 1970-01-01 was a Thursday.
  static func weekday(_ days: Int64) -> Int { Int(((days + 3) % 7 + 7) % 7) + 1 }

  /// The week of a day by ISO 8601, and the year that the week belongs to: that in which its Thursday falls.
  static func isoWeek(_ days: Int64) -> (year: Int, week: Int) {
    let thursday = days + Int64(4 - weekday(days))
    let year = civil(thursday).year
    return (year, Int(thursday - daysSinceEpoch(year: year, month: 1, day: 1)) / 7 + 1)
  }

  @inlinable
  static func days(in month: Int, of year: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Counts the days from 1970-01-01 to a day of the calendar, by Howard Hinnant's `days_from_civil` (chrono-Compatible Low-Level Date
  /// Algorithms). It does not check that the day exists.
  @inlinable @inline(__always)
  public static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Int64(era * 146_097 + dayOfEra - 719_468)
  }

  /// The calendar day that lies `days` days after 1970-01-01, by Hinnant's `civil_from_days`.
  public static func civil(_ days: Int64) -> (year: Int, month: Int, day: Int) {
    let z = Int(days) + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let m = (5 * dayOfYear + 2) / 153
    let month = m < 10 ? m + 3 : m - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * m + 2) / 5 + 1)
  }

  /// Appends `YYYY-MM-DD` for days since 1970-01-01. The year must be from 0 to 9999.
  public static func writeDate(_ days: Int64, to out: ByteBuffer) {
    let (year, month, day) = civil(days)
    pad(year, 4, to: out)
    out.append(0x2D)
    pad(month, 2, to: out)
    out.append(0x2D)
    pad(day, 2, to: out)
  }

  /// Appends `YYYY-MM-DD HH:MM:SS` for microseconds since 1970-01-01 00:00 UTC, with the fraction where there is one, without its last
  /// zeros. The year must be from 0 to 9999.
  public static func writeTimestamp(_ micros: Int64, to out: ByteBuffer) {
    var days = micros / microsecondsPerDay
    var rest = micros % microsecondsPerDay
    if rest < 0 {
      rest += microsecondsPerDay
      days -= 1
    }
    writeDate(days, to: out)
    out.append(0x20)
    writeTime(rest, to: out)
  }

  /// Appends `HH:MM:SS` for microseconds since midnight, with the fraction where there is one, without its last zeros.
  public static func writeTime(_ micros: Int64, to out: ByteBuffer) {
    let seconds = Int(micros / 1_000_000)
    pad(seconds / 3600, 2, to: out)
    out.append(0x3A)
    pad(seconds / 60 % 60, 2, to: out)
    out.append(0x3A)
    pad(seconds % 60, 2, to: out)
    var fraction = Int(micros % 1_000_000)
    guard fraction > 0 else { return }
    var digits = 6
    while fraction % 10 == 0 {
      fraction /= 10
      digits -= 1
    }
    out.append(0x2E)
    pad(fraction, digits, to: out)
  }

  /// Appends an offset from UTC, in seconds east, as `+HHMM`; seconds follow where there are any.
  static func writeOffset(_ offset: Int, to out: ByteBuffer) {
    out.append(offset < 0 ? 0x2D : 0x2B)
    let seconds = abs(offset)
    pad(seconds / 3600 * 100 + seconds / 60 % 60, 4, to: out)
    if seconds % 60 != 0 { pad(seconds % 60, 2, to: out) }
  }

  static func pad(_ value: Int, _ width: Int, to out: ByteBuffer) {
    var divisor = 1
    for _ in 1..<max(width, 1) { divisor *= 10 }
    var rest = value
    while divisor > 0 {
      out.append(UInt8(truncatingIfNeeded: rest / divisor % 10) &+ 0x30)
      rest %= divisor
      divisor /= 10
    }
  }
}

/// Reads truth values as PostgreSQL does.
public enum BooleanText {
  /// Reads true, t, yes, y, on, 1 and false, f, no, n, off, 0, in any case; nil for anything else.
  @inlinable
  public static func boolean(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool? {
    // A byte 0 in front would be lost in the word.
    guard count >= 1, count <= 5, p[0] != 0 else { return nil }
    var word: UInt64 = 0
    // Letters alone have two cases.
    for i in 0..<count { word = word << 8 | UInt64(p[i] >= 0x41 && p[i] <= 0x5A ? p[i] | 0x20 : p[i]) }
    switch word {
    case 0x74, 0x7472_7565, 0x79, 0x79_6573, 0x6F6E, 0x31: return true
    case 0x66, 0x66_616C_7365, 0x6E, 0x6E6F, 0x6F_6666, 0x30: return false
    default: return nil
    }
  }
}
