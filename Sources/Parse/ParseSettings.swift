import Configuration
import Processes
import Records

/// The keys of a definition's `parse`, and how they are read.
extension ParseSection {
  package static let keys: [Key] =
    [
      Key(
        "format", .choice(ParseFormat.allCases.map(\.rawValue)), "csv, tsv, jsonl, or exec for a program (default: by the items' names)."),
      Key("exec", .object(ProgramOptions.keys), "With format exec: the program that reads a line as a record."),
      Key(
        "header", .either([.boolean, .integer(atLeast: 0)], "true, false, or the number of header lines"),
        "Whether columns are named by a header (default true)."),
      Key(
        "on_bad_record", .choice(OnBadRecord.allCases.map(\.rawValue)), "What becomes of a record that can't be read (default dead_letter)."
      ),
      Key(
        "on_schema_change", .choice(OnSchemaChange.allCases.map(\.rawValue)),
        "What becomes of an item whose columns are other than those of the item before: fail (the run stops, resumable), dead_letter (the item is set aside, the rest is written) or evolve (what went is NULL, what is new is left out). Without it new columns are told of, and a missing one fails its item."
      ),
      Key("fields", .map(.fieldType), "The fields and their types; without them they are inferred from a sample."),
      Key(
        "on_empty", .choice(OnEmpty.allCases.map(\.rawValue)),
        "What becomes of an item of csv or tsv without a byte, where a header is to be: fail (default), or accept it as one without records."
      ),
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
        "stray_quotes", .choice(CSVDialect.StrayQuotes.allCases.map(\.rawValue)),
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
      Key(
        "encoding", .text,
        "The character encoding (default utf-8; a byte order mark is honoured): any that iconv knows, by any of its names, as utf-16le, ascii, latin-1, iso-8859-2, windows-1251, cp850, shift_jis, gb18030, big5, euc-kr, koi8-r, macroman."
      ),
      Key("record_delimiter", .choice(CSVDialect.RecordDelimiter.allCases.map(\.rawValue)), "What ends a record (default auto)."),
      Key(
        "ragged", .choice(CSVDialect.Ragged.allCases.map(\.rawValue)),
        "reject records of another width (default), or pad short ones with NULL."),
      Key("limits", .object([Key("record", .byteCount, "How long a record may be (default 16MB).")]), "Limits of parsing."),
    ]

  package init(_ value: Value, _ reader: inout DefinitionReader) {
    format = value["format"]?.text.flatMap(ParseFormat.init)
    if let bad = value["on_bad_record"]?.text.flatMap(OnBadRecord.init) { onBadRecord = bad }
    onSchemaChange = value["on_schema_change"]?.text.flatMap(OnSchemaChange.init)
    if let limit = value["limits"]?["record"]?.text.flatMap(Scalars.byteCount) { recordLimit = limit }
    if let entry = value["encoding"], let name = entry.text {
      if let known = TextEncoding(named: name) {
        encoding = known
      } else {
        let near = Spelling.nearest(to: name.lowercased(), among: TextEncoding.usualNames).map { "; did you mean \($0)?" }
        reader.report(
          entry.position.diagnostic(
            "“\(name)” is no character encoding that is known here\(near ?? "; iconv -l lists what this system knows")"))
      }
    }
    if let list = value["fields"], list.isRead {
      fields = Schema(list)
      unreadFields = Set(list.entries.filter { !$0.value.isRead }.map(\.key))
      if list.entries.isEmpty { reader.report(list.position.diagnostic("the map is empty; leave fields away to have them inferred")) }
    }
    if format == .exec {
      fillParser(value, &reader)
    } else if let entry = value.entries.first(where: { $0.key == "exec" }) {
      reader.report(entry.at.diagnostic("exec is for format exec"))
    }
    fillDialect(value, &reader)
  }

  /// A program that parses is the first step: what it is sent has no fields.
  private mutating func fillParser(_ value: Value, _ reader: inout DefinitionReader) {
    guard let exec = value["exec"], value["fields"] != nil else {
      reader.report((value["format"] ?? value).position.diagnostic("format exec needs exec, the program, and fields, what it answers with"))
      return
    }
    guard let fields else { return }
    var options = ProgramOptions(exec, at: exec.position, &reader)
    options.takesText = true
    program = options
    answered = fields
    self.fields = Schema([])
  }

  private mutating func fillDialect(_ value: Value, _ reader: inout DefinitionReader) {
    if format == .jsonl || format == .exec {
      for key in [
        "header", "on_empty", "columns", "delimiter", "quote", "escape", "stray_quotes", "skip_lines", "skip_footer_lines", "comment",
        "null_values",
        "null_values_in_text",
        "trim", "ragged",
        "record_delimiter",
      ] {
        if let entry = value.entries.first(where: { $0.key == key }) {
          reader.report(entry.at.diagnostic("\(key) is for csv and tsv, and the format is \(format == .exec ? "exec" : "jsonl")"))
        }
      }
    }
    switch value["header"]?.text {
    case "true"?, nil: dialect.headerLines = 1
    case "false"?: dialect.headerLines = 0
    case let lines?: dialect.headerLines = Int(lines) ?? 1
    }
    if let list = value["columns"], list.isRead { fillColumns(list, value["fields"], &reader) }
    if let delimiter = value["delimiter"], delimiter.text == "whitespace" {
      dialect.delimiter = [0x20]
      dialect.isDelimitedByBlanks = true
    } else if let delimiter = value["delimiter"], delimiter.isRead {
      dialect.delimiter = Array((delimiter.text ?? "").utf8)
      if dialect.delimiter.isEmpty || dialect.delimiter.contains(0x0A) || dialect.delimiter.contains(0x0D) {
        reader.report(delimiter.position.diagnostic("a delimiter is one or more characters, and no line end"))
        dialect.delimiter = [0x2C]
      }
    }
    dialect.quote = byte(value["quote"], "quote", default: 0x22, &reader)
    dialect.escape = byte(value["escape"], "escape", default: dialect.quote, &reader)
    dialect.acceptsEmpty = value["on_empty"]?.text == OnEmpty.accept.rawValue
    if let stray = value["stray_quotes"]?.text.flatMap(CSVDialect.StrayQuotes.init) { dialect.strayQuotes = stray }
    if let lines = value["skip_lines"]?.text.flatMap({ Int($0) }) { dialect.skipLines = lines }
    if let lines = value["skip_footer_lines"]?.text.flatMap({ Int($0) }) { dialect.skipFooterLines = lines }
    if let comment = value["comment"]?.text, !comment.isEmpty { dialect.comment = Array(comment.utf8) }
    if let nulls = value["null_values"] {
      dialect.nullValues = nulls.elements.compactMap { $0.text.map { Array($0.utf8) } }.filter { !$0.isEmpty }
    }
    if let inText = value["null_values_in_text"]?.text { dialect.hasNullsInText = inText == "true" }
    if let trim = value["trim"]?.text { dialect.trim = trim == "true" }
    if let delimiter = value["record_delimiter"]?.text.flatMap(CSVDialect.RecordDelimiter.init) { dialect.recordDelimiter = delimiter }
    if let ragged = value["ragged"]?.text.flatMap(CSVDialect.Ragged.init) { dialect.ragged = ragged }
  }

  private mutating func fillColumns(_ list: Value, _ fields: Value?, _ reader: inout DefinitionReader) {
    let names = list.elements.compactMap(\.text)
    dialect.columns = names
    if names.isEmpty { reader.report(list.position.diagnostic("the list is empty; leave columns away to take them from the header")) }
    for (i, element) in list.elements.enumerated() where names.prefix(i).contains(element.text ?? "") {
      reader.report(element.position.diagnostic("“\(element.text ?? "")” stands twice; each column needs a name of its own"))
    }
    for entry in fields?.entries ?? [] where !names.contains(entry.key) {
      let near = Spelling.nearest(to: entry.key, among: names).map { "; did you mean \($0)?" } ?? ""
      reader.report(entry.at.diagnostic("parse.columns has no “\(entry.key)”\(near)"))
    }
  }

  private func byte(_ value: Value?, _ key: String, default usual: UInt8?, _ reader: inout DefinitionReader) -> UInt8? {
    guard let value else { return usual }
    guard case .scalar(let text, let place) = value else { return nil }
    if text.utf8.count != 1 { reader.report(place.diagnostic("\(key) is one ASCII character, or null for none")) }
    return text.utf8.first
  }
}
