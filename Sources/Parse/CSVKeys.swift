import Configuration

/// The treatment of an item of csv, tsv or json without a byte (`parse.on_empty`).
enum OnEmpty: String, CaseIterable { case fail, accept }

/// The keys that say how delimited values are written, and how they are read.
extension CSVDialect {
  /// The key `on_empty`, for formats whose items hold something before their first record.
  static let emptyKey = Key(
    "on_empty", .choice(OnEmpty.allCases.map(\.rawValue)),
    "What becomes of an item of csv, tsv or json without a byte, where a header or a document is to be: fail (default), or accept it as one without records."
  )

  static func acceptsEmpty(_ value: Value) -> Bool { value["on_empty"]?.text == OnEmpty.accept.rawValue }

  static let keys: [Key] = [
    Key(
      "header", .either([.boolean, .integer(atLeast: 0)], "true, false, or the number of header lines"),
      "Whether columns are named by a header (default true)."),
    emptyKey,
    Key(
      "columns", .list(.text),
      "The columns' names in their order, whatever the header says: for a header that is narrower or wider than the records, or none."),
    Key(
      "delimiter", .text,
      "What stands between fields, one or more characters (default a comma); the word whitespace is any run of blanks and tabs, as in aligned columns."
    ),
    Key("quote", .either([.text, .null], "one character, or null"), "What quotes a field, or null for nothing."),
    Key(
      "escape", .either([.text, .null], "one character, or null"),
      "What makes the next character literal, beside doubled quotes (default: they alone)."),
    Key(
      "stray_quotes", .choice(StrayQuotes.allCases.map(\.rawValue)),
      "A record in which a quote is not closed, or more than a delimiter follows it: reject makes it a dead letter (default); keep makes that quote a character of its value, where the record has as many fields then as it should."
    ),
    Key("skip_lines", .integer(atLeast: 0), "Lines before the header to pass over."),
    Key("skip_footer_lines", .integer(atLeast: 0), "Lines at the end to pass over."),
    Key("comment", .text, "What begins a line to pass over."),
    Key(
      "null_values", .list(.text),
      "What else than nothing is NULL, in every field; in quotes, as nothing in quotes, only where the field is not text."),
    Key("null_values_in_text", .boolean, "Whether null_values are NULL in fields of text too (default true)."),
    Key("trim", .boolean, "Whether blanks around fields go (default false)."),
    Key("record_delimiter", .choice(RecordDelimiter.allCases.map(\.rawValue)), "What ends a record (default auto)."),
    Key(
      "ragged", .choice(Ragged.allCases.map(\.rawValue)),
      "reject records of another width (default), or pad short ones with NULL."),
  ]

  /// Reads the keys from the map `parse`.
  init(_ value: Value, _ reader: inout DefinitionReader) {
    self.init()
    switch value["header"]?.text {
    case "true"?, nil: headerLines = 1
    case "false"?: headerLines = 0
    case let lines?: headerLines = Int(lines) ?? 1
    }
    if let list = value["columns"], list.isRead { readColumns(list, value["fields"], &reader) }
    if let named = value["delimiter"], named.text == "whitespace" {
      delimiter = [0x20]
      isDelimitedByBlanks = true
    } else if let named = value["delimiter"], named.isRead {
      delimiter = Array((named.text ?? "").utf8)
      if delimiter.isEmpty || delimiter.contains(0x0A) || delimiter.contains(0x0D) {
        reader.report(named.position.diagnostic("a delimiter is one or more characters, and no line end"))
        delimiter = [0x2C]
      }
    }
    quote = Self.byte(value["quote"], "quote", default: 0x22, &reader)
    escape = Self.byte(value["escape"], "escape", default: quote, &reader)
    acceptsEmpty = Self.acceptsEmpty(value)
    if let stray = value["stray_quotes"]?.text.flatMap(StrayQuotes.init) { strayQuotes = stray }
    if let lines = value["skip_lines"]?.text.flatMap({ Int($0) }) { skipLines = lines }
    if let lines = value["skip_footer_lines"]?.text.flatMap({ Int($0) }) { skipFooterLines = lines }
    if let sign = value["comment"]?.text, !sign.isEmpty { comment = Array(sign.utf8) }
    if let nulls = value["null_values"] {
      nullValues = nulls.elements.compactMap { $0.text.map { Array($0.utf8) } }.filter { !$0.isEmpty }
    }
    if let inText = value["null_values_in_text"]?.text { hasNullsInText = inText == "true" }
    if let trim = value["trim"]?.text { self.trim = trim == "true" }
    if let ending = value["record_delimiter"]?.text.flatMap(RecordDelimiter.init) { recordDelimiter = ending }
    if let ragged = value["ragged"]?.text.flatMap(Ragged.init) { self.ragged = ragged }
  }

  private mutating func readColumns(_ list: Value, _ fields: Value?, _ reader: inout DefinitionReader) {
    let names = list.elements.compactMap(\.text)
    columns = names
    if names.isEmpty { reader.report(list.position.diagnostic("the list is empty; leave columns away to take them from the header")) }
    for (i, element) in list.elements.enumerated() where names.prefix(i).contains(element.text ?? "") {
      reader.report(element.position.diagnostic("“\(element.text ?? "")” stands twice; each column needs a name of its own"))
    }
    for entry in fields?.entries ?? [] where !names.contains(entry.key) {
      let near = Spelling.nearest(to: entry.key, among: names).map { "; did you mean \($0)?" } ?? ""
      reader.report(entry.at.diagnostic("parse.columns has no “\(entry.key)”\(near)"))
    }
  }

  private static func byte(_ value: Value?, _ key: String, default usual: UInt8?, _ reader: inout DefinitionReader) -> UInt8? {
    guard let value else { return usual }
    guard case .scalar(let text, let place) = value else { return nil }
    if text.utf8.count != 1 { reader.report(place.diagnostic("\(key) is one ASCII character, or null for none")) }
    return text.utf8.first
  }
}
