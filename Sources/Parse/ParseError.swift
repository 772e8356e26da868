import Configuration
import Records

/// An error that ends the reading of an item: nothing behind its place can be read.
public enum ParseError: Error, Sendable {
  /// A record is longer than `limit` bytes (`parse.limits.record`). It begins at byte `offset` of the decompressed item.
  case recordTooLong(limit: Int, offset: Int)
  /// The header has no column of this name, and `parse.fields` names it.
  case missingColumn(String, header: [String])
  /// The item has no bytes, or blank lines only, and the format needs a header or a document.
  case emptyItem
  /// The item has no header line.
  case missingHeader
  /// A record is bad, and `on_bad_record: fail` says that it fails its item. Record and line count from 1, the byte offset from 0.
  case badRecord(String, record: Int, line: Int, offset: Int)
  /// The item has records, and it had none when the run inferred the fields.
  case noFields
  /// The document breaks the format's rules at this place (line and column from 1, byte offset from 0). With `decompress.on_error:
  /// keep_records` the records before it are kept.
  case damagedDocument(String, line: Int, column: Int, offset: Int)
  /// The document has nothing at the place where the definition says that its records are. The text is the whole message.
  case nothingSelected(String)
  /// The item holds records or numbers in a binary form of this name, which no format reads.
  case foreignData(String)
  /// The item is a document that its format refuses.
  case notRecords(TextDocument)
}

extension ParseError: CustomStringConvertible {
  /// The error with a remedy, as a sentence that follows the item's key.
  public var description: String {
    switch self {
    case .recordTooLong(let limit, let offset):
      "the record at byte \(offset) is longer than \(limit) bytes; raise parse.limits.record if that is right"
    case .missingColumn(let name, let header):
      "the header has no column “\(name)” that parse.fields names; it has \(Excerpt.list(header))"
    case .emptyItem: "the item is empty; if such items are to count as items without records, say parse.on_empty: accept"
    case .missingHeader:
      "the item has no header line; say header: false if it has none"
    case .badRecord(let reason, let record, let line, let offset):
      "record \(record) (line \(line), byte \(offset)): \(reason); parse.on_bad_record is fail"
    case .noFields:
      "no item had a record that fields could be inferred from when the run began, and this one has text; if records came since, run it again, else see whether parse.format is right"
    case .damagedDocument(let reason, let line, let column, let offset):
      "line \(line), column \(column) (byte \(offset)): \(reason); nothing behind this place can be read"
    case .nothingSelected(let reason): reason
    case .foreignData(let name):
      "its content is \(name), which is not supported yet; export it as \(RecordFormats.readable) first"
    case .notRecords(let document): RecordFormats.refusal(of: document)
    }
  }
}

extension ParseError: StageError {
  /// The stage that finds the error: always parse.
  package var stage: Stage { .parse }

  /// Whether the records before the error's place are sound, so that `decompress.on_error: keep_records` keeps them.
  package var isDamage: Bool {
    if case .damagedDocument = self { return true }
    return false
  }

  /// The code of the error in messages, in the ledger and in the reference (`SL-401`).
  public var errorCode: ErrorCode {
    switch self {
    case .recordTooLong: .recordTooLong
    case .missingColumn: .missingColumn
    case .missingHeader, .emptyItem: .missingHeader
    case .badRecord: .badRecord
    case .noFields: .noSample
    case .damagedDocument: .damagedDocument
    case .nothingSelected: .nothingSelected
    case .foreignData, .notRecords: .wrongFormat
    }
  }
}
