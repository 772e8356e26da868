import Configuration
import Parse
import Records

/// The type that a drafted definition gives to a column: the one that inference finds, or one with digits or a spelling of its own, where all
/// values of the sample fit it and no other reading is left.
struct ColumnType: Equatable {
  /// The type as a definition writes it: `bigint`, `decimal(18,2)`, `date '%d/%m/%Y'`.
  var text: String
  /// The reason for a type that inference does not find, as a clause; nil for others.
  var evidence: String?

  /// - Parameters:
  ///   - name: the column's.
  ///   - type: the type that inference finds.
  ///   - cells: of the sample.
  init(_ name: String, _ type: ValueType, _ cells: [SampledCell]) {
    text = type.rawValue
    let values = cells.compactMap { cell -> String? in
      if case .text(let text, _) = cell { text } else { nil }
    }
    guard values.count >= Self.fewest else { return }
    switch type {
    case .double:
      if let money = Self.money(name, values.map { $0[...] }, mark: ".") {
        text = money
        evidence = Self.moneyEvidence
      }
    case .text:
      let sample = Values(values)
      guard let found = Self.time(sample) ?? Self.number(name, sample) else { return }
      (text, evidence) = found
    default: break
    }
  }

  /// With fewer values than this nothing is proposed but what inference finds.
  private static let fewest = 3
  private static let moneyEvidence = "amounts of money: a decimal keeps all their digits, and computes with them exactly"

  /// The texts of a sample as bytes.
  private struct Values {
    let texts: [String]
    private let buffer: ByteBuffer
    private let ends: [Int]

    init(_ texts: [String]) {
      self.texts = texts
      let buffer = ByteBuffer(capacity: 64)
      ends = texts.map {
        buffer.append($0)
        return buffer.count
      }
      self.buffer = buffer
    }

    /// Whether all values are of a type, as a definition writes it.
    func fit(_ text: String) -> Bool {
      guard let type = try? FieldType(text) else { return false }
      guard let spelling = type.spelling else { return texts.allSatisfy { Inference.fits(.text($0, isText: false), type.type) } }
      // Most types don't fit the first value.
      return fits(type.type, spelling, rows: 0..<1) && fits(type.type, spelling, rows: 0..<texts.count)
    }

    private func fits(_ type: ValueType, _ spelling: FieldSpelling, rows: Range<Int>) -> Bool {
      var fits = true
      _ = spelling.read(type, count: rows.count) { row in
        let start = row == 0 ? 0 : ends[row - 1]
        return (TextSlice(start: UnsafePointer(buffer.bytes + start), count: ends[row] - start), false)
      } refuse: { _ in
        fits = false
      }
      return fits
    }
  }

  // MARK: Dates and times

  /// Days that only one order of day and month fits, by the two orders; and days that have one order.
  private static let orders = ["/", ".", "-"].map { ("%d\($0)%m\($0)%Y", "%m\($0)%d\($0)%Y") }
  private static let days = [
    "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y", "%d. %b %Y", "%b %d, %Y", "%d %B %Y", "%d. %B %Y", "%B %d, %Y",
  ]
  private static let clocks = ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p"]
  private static let moments = ["%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %Z", "%d/%b/%Y:%H:%M:%S %z"]

  private static func time(_ values: Values) -> (String, String?)? {
    if values.fit("time") { return ("time", nil) }
    for (dayFirst, monthFirst) in orders {
      for (suffix, type) in [("", "date")] + clocks.map({ (" " + $0, "timestamp") }) {
        let (one, other) = ("\(type) '\(dayFirst)\(suffix)'", "\(type) '\(monthFirst)\(suffix)'")
        let (isDayFirst, isMonthFirst) = (values.fit(one), values.fit(other))
        if isDayFirst == isMonthFirst { continue }
        return clocked(isDayFirst ? one : other, "the \(isDayFirst ? "day" : "month") first: no other order fits all values")
      }
    }
    for day in days {
      if values.fit("date '\(day)'") { return ("date '\(day)'", "all values fit this spelling") }
      for clock in clocks where values.fit("timestamp '\(day) \(clock)'") {
        return clocked("timestamp '\(day) \(clock)'", "all values fit this spelling")
      }
    }
    for moment in moments where values.fit("timestamp '\(moment)'") { return ("timestamp '\(moment)'", "all values fit this spelling") }
    return nil
  }

  private static func clocked(_ type: String, _ evidence: String) -> (String, String?) {
    (type, type.hasPrefix("timestamp") ? evidence + "; its clock counts as UTC unless a zone stands behind: in 'Europe/Berlin'" : evidence)
  }

  // MARK: Numbers

  private static func number(_ name: String, _ values: Values) -> (String, String?)? {
    func some(_ pattern: String) -> Bool { values.texts.contains { $0.range(of: pattern, options: .regularExpression) != nil } }
    if values.fit("decimal(38,4)"), let money = money(name, values.texts.map { $0[...] }, mark: "."), isMoney(name) {
      return (money, moneyEvidence)
    }
    // The sample of each spelling, with what shows that it is this one: a number with a fraction that is not three digits long, two marks
    // between thousands, or both kinds of marks.
    let spellings = [
      ("1234,56", #",([0-9]{1,2}|[0-9]{4,})$"#, "a decimal comma"),
      ("1.234,56", #"\.[0-9]{3},[0-9]+$|\..*\."#, "points between thousands"),
      ("1,234.56", #",[0-9]{3}\.[0-9]+$|,.*,"#, "commas between thousands"),
      ("1 234,56", "[ \u{A0}\u{202F}]", "blanks between thousands"), ("1 234.56", "[ \u{A0}\u{202F}]", "blanks between thousands"),
      ("1''234.56", "'", "apostrophes between thousands"), ("1''234,56", "'", "apostrophes between thousands"),
    ]
    for (sample, evidence, words) in spellings where some(evidence) {
      let mark = sample.dropLast(2).last ?? "."
      if !values.texts.contains(where: { $0.contains(mark) }) {
        let whole = "bigint '\(sample.dropLast(3))'"
        if values.fit(whole) { return (whole, "numbers with \(words)") }
        continue
      }
      guard values.fit("double '\(sample)'") else { continue }
      if let money = money(name, values.texts.map { $0[...] }, mark: mark), values.fit("\(money) '\(sample)'") {
        return ("\(money) '\(sample)'", "amounts of money with \(words)")
      }
      return ("double '\(sample)'", "numbers with \(words)")
    }
    return nil
  }

  /// The decimal of a column of money: one that is called so, or all of whose values have two digits behind the point, some of them zeros
  /// that a number would not need.
  private static func money(_ name: String, _ values: [Substring], mark: Character) -> String? {
    var (whole, fraction, isFixed, hasZero) = (0, 0, true, false)
    for value in values {
      guard value.utf8.allSatisfy({ $0 | 0x20 != 0x65 }) else { return nil }
      let at = value.lastIndex(of: mark)
      let digits = at.map { value[$0...].dropFirst().count } ?? 0
      whole = max(whole, (at.map { value[..<$0] } ?? value).count(where: \.isNumber))
      fraction = max(fraction, digits)
      if digits != 2 { isFixed = false }
      if digits == 2, value.last == "0" { hasZero = true }
    }
    guard (1...4).contains(fraction), (isFixed && hasZero) || isMoney(name) else { return nil }
    // Three digits behind each point may be thousands.
    let isThousands = values.allSatisfy { $0.range(of: #"^-?[0-9]{1,3}[.,][0-9]{3}$"#, options: .regularExpression) != nil }
    if isThousands { return nil }
    let scale = max(fraction, 2)
    return "decimal(\(whole + scale <= 16 ? 18 : DecimalText.mostDigits),\(scale))"
  }

  private static func isMoney(_ name: String) -> Bool {
    var words: [String] = []
    var isLower = false
    for character in name {
      if !character.isLetter {
        words.append("")
      } else if words.isEmpty || (isLower && character.isUppercase) {
        words.append(character.lowercased())
      } else {
        words[words.count - 1] += character.lowercased()
      }
      isLower = character.isLowercase
    }
    return words.contains { word in moneyWords.contains { word == $0 || ($0.count >= 5 && word.hasSuffix($0)) } }
  }

  private static let moneyWords = [
    "amount", "price", "total", "subtotal", "cost", "costs", "balance", "tax", "vat", "net", "gross", "fee", "fees", "fare", "salary",
    "wage",
    "revenue", "paid", "payment", "budget", "discount", "charge", "money", "eur", "usd", "gbp", "chf", "betrag", "preis", "summe", "saldo",
    "netto", "brutto", "mwst", "gehalt", "kosten", "umsatz", "montant", "prix", "importe", "precio", "prezzo",
  ]
}
