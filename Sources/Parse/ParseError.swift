import Configuration
import Records

/// What went wrong with an item's text as a whole: nothing of it after this place can be read.
public enum ParseError: Error, Sendable {
  /// A record is longer than `parse.limits.record` bytes; it begins at `offset` of the decompressed item.
  case recordTooLong(limit: Int, offset: Int)
  /// The header has no column of this name, which `parse.fields` asks for.
  case missingColumn(String, header: [String])
  /// The item has no bytes, or blank lines only, where a header is to be.
  case emptyItem
  /// The item has no header line.
  case missingHeader
  /// A record must fail the item, as `on_bad_record: fail` says.
  case badRecord(String, record: Int, line: Int, offset: Int)
  /// The item has records, and it was looked at for fields before it had any.
  case noFields
  /// The item is a document that is damaged at this place (line and column from 1, byte offset from 0): what stands before it may be
  /// kept, as of damaged compression.
  case damagedDocument(String, line: Int, column: Int, offset: Int)
  /// The definition says where in a document the records are, and nothing is there.
  case nothingSelected(String)
  /// The item holds records or numbers in a binary form of this name, which no format reads.
  case foreignData(String)
  /// The item is something else than records of its format.
  case notRecords(TextDocument)
}

extension ParseError: CustomStringConvertible {
  /// What is wrong, and what to do about it.
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
  package var stage: Stage { .parse }

  /// Whether what stands before the place is sound, so that `decompress.on_error: keep_records` keeps it.
  package var isDamage: Bool {
    if case .damagedDocument = self { return true }
    return false
  }

  /// The code that the error is told by.
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
