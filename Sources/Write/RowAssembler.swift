import CByteScan
import Records

/// Joins records from columns of bytes that are spelled as the sink wants them.
///
/// A column's values either stand in the chunk already (``add(_:prefix:_:)``), or are rendered before, a whole column at a time
/// (``render(prefix:_:)``). The loop over records then only copies.
struct RowAssembler {
  private let rows: [UInt32]?
  private let rowCount: Int
  private let null: ByteBuffer
  private let end: ByteBuffer
  private var cells: [sluice_cells] = []
  /// The owners of the memory that `cells` points into.
  private var owners: [AnyObject] = []

  /// Makes an assembler for the selected rows of a batch, without columns.
  ///
  /// - Parameters:
  ///   - null: the text for NULL.
  ///   - end: the text after the last field of each record.
  init(_ batch: RecordBatch, null: String, end: String) {
    rows = batch.selection
    rowCount = batch.selectedCount
    self.null = Self.buffer(null)
    self.end = Self.buffer(end)
  }

  private static func buffer(_ text: String) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: text.utf8.count)
    buffer.append(text)
    return buffer
  }

  /// Adds a column of views; an empty view is NULL.
  mutating func add(_ views: FieldViews, prefix: ByteBuffer, _ form: sluice_form) {
    owners.append(prefix)
    cells.append(Self.cells(views.places, prefix, isRendered: false, form))
  }

  /// Adds a column whose value for each selected row `write` appends; nothing is NULL.
  @inline(__always)
  mutating func render(prefix: ByteBuffer, _ write: (Int, ByteBuffer) -> Void) {
    let text = ByteBuffer(capacity: rowCount * 16)
    let index = PositionIndex(capacity: rowCount + 1)
    index.positions[0] = 0
    for i in 0..<rowCount {
      write(rows.map { Int($0[i]) } ?? i, text)
      index.positions[i + 1] = UInt32(text.count)
    }
    owners += [prefix, text, index]
    let places = ViewPlaces(base: text.bytes, positions: index.positions, stride: 1, gap: 0, trimsReturn: false)
    cells.append(Self.cells(places, prefix, isRendered: true, SLUICE_COPIED))
  }

  /// Adds a column of decoded values.
  ///
  /// - Parameter text: appends a text that is not NULL.
  @inline(__always)
  mutating func render(
    _ values: Vector, _ type: ValueType, prefix: ByteBuffer, quotesTimes: Bool = false,
    text: (UnsafePointer<UInt8>, Int, ByteBuffer) -> Void
  ) {
    switch values {
    case .integers(let v) where type == .timestamp || type == .date || type == .time:
      render(prefix: prefix) { row, out in
        if v.isNull(row) { return }
        if quotesTimes { out.append(0x22) }
        ValueText.write(values, row, type, to: out)
        if quotesTimes { out.append(0x22) }
      }
    case .decimals(let v):
      guard case .decimal(_, let scale) = type else { return }
      render(prefix: prefix) { row, out in if !v.isNull(row) { DecimalText.write(v.values[row], scale: scale, to: out) } }
    case .integers(let v): render(prefix: prefix) { row, out in if !v.isNull(row) { NumberText.write(v.values[row], to: out) } }
    case .doubles(let v): render(prefix: prefix) { row, out in if !v.isNull(row) { NumberText.write(v.values[row], to: out) } }
    case .booleans(let v): render(prefix: prefix) { row, out in if v[row] != 2 { out.append(v[row] == 1 ? "true" : "false") } }
    case .text(let v):
      render(prefix: prefix) { row, out in
        let slice = v.slices[row]
        if let start = slice.start { text(start, slice.count, out) }
      }
    }
  }

  private static func cells(_ places: ViewPlaces, _ prefix: ByteBuffer, isRendered: Bool, _ form: sluice_form) -> sluice_cells {
    sluice_cells(
      views: places.views, prefix: prefix.bytes, prefix_count: UInt32(prefix.count), is_rendered: isRendered ? 1 : 0,
      form: UInt8(form.rawValue))
  }

  /// Appends all records.
  func write(to out: ByteBuffer) {
    let nothing = sluice_text(start: null.bytes, count: UInt32(null.count))
    let ending = sluice_text(start: end.bytes, count: UInt32(end.count))
    // Padded copies write past what they copy.
    let slack = 80
    var written = 0
    withExtendedLifetime(owners) {
      cells.withUnsafeBufferPointer { cells in
        while true {
          var made = 0
          let room = max(0, out.capacity - out.count - slack)
          let start = out.bytes + out.count
          written = (rows ?? []).withUnsafeBufferPointer {
            let rows = rows == nil ? nil : $0.baseAddress
            return sluice_write_rows(cells.baseAddress, cells.count, rows, written, rowCount, nothing, ending, start, room, &made)
          }
          out.count += made
          if written == rowCount { return }
          out.reserve(room + slack + (64 << 10))
        }
      }
    }
  }
}
