import Configuration
import Processes
import Records

/// The formats that `parse.format` names. To add one: a case here, and its format in ``PipelineDefinition/ParseSection``.
public enum ParseFormat: String, Sendable, CaseIterable, Codable { case csv, tsv, jsonl, exec }
/// What becomes of a record that can't be read (`parse.on_bad_record`).
public enum OnBadRecord: String, Sendable, CaseIterable, Codable {
  case deadLetter = "dead_letter"
  case skip, fail
}

/// What becomes of an item of csv or tsv without a byte (`parse.on_empty`).
public enum OnEmpty: String, Sendable, CaseIterable, Codable { case fail, accept }
/// What becomes of an item whose columns are other than those before (`parse.on_schema_change`).
public enum OnSchemaChange: String, Sendable, CaseIterable, Codable {
  case fail
  case deadLetter = "dead_letter"
  case evolve
}

/// What a definition says of parsing.
public struct ParseSection: Sendable {
  public package(set) var format: ParseFormat?
  public internal(set) var dialect = CSVDialect()
  public package(set) var encoding = TextEncoding.utf8
  /// Bytes.
  public internal(set) var recordLimit = 16_000_000
  public internal(set) var onBadRecord = OnBadRecord.deadLetter
  /// Nil where it is not said.
  public package(set) var onSchemaChange: OnSchemaChange?
  /// Nil where fields are to be inferred.
  public internal(set) var fields: Schema?
  /// Those of them whose types could not be read, which is told: what hangs on them is not checked.
  package internal(set) var unreadFields: Set<String> = []
  /// The program that reads the lines, of format exec, and the fields that it answers with.
  package internal(set) var program: ProgramOptions?
  package internal(set) var answered: Schema?

  /// A section that says nothing.
  package init() {}

  /// Which format an item's records are in: the definition's, else by the item's name.
  public func format(itemName: String) -> ParseFormat {
    // In lower case and ASCII, so that a bit tells letters of either case.
    func isNamed(_ part: StaticString) -> Bool {
      let name = itemName.utf8
      return part.withUTF8Buffer { part in
        name.indices.contains { name[$0...].prefix(part.count).elementsEqual(part) { $0 | 0x20 == $1 } }
      }
    }
    return format ?? (isNamed(".jsonl") || isNamed(".ndjson") ? .jsonl : isNamed(".tsv") ? .tsv : .csv)
  }

  /// Whether an item that begins as such a document is not to be read. A web page never is, but by a program of the user's. Values
  /// of a table may look like the rest: who names the format and the fields is believed.
  public func refuses(_ document: TextDocument, itemName: String) -> Bool {
    switch format(itemName: itemName) {
    case .exec: false
    case .jsonl: document == .webPage || (fields == nil && (document == .jsonArray || document == .xml))
    case .csv, .tsv: document == .webPage || (dialect.skipLines == 0 && (format == nil || fields == nil))
    }
  }

  /// The format of items' records; `name` is an item's, for where none is given.
  public func recordFormat(itemName: String) -> any RecordFormat {
    switch format(itemName: itemName) {
    case .jsonl: return JSONLines()
    case .exec: return Lines()
    case .csv: return CSV(dialect, recordLimit: recordLimit)
    case .tsv:
      var tabs = dialect
      if tabs.delimiter == [0x2C] { tabs.delimiter = [0x09] }
      return CSV(tabs, recordLimit: recordLimit)
    }
  }
}
