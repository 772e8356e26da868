import Foundation

/// The times of a task, as crontab(5) writes them: minute, hour, day of the month, month, day of the week.
package struct CronSchedule: Sendable {
  /// Why a text is no schedule.
  package struct Mistake: Error, CustomStringConvertible {
    /// The mistake, and the right form, as a sentence.
    package let description: String
  }

  private struct Part {
    let name: String
    let range: ClosedRange<Int>
    let words: [String]
  }

  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
  private static let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
  private static let parts = [
    Part(name: "minute", range: 0...59, words: []), Part(name: "hour", range: 0...23, words: []),
    Part(name: "day of the month", range: 1...31, words: []), Part(name: "month", range: 1...12, words: months),
    Part(name: "day of the week", range: 0...7, words: weekdays),
  ]
  private static let nicknames = [
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
  ]

  /// The five parts, as a crontab has them.
  package let text: String
  private let minutes: Set<Int>
  private let hours: Set<Int>
  private let days: Set<Int>
  private let monthNumbers: Set<Int>
  /// From 0, which is Sunday.
  private let weekdayNumbers: Set<Int>
  /// With both kinds of day given, either is enough: crontab(5). One that begins with a star is not given.
  private let eitherDay: Bool

  /// Reads five parts or a nickname as `@daily`.
  package init(_ text: String) throws(Mistake) {
    let words = (Self.nicknames[text.trimmingCharacters(in: .whitespaces).lowercased()] ?? text).split { $0 == " " || $0 == "\t" }
    guard words.count == 5 else {
      throw Mistake(
        description:
          "a schedule has five parts, minute, hour, day of the month, month and day of the week, as '0 3 * * *', or is one of \(Self.nicknames.keys.sorted().joined(separator: ", "))"
      )
    }
    self.text = words.joined(separator: " ")
    var sets: [Set<Int>] = []
    for (word, part) in zip(words, Self.parts) { sets.append(try Self.numbers(word, part)) }
    (minutes, hours, days, monthNumbers) = (sets[0], sets[1], sets[2], sets[3])
    weekdayNumbers = Set(sets[4].map { $0 % 7 })
    eitherDay = !words[2].hasPrefix("*") && !words[4].hasPrefix("*")
    if next(after: Date(), count: 1).isEmpty { throw Mistake(description: "there is no day that fits '\(self.text)'") }
  }

  private static func numbers(_ text: Substring, _ part: Part) throws(Mistake) -> Set<Int> {
    var numbers: Set<Int> = []
    for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
      func mistake() -> Mistake {
        Mistake(
          description:
            "'\(piece)' is no \(part.name): \(part.range.lowerBound) to \(part.range.upperBound)\(part.words.isEmpty ? "" : " or \(part.words.joined(separator: ", "))"), *, a range as 1-5, or steps as */2"
        )
      }
      let halves = piece.split(separator: "/", omittingEmptySubsequences: false)
      guard halves.count <= 2, let first = halves.first else { throw mistake() }
      let ends = first.split(separator: "-", omittingEmptySubsequences: false).map { number(of: $0, part) }
      let step = halves.count == 2 ? Int(halves[1]) ?? 0 : 1
      let range: ClosedRange<Int>
      switch (first, ends.count) {
      case ("*", _): range = part.range
      case (_, 1):
        guard let only = ends[0], part.range.contains(only) else { throw mistake() }
        range = only...(halves.count == 2 ? part.range.upperBound : only)
      case (_, 2):
        guard let low = ends[0], let high = ends[1], low <= high else { throw mistake() }
        range = low...high
      default: throw mistake()
      }
      guard step > 0, part.range.contains(range.lowerBound), part.range.contains(range.upperBound) else { throw mistake() }
      numbers.formUnion(stride(from: range.lowerBound, through: range.upperBound, by: step))
    }
    return numbers
  }

  private static func number(of text: Substring, _ part: Part) -> Int? {
    if let number = Int(text), text.allSatisfy(\.isNumber) { return number }
    return part.words.firstIndex(of: text.lowercased()).map { $0 + part.range.lowerBound }
  }

  // MARK: Times

  private func fits(day: Int, weekday: Int) -> Bool {
    let (byDay, byWeekday) = (days.contains(day), weekdayNumbers.contains(weekday))
    return eitherDay ? byDay || byWeekday : byDay && byWeekday
  }

  /// The next times, in the calendar's time zone; fewer than `count` where there are no more within eight years.
  package func next(after date: Date, count: Int, calendar: Calendar = Self.calendar) -> [Date] {
    var times: [Date] = []
    guard var day = calendar.dateInterval(of: .day, for: date)?.start else { return [] }
    // 29 February may be eight years away: 1896 to 1904, and 2096 to 2104.
    for _ in 0..<(8 * 366 + 1) {
      let parts = calendar.dateComponents([.month, .day, .weekday], from: day)
      if monthNumbers.contains(parts.month ?? 0), fits(day: parts.day ?? 0, weekday: (parts.weekday ?? 1) - 1) {
        for hour in hours.sorted() {
          for minute in minutes.sorted() {
            guard let time = calendar.date(bySettingHour: hour, minute: minute, second: 0, of: day), time > date else { continue }
            if times.last != time { times.append(time) }
            if times.count == count { return times }
          }
        }
      }
      guard let tomorrow = calendar.date(byAdding: .day, value: 1, to: day) else { break }
      day = tomorrow
    }
    return times
  }

  /// The calendar of the machine's time zone, which cron goes by.
  package static var calendar: Calendar {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .current
    return calendar
  }

  // MARK: systemd

  /// The same as systemd.time(7) writes it: one expression, or two where either kind of day is enough.
  package var onCalendar: [String] {
    let time = "\(Self.list(hours, in: 0...23)):\(Self.list(minutes, in: 0...59)):00"
    let month = Self.list(monthNumbers, in: 1...12)
    let date = "*-\(month)-\(Self.list(days, in: 1...31)) \(time)"
    let weekdays = weekdayNumbers.count == 7 ? nil : weekdayNumbers.sorted().map { Self.weekdays[$0].capitalized }.joined(separator: ",")
    guard let weekdays else { return [date] }
    return eitherDay ? [date, "\(weekdays) *-\(month)-* \(time)"] : ["\(weekdays) \(date)"]
  }

  private static func list(_ numbers: Set<Int>, in range: ClosedRange<Int>) -> String {
    if numbers.count == range.count { return "*" }
    var runs: [ClosedRange<Int>] = []
    for number in numbers.sorted() {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    func two(_ number: Int) -> String { String(format: "%02d", number) }
    return runs.flatMap { run -> [String] in
      run.count > 2 ? ["\(two(run.lowerBound))..\(two(run.upperBound))"] : run.map(two)
    }.joined(separator: ",")
  }
}
