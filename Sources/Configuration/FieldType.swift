import Records

/// A type as a definition writes it: `double`, `bigint not null`, `decimal(12,2)`, `timestamp '%d/%m/%Y %H:%M' in 'Europe/Berlin'`.
package struct FieldType: Sendable {
  /// The type of the values.
  package var type: ValueType
  /// False for `not null`.
  package var nullable = true
  /// How the source spells the values; nil for the usual spelling.
  package var spelling: FieldSpelling?

  /// Why a text is no type.
  package struct Wrong: Error, Sendable, Equatable {
    /// A sentence for the user; nil where all that can be said is which types there are.
    var reason: String?
    /// The part of the text that is wrong.
    var part: String
  }

  /// A regular expression that every type matches, for the JSON Schema of definitions.
  static let pattern =
    "^(\(ValueType.simple.map(\.rawValue).joined(separator: "|"))|decimal\\([0-9]+(, ?[0-9]+)?\\))( '[^']+')?( in '[^']+'( (earlier|later))?)?( not null)?$"

  /// Reads a type: its name, the spelling in single quotes, a timestamp's zone, `not null`. Words may be in upper or lower case.
  ///
  /// - Throws: ``Wrong`` with the part that is wrong.
  package init(_ text: String) throws(Wrong) {
    var scan = Scan(text)
    let name = scan.word()
    if name == "decimal" {
      type = try Self.decimal(&scan)
    } else {
      guard let type = ValueType(rawValue: name) else { throw Wrong(part: text) }
      self.type = type
    }
    let quoted = try scan.quoted()
    var zone: String?
    var side: String?
    var word = scan.word()
    if word == "in" {
      guard let name = try scan.quoted() else {
        throw Wrong(reason: "behind in stands the name of a time zone in single quotes, as in 'Europe/Berlin'", part: "in")
      }
      zone = name
      word = scan.word()
      if !word.isEmpty, word != "not" {
        side = word
        word = scan.word()
      }
    }
    if word == "not" {
      guard scan.word() == "null" else {
        if quoted == nil, zone == nil { throw Wrong(part: text) }
        throw Wrong(reason: "behind not stands null: “not null” asks for a value", part: "not")
      }
      nullable = false
      word = ""
    }
    guard word.isEmpty, scan.isAtEnd else {
      // A type without anything behind it is named with what it might have been.
      if quoted == nil, zone == nil { throw Wrong(part: text) }
      throw Wrong(reason: "“\(word.isEmpty ? scan.rest : word)” is not expected behind a type", part: word.isEmpty ? scan.rest : word)
    }
    guard quoted != nil || zone != nil else { return }
    do throws(FieldSpelling.Wrong) {
      spelling = try FieldSpelling(type, quoted: quoted, zone: zone, side: side)
    } catch {
      let near = error.unknownZone.flatMap { Spelling.nearest(to: $0, among: ZoneRules.names()) }.map { "; did you mean \($0)?" } ?? ""
      throw Wrong(reason: error.reason + near, part: error.part)
    }
  }

  private static func decimal(_ scan: inout Scan) throws(Wrong) -> ValueType {
    let remedy = "a decimal says its digits, and those behind the point: decimal(12,2)"
    guard let digits = scan.parenthesised() else { throw Wrong(reason: remedy, part: "decimal") }
    guard digits.isClosed else {
      throw Wrong(
        reason: "the ) is missing; in a map of { } a comma ends a value, so write the type in quotes: \"decimal(12,2)\"", part: "decimal")
    }
    guard let type = ValueType(rawValue: "decimal(\(digits.text))") else {
      throw Wrong(
        reason: "\(remedy); there are 1 to \(DecimalText.mostDigits) digits, of which 0 to all stand behind the point", part: digits.text)
    }
    return type
  }

  /// Takes a type's text apart.
  private struct Scan {
    private var left: Substring

    init(_ text: String) { left = text[...] }

    var isAtEnd: Bool { left.allSatisfy { $0 == " " } }
    var rest: String { String(left.drop { $0 == " " }) }

    private mutating func skipBlanks() { left = left.drop { $0 == " " } }

    /// The next word in lower case; empty where none stands.
    mutating func word() -> String {
      skipBlanks()
      let word = left.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
      left = left.dropFirst(word.count)
      return word.lowercased()
    }

    mutating func parenthesised() -> (text: String, isClosed: Bool)? {
      skipBlanks()
      guard left.first == "(" else { return nil }
      let inner = left.dropFirst().prefix { $0 != ")" }
      left = left.dropFirst(inner.count + 1)
      let isClosed = left.first == ")"
      left = left.dropFirst()
      return (String(inner), isClosed)
    }

    /// The text between single quotes, in which two stand for one; nil where no quote stands.
    mutating func quoted() throws(Wrong) -> String? {
      skipBlanks()
      guard left.first == "'" else { return nil }
      let all = String(left)
      var text = ""
      left = left.dropFirst()
      while let character = left.popFirst() {
        guard character == "'" else {
          text.append(character)
          continue
        }
        guard left.first == "'" else { return text }
        left = left.dropFirst()
        text.append("'")
      }
      throw Wrong(reason: "the quote is not closed", part: all)
    }
  }

  /// Guesses the type that was meant by a text that is none: the type of another language's name (`varchar`), or the nearest spelling.
  package static func meant(by text: String) -> String? {
    let bare = text.lowercased().prefix { $0.isLetter || $0.isNumber }
    if let type = ValueType(rawValue: String(bare)) { return "\(type.rawValue) not null" }
    return names[String(bare)] ?? Spelling.nearest(to: String(bare), among: ValueType.names)
  }

  private static let names = [
    "int": "bigint", "integer": "bigint", "int32": "bigint", "int64": "bigint", "long": "bigint", "smallint": "bigint", "serial": "bigint",
    "float": "double", "float64": "double", "real": "double", "number": "double", "numeric": "decimal(18,2)", "money": "decimal(18,2)",
    "string": "text", "str": "text", "varchar": "text", "char": "text", "uuid": "text",
    "bool": "boolean", "datetime": "timestamp", "timestamptz": "timestamp", "bytea": "bytes", "blob": "bytes", "binary": "bytes",
    "jsonb": "json", "object": "json", "array": "json",
  ]
}
