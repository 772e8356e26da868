import Foundation
import Parse
import Records

/// A hint on a column of text that people take for numbers or dates, in a spelling that is not read by itself.
struct ReadingHint {
  /// A name for its values: `numbers with a decimal comma`.
  var what: String
  /// The expression that computes their value; nil where they should stay text.
  var expression: String?

  /// - Parameters:
  ///   - name: the field's, as expressions have it.
  ///   - cells: of the sample.
  init?(_ name: String, type: ValueType, _ cells: [SampledCell]) {
    let texts = cells.lazy.compactMap { cell -> String? in
      if case .text(let text, _) = cell { return text.trimmingCharacters(in: .whitespaces) }
      return nil
    }.prefix(500)
    let filled: [String] = texts.filter { !$0.isEmpty && !Self.isNull($0) }
    guard !filled.isEmpty else { return nil }
    if type == .double, filled.count >= 3, filled.allSatisfy({ Self.matches($0, #"^-?[0-9]{1,3}\.[0-9]{3}$"#) }) {
      what = "each has three digits behind the point; if the point parts thousands, make the field text and take its points away"
      expression = "cast(replace(\(name), '.', '') AS bigint)"
      return
    }
    guard type == .text else { return nil }
    for form in Self.forms
    where filled.allSatisfy({ Self.matches($0, form.all) }) && filled.contains(where: { Self.matches($0, form.some) }) {
      what = form.what
      expression = form.expression?.replacingOccurrences(of: "FIELD", with: name)
      return
    }
    guard let order = Self.dayFirst(filled), let separator = filled[0].first(where: { !$0.isNumber }) else { return nil }
    what = order.what
    let (day, month) = order.isDayFirst ? (1, 2) : (2, 1)
    func part(_ number: Int) -> String { "split_part(\(name), '\(separator)', \(number))" }
    expression = "cast(\(part(3)) || '-' || right('0' || \(part(month)), 2) || '-' || right('0' || \(part(day)), 2) AS date)"
  }

  private static func isNull(_ text: String) -> Bool { ["NA", "N/A", "NULL", "null", "-", "nan", "NaN"].contains(text) }

  private static func matches(_ text: String, _ pattern: String) -> Bool { text.range(of: pattern, options: .regularExpression) != nil }

  private struct Form {
    var what: String
    /// Regular expressions: one that matches every value, and one that matches some.
    var all: String
    var some: String
    var expression: String?
  }

  private static let forms = [
    Form(
      what: "they look like telephone numbers", all: #"^\+[0-9][0-9 ()/-]{7,20}$"#, some: #"^\+"#, expression: nil),
    Form(
      what: "numbers with a plus sign", all: #"^[+-]?[0-9]+(\.[0-9]+)?$"#, some: #"^\+"#, expression: "cast(ltrim(FIELD, '+') AS double)"),
    Form(
      what: "numbers with commas between thousands", all: #"^[+-]?[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?$|^[0-9]+(\.[0-9]+)?$"#,
      some: #",[0-9]{3}(,|\.|$)"#, expression: "cast(replace(FIELD, ',', '') AS double)"),
    Form(
      what: "numbers with a decimal comma", all: #"^-?[0-9]+(,[0-9]+)?$"#, some: ",", expression: "cast(replace(FIELD, ',', '.') AS double)"
    ),
    Form(
      what: "numbers with a decimal comma and points between thousands", all: #"^-?([0-9]{1,3}(\.[0-9]{3})*|[0-9]+)(,[0-9]+)?$"#,
      some: #",|\..*\."#, expression: "cast(replace(replace(FIELD, '.', ''), ',', '.') AS double)"),
    Form(
      what: "numbers with blanks or apostrophes between thousands",
      all: "^-?[0-9]{1,3}([ '\u{A0}\u{202F}][0-9]{3})*([.,][0-9]+)?$", some: "[ '\u{A0}\u{202F}]",
      expression: "cast(replace(regexp_replace(FIELD, '[^0-9,.-]', '', 'g'), ',', '.') AS double)"),
    Form(
      what: "shares in percent", all: #"^[+-]?[0-9]+([.,][0-9]+)?\s?%$"#, some: "%",
      expression: "cast(replace(rtrim(FIELD, ' %'), ',', '.') AS double) / 100"),
    Form(
      what: "amounts of money", all: #"^[-(]?[$€£¥]\s?[0-9]{1,3}(,?[0-9]{3})*(\.[0-9]+)?\)?$"#, some: "[$€£¥]",
      expression: "cast(regexp_replace(FIELD, '[^0-9.-]', '', 'g') AS double)"),
  ]

  /// Whether dates of the form 31/12/2020 have their day first; nil where they are none.
  private static func dayFirst(_ texts: [String]) -> (isDayFirst: Bool, what: String)? {
    guard texts.allSatisfy({ matches($0, #"^[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{4}$"#) }) else { return nil }
    let parts = texts.map { $0.split { !$0.isNumber }.compactMap { Int($0) } }
    guard parts.allSatisfy({ $0.count == 3 && max($0[0], $0[1]) <= 31 && min($0[0], $0[1]) <= 12 }) else { return nil }
    if parts.contains(where: { $0[0] > 12 }) {
      return parts.contains { $0[1] > 12 } ? nil : (true, "dates, the day first")
    }
    if parts.contains(where: { $0[1] > 12 }) { return (false, "dates, the month first") }
    return (true, "dates; whether the day is first, as here, can't be told from these")
  }
}
