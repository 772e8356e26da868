import Configuration
import Records

extension Functions {
  /// A part of a timestamp, by the name that expressions call it.
  enum TimePart: String, CaseIterable {
    case year, month, day, hour, minute, second, dow, doy, quarter, week, epoch, millisecond, microsecond
    case isodow, isoyear

    /// The parts that a timestamp can be cut down to.
    static let truncating: [TimePart] = [.year, .quarter, .month, .week, .day, .hour, .minute, .second]

    static func named(_ text: TextSlice) -> TimePart? { TimePart(rawValue: text.string.lowercased()) }
  }

  /// A timestamp so many months, days and microseconds later, in this order, as in PostgreSQL: of a day that the month has not, the month's
  /// last day is taken.
  static let shift = shifting("+ INTERVAL") { $0 }
  static let shiftBack = shifting("- INTERVAL") { 0 - $0 }

  private static func shifting(_ name: String, _ sign: @escaping @Sendable (Int64) -> Int64) -> Function {
    Function(name, [.time, .bigint, .bigint, .bigint], gives: .timestamp) { arguments, call in
      call.integers { i in
        guard let micros = arguments[0].integer(i), let months = arguments[1].integer(i), let days = arguments[2].integer(i),
          let rest = arguments[3].integer(i)
        else { return nil }
        // Only the least bigint has no negative, and it is out of range anyway.
        guard min(months, days, rest) > .min,
          let time = shifted(micros, months: sign(months), days: sign(days), microseconds: sign(rest))
        else {
          call.fail(i, "the result is out of a timestamp's range, the years 0 to 9999")
          return nil
        }
        return time
      }
    }
  }

  private static func shifted(_ micros: Int64, months: Int64, days: Int64, microseconds: Int64) -> Int64? {
    // Beyond these bounds no year is in range, and within them nothing overflows.
    let most: Int64 = 5_000_000
    guard months.magnitude < most, days.magnitude < most else { return nil }
    var day = Casting.floorDivide(micros, TimeText.microsecondsPerDay)
    let clock = micros - day * TimeText.microsecondsPerDay
    if months != 0 { day = plusMonths(day, months) }
    let (sum, overflow) = ((day + days) * TimeText.microsecondsPerDay + clock).addingReportingOverflow(microseconds)
    return overflow || !TimeText.isInRange(sum) ? nil : sum
  }

  private static func plusMonths(_ days: Int64, _ months: Int64) -> Int64 {
    let (year, month, day) = TimeText.civil(days)
    let count = Int64(year) * 12 + Int64(month - 1) + months
    let (newYear, newMonth) = (Int(Casting.floorDivide(count, 12)), Int(count - Casting.floorDivide(count, 12) * 12) + 1)
    let first = TimeText.daysSinceEpoch(year: newYear, month: newMonth, day: 1)
    let next = TimeText.daysSinceEpoch(year: newMonth == 12 ? newYear + 1 : newYear, month: newMonth == 12 ? 1 : newMonth + 1, day: 1)
    return min(first + Int64(day) - 1, next - 1)
  }

  static let addDays = dayShifting("+ days") { $0.addingReportingOverflow($1) }
  static let subtractDays = dayShifting("- days") { $0.subtractingReportingOverflow($1) }

  private static func dayShifting(
    _ name: String, _ compute: @escaping @Sendable (Int64, Int64) -> (partialValue: Int64, overflow: Bool)
  ) -> Function {
    Function(name, [.any, .bigint], gives: .date) { arguments, call in
      call.integers { i in
        guard let date = arguments[0].integer(i), let days = arguments[1].integer(i) else { return nil }
        let (result, overflow) = compute(date, days)
        let (micros, isLong) = result.multipliedReportingOverflow(by: TimeText.microsecondsPerDay)
        guard !overflow, !isLong, TimeText.isInRange(micros) else {
          call.fail(i, "the result is out of a date's range, the years 0 to 9999")
          return nil
        }
        return result
      }
    }
  }

  /// The parts that a time of day has.
  private static let ofDay: [TimePart] = [.hour, .minute, .second, .millisecond, .microsecond]

  /// A time of day an interval later. It goes round at midnight, and days and months change nothing, as in PostgreSQL.
  static let shiftClock = clockShifting("+ INTERVAL") { $0 }
  static let shiftClockBack = clockShifting("- INTERVAL") { 0 - $0 }

  private static func clockShifting(_ name: String, _ sign: @escaping @Sendable (Int64) -> Int64) -> Function {
    Function(name, [.clock, .bigint, .bigint, .bigint], gives: .time) { arguments, call in
      call.integers { i in
        guard let micros = arguments[0].integer(i), !arguments[1].isNull(i), !arguments[2].isNull(i), let rest = arguments[3].integer(i)
        else {
          return nil
        }
        let sum = micros + sign(rest % TimeText.microsecondsPerDay)
        return sum - TimeText.day(sum) * TimeText.microsecondsPerDay
      }
    }
  }

  /// The timestamp of a date and a time of day.
  static let dateAtTime = Function("date + time", [.any, .clock], gives: .timestamp) { arguments, call in
    call.integers { i in
      guard let date = arguments[0].integer(i), let clock = arguments[1].integer(i) else { return nil }
      return date * TimeText.microsecondsPerDay + clock
    }
  }

  /// The parts that ``date_diff`` counts.
  private static let differing: [TimePart] = [.year, .quarter, .month, .week, .day, .hour, .minute, .second, .millisecond, .microsecond]

  static let times: [Function] =
    [TimePart.year, .month, .day, .hour, .minute, .second, .quarter].map { wanted in
      Function(wanted.rawValue, [ofDay.contains(wanted) ? .clock : .time], gives: .bigint) { arguments, call in
        call.integers { i in arguments[0].integer(i).map { part(wanted, $0) } }
      }
    } + [
      Function(
        "date_part", [.text, .clock], gives: .bigint,
        validate: { nodes in knownPart(nodes[1].type == .time ? ofDay : TimePart.allCases)(nodes) }
      ) { arguments, call in
        var wanted = Memo<TimePart?>()
        return call.integers { i in
          guard let name = arguments[0].slice(i), let micros = arguments[1].integer(i) else { return nil }
          return wanted.value(name, TimePart.named).map { part($0, micros) }
        }
      },
      Function("date_trunc", [.text, .time], gives: .timestamp, validate: knownPart(TimePart.truncating)) { arguments, call in
        var wanted = Memo<TimePart?>()
        return call.integers { i in
          guard let name = arguments[0].slice(i), let micros = arguments[1].integer(i) else { return nil }
          return wanted.value(name, TimePart.named).flatMap { truncated(micros, to: $0) }
        }
      },
      // As in DuckDB: how many times the part's boundary lies between the two; but weeks are sevens of days.
      Function("date_diff", [.text, .time, .time], gives: .bigint, validate: knownPart(differing)) { arguments, call in
        var wanted = Memo<TimePart?>()
        return call.integers { i in
          guard let name = arguments[0].slice(i), let start = arguments[1].integer(i), let end = arguments[2].integer(i) else { return nil }
          guard let part = wanted.value(name, TimePart.named), differing.contains(part) else { return nil }
          if part == .week { return (count(of: .day, end) - count(of: .day, start)) / 7 }
          return count(of: part, end) - count(of: part, start)
        }
      },
      Function("to_timestamp", [.double], gives: .timestamp) { arguments, call in
        call.integers { i in
          guard let seconds = arguments[0].double(i) else { return nil }
          guard let micros = Int64(exactly: (seconds * 1e6).rounded()), TimeText.isInRange(micros) else {
            call.fail(i, "\(seconds) seconds are out of a timestamp's range, the years 0 to 9999")
            return nil
          }
          return micros
        }
      },
    ]

  private static func knownPart(_ parts: [TimePart]) -> @Sendable ([Node]) -> String? {
    let known = parts.map(\.rawValue)
    return { nodes in
      guard case .literal(.text(let buffer), _) = nodes[0] else { return nil }
      let name = String(decoding: buffer.copy(0..<buffer.count), as: UTF8.self).lowercased()
      if known.contains(name) { return nil }
      let near = Spelling.nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
      return "“\(name)” is no part here; there are \(known.joined(separator: ", "))\(near)"
    }
  }

  @inline(__always)
  static func part(_ part: TimePart, _ micros: Int64) -> Int64 {
    let days = Casting.floorDivide(micros, TimeText.microsecondsPerDay)
    let seconds = (micros - days * TimeText.microsecondsPerDay) / 1_000_000
    switch part {
    case .hour: return seconds / 3600
    case .minute: return seconds / 60 % 60
    case .second: return seconds % 60
    case .dow: return weekday(days)
    case .week: return week(days)
    case .epoch: return Casting.floorDivide(micros, 1_000_000)
    case .millisecond: return (micros - days * TimeText.microsecondsPerDay) % 60_000_000 / 1000
    case .microsecond: return (micros - days * TimeText.microsecondsPerDay) % 60_000_000
    case .isodow: return (weekday(days) + 6) % 7 + 1
    case .isoyear: return Int64(TimeText.civil(days - (weekday(days) + 6) % 7 + 3).year)
    case .year: return Int64(TimeText.civil(days).year)
    case .month: return Int64(TimeText.civil(days).month)
    case .day: return Int64(TimeText.civil(days).day)
    case .quarter: return Int64((TimeText.civil(days).month + 2) / 3)
    case .doy: return days - TimeText.daysSinceEpoch(year: TimeText.civil(days).year, month: 1, day: 1) + 1
    }
  }

  /// How many of a part have begun since its first, so that differences count boundaries.
  private static func count(of part: TimePart, _ micros: Int64) -> Int64 {
    let days = Casting.floorDivide(micros, TimeText.microsecondsPerDay)
    switch part {
    case .year: return Int64(TimeText.civil(days).year)
    case .quarter, .month:
      let (year, month, _) = TimeText.civil(days)
      return part == .month ? Int64(year * 12 + month) : Int64(year * 4 + (month - 1) / 3)
    case .hour: return Casting.floorDivide(micros, 3_600_000_000)
    case .minute: return Casting.floorDivide(micros, 60_000_000)
    case .second: return Casting.floorDivide(micros, 1_000_000)
    case .millisecond: return Casting.floorDivide(micros, 1000)
    case .microsecond: return micros
    default: return days
    }
  }

  /// 0 is Sunday. 1970-01-01 was a Thursday.
  private static func weekday(_ days: Int64) -> Int64 { ((days + 4) % 7 + 7) % 7 }

  /// The week by ISO 8601: that of the year in which its Thursday falls.
  private static func week(_ days: Int64) -> Int64 {
    let thursday = days - (weekday(days) + 6) % 7 + 3
    let year = TimeText.civil(thursday).year
    return (thursday - TimeText.daysSinceEpoch(year: year, month: 1, day: 1)) / 7 + 1
  }

  static func truncated(_ micros: Int64, to part: TimePart) -> Int64? {
    let days = Casting.floorDivide(micros, TimeText.microsecondsPerDay)
    let (year, month, _) = TimeText.civil(days)
    func day(_ month: Int) -> Int64 { TimeText.daysSinceEpoch(year: year, month: month, day: 1) * TimeText.microsecondsPerDay }
    func floor(_ unit: Int64) -> Int64 { Casting.floorDivide(micros, unit) * unit }
    switch part {
    case .year: return day(1)
    case .quarter: return day((month - 1) / 3 * 3 + 1)
    case .month: return day(month)
    case .week: return (days - (weekday(days) + 6) % 7) * TimeText.microsecondsPerDay
    case .day: return days * TimeText.microsecondsPerDay
    case .hour: return floor(3_600_000_000)
    case .minute: return floor(60_000_000)
    case .second: return floor(1_000_000)
    case .dow, .doy, .epoch, .millisecond, .microsecond, .isodow, .isoyear: return nil
    }
  }
}
