import Configuration
import Foundation
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
  /// The item is something else than records of its format.
  case notRecords(TextDocument)
}

extension ParseError: CustomStringConvertible {
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
    case .notRecords(let document): document.refusal
    }
  }
}

/// A run of whole records of one item, as bytes.
public struct RecordChunk: Sendable {
  public let buffer: ByteBuffer
  /// The chunk's first byte in the decompressed item.
  public let offset: Int
  /// From 0, in the item's order.
  public let sequence: Int

  public init(buffer: ByteBuffer, offset: Int, sequence: Int) {
    self.buffer = buffer
    self.offset = offset
    self.sequence = sequence
  }
}

/// What stands before an item's first record.
public struct Beginning: Sendable, Codable {
  /// How many bytes, and how many lines.
  public var bytes: Int
  public var lines: Int
  /// The columns' names, where the format has them there.
  public var header: [String]?
  /// Whether a lone carriage return ends a record in this item.
  public var endsInReturn: Bool
  /// Whether each line feed has several carriage returns before it. Nil is no, as in ledgers from before.
  public var hasReturnRuns: Bool?
  /// The header as it stands in the item, where the columns have other names.
  public var found: [String]?
  /// The bytes themselves, where they are not too many to be kept.
  public var text = Data()

  /// What the columns are called in the item itself.
  public var columns: [String]? { found ?? header }

  public init(bytes: Int, lines: Int, header: [String]? = nil, endsInReturn: Bool = false) {
    self.bytes = bytes
    self.lines = lines
    self.header = header
    self.endsInReturn = endsInReturn
  }
}

/// Cuts one item's bytes into runs of whole records; it is used by one task, in order.
public protocol RecordFramer {
  /// Reads what stands before the first record; nil where more bytes are needed to tell.
  mutating func begin(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) throws(ParseError) -> Beginning?
  /// Goes on in an item that began so.
  mutating func resume(_ beginning: Beginning)
  /// The end of the last whole record among `count` bytes, which start with a record; 0 where none ends there.
  mutating func boundary(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) -> Int
}

/// Which of an item's columns become which fields.
public struct Layout: Sendable {
  /// The fields as the pipeline sees them.
  public var schema: Schema
  /// How many columns the item has.
  public var columnCount: Int
  /// For each field its column in the item; ``missing`` where it has none.
  public var columns: [Int]
  /// In the place of a column that is not there: all its values are NULL.
  public static let missing = -1
  /// Which fields the transform reads: they are decoded as they are checked.
  public var decoded: [Bool]
  /// Whether a lone carriage return ends a record in this item, or several and a line feed.
  public var endsInReturn = false
  public var hasReturnRuns = false

  public init(schema: Schema, columnCount: Int, columns: [Int], decoded: [Bool]) {
    self.schema = schema
    self.columnCount = columnCount
    self.columns = columns
    self.decoded = decoded
  }

  /// The layout of an item that begins so (without a header its columns are those of the schema, in order).
  ///
  /// - Parameter fillsMissing: whether columns that are missing are NULL, where they may be.
  public init(schema: Schema, beginning: Beginning, decoded: [Bool], fillsMissing: Bool = false) throws(ParseError) {
    var columns = Array(schema.fields.indices)
    if let header = beginning.header {
      var positions: [String: Int] = [:]
      for (i, name) in header.enumerated() where positions[name] == nil { positions[name] = i }
      columns = []
      for field in schema.fields {
        if let position = positions[field.name] {
          columns.append(position)
        } else if fillsMissing, field.nullable {
          columns.append(Self.missing)
        } else {
          throw .missingColumn(field.name, header: header)
        }
      }
    }
    self.init(schema: schema, columnCount: beginning.header?.count ?? columns.count, columns: columns, decoded: decoded)
    endsInReturn = beginning.endsInReturn
    hasReturnRuns = beginning.hasReturnRuns == true
  }
}

/// A format that items' records come in. To add one: a file beside this with a type that conforms, and a line in the
/// registry of the definition's `parse.format`.
public protocol RecordFormat: Sendable {
  func makeFramer() -> any RecordFramer
  /// The records of a chunk as columns, each checked against its type.
  func parse(_ chunk: RecordChunk, _ layout: Layout) -> RecordBatch
  /// The columns' names and their texts in each record of a sample; what is NULL is nil.
  func sample(_ chunk: RecordChunk, _ beginning: Beginning) -> SampledColumns
}

/// A sample's cells, column by column.
public struct SampledColumns: Sendable {
  public var names: [String]
  public var cells: [[SampledCell]]

  public init(names: [String], cells: [[SampledCell]]) {
    self.names = names
    self.cells = cells
  }
}

/// What one value of a sample looks like.
public enum SampledCell: Sendable, Equatable {
  case null
  /// Text whose type its look tells (a CSV cell, or text in JSON, where `isText`).
  case text(String, isText: Bool)
  /// A JSON array or object.
  case structure
}

extension RecordBatch {
  /// Checks every field of `layout` against its type and makes the batch's columns. Rows in `refused` have a fault
  /// already and get no second one.
  mutating func addColumns(
    _ layout: Layout, refused: inout Set<Int>, plainText: Bool, views: (_ column: Int, _ isText: Bool) -> FieldViews
  ) {
    columns.reserveCapacity(layout.columns.count)
    for (i, field) in layout.schema.fields.enumerated() {
      if layout.columns[i] == Layout.missing {
        columns.append(Column(field: field, views: nil, values: Vector.nulls(field.type, count: rowCount)))
        continue
      }
      let view = views(layout.columns[i], field.type == .text)
      var found: [(row: UInt32, code: RecordFault.Code)] = []
      let (values, isPlain) = view.read(
        as: field, rowCount: rowCount, decoding: layout.decoded[i], plainText: plainText
      ) { row, code in
        guard !refused.contains(row) else { return }
        refused.insert(row)
        found.append((UInt32(row), code))
      }
      let spelling = RecordFaults.Spelling(value: view.excerpt) { FaultReason.of($0, $1, field) }
      faults.append(found, field: field.name, record: record(ofRow:), spelling: spelling)
      columns.append(Column(field: field, views: view, values: values, isPlain: isPlain))
    }
    if !refused.isEmpty {
      selection = (0..<UInt32(rowCount)).filter { !refused.contains(Int($0)) }
    }
  }
}

extension ParseError {
  public var errorCode: ErrorCode {
    switch self {
    case .recordTooLong: .recordTooLong
    case .missingColumn: .missingColumn
    case .missingHeader, .emptyItem: .missingHeader
    case .badRecord: .badRecord
    case .noFields: .noSample
    case .notRecords: .wrongFormat
    }
  }
}
