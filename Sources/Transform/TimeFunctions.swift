import Configuration
import Records

extension Functions {
  /// A part of a timestamp, by the name that expressions call it.
  enum TimePart: String, CaseIterable {
    case year, month, day, hour, minute, second, dow, doy, quarter, week, epoch

    /// The parts that a timestamp can be cut down to.
    static let truncating: [TimePart] = [.year, .quarter, .month, .week, .day, .hour, .minute, .second]

    static func named(_ text: TextSlice) -> TimePart? { TimePart(rawValue: text.string.lowercased()) }
  }

  static let times: [Function] =
    [TimePart.year, .month, .day, .hour, .minute, .second, .quarter].map { wanted in
      Function(wanted.rawValue, [.time], gives: .bigint) { arguments, call in
        call.integers { i in arguments[0].integer(i).map { part(wanted, $0) } }
      }
    } + [
      Function("date_part", [.text, .time], gives: .bigint, validate: knownPart(TimePart.allCases)) { arguments, call in
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
      return "“\(name)” is no part of a timestamp; there are \(known.joined(separator: ", "))\(near)"
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
    case .year: return Int64(TimeText.civil(days).year)
    case .month: return Int64(TimeText.civil(days).month)
    case .day: return Int64(TimeText.civil(days).day)
    case .quarter: return Int64((TimeText.civil(days).month + 2) / 3)
    case .doy: return days - TimeText.daysSinceEpoch(year: TimeText.civil(days).year, month: 1, day: 1) + 1
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
    case .dow, .doy, .epoch: return nil
    }
  }
}
