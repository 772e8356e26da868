import CByteScan
import Foundation

/// Checking and decoding of views. Each call works on a whole column of one type, with no dispatch per record.
extension FieldViews {
  /// Takes the quotes off the bytes of a view; `quoted` tells whether there were any. Escapes between them stay.
  @inline(__always)
  public func scalar(_ p: UnsafePointer<UInt8>, _ n: Int) -> (start: UnsafePointer<UInt8>, count: Int, quoted: Bool) {
    if n >= 2, p[0] == 0x22 { return (p + 1, n - 2, true) }
    return (p, n, false)
  }

  /// Whether the bytes of a view are NULL in this column's spelling.
  @inline(__always)
  public func isNull(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    n == 0 || (n == null.count && p[0] == null.first)
  }

  /// Whether a NULL of that length may be copied as it is spelled: nothing, or JSON's `null`.
  @inline(__always)
  func isPlainNull(_ n: Int) -> Bool { n == 0 || encoding == .json }

  /// Checks `rowCount` rows against `field`, and decodes them too where `decoding`.
  ///
  /// - Parameters:
  ///   - plainText: whether the caller knows that texts of the chunk need no escape.
  ///   - refuse: gets each row that does not fit, with the fault's code. A refused row's value is NULL or means nothing.
  /// - Returns: the decoded values (nil unless `decoding`), and whether all values are spelled plainly (see ``Column/isPlain``).
  public func read(
    as field: Field, rowCount: Int, decoding: Bool, plainText: Bool, refuse: (Int, RecordFault.Code) -> Void
  ) -> (values: Vector?, isPlain: Bool) {
    let missing = field.nullable ? nil : RecordFault.Code.missingValue
    if let spelling = field.spelling { return (spelled(spelling, field.type, rowCount, missing, refuse), false) }
    switch field.type {
    case .bigint:
      if decoding {
        let (v, plain) = numbers(rowCount, missing, 0 as Int64, NumberText.integer, refuse)
        return (.integers(v), plain)
      }
      return (nil, checkNumbers(rowCount, missing, decimals: false, NumberText.isBigint, refuse))
    case .double:
      if decoding {
        let (v, plain) = numbers(rowCount, missing, 0 as Double, Self.finite, refuse)
        return (.doubles(v), plain)
      }
      return (nil, checkDoubles(rowCount, missing, refuse))
    case .decimal(let precision, let scale):
      let (v, plain) = decimals(rowCount, missing, precision, scale, decoding, refuse)
      return (v.map { .decimals($0) }, plain)
    case .bytes: return (spelled(.base64, field.type, rowCount, missing, refuse), false)
    case .time:
      if decoding {
        let (v, plain) = times(rowCount, missing, TimeText.time, refuse)
        return (.integers(v), plain)
      }
      return (nil, check(rowCount, missing, { TimeText.time($0, $1) != nil }, { _, _ in true }, refuse))
    case .timestamp:
      if decoding {
        let (v, plain) = times(rowCount, missing, TimeText.timestamp, refuse)
        return (.integers(v), plain)
      }
      return (nil, checkTimestamps(rowCount, missing, refuse))
    case .date:
      if decoding {
        let (v, plain) = times(rowCount, missing, TimeText.date, refuse)
        return (.integers(v), plain)
      }
      return (nil, check(rowCount, missing, { TimeText.date($0, $1) != nil }, { _, _ in true }, refuse))
    case .boolean:
      let (v, plain) = booleans(rowCount, missing, refuse)
      return (decoding ? .booleans(v) : nil, plain)
    case .text:
      checkPresent(rowCount, missing, refuse)
      if decoding, !plainText { checkText(rowCount, refuse) }
      return (decoding ? .text(texts(rowCount)) : nil, plainText)
    case .json:
      checkJSON(rowCount, missing, refuse)
      return (decoding ? .text(texts(rowCount, jsonText: true)) : nil, false)
    }
  }

  @inline(__always)
  static func finite(_ p: UnsafePointer<UInt8>, _ n: Int) -> Double? {
    guard let value = NumberText.double(p, n), value.isFinite else { return nil }
    return value
  }

  /// Numbers that are spelled as JSON spells them are passed over by blocks; the others are checked one by one.
  @inline(__always)
  private func checkNumbers(
    _ rowCount: Int, _ missing: RecordFault.Code?, decimals: Bool, _ fits: (UnsafePointer<UInt8>, Int) -> Bool,
    _ refuse: (Int, RecordFault.Code) -> Void
  ) -> Bool {
    check(rowCount, missing, fits, NumberText.isJSONSpelling, refuse) {
      sluice_skip_plain_numbers($0, $1, rowCount, decimals ? 1 : 0, missing == nil ? 1 : 0)
    }
  }

  /// The loop is a function of its own: within `read` it would share the registers with those of all other types.
  @inline(never)
  private func checkDoubles(_ rowCount: Int, _ missing: RecordFault.Code?, _ refuse: (Int, RecordFault.Code) -> Void) -> Bool {
    checkNumbers(rowCount, missing, decimals: true, NumberText.isDouble, refuse)
  }

  private func checkTimestamps(_ rowCount: Int, _ missing: RecordFault.Code?, _ refuse: (Int, RecordFault.Code) -> Void) -> Bool {
    check(rowCount, missing, { TimeText.timestamp($0, $1) != nil }, { _, _ in true }, refuse) {
      sluice_skip_plain_timestamps($0, $1, rowCount, missing == nil ? 1 : 0, encoding == .json ? 1 : 0)
    }
  }

  /// - Parameter skip: finds the first row, from the given one on, that has to be checked by itself.
  @inline(__always)
  private func check(
    _ rowCount: Int, _ missing: RecordFault.Code?, _ fits: (UnsafePointer<UInt8>, Int) -> Bool,
    _ isPlain: (UnsafePointer<UInt8>, Int) -> Bool, _ refuse: (Int, RecordFault.Code) -> Void,
    skip: (sluice_views, Int) -> Int = { $1 }
  ) -> Bool {
    var plain = true
    let places = places
    let views = places.views
    var row = 0
    while true {
      row = skip(views, row)
      guard row < rowCount else { return plain }
      checkRow(row, places, missing, fits, isPlain, &plain, refuse)
      row += 1
    }
  }

  /// Quotes around a value of a type other than text are no fault in CSV, and for times in JSON.
  @inline(__always)
  private func checkRow(
    _ row: Int, _ places: ViewPlaces, _ missing: RecordFault.Code?, _ fits: (UnsafePointer<UInt8>, Int) -> Bool,
    _ isPlain: (UnsafePointer<UInt8>, Int) -> Bool, _ plain: inout Bool, _ refuse: (Int, RecordFault.Code) -> Void
  ) {
    let (p, n) = places.view(row)
    if isNull(p, n) {
      plain = plain && isPlainNull(n)
      if let missing { refuse(row, missing) }
    } else if fits(p, n) {
      plain = plain && isPlain(p, n)
    } else {
      plain = false
      let (inner, count, quoted) = scalar(p, n)
      if !(quoted && mayUnquote(fits, inner, count)) { refuse(row, .invalidValue) }
    }
  }

  private func mayUnquote(_ fits: (UnsafePointer<UInt8>, Int) -> Bool, _ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    // In JSON a number in quotes is text; a time has no other spelling than in quotes.
    fits(p, n) && (encoding == .csv || (n >= 10 && p[4] == 0x2D) || (n >= 5 && p[2] == 0x3A))
  }

  @inline(__always)
  private func numbers<Number>(
    _ rowCount: Int, _ missing: RecordFault.Code?, _ zero: Number,
    _ parse: (UnsafePointer<UInt8>, Int) -> Number?, _ refuse: (Int, RecordFault.Code) -> Void
  ) -> (NullableVector<Number>, Bool) {
    var nulls: [UInt8] = []
    var plain = true
    let places = places
    let values = [Number](unsafeUninitializedCapacity: rowCount) { out, filled in
      for r in 0..<rowCount {
        let (p, n) = places.view(r)
        var value: Number? = nil
        if isNull(p, n) {
          plain = plain && isPlainNull(n)
          if let missing { refuse(r, missing) }
        } else {
          if let parsed = parse(p, n) {
            if NumberText.isJSONSpelling(p, n) {
              value = parsed
            } else {
              plain = false
              if NumberText.isPlainNumber(p, n) { value = parsed }
            }
          } else {
            plain = false
            let (inner, count, quoted) = scalar(p, n)
            if quoted, encoding == .csv, let parsed = parse(inner, count), NumberText.isPlainNumber(inner, count) { value = parsed }
          }
          if value == nil { refuse(r, .invalidValue) }
        }
        if value == nil {
          if nulls.isEmpty { nulls = [UInt8](repeating: 0, count: rowCount) }
          nulls[r] = 1
        }
        out.initializeElement(at: r, to: value ?? zero)
      }
      filled = rowCount
    }
    return (NullableVector(values: values, nulls: nulls), plain)
  }

  @inline(__always)
  private func times(
    _ rowCount: Int, _ missing: RecordFault.Code?, _ parse: (UnsafePointer<UInt8>, Int) -> Int64?,
    _ refuse: (Int, RecordFault.Code) -> Void
  ) -> (NullableVector<Int64>, isPlain: Bool) {
    var plain = true
    var vector = NullableVector(values: [Int64](repeating: 0, count: rowCount))
    for r in 0..<rowCount {
      let (p, n) = view(r)
      var value: Int64? = nil
      if isNull(p, n) {
        plain = plain && isPlainNull(n)
        if let missing { refuse(r, missing) }
      } else {
        let (inner, count, quoted) = scalar(p, n)
        value = parse(inner, count)
        plain = plain && !quoted
        if value == nil { refuse(r, .invalidValue) }
      }
      if let value {
        vector.values[r] = value
      } else {
        if vector.nulls.isEmpty { vector.nulls = [UInt8](repeating: 0, count: rowCount) }
        vector.nulls[r] = 1
      }
    }
    return (vector, plain)
  }

  private func booleans(
    _ rowCount: Int, _ missing: RecordFault.Code?, _ refuse: (Int, RecordFault.Code) -> Void
  ) -> ([UInt8], Bool) {
    var plain = true
    var values = [UInt8](repeating: 2, count: rowCount)
    for r in 0..<rowCount {
      let (p, n) = view(r)
      if isNull(p, n) {
        if let missing { refuse(r, missing) }
        continue
      }
      let (inner, count, quoted) = scalar(p, n)
      let isWord = count >= 4 && (inner[0] == 0x74 || inner[0] == 0x66)
      let allowed = encoding == .csv || (!quoted && isWord)
      if allowed, let value = BooleanText.boolean(inner, count) {
        values[r] = value ? 1 : 0
        plain = plain && !quoted && isWord && inner[1] > 0x60 && inner[count - 1] > 0x60
      } else {
        plain = false
        refuse(r, .invalidValue)
      }
    }
    return (values, plain && encoding == .json)
  }

  func checkPresent(_ rowCount: Int, _ missing: RecordFault.Code?, _ refuse: (Int, RecordFault.Code) -> Void) {
    guard let missing else { return }
    let places = places
    for r in 0..<rowCount {
      let (p, n) = places.view(r)
      if isNull(p, n) { refuse(r, missing) }
    }
  }

  /// Refuses texts that have no form as UTF-8, which decoding needs.
  private func checkText(_ rowCount: Int, _ refuse: (Int, RecordFault.Code) -> Void) {
    guard encoding == .json else { return }
    for r in 0..<rowCount where !isText(r) { refuse(r, .invalidEncoding) }
  }

  /// Whether the text of row `r` has a form as UTF-8. In JSON an escape may stand for half of a surrogate pair (RFC 8259 §8.2), which has
  /// none.
  public func isText(_ r: Int) -> Bool {
    let (p, n) = view(r)
    return encoding == .csv || n < 2 || p[0] != 0x22 || TextEscapes.isText(p + 1, n - 2)
  }

  /// In JSON any value is JSON already; in CSV the cell's text must be.
  private func checkJSON(_ rowCount: Int, _ missing: RecordFault.Code?, _ refuse: (Int, RecordFault.Code) -> Void) {
    checkPresent(rowCount, missing, refuse)
    guard encoding == .csv else { return }
    var arena = TextArena()
    for r in 0..<rowCount {
      let slice = text(r, &arena, jsonText: true)
      if let start = slice.start, !JSONGrammar.isValue(start, slice.count) { refuse(r, .invalidValue) }
    }
  }

  /// The text of every row.
  func texts(_ rowCount: Int, jsonText: Bool = false) -> TextVector {
    var arena = TextArena()
    let slices = (0..<rowCount).map { text($0, &arena, jsonText: jsonText) }
    return TextVector(slices: slices, owners: [buffer] + arena.owners)
  }

  /// The text of row `r`: a slice of the chunk where it stands there as it is, else a copy in `arena` without quotes and escapes.
  ///
  /// - Parameter jsonText: whether a JSON value stays spelled as JSON.
  @inline(__always)
  public func text(_ r: Int, _ arena: inout TextArena, jsonText: Bool = false) -> TextSlice {
    let (p, n) = view(r)
    if isNull(p, n) { return .null }
    if p[0] != 0x22 || (jsonText && encoding == .json) { return TextSlice(start: p, count: n) }
    switch encoding {
    case .csv: return TextEscapes.unquoteCSV(p + 1, n - 2, &arena)
    case .json: return TextEscapes.unescapeJSON(p + 1, n - 2, &arena)
    }
  }

  /// The value of row `r` as the source spells it, cut as an ``Excerpt``.
  public func excerpt(_ r: Int) -> String {
    let (p, n) = view(r)
    return Excerpt.of(UnsafeBufferPointer(start: p, count: n))
  }
}

/// Takes quotes and escapes out of text.
public enum TextEscapes {
  /// Makes doubled quotes single in the text between the quotes of a CSV cell (RFC 4180 §2). The result is a slice of `p` where there are
  /// none, else a copy in `arena`.
  public static func unquoteCSV(_ p: UnsafePointer<UInt8>, _ n: Int, _ arena: inout TextArena) -> TextSlice {
    guard var quote = firstIndex(of: 0x22, p, n) else { return TextSlice(start: p, count: n) }
    let out = arena.allocate(n)
    var written = 0
    var at = 0
    while true {
      // Up to and with the first of two quotes; the other is passed over.
      (out + written).update(from: p + at, count: quote + 1 - at)
      written += quote + 1 - at
      at = min(quote + 2, n)
      guard let next = firstIndex(of: 0x22, p + at, n - at) else { break }
      quote = at + next
    }
    (out + written).update(from: p + at, count: n - at)
    return TextSlice(start: out, count: written + n - at)
  }

  /// Whether a JSON string has a form as UTF-8: no half of a surrogate pair stands alone.
  ///
  /// - Parameter p: the text between the quotes of a string that ``JSONGrammar`` has accepted.
  public static func isText(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    var i = 0
    while let next = firstIndex(of: 0x5C, p + i, n - i), i + next + 1 < n {
      i += next + 2
      guard p[i - 1] == 0x75 else { continue }
      let unit = hex(p + i)
      i += 4
      guard unit & 0xF800 == 0xD800 else { continue }
      guard unit & 0xFC00 == 0xD800, i + 6 <= n, p[i] == 0x5C, p[i + 1] == 0x75, hex(p + i + 2) & 0xFC00 == 0xDC00 else { return false }
      i += 6
    }
    return true
  }

  /// Resolves the escapes of a JSON string (RFC 8259 §7). Half of a surrogate pair that stands alone becomes U+FFFD; see ``isText(_:_:)``.
  /// The result is a slice of `p` where there are no escapes, else a copy in `arena`.
  ///
  /// - Parameter p: the text between the quotes of a string that ``JSONGrammar`` has accepted.
  public static func unescapeJSON(_ p: UnsafePointer<UInt8>, _ n: Int, _ arena: inout TextArena) -> TextSlice {
    guard let _ = firstIndex(of: 0x5C, p, n) else { return TextSlice(start: p, count: n) }
    let out = arena.allocate(n)
    var written = 0
    var i = 0
    while i < n {
      guard p[i] == 0x5C, i + 1 < n else {
        out[written] = p[i]
        written += 1
        i += 1
        continue
      }
      let escape = p[i + 1]
      i += 2
      guard escape == 0x75 else {
        out[written] = plain(escape)
        written += 1
        continue
      }
      var scalar = hex(p + i)
      i += 4
      if scalar & 0xFC00 == 0xD800, i + 6 <= n, p[i] == 0x5C, p[i + 1] == 0x75 {
        let low = hex(p + i + 2)
        if low & 0xFC00 == 0xDC00 {
          scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
          i += 6
        }
      }
      let character = Unicode.Scalar(scalar) ?? "\u{FFFD}"
      for unit in String(character).utf8 {
        out[written] = unit
        written += 1
      }
    }
    return TextSlice(start: out, count: written)
  }

  private static func plain(_ escape: UInt8) -> UInt8 {
    switch escape {
    case 0x6E: 0x0A
    case 0x74: 0x09
    case 0x72: 0x0D
    case 0x62: 0x08
    case 0x66: 0x0C
    default: escape
    }
  }

  private static func hex(_ p: UnsafePointer<UInt8>) -> UInt32 {
    var value: UInt32 = 0
    for i in 0..<4 {
      let c = p[i]
      value = value << 4 | UInt32(c <= 0x39 ? c &- 0x30 : (c | 0x20) &- 0x57)
    }
    return value
  }

  /// The position of the first `byte` among `n` bytes at `p`; nil where there is none.
  @inline(__always)
  public static func firstIndex(of byte: UInt8, _ p: UnsafePointer<UInt8>, _ n: Int) -> Int? {
    guard n > 0, let found = memchr(p, Int32(byte), n) else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(p)
  }
}

/// Checks UTF-8 (RFC 3629).
public enum UTF8Text {
  /// The position of the first byte that is not part of well-formed UTF-8; nil where all bytes are.
  public static func firstInvalid(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int? {
    let at = sluice_invalid_utf8(p, n)
    return at == n ? nil : at
  }
}
