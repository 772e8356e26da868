import Records

/// Which of an item's columns become which fields.
package struct ColumnMapping: Sendable {
  /// The fields as the pipeline sees them.
  package var schema: Schema
  /// How many columns the item has.
  package var columnCount: Int
  /// For each field its column in the item; ``missing`` where it has none.
  package var columns: [Int]
  /// In the place of a column that is not there: all its values are NULL.
  package static let missing = -1
  /// Which fields the transform reads: they are decoded as they are checked.
  package var decoded: [Bool]
  /// Whether a lone carriage return ends a record in this item.
  package var endsInReturn = false
  /// Whether several carriage returns and a line feed end a record in this item.
  package var hasReturnRuns = false

  /// Makes the mapping of an item with so many columns.
  package init(schema: Schema, columnCount: Int, columns: [Int], decoded: [Bool]) {
    self.schema = schema
    self.columnCount = columnCount
    self.columns = columns
    self.decoded = decoded
  }

  /// Makes the mapping of an item with this prologue (without a header its columns are those of the schema, in order).
  ///
  /// - Parameter fillsMissing: whether columns that are missing are NULL, where they may be.
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
  /// Checks every field of `layout` against its type and makes the batch's columns. Rows in `refused` have a fault
  /// already and get no second one.
  mutating func addColumns(
    _ mapping: ColumnMapping, refused: inout Set<Int>, plainText: Bool, views: (_ column: Int, _ isText: Bool) -> FieldViews
  ) {
    columns.reserveCapacity(mapping.columns.count)
    for (i, field) in mapping.schema.fields.enumerated() {
      if mapping.columns[i] == ColumnMapping.missing {
        columns.append(Column(field: field, views: nil, values: Vector.nulls(field.type, count: rowCount)))
        continue
      }
      let view = views(mapping.columns[i], field.type == .text)
      var found: [(row: UInt32, code: RecordFault.Code)] = []
      let (values, isPlain) = view.read(
        as: field, rowCount: rowCount, decoding: mapping.decoded[i], plainText: plainText
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
