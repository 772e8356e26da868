/// How a source spells the values of a field, as a definition says it behind the type: `'%d/%m/%Y %H:%M' in 'Europe/Berlin'`, `'1.234,56'`,
/// `'hex'`. A class, so that a field, which is copied with every batch, has one word for it.
public final class FieldSpelling: Sendable {
  /// Why a spelling can't be meant.
  public struct Wrong: Error, Sendable, Equatable {
    /// A sentence for the user.
    public var reason: String
    /// The part of the definition's text that is wrong.
    public var part: String
    /// The name that was not found in the time zone database; nil for other errors.
    public var unknownZone: String?
  }

  /// Which of two moments a local time stands for where the clocks of its zone change. Raw values are the definition's words.
  public enum Side: String, Sendable, CaseIterable { case earlier, later }

  enum Form: Sendable {
    /// A pattern (nil for ISO 8601), and the zone of the clocks (nil for UTC) with what becomes of times that it skips or has twice.
    case clock(TimePattern?, ZoneRules?, Side?)
    case marks(NumberMarks)
    case bytes(BytesForm)
  }

  /// The spelling as a definition writes it.
  public let text: String
  let form: Form

  /// Makes the spelling of a type from its parts in a definition.
  ///
  /// - Parameters:
  ///   - quoted: the pattern of a time, the sample of a number, or the form of bytes.
  ///   - zone: the zone whose clocks a timestamp shows.
  ///   - side: `earlier` or `later`, behind the zone.
  /// - Throws: ``Wrong`` where the type has no such spelling.
  public init(_ type: ValueType, quoted: String?, zone: String? = nil, side: String? = nil) throws(Wrong) {
    var parts: [String] = []
    if let quoted { parts.append(Self.quote(quoted)) }
    if let zone { parts.append("in " + Self.quote(zone)) }
    if let side { parts.append(side) }
    text = parts.joined(separator: " ")
    if let zone, type != .timestamp { throw Wrong(reason: "a zone is for a timestamp, and this is a \(type.rawValue)", part: zone) }
    switch type {
    case .bigint, .double, .decimal:
      guard let quoted, let marks = NumberMarks(sample: quoted) else {
        throw Wrong(
          reason: "a number is spelled by the sample 1234.56, or 1234, with the source's marks: '1.234,56' or '1,234'", part: quoted ?? "")
      }
      if type == .bigint, marks.decimal != nil {
        throw Wrong(reason: "a bigint has no fraction: its sample is 1234 with the source's mark, as '1.234'", part: quoted)
      }
      form = .marks(marks)
    case .date, .time, .timestamp:
      form = .clock(try Self.pattern(quoted, type), try Self.rules(zone), try Self.side(side))
    case .bytes:
      guard let form = BytesForm(rawValue: quoted ?? "") else {
        throw Wrong(reason: "bytes are spelled 'base64' or 'hex'", part: quoted ?? "")
      }
      self.form = .bytes(form)
    case .text, .json, .boolean:
      throw Wrong(reason: "a \(type.rawValue) has no spelling of its own; numbers, times and bytes have", part: quoted ?? "")
    }
  }

  private init(_ form: BytesForm) {
    text = Self.quote(form.rawValue)
    self.form = .bytes(form)
  }

  /// The spelling of bytes where a definition says none.
  static let base64 = FieldSpelling(.base64)

  private static func quote(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }

  private static func pattern(_ text: String?, _ type: ValueType) throws(Wrong) -> TimePattern? {
    guard let text else { return nil }
    let pattern: TimePattern
    do throws(TimePattern.Wrong) { pattern = try TimePattern(text) } catch { throw Wrong(reason: error.reason, part: text) }
    func no(_ reason: String) -> Wrong { Wrong(reason: reason, part: text) }
    switch type {
    case .time:
      if pattern.hasPartOfDate { throw no("a time has no day; make the field a timestamp") }
      if pattern.hasZone { throw no("a time has no zone; make the field a timestamp") }
      if !pattern.hasTime { throw no("the pattern does not say the hour: %H, or %I with %p") }
    case .date:
      if !pattern.hasDate { throw no("the pattern does not say the whole day: year, month and day, as %d.%m.%Y") }
      if pattern.hasPartOfTime || pattern.hasZone { throw no("a date has no time; make the field a timestamp") }
    default:
      if !pattern.hasDate { throw no("the pattern does not say the whole day: year, month and day, as %d.%m.%Y %H:%M") }
      if pattern.hasPartOfTime, !pattern.hasTime { throw no("the pattern does not say the hour: %H, or %I with %p") }
    }
    return pattern
  }

  private static func rules(_ zone: String?) throws(Wrong) -> ZoneRules? {
    guard let zone else { return nil }
    do throws(ZoneRules.Trouble) {
      return try ZoneRules.named(zone)
    } catch {
      switch error {
      case .unknown: throw Wrong(reason: "there is no time zone “\(zone)”", part: zone, unknownZone: zone)
      case .noDatabase(let folder):
        throw Wrong(reason: "there is no time zone database in \(folder); install the package tzdata, or set TZDIR", part: zone)
      case .damaged(let path): throw Wrong(reason: "\(path) is damaged; install the package tzdata anew", part: zone)
      }
    }
  }

  private static func side(_ word: String?) throws(Wrong) -> Side? {
    guard let word else { return nil }
    guard let side = Side(rawValue: word) else {
      throw Wrong(
        reason: "behind a zone stands earlier or later: the moment of a local time that its clocks skip or show twice", part: word)
    }
    return side
  }
}

extension FieldSpelling: Hashable {
  /// Spellings are equal where a definition writes them alike.
  public static func == (a: FieldSpelling, b: FieldSpelling) -> Bool { a.text == b.text }
  /// Hashes the text.
  public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

// MARK: Reading

extension FieldSpelling {
  /// Reads values in this spelling, a whole column at a time.
  ///
  /// - Parameters:
  ///   - type: the type that the spelling was made for.
  ///   - value: a row's text, and whether it is a number of JSON, whose marks are known.
  ///   - refuse: told each row whose value does not fit; it becomes NULL.
  package func read(
    _ type: ValueType, count: Int, _ value: (Int) -> (text: TextSlice, isNumber: Bool), refuse: (Int) -> Void
  ) -> Vector {
    switch (form, type) {
    case (.marks(let marks), .bigint): return .integers(numbers(marks, count, 0, value, NumberText.integer, refuse))
    case (.marks(let marks), .decimal(let precision, let scale)):
      return .decimals(
        numbers(marks, count, 0, value, { DecimalText.decimal($0, $1, precision: precision, scale: scale) }, refuse))
    case (.marks(let marks), _): return .doubles(numbers(marks, count, 0, value, FieldViews.finite, refuse))
    case (.clock(let pattern, let zone, let side), _): return .integers(times(type, pattern, zone, side, count, value, refuse))
    case (.bytes(let form), _):
      var arena = TextArena()
      let slices = (0..<count).map { row -> TextSlice in
        let text = value(row).text
        guard let start = text.start else { return .null }
        let out = arena.allocate(text.count)
        if let made = BytesText.read(start, text.count, form, to: out) { return TextSlice(start: out, count: made) }
        refuse(row)
        return .null
      }
      return .text(TextVector(slices: slices, owners: arena.owners))
    }
  }

  @inline(__always)
  private func numbers<Number>(
    _ marks: NumberMarks, _ count: Int, _ zero: Number, _ value: (Int) -> (text: TextSlice, isNumber: Bool),
    _ parse: (UnsafePointer<UInt8>, Int) -> Number?, _ refuse: (Int) -> Void
  ) -> NullableVector<Number> {
    var out = NullableVector(values: [Number](repeating: zero, count: count))
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberMarks.longest) { scratch in
      guard let plain = scratch.baseAddress else { return }
      for row in 0..<count {
        let (text, isNumber) = value(row)
        guard let start = text.start else {
          out.setNull(row)
          continue
        }
        var number: Number?
        if isNumber {
          number = NumberText.isPlainNumber(start, text.count) ? parse(start, text.count) : nil
        } else if let made = marks.plain(start, text.count, plain), NumberText.isPlainNumber(plain, made) {
          number = parse(plain, made)
        }
        if let number {
          out.values[row] = number
        } else {
          out.setNull(row)
          refuse(row)
        }
      }
    }
    return out
  }

  private func times(
    _ type: ValueType, _ pattern: TimePattern?, _ zone: ZoneRules?, _ side: Side?, _ count: Int,
    _ value: (Int) -> (text: TextSlice, isNumber: Bool), _ refuse: (Int) -> Void
  ) -> NullableVector<Int64> {
    var out = NullableVector(values: [Int64](repeating: 0, count: count))
    var hint = 0
    for row in 0..<count {
      let text = value(row).text
      guard let start = text.start else {
        out.setNull(row)
        continue
      }
      if let parts = Self.parts(pattern, start, text.count), let time = Self.time(type, parts, zone, side, &hint) {
        out.values[row] = time
      } else {
        out.setNull(row)
        refuse(row)
      }
    }
    return out
  }

  @inline(__always)
  private static func parts(_ pattern: TimePattern?, _ p: UnsafePointer<UInt8>, _ n: Int) -> TimePattern.Parts? {
    if let pattern { return pattern.read(p, n) }
    guard let micros = TimeText.timestamp(p, n) else { return nil }
    let days = TimeText.day(micros)
    // Behind the day and the hour a sign or a letter is a zone's.
    let hasZone = n > 16 && (16..<n).contains { p[$0] == 0x2B || p[$0] == 0x2D || p[$0] | 0x20 == 0x7A }
    return TimePattern.Parts(days: days, micros: micros - days * TimeText.microsecondsPerDay, offset: hasZone ? 0 : nil)
  }

  @inline(__always)
  private static func time(
    _ type: ValueType, _ parts: TimePattern.Parts, _ zone: ZoneRules?, _ side: Side?, _ hint: inout Int
  ) -> Int64? {
    switch type {
    case .date: return parts.days
    case .time: return parts.micros
    default: break
    }
    let local = parts.days * TimeText.microsecondsPerDay + parts.micros
    var micros = local
    if let offset = parts.offset {
      micros = local - Int64(offset) * 1_000_000
    } else if let zone {
      let seconds = parts.days * 86_400 + parts.micros / 1_000_000
      switch zone.moment(ofLocal: seconds, hint: &hint) {
      case .one(let moment): micros += (moment - seconds) * 1_000_000
      case .gap(let earlier, let later), .overlap(let earlier, let later):
        guard let side else { return nil }
        micros += ((side == .earlier ? earlier : later) - seconds) * 1_000_000
      }
    }
    return TimeText.isInRange(micros) ? micros : nil
  }

  /// Says why a text is no value of the type in this spelling.
  package func misfit(_ text: String, _ type: ValueType) -> String {
    if let change = clockChange(text) { return change }
    let reason = "“\(text)” is not \(type.noun) \(self.text)"
    return digits(text, type).map { "\(reason); \($0)" } ?? reason
  }

  /// Says which digits of a number a decimal has no place for.
  private func digits(_ text: String, _ type: ValueType) -> String? {
    guard case .marks(let marks) = form, case .decimal(let precision, let scale) = type else { return nil }
    var text = text
    return text.withUTF8 { bytes in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberMarks.longest) { scratch in
        guard let p = bytes.baseAddress, let plain = scratch.baseAddress, let made = marks.plain(p, bytes.count, plain) else { return nil }
        return DecimalText.read(plain, made, precision: precision, scale: scale).misfit(precision: precision, scale: scale)
      }
    }
  }

  /// Says why a local time that the pattern reads stands for no moment: the clocks of its zone skip it, or show it twice. Nil for other
  /// texts.
  private func clockChange(_ text: String) -> String? {
    guard case .clock(let pattern, let zone?, nil) = form else { return nil }
    var text = text
    guard let parts = text.withUTF8({ bytes in bytes.baseAddress.flatMap { Self.parts(pattern, $0, bytes.count) } }), parts.offset == nil
    else { return nil }
    switch zone.moment(ofLocal: parts.days * 86_400 + parts.micros / 1_000_000) {
    case .one: return nil
    case .gap:
      return
        "the clocks of \(zone.name) skip “\(text)”: they are put forward then; write earlier or later behind the zone to take a moment beside the gap"
    case .overlap:
      return
        "the clocks of \(zone.name) show “\(text)” twice: they are put back then; write earlier or later behind the zone to take the first or the second"
    }
  }
}
