import Records

/// The values of a column that were spelled into a buffer, for the rows that an encoder takes.
struct SpelledValues {
  let bytes: ByteBuffer
  /// The place behind each value, one a selected row.
  private(set) var ends: [UInt32] = []
  /// 1 for NULL, one a selected row.
  private(set) var nulls: [UInt8] = []

  /// Spells the values of rows.
  ///
  /// - Parameter spell: appends a row's value, which is not NULL.
  init(_ rows: [UInt32], isNull: (Int) -> Bool, _ spell: (Int, ByteBuffer) -> Void) {
    bytes = ByteBuffer(capacity: rows.count * 16)
    ends.reserveCapacity(rows.count)
    nulls.reserveCapacity(rows.count)
    for row in rows {
      let isNull = isNull(Int(row))
      if !isNull { spell(Int(row), bytes) }
      ends.append(UInt32(bytes.count))
      nulls.append(isNull ? 1 : 0)
    }
  }

  /// The place of a value's first byte.
  @inline(__always)
  func start(_ i: Int) -> Int { i == 0 ? 0 : Int(ends[i - 1]) }
  /// The length of a value, in bytes.
  @inline(__always)
  func count(_ i: Int) -> Int { Int(ends[i]) - start(i) }
}

extension RowBlock {
  /// Appends a block whose rows are filled column by column.
  ///
  /// - Parameters:
  ///   - head: the bytes before each row's first value.
  ///   - measure: adds the bytes that each row takes to its entry.
  ///   - fill: writes the rows from `base` on. The entries say where each row's first value goes.
  static func append(
    _ batch: RecordBatch, _ rows: [UInt32], head: UInt32 = 0, to out: ByteBuffer, measure: (_ sizes: inout [UInt32]) -> Void,
    fill: (_ places: inout [UInt32], _ base: UnsafeMutableRawPointer) -> Void
  ) {
    let start = begin(batch, rows, to: out)
    var places = [UInt32](repeating: head, count: rows.count)
    // First the sizes, so that each column is then copied in one loop.
    measure(&places)
    let base = out.count
    var end: UInt32 = 0
    for i in places.indices {
      let size = places[i]
      places[i] = end + head
      end += size
      set(end: Int(end), row: i, in: out, from: start)
    }
    out.reserve(Int(end))
    out.count += Int(end)
    fill(&places, UnsafeMutableRawPointer(out.bytes + base))
    finish(in: out, from: start)
  }
}

extension RecordBatch {
  /// Decodes columns for a table, and takes the rows out of the selection that have a value which it can't hold, each with a fault.
  ///
  /// - Parameters:
  ///   - isTaken: whether the table takes a column.
  ///   - check: refuses rows of a column whose values are decoded, with the reason.
  mutating func decode(
    isTaken: (_ column: Int) -> Bool = { _ in true },
    refusing check: (_ column: Int, _ values: Vector, _ refuse: (UInt32, String) -> Void) -> Void
  ) {
    var refused: Set<UInt32> = []
    for i in columns.indices where isTaken(i) {
      let field = columns[i].field
      var faults: [(row: UInt32, code: RecordFault.Code, reason: String)] = []
      if columns[i].values == nil, let views = columns[i].views {
        let (values, _) = views.read(as: field, rowCount: rowCount, decoding: true, plainText: false) { row, code in
          faults.append((UInt32(row), code, Self.reason(code, field)))
        }
        columns[i].values = values
      }
      if let values = columns[i].values {
        check(i, values) { row, reason in
          faults.append((row, values.isNull(Int(row)) ? .missingValue : .invalidValue, reason))
        }
      }
      let selected = faults.isEmpty ? [] : Set(self.selected)
      for fault in faults where selected.contains(fault.row) && refused.insert(fault.row).inserted {
        self.faults.append(RecordFault(code: fault.code, reason: fault.reason, field: field.name, record: record(ofRow: Int(fault.row))))
      }
    }
    if !refused.isEmpty { selection = selected.filter { !refused.contains($0) } }
  }

  private static func reason(_ code: RecordFault.Code, _ field: Field) -> String {
    switch code {
    case .missingValue: "the field has no value, and is not null"
    case .invalidEncoding: "the text holds half of a surrogate pair, which UTF-8 has no form for"
    default: "the value does not fit \(field.type.rawValue)"
    }
  }
}
