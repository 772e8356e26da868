import Configuration
import Processes
import Records

/// The treatment of a record that can't be read (`parse.on_bad_record`). The raw value is the definition's word.
public enum OnBadRecord: String, Sendable, CaseIterable, Codable {
  /// The record becomes a dead letter.
  case deadLetter = "dead_letter"
  /// The record counts as filtered.
  case skip
  /// The item fails.
  case fail
}

/// The treatment of an item whose columns differ from those of earlier items (`parse.on_schema_change`). The raw value is the definition's
/// word.
public enum OnSchemaChange: String, Sendable, CaseIterable, Codable {
  /// The run stops, and can be resumed.
  case fail
  /// The item becomes a dead letter, and the run goes on.
  case deadLetter = "dead_letter"
  /// The run goes on: missing columns are NULL, and new ones are left out.
  case evolve
}

/// The section `parse` of a definition.
public struct ParseSection: Sendable {
  /// The format that the definition names; nil where items' names choose.
  private var named: (any RecordFormat)?
  /// The formats that items' names choose from, as ``RecordFormats/chosenByName``.
  private var choices: [any RecordFormat]
  /// The encoding of items without a byte order mark.
  package var encoding = TextEncoding.utf8
  /// The greatest length of a record, in bytes of UTF-8.
  package private(set) var recordLimit = 16_000_000
  /// The greatest limit of a record: places in a chunk of records are numbers of 32 bits.
  private static let longestRecord = 1_000_000_000
  /// The treatment of records that can't be read.
  package private(set) var onBadRecord = OnBadRecord.deadLetter
  /// The treatment of changed columns; nil where the definition does not say it. Then the run reports new columns, and an item that lacks a
  /// column fails.
  package var onSchemaChange: OnSchemaChange?
  /// The fields in the order of the definition; nil where they are inferred, and empty where a program parses.
  package private(set) var fields: Schema?
  /// The names of fields whose types could not be read, which is reported already. Expressions that depend on them are not checked.
  package private(set) var unreadFields: Set<String> = []

  /// Makes a section without keys, as for a definition without `parse`.
  package init() {
    var reader = DefinitionReader(text: "", folder: "", variables: [:], environment: [:])
    self.init(.map([], Position(line: 1, column: 1, length: 1)), &reader)
  }

  /// The keys that every format has.
  private static let commonKeys: [Key] = [
    Key(
      "on_bad_record", .choice(OnBadRecord.allCases.map(\.rawValue)), "What becomes of a record that can't be read (default dead_letter)."
    ),
    Key(
      "on_schema_change", .choice(OnSchemaChange.allCases.map(\.rawValue)),
      "What becomes of an item whose columns are other than those of the item before: fail (the run stops, resumable), dead_letter (the item is set aside, the rest is written) or evolve (what went is NULL, what is new is left out). Without it new columns are told of, and a missing one fails its item."
    ),
    Key("fields", .map(.fieldType), "The fields and their types; without them they are inferred from a sample."),
    Key(
      "encoding", .text,
      "The character encoding (default utf-8; a byte order mark is honoured): any that iconv knows, by any of its names, as utf-16le, ascii, latin-1, iso-8859-2, windows-1251, cp850, shift_jis, gb18030, big5, euc-kr, koi8-r, macroman."
    ),
    Key("limits", .object([Key("record", .byteCount, "How long a record may be (default 16MB).")]), "Limits of parsing."),
  ]

  /// The keys of `parse`: those of every format, and each format's own.
  package static let keys: [Key] =
    [
      Key(
        "format", .choice(RecordFormats.pages.map(\.name)),
        "\(RecordFormats.pages.map(\.name).joined(separator: ", ")) (default: by the items' names).")
    ] + [Key].union(RecordFormats.pages.map(\.keys)) + commonKeys

  /// Reads the section, and reports keys that don't belong to the format.
  ///
  /// - Parameter value: the map `parse`, or a step's map with keys of `parse`.
  package init(_ value: Value, _ reader: inout DefinitionReader) {
    choices = []
    if let bad = value["on_bad_record"]?.text.flatMap(OnBadRecord.init) { onBadRecord = bad }
    onSchemaChange = value["on_schema_change"]?.text.flatMap(OnSchemaChange.init)
    if let entry = value["limits"]?["record"], let limit = entry.text.flatMap(Scalars.byteCount) {
      if limit > Self.longestRecord { reader.report(entry.position.diagnostic("a record can't be longer than 1GB")) }
      recordLimit = min(limit, Self.longestRecord)
    }
    if let entry = value["encoding"], let name = entry.text { readEncoding(entry, name, &reader) }
    if let list = value["fields"], list.isRead {
      fields = Schema(list)
      unreadFields = Set(list.entries.filter { !$0.value.isRead }.map(\.key))
      if list.entries.isEmpty { reader.report(list.position.diagnostic("the map is empty; leave fields away to have them inferred")) }
    }
    readFormat(value, &reader)
  }

  private mutating func readEncoding(_ entry: Value, _ name: String, _ reader: inout DefinitionReader) {
    if let known = TextEncoding(named: name) {
      encoding = known
      return
    }
    let near = Spelling.nearest(to: name.lowercased(), among: TextEncoding.usualNames).map { "; did you mean \($0)?" }
    reader.report(
      entry.position.diagnostic(
        "“\(name)” is no character encoding that is known here\(near ?? "; iconv -l lists what this system knows")"))
  }

  private mutating func readFormat(_ value: Value, _ reader: inout DefinitionReader) {
    var settings = FormatSettings(value: value, fields: fields, recordLimit: recordLimit, isNamed: false)
    if let name = value["format"]?.text, let format = RecordFormats.named(name) {
      settings.isNamed = true
      reader.refuseKeys(of: value, notOf: name, RecordFormats.pages, setting: "format")
      named = format.init(settings, &reader)
      // A program that parses is sent lines: they have no fields yet.
      if named?.program != nil { fields = Schema([]) }
      return
    }
    let chosenByName = [Key].union(RecordFormats.chosenByName.map { $0.page.keys } + [Self.commonKeys]).map(\.name)
    for entry in value.entries where !chosenByName.contains(entry.key) {
      guard let owner = RecordFormats.pages.first(where: { $0.keys.contains { $0.name == entry.key } }) else { continue }
      reader.report(entry.at.diagnostic("\(entry.key) is for format \(owner.name)"))
    }
    for format in RecordFormats.chosenByName {
      // Formats share keys: what is wrong in one is reported once.
      var own = reader
      choices.append(format.init(settings, &own))
      for diagnostic in own.diagnostics where !reader.diagnostics.contains(diagnostic) { reader.report(diagnostic) }
    }
  }

  /// The program that reads records, and the fields of its answers; nil where the format reads them.
  package var program: ParsingProgram? { named?.program }

  /// The format of an item's records: the one that the definition names, else the one that the item's name chooses.
  package func recordFormat(itemName: String) -> any RecordFormat {
    named ?? choices[RecordFormats.position(itemName: itemName)]
  }

  /// Makes a copy of the section that reads every item in this format, without regard to the item's name.
  package func reading(as format: any RecordFormat) -> ParseSection {
    var section = self
    section.named = format
    return section
  }
}
