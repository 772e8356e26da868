import Configuration
import Records

/// Times in other spellings, and on the clocks of time zones.
extension Functions {
  static let clocks: [Function] = [
    reading("strptime", fails: true),
    reading("try_strptime", fails: false),
    Function("strftime", [.time, .text, .text], required: 2, gives: .text, validate: validPattern) { arguments, call in
      var patterns = Memo<Result<TimePattern, TimePattern.Wrong>>()
      var zones = ZoneColumn(arguments, at: 2)
      let spelled = ByteBuffer(capacity: 64)
      return call.texts { i, out in
        guard let micros = arguments[0].integer(i), let pattern = arguments[1].slice(i) else { return false }
        let made = patterns.value(pattern) { text in
          do throws(TimePattern.Wrong) { return .success(try TimePattern(text.string, reads: false)) } catch { return .failure(error) }
        }
        guard let zone = zones.rules(i, call) else { return false }
        guard case .success(let pattern) = made else {
          if case .failure(let wrong) = made { call.fail(i, wrong.reason) }
          return false
        }
        let moment = Casting.floorDivide(micros, 1_000_000)
        let offset = zone.offset(at: moment)
        guard let local = local(micros, offset, i, call) else { return false }
        let days = TimeText.day(local)
        spelled.count = 0
        pattern.write(
          TimePattern.Parts(days: days, micros: local - days * TimeText.microsecondsPerDay, offset: offset),
          abbreviation: arguments.count > 2 ? zone.abbreviation(at: moment) : "UTC", to: spelled)
        out.append(UnsafeBufferPointer(start: spelled.bytes, count: spelled.count))
        return true
      }
    },
    Function("at_time_zone", [.time, .text], gives: .timestamp, validate: validZone(1)) { arguments, call in
      var zones = ZoneColumn(arguments, at: 1)
      return call.integers { i in
        guard let micros = arguments[0].integer(i), let zone = zones.rules(i, call) else { return nil }
        return local(micros, zone.offset(at: Casting.floorDivide(micros, 1_000_000)), i, call)
      }
    },
  ]

  private static func local(_ micros: Int64, _ offset: Int, _ i: Int, _ call: Call) -> Int64? {
    let local = micros + Int64(offset) * 1_000_000
    if TimeText.isInRange(local) { return local }
    call.fail(i, "the clocks of the zone show a time out of a timestamp's range, the years 0 to 9999")
    return nil
  }

  /// Times out of texts: by a pattern, on the clocks of a zone where the text does not say its offset.
  private static func reading(_ name: String, fails: Bool) -> Function {
    Function(name, [.text, .text, .text, .text], required: 2, gives: .timestamp, validate: validReading) { arguments, call in
      func spelling(_ i: Int) -> Result<FieldSpelling, FieldSpelling.Wrong>? {
        // Without a value the spelling is not known, and the result neither.
        for argument in arguments.dropFirst() where argument.isNull(i) { return nil }
        do throws(FieldSpelling.Wrong) {
          return .success(
            try FieldSpelling(
              .timestamp, quoted: arguments[1].slice(i)?.string, zone: arguments.count > 2 ? arguments[2].slice(i)?.string : nil,
              side: arguments.count > 3 ? arguments[3].slice(i)?.string : nil))
        } catch {
          return .failure(error)
        }
      }
      func read(_ rows: Range<Int>) -> Vector {
        switch rows.isEmpty ? nil : spelling(rows.lowerBound) {
        case .success(let spelling)?:
          return spelling.read(.timestamp, count: rows.count) {
            (arguments[0].slice(rows.lowerBound + $0) ?? .null, false)
          } refuse: { k in
            let i = rows.lowerBound + k
            if fails { call.fail(i, spelling.misfit(arguments[0].slice(i).map { Excerpt.of($0.bytes) } ?? "", .timestamp)) }
          }
        case .failure(let wrong)?:
          for i in rows where !arguments[0].isNull(i) { call.fail(i, wrong.reason) }
          return .nulls(.timestamp, count: rows.count)
        case nil: return .nulls(.timestamp, count: rows.count)
        }
      }
      // Most often the pattern is a literal, and so one for all rows.
      if arguments.dropFirst().allSatisfy(\.isOneText) { return read(0..<call.count) }
      return call.integers { i in call.findings.lookBetweenRows() ? read(i..<i + 1).integer(0) : nil }
    }
  }

  // MARK: Checks of literals

  private static func literal(_ nodes: [Node], _ position: Int) -> String? {
    guard nodes.count > position, case .literal(.text(let buffer), _) = nodes[position] else { return nil }
    return String(decoding: buffer.copy(0..<buffer.count), as: UTF8.self)
  }

  private static let validReading: @Sendable ([Node]) -> String? = { nodes in
    // A pattern that is no literal is checked row by row; one that is right stands for it here.
    let pattern = literal(nodes, 1) ?? "%F"
    do throws(FieldSpelling.Wrong) {
      _ = try FieldSpelling(.timestamp, quoted: pattern, zone: literal(nodes, 2), side: literal(nodes, 3))
      return nil
    } catch {
      return ZoneColumn.message(error)
    }
  }

  private static let validPattern: @Sendable ([Node]) -> String? = { nodes in
    guard let text = literal(nodes, 1) else { return validZone(2)(nodes) }
    do throws(TimePattern.Wrong) { _ = try TimePattern(text, reads: false) } catch { return error.reason }
    return validZone(2)(nodes)
  }

  private static func validZone(_ position: Int) -> @Sendable ([Node]) -> String? {
    { nodes in literal(nodes, position).flatMap(ZoneColumn.problem) }
  }
}

/// The zones of a column; UTC where there is no such column.
private struct ZoneColumn {
  private let names: Vector?
  private var made = Memo<Result<ZoneRules, ZoneRules.Trouble>>()

  init(_ arguments: [Vector], at position: Int) { names = position < arguments.count ? arguments[position] : nil }

  /// The rules of row `i`'s zone; nil where it is NULL, and where there is none, which fails the row.
  mutating func rules(_ i: Int, _ call: Call) -> ZoneRules? {
    guard let names else { return Self.utc }
    guard let name = names.slice(i) else { return nil }
    let result = made.value(name) { name in
      do throws(ZoneRules.Trouble) { return .success(try ZoneRules.named(name.string)) } catch { return .failure(error) }
    }
    if case .success(let rules) = result { return rules }
    call.fail(i, Self.problem(name.string) ?? "there is no time zone “\(Excerpt.of(name.bytes))”")
    return nil
  }

  private static let utc = try? ZoneRules.named("+00:00")

  /// Says why a zone's rules can't be had; nil where they can.
  static func problem(_ name: String) -> String? {
    do throws(FieldSpelling.Wrong) {
      _ = try FieldSpelling(.timestamp, quoted: nil, zone: name)
      return nil
    } catch {
      return message(error)
    }
  }

  static func message(_ wrong: FieldSpelling.Wrong) -> String {
    guard let zone = wrong.unknownZone, let near = Spelling.nearest(to: zone, among: ZoneRules.names()) else { return wrong.reason }
    return wrong.reason + "; did you mean \(near)?"
  }
}

extension Vector {
  /// Whether all rows are one text in one place, as a literal's are.
  fileprivate var isOneText: Bool {
    guard case .text(let texts) = self, let first = texts.slices.first else { return false }
    return texts.slices.allSatisfy { $0.start == first.start && $0.count == first.count }
  }
}
