import Records

/// The map from the fields of a pipeline to the columns of an item.
package struct ColumnMapping: Sendable {
  /// The fields that the batch has, in their order.
  package var schema: Schema
  /// How many columns the item has.
  package var columnCount: Int
  /// The column of each field in the item, from 0; ``missing`` for a field without one.
  package var columns: [Int]
  /// Stands for no column: all values of the field are NULL.
  package static let missing = -1
  /// Whether the transform reads a field, for each field. The parser decodes those while it checks them.
  package var decoded: [Bool]
  /// Whether a lone carriage return ends a record in this item.
  package var endsInReturn = false
  /// Whether several carriage returns and a line feed end a record in this item.
  package var hasReturnRuns = false

  /// Makes a mapping for an item with `columnCount` columns; `columns` and `decoded` have one entry a field.
  package init(schema: Schema, columnCount: Int, columns: [Int], decoded: [Bool]) {
    self.schema = schema
    self.columnCount = columnCount
    self.columns = columns
    self.decoded = decoded
  }

  /// Makes a mapping for an item with this prologue. It finds fields by their names in the header. Without a header the item's columns are
  /// the fields of the schema, in order.
  ///
  /// - Parameter fillsMissing: whether a missing column is NULL where its field may be.
  /// - Throws: ``ParseError/missingColumn(_:header:)``.
  package init(schema: Schema, prologue: Prologue, decoded: [Bool], fillsMissing: Bool = false) throws(ParseError) {
    var columns = Array(schema.fields.indices)
    if let header = prologue.header {
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
    self.init(schema: schema, columnCount: prologue.header?.count ?? columns.count, columns: columns, decoded: decoded)
    endsInReturn = prologue.endsInReturn
    hasReturnRuns = prologue.hasReturnRuns == true
  }
}

extension RecordBatch {
  /// Checks every field of `mapping` against its type and makes the batch's columns. Rows in `refused` have a fault already and get no
  /// second one.
  mutating func addColumns(
    _ mapping: ColumnMapping, refused: inout Set<Int>, plainText: Bool, views: (_ column: Int, _ isText: Bool) -> FieldViews
  ) {
    columns.reserveCapacity(mapping.columns.count)
    for (i, field) in mapping.schema.fields.enumerated() {
      if mapping.columns[i] == ColumnMapping.missing {
        columns.append(Column(field: field.read, views: nil, values: Vector.nulls(field.type, count: rowCount)))
        continue
      }
      let view = views(mapping.columns[i], field.type == .text || field.type == .bytes)
      // Values that are spelled otherwise than any sink spells them are never copied.
      let isRespelled = field.spelling != nil || field.type == .bytes
      var found: [(row: UInt32, code: RecordFault.Code)] = []
      let (values, isPlain) = view.read(
        as: field, rowCount: rowCount, decoding: mapping.decoded[i] || isRespelled, plainText: plainText
      ) { row, code in
        guard !refused.contains(row) else { return }
        refused.insert(row)
        found.append((UInt32(row), code))
      }
      let spelling = RecordFaults.Spelling(value: view.excerpt) { FaultReason.of($0, $1, field) }
      faults.append(found, field: field.name, record: record(ofRow:), spelling: spelling)
      columns.append(Column(field: field.read, views: isRespelled ? nil : view, values: values, isPlain: isPlain))
    }
    if !refused.isEmpty {
      selection = (0..<UInt32(rowCount)).filter { !refused.contains(Int($0)) }
    }
  }
}
