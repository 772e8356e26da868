import Configuration

/// A unit that intervals are counted in.
enum IntervalUnit: String, CaseIterable {
  case microsecond, millisecond, second, minute, hour, day, week, month, quarter, year

  /// The part of an interval that the unit belongs to, and how many of that part's units it is. A day may have 23 or 25 hours, and a month
  /// any number of days, so months, days and microseconds are kept apart.
  var part: (WritableKeyPath<Interval, Int64>, count: Int64) {
    switch self {
    case .microsecond: (\.microseconds, 1)
    case .millisecond: (\.microseconds, 1000)
    case .second: (\.microseconds, 1_000_000)
    case .minute: (\.microseconds, 60_000_000)
    case .hour: (\.microseconds, 3_600_000_000)
    case .day: (\.days, 1)
    case .week: (\.days, 7)
    case .month: (\.months, 1)
    case .quarter: (\.months, 3)
    case .year: (\.months, 12)
    }
  }

  private static let short: [String: IntervalUnit] = [
    "us": .microsecond, "usec": .microsecond, "ms": .millisecond, "msec": .millisecond, "s": .second, "sec": .second, "min": .minute,
    "h": .hour, "hr": .hour, "d": .day, "w": .week, "mon": .month, "y": .year, "yr": .year,
  ]

  /// Reads a unit's name in any case, singular or plural, or its short form.
  static func named(_ text: some StringProtocol) -> IntervalUnit? {
    let word = text.lowercased()
    func one(_ word: String) -> IntervalUnit? { IntervalUnit(rawValue: word) ?? short[word] }
    return one(word) ?? (word.hasSuffix("s") ? one(String(word.dropLast())) : nil)
  }
}

/// A span of time that stands in an expression.
struct Interval: Equatable {
  var months: Int64 = 0
  var days: Int64 = 0
  var microseconds: Int64 = 0

  init() {}

  /// Reads `2 days`, `1 year 3 months`, `-1 hour`, `1.5 hours`, `04:05:06.7`; nil where the text is no interval, or too long a one.
  init?(_ text: String) {
    var rest = text.split(whereSeparator: \.isWhitespace)[...]
    guard !rest.isEmpty else { return nil }
    while let word = rest.popFirst() {
      if word.contains(":") {
        guard let micros = Self.clock(word) else { return nil }
        guard add(micros, to: \.microseconds) else { return nil }
        continue
      }
      // The unit may stand right behind its number.
      let number = word.prefix { $0.isNumber || "+-.".contains($0) }
      let unitText = number.count < word.count ? word.dropFirst(number.count) : rest.popFirst() ?? ""
      guard let unit = IntervalUnit.named(unitText), let value = Self.value(number, of: unit), add(value, to: unit.part.0) else {
        return nil
      }
    }
  }

  private mutating func add(_ value: Int64, to part: WritableKeyPath<Interval, Int64>) -> Bool {
    let (sum, overflow) = self[keyPath: part].addingReportingOverflow(value)
    self[keyPath: part] = sum
    return !overflow
  }

  /// So many units, in the units of their part. Only units with a fixed length have fractions.
  private static func value(_ text: Substring, of unit: IntervalUnit) -> Int64? {
    let (part, count) = unit.part
    if let whole = Int64(text) {
      let (value, overflow) = whole.multipliedReportingOverflow(by: count)
      return overflow ? nil : value
    }
    guard part == \.microseconds, let number = Double(text) else { return nil }
    return Int64(exactly: (number * Double(count)).rounded())
  }

  /// Reads `HH:MM`, `HH:MM:SS` and `HH:MM:SS.ffffff`, with a sign for all of it.
  private static func clock(_ text: Substring) -> Int64? {
    let sign: Int64 = text.hasPrefix("-") ? -1 : 1
    let parts = text.drop { $0 == "-" || $0 == "+" }.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), let hours = Int64(parts[0]), let minutes = Int64(parts[1]), hours >= 0, hours < 1 << 32,
      (0..<60).contains(minutes)
    else { return nil }
    var seconds = 0.0
    if parts.count == 3 {
      guard let given = Double(parts[2]), given >= 0, given < 60 else { return nil }
      seconds = given
    }
    return sign * ((hours * 60 + minutes) * 60_000_000 + Int64((seconds * 1e6).rounded()))
  }
}

extension ExpressionParser {
  /// Reads what stands behind the word INTERVAL: `'2 days'`, `2 day`, `'2' day`, `(n) day`. Nil, with nothing taken, where that is no
  /// interval, so that a field may have the name.
  mutating func interval(_ place: Syntax.Place) throws(ExpressionError) -> Syntax? {
    switch current.kind {
    case .string where IntervalUnit.named(following.text) == nil || following.kind != .word:
      let token = take()
      guard let interval = Interval(token.text) else {
        throw ExpressionError(
          "“\(token.text)” is no interval; one is written '2 days', '1 year 3 months' or '04:05:06'", at: token.offset, length: token.length
        )
      }
      return .interval(
        months: .number("\(interval.months)", place), days: .number("\(interval.days)", place),
        microseconds: .number("\(interval.microseconds)", place), place)
    case .string, .number:
      let token = take()
      let (unit, _) = try unit()
      guard let interval = Interval("\(token.text) \(unit.rawValue)") else {
        throw ExpressionError("an interval has a whole number of \(unit.rawValue)s", at: token.offset, length: token.length)
      }
      return .interval(
        months: .number("\(interval.months)", place), days: .number("\(interval.days)", place),
        microseconds: .number("\(interval.microseconds)", place), place)
    case .symbol where current.text == "(":
      let list = try parenthesised()
      guard list.count == 1 else { throw ExpressionError("an interval has one number", at: place.offset, length: place.length) }
      let (unit, _) = try unit()
      let (part, count) = unit.part
      let value = try binary("*", list[0], .number("\(count)", place), list[0].place)
      let zero = Syntax.number("0", place)
      return .interval(
        months: part == \.months ? value : zero, days: part == \.days ? value : zero,
        microseconds: part == \.microseconds ? value : zero, try above(place, value))
    default: return nil
    }
  }

  private mutating func unit() throws(ExpressionError) -> (IntervalUnit, Token) {
    let token = take()
    if token.kind == .word, let unit = IntervalUnit.named(token.text) { return (unit, token) }
    let names = IntervalUnit.allCases.map(\.rawValue)
    let near = Spelling.nearest(to: token.text.lowercased(), among: names).map { "; did you mean \($0)?" } ?? ""
    throw ExpressionError(
      "a unit of time is expected: \(names.joined(separator: ", "))\(near)", at: token.offset, length: token.length)
  }
}

extension Checker {
  /// A date or timestamp an interval later, or earlier where `isBack`.
  mutating func shifted(_ time: Syntax, by interval: Syntax, isBack: Bool, _ place: Syntax.Place) throws(ExpressionError) -> Node {
    guard case .interval(let months, let days, let microseconds, _) = interval else { return try check(interval) }
    let node = try check(time)
    guard node.type == .date || node.type == .timestamp || node.type == .time || node.type == nil else {
      throw fail("an interval is added to a date, time or timestamp, not to a \(name(node)); CAST it", time.place)
    }
    var parts: [Node] = []
    for part in [months, days, microseconds] {
      let count = try check(part)
      guard count.type == .bigint || count.type == nil else { throw fail("an interval has a whole number of units", part.place) }
      parts.append(convert(count, to: .bigint))
    }
    if node.type == .time { return .call(isBack ? Functions.shiftClockBack : Functions.shiftClock, [node] + parts, .time) }
    return .call(isBack ? Functions.shiftBack : Functions.shift, [convert(node, to: .timestamp)] + parts, .timestamp)
  }

  /// A date some days later or earlier, the days between two dates, or a date and a time together; nil for operands of other types.
  func calendar(_ symbol: String, _ left: Node, _ right: Node) -> Node? {
    guard left.type == .date || right.type == .date, symbol == "+" || symbol == "-" else { return nil }
    if symbol == "-", left.type == .date, right.type == .date { return .arithmetic(.subtract, left, right, .bigint) }
    if left.isUnknown || right.isUnknown { return .unknown }
    let (date, other) = left.type == .date ? (left, right) : (right, left)
    if symbol == "+", other.type == .time { return .call(Functions.dateAtTime, [date, other], .timestamp) }
    guard other.type == .bigint || other.type == nil, symbol == "+" || left.type == .date else { return nil }
    return .call(symbol == "+" ? Functions.addDays : Functions.subtractDays, [date, convert(other, to: .bigint)], .date)
  }
}
