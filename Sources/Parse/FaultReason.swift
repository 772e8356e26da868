import Records

/// Why a value does not fit its field, and what would make it fit.
enum FaultReason {
  /// - Parameter excerpt: the value, cut as an ``Excerpt``.
  static func of(_ code: RecordFault.Code, _ excerpt: String, _ field: Field) -> String {
    switch code {
    case .missingValue: "\(field.name) is not null, and there is no value"
    case .invalidEncoding: "“\(excerpt)” holds half of a surrogate pair, which is no character"
    default: misfit(excerpt, field)
    }
  }

  private static func misfit(_ excerpt: String, _ field: Field) -> String {
    if let spelling = field.spelling {
      let text = excerpt.utf8.count > 1 && excerpt.first == "\"" && excerpt.last == "\"" ? String(excerpt.dropFirst().dropLast()) : excerpt
      return spelling.misfit(text, field.type)
    }
    let reason = "“\(excerpt)” is not \(field.type.noun)\(field.type == .bytes ? " in base64" : "")"
    return (digits(excerpt, field.type) ?? hint(excerpt, field.type)).map { "\(reason); \($0)" } ?? reason
  }

  /// Says which digits of a number a decimal has no place for.
  private static func digits(_ excerpt: String, _ type: ValueType) -> String? {
    guard case .decimal(let precision, let scale) = type else { return nil }
    var text = excerpt
    if text.utf8.count > 1, text.first == "\"", text.last == "\"" { text = String(text.dropFirst().dropLast()) }
    let reading = text.withUTF8 { p in p.baseAddress.map { DecimalText.read($0, p.count, precision: precision, scale: scale) } }
    if case .value? = reading { return "its \(text.first == "+" ? "+" : "leading zero") would be lost: make the field text" }
    return reading?.misfit(precision: precision, scale: scale)
  }

  private static func hint(_ excerpt: String, _ type: ValueType) -> String? {
    guard type != .text, type != .json else { return nil }
    var text = Substring(excerpt)
    if text.utf8.count > 1, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
    if NullWords.words.contains(String(text)) { return "if it stands for no value, name it in parse.null_values" }
    guard type.isNumber else { return nil }
    var digits = text
    while digits.first == " " { digits = digits.dropFirst() }
    while digits.last == " " { digits = digits.dropLast() }
    if digits.utf8.count != text.utf8.count { return number(digits) == nil ? nil : "parse.trim takes the blanks away" }
    if let value = number(text) {
      if text.first == "+" { return "its + would be lost: make the field text" }
      if type == .double || !text.allSatisfy({ $0.isNumber || $0 == "-" }) {
        if !value.isFinite { return "it is beyond a double: make the field text" }
        return type == .bigint && isPlain(text) ? "make the field double" : "its leading zero would be lost: make the field text"
      }
      return isPlain(text) ? "it is beyond 64 bits: make the field double or text" : "its leading zero would be lost: make the field text"
    }
    if digits.first == "-" { digits = digits.dropFirst() }
    guard digits.first?.isNumber == true, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "," || $0 == ".") }) else { return nil }
    let commas = digits.count { $0 == "," }
    let points = digits.count { $0 == "." }
    if points > 1, commas < 2 {
      return
        "its points may separate thousands, and then 1.234 is no decimal either: make the field \(type.rawValue) '\(type == .bigint ? "1.234" : "1.234,56")'"
    }
    if commas > 1 || (commas == 1 && points == 1 && digits.prefix { $0 != "," }.allSatisfy(\.isNumber)) {
      return "its commas may separate thousands: make the field \(type.rawValue) '\(type == .bigint ? "1,234" : "1,234.56")'"
    }
    return commas == 1
      ? "its comma may be a decimal comma: make the field \(type == .bigint ? "double" : type.rawValue) '1\(points > 0 ? "." : "")234,56'"
      : nil
  }

  private static func number(_ text: Substring) -> Double? {
    var text = String(text)
    return text.withUTF8 { bytes in bytes.baseAddress.flatMap { NumberText.double($0, bytes.count) } }
  }

  private static func isPlain(_ text: Substring) -> Bool {
    var text = String(text)
    return text.withUTF8 { bytes in bytes.baseAddress.map { NumberText.isPlainNumber($0, bytes.count) } ?? false }
  }
}
