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

  /// Adds a column of texts.
  ///
  /// - Parameter write: appends a text that is not NULL.
  @inline(__always)
  mutating func render(_ texts: TextVector, prefix: ByteBuffer, _ write: (UnsafePointer<UInt8>, Int, ByteBuffer) -> Void) {
    render(prefix: prefix) { row, out in
      let slice = texts.slices[row]
      if let start = slice.start { write(start, slice.count, out) }
    }
  }

  /// Adds a column of decoded values that are no texts. The type is asked once, before the loop.
  mutating func render(_ values: Vector, _ type: ValueType, prefix: ByteBuffer, quotesTimes: Bool = false) {
    switch (values, type) {
    case (.integers(let v), .timestamp): times(v, prefix, quotesTimes, TimeText.writeTimestamp)
    case (.integers(let v), .date): times(v, prefix, quotesTimes, TimeText.writeDate)
    case (.integers(let v), .time): times(v, prefix, quotesTimes, TimeText.writeTime)
    case (.integers(let v), _): numbers(v, prefix, NumberText.write)
    case (.doubles(let v), _): numbers(v, prefix, NumberText.write)
    case (.decimals(let v), .decimal(_, let scale)): numbers(v, prefix) { DecimalText.write($0, scale: scale, to: $1) }
    case (.booleans(let v), _): booleans(v, prefix)
    case (.decimals, _), (.text, _): return
    }
  }

  @inline(__always)
  private mutating func numbers<Number>(_ values: NullableVector<Number>, _ prefix: ByteBuffer, _ write: (Number, ByteBuffer) -> Void) {
    render(prefix: prefix) { row, out in if !values.isNull(row) { write(values.values[row], out) } }
  }

  @inline(__always)
  private mutating func times(
    _ values: NullableVector<Int64>, _ prefix: ByteBuffer, _ areQuoted: Bool, _ write: (Int64, ByteBuffer) -> Void
  ) {
    numbers(values, prefix) { time, out in
      if areQuoted { out.append(0x22) }
      write(time, out)
      if areQuoted { out.append(0x22) }
    }
  }

  /// The loop is a function of its own: among those of the numbers it would share the registers with them.
  @inline(never)
  private mutating func booleans(_ values: [UInt8], _ prefix: ByteBuffer) {
    render(prefix: prefix) { row, out in
      switch values[row] {
      case 0: out.append(literal: "false")
      case 1: out.append(literal: "true")
      default: return
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
