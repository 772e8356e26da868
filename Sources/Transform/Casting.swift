import Records

/// SQL's CAST between the types, as PostgreSQL does it: what does not fit is an error of that record.
enum Casting {
  static func isPossible(_ from: ValueType?, _ to: ValueType) -> Bool {
    guard let from, from != to else { return true }
    switch (from, to) {
    case (.text, _), (_, .text), (.json, .json): return true
    case (.json, _): return ![.date, .timestamp, .time, .bytes].contains(to)
    case (.bigint, .double), (.double, .bigint), (.bigint, .boolean), (.boolean, .bigint), (.boolean, .double): return true
    case (.bigint, .decimal), (.double, .decimal), (.decimal, .bigint), (.decimal, .double), (.decimal, .decimal): return true
    case (.date, .timestamp), (.timestamp, .date), (.timestamp, .time): return true
    case (.bigint, .json), (.double, .json), (.decimal, .json), (.boolean, .json): return true
    default: return false
    }
  }

  /// - Parameter fail: told the position of each value that does not fit; it becomes NULL.
  static func cast(_ source: Vector, _ from: ValueType, to: ValueType, fail: (Int, String) -> Void) -> Vector {
    switch (source, to) {
    case (.text(let v), .text) where from == .bytes: return .text(decoded(v, fail))
    case (.text, .bytes): return source
    case (_, .text), (_, .json): return .text(text(source, from, asJSON: to == .json && from == .text, fail))
    case (.text(let v), _): return parse(v, to, fail)
    case (.integers(let v), .double): return .doubles(doubles(v))
    case (.integers(let v), .boolean): return .booleans((0..<v.count).map { v.isNull($0) ? 2 : (v.values[$0] != 0 ? 1 : 0) })
    case (.integers(let v), .timestamp) where from == .date:
      return .integers(NullableVector(values: v.values.map { $0 &* TimeText.microsecondsPerDay }, nulls: v.nulls))
    case (.integers(let v), .date) where from == .timestamp:
      return .integers(NullableVector(values: v.values.map { floorDivide($0, TimeText.microsecondsPerDay) }, nulls: v.nulls))
    case (.integers(let v), .time) where from == .timestamp:
      return .integers(
        NullableVector(values: v.values.map { $0 - TimeText.day($0) * TimeText.microsecondsPerDay }, nulls: v.nulls))
    case (.integers(let v), .decimal(let precision, let scale)):
      return .decimals(decimals(v, to, fail) { DecimalText.rescaled(Int128($0), from: 0, to: scale, precision: precision) })
    case (.doubles(let v), .decimal(let precision, let scale)):
      let text = ByteBuffer(capacity: 64)
      return .decimals(
        decimals(v, to, fail) { value in
          text.count = 0
          NumberText.write(value, to: text)
          guard case .value(let found) = DecimalText.read(text.bytes, text.count, precision: precision, scale: scale, rounds: true) else {
            return nil
          }
          return found
        })
    case (.decimals(let v), .decimal(let precision, let scale)):
      guard case .decimal(_, let old) = from else { return source }
      return .decimals(
        mapped(v, 0 as Int128) {
          DecimalText.rescaled($0, from: old, to: scale, precision: precision)
        } fail: {
          fail($0, "\(shown(v.values[$0], old)) has too many digits for a \(to.rawValue)")
        })
    case (.decimals(let v), .bigint):
      guard case .decimal(_, let old) = from else { return source }
      return .integers(
        mapped(v, 0 as Int64) {
          DecimalText.rescaled($0, from: old, to: 0, precision: 38).flatMap { Int64(exactly: $0) }
        } fail: {
          fail($0, "\(shown(v.values[$0], old)) does not fit a bigint")
        })
    case (.decimals(let v), .double):
      guard case .decimal(_, let old) = from else { return source }
      let text = ByteBuffer(capacity: 64)
      return .doubles(
        mapped(v, 0 as Double) { value in
          text.count = 0
          DecimalText.write(value, scale: old, to: text)
          return NumberText.double(text.bytes, text.count)
        } fail: { _ in
        })
    case (.doubles(let v), .bigint):
      var out = NullableVector(values: [Int64](repeating: 0, count: v.count), nulls: v.nulls)
      for i in 0..<v.count where !v.isNull(i) {
        if let whole = Int64(exactly: v.values[i].rounded(.toNearestOrEven)) {
          out.values[i] = whole
        } else {
          fail(i, "\(v.values[i]) does not fit a bigint")
          out.setNull(i)
        }
      }
      return .integers(out)
    case (.booleans(let v), .bigint):
      return .integers(NullableVector(values: v.map { $0 == 1 ? 1 : 0 }, nulls: v.map { $0 == 2 ? 1 : 0 }))
    case (.booleans(let v), .double):
      return .doubles(NullableVector(values: v.map { $0 == 1 ? 1 : 0 }, nulls: v.map { $0 == 2 ? 1 : 0 }))
    default: return source
    }
  }

  /// The loop is a function of its own: within ``cast(_:_:to:fail:)`` it would share the registers with all other casts.
  @inline(never)
  private static func doubles(_ integers: NullableVector<Int64>) -> NullableVector<Double> {
    NullableVector(values: integers.values.map(Double.init), nulls: integers.nulls)
  }

  /// Computes each value from another; `fail` is told the rows that have none, which become NULL.
  @inline(__always)
  private static func mapped<Old, New>(
    _ values: NullableVector<Old>, _ empty: New, _ make: (Old) -> New?, fail: (Int) -> Void
  ) -> NullableVector<New> {
    var out = NullableVector(values: [New](repeating: empty, count: values.count), nulls: values.nulls)
    for i in 0..<values.count where !values.isNull(i) {
      if let value = make(values.values[i]) {
        out.values[i] = value
      } else {
        fail(i)
        out.setNull(i)
      }
    }
    return out
  }

  private static func decimals<Old>(
    _ values: NullableVector<Old>, _ type: ValueType, _ fail: (Int, String) -> Void, _ make: (Old) -> Int128?
  ) -> NullableVector<Int128> {
    mapped(values, 0 as Int128, make) { fail($0, "\(values.values[$0]) has too many digits for a \(type.rawValue)") }
  }

  private static func shown(_ value: Int128, _ scale: Int) -> String {
    let out = ByteBuffer(capacity: 48)
    DecimalText.write(value, scale: scale, to: out)
    return String(decoding: out.copy(0..<out.count), as: UTF8.self)
  }

  /// Bytes as the text whose UTF-8 they are.
  private static func decoded(_ bytes: TextVector, _ fail: (Int, String) -> Void) -> TextVector {
    var out = bytes
    for (i, slice) in bytes.slices.enumerated() {
      guard let start = slice.start, UTF8Text.firstInvalid(start, slice.count) != nil else { continue }
      fail(i, "the bytes are not UTF-8")
      out.slices[i] = .null
    }
    return out
  }

  static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }

  private static func parse(_ texts: TextVector, _ type: ValueType, _ fail: (Int, String) -> Void) -> Vector {
    switch type {
    case .bigint: return .integers(parse(texts, 0, type, fail, NumberText.integer))
    case .double: return .doubles(parse(texts, 0, type, fail) { NumberText.double($0, $1).flatMap { $0.isFinite ? $0 : nil } })
    case .date: return .integers(parse(texts, 0, type, fail, TimeText.date))
    case .timestamp: return .integers(parse(texts, 0, type, fail, TimeText.timestamp))
    case .time: return .integers(parse(texts, 0, type, fail, TimeText.time))
    case .decimal(let precision, let scale):
      return .decimals(parse(texts, 0, type, fail) { DecimalText.decimal($0, $1, precision: precision, scale: scale) })
    default:
      let parsed = parse(texts, false, type, fail, BooleanText.boolean)
      return .booleans((0..<parsed.count).map { parsed.isNull($0) ? 2 : (parsed.values[$0] ? 1 : 0) })
    }
  }

  private static func parse<T>(
    _ texts: TextVector, _ empty: T, _ type: ValueType, _ fail: (Int, String) -> Void,
    _ read: (UnsafePointer<UInt8>, Int) -> T?
  ) -> NullableVector<T> {
    var out = NullableVector(values: [T](repeating: empty, count: texts.slices.count))
    for (i, slice) in texts.slices.enumerated() {
      guard var start = slice.start else {
        out.setNull(i)
        continue
      }
      var count = slice.count
      while count > 0, start[0] == 0x20 {
        start += 1
        count -= 1
      }
      while count > 0, start[count - 1] == 0x20 { count -= 1 }
      if let value = read(start, count) {
        out.values[i] = value
      } else {
        fail(i, "“\(Excerpt.of(slice.bytes))” is not a \(type.rawValue)")
        out.setNull(i)
      }
    }
    return out
  }

  private static func text(_ source: Vector, _ from: ValueType, asJSON: Bool, _ fail: (Int, String) -> Void) -> TextVector {
    if case .text(let v) = source {
      guard asJSON else { return v }
      var out = v
      for (i, slice) in v.slices.enumerated() {
        guard let start = slice.start, !JSONGrammar.isValue(start, slice.count) else { continue }
        fail(i, "“\(Excerpt.of(slice.bytes))” is not JSON")
        out.slices[i] = .null
      }
      return out
    }
    let scratch = ByteBuffer(capacity: 64)
    var arena = TextArena()
    let slices = (0..<source.count).map { i -> TextSlice in
      if source.isNull(i) { return .null }
      scratch.count = 0
      ValueText.write(source, i, from, to: scratch)
      return arena.copy(UnsafeBufferPointer(start: scratch.bytes, count: scratch.count))
    }
    return TextVector(slices: slices, owners: arena.owners)
  }
}
