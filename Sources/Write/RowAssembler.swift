import CByteScan
import Records

/// Puts records together from columns of bytes that are spelled as the sink wants them.
///
/// A column's values stand either in the chunk as they are (``add(_:prefix:quoted:)``) or are rendered beforehand, a whole
/// column at a time (``render(prefix:_:)``). The loop over records then only copies.
struct RowAssembler {
  /// One column as bare pointers, so that the loop neither counts references nor chooses between kinds.
  private struct Cells {
    var places: ViewPlaces
    var prefix: UnsafePointer<UInt8>
    var prefixCount: Int
    /// Rendered cells are indexed by the place among the selected rows, views by the row.
    var isRendered: Bool
    var form: Form
  }

  /// What a view becomes.
  enum Form {
    case copied
    /// Put between quotes.
    case quoted
    /// A CSV cell as a JSON string.
    case escaped
  }

  private let rows: [UInt32]?
  private let rowCount: Int
  private let null: ByteBuffer
  private let end: ByteBuffer
  private var cells: [Cells] = []
  /// What the pointers in `cells` point into.
  private var owners: [AnyObject] = []

  /// - Parameters:
  ///   - null: what stands for NULL.
  ///   - end: what ends a record.
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
  mutating func add(_ views: FieldViews, prefix: ByteBuffer, _ form: Form) {
    owners.append(prefix)
    cells.append(Cells(places: views.places, prefix: prefix.bytes, prefixCount: prefix.count, isRendered: false, form: form))
  }

  /// Adds a column whose value for each selected row `write` appends; nothing is NULL.
  @inline(__always)
  mutating func render(prefix: ByteBuffer, _ write: (Int, ByteBuffer) -> Void) {
    let text = ByteBuffer(capacity: rowCount * 16)
    let index = PositionIndex(capacity: rowCount + 1)
    index.positions[0] = 0
    let ends = index.positions + 1
    if let rows {
      for i in 0..<rowCount {
        write(Int(rows[i]), text)
        ends[i] = UInt32(text.count)
      }
    } else {
      for i in 0..<rowCount {
        write(i, text)
        ends[i] = UInt32(text.count)
      }
    }
    owners += [prefix, text, index]
    let places = ViewPlaces(base: text.bytes, positions: index.positions, stride: 1, gap: 0, trimsReturn: false)
    cells.append(Cells(places: places, prefix: prefix.bytes, prefixCount: prefix.count, isRendered: true, form: .copied))
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
    case .integers(let v) where type == .timestamp || type == .date:
      render(prefix: prefix) { row, out in
        if v.isNull(row) { return }
        if quotesTimes { out.append(0x22) }
        if type == .date { TimeText.writeDate(v.values[row], to: out) } else { TimeText.writeTimestamp(v.values[row], to: out) }
        if quotesTimes { out.append(0x22) }
      }
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

  /// Appends all records.
  func write(to out: ByteBuffer) {
    withExtendedLifetime(owners) {
      cells.withUnsafeBufferPointer { cells in
        if let rows {
          rows.withUnsafeBufferPointer { rows in write(cells, to: out) { Int(rows[$0]) } }
        } else {
          write(cells, to: out) { $0 }
        }
      }
    }
  }

  @inline(__always)
  private func write(_ cells: UnsafeBufferPointer<Cells>, to out: ByteBuffer, _ row: (Int) -> Int) {
    let nullStart = UnsafePointer(null.bytes), nullCount = null.count
    let endStart = UnsafePointer(end.bytes), endCount = end.count
    // Padded copies write up to 16 bytes past what they copy.
    let slack = 64
    var p = out.bytes + out.count
    var limit = out.bytes + (out.capacity - slack)
    func grow(_ needed: Int) {
      out.count = p - out.bytes
      out.reserve(needed + slack + (64 << 10))
      p = out.bytes + out.count
      limit = out.bytes + (out.capacity - slack)
    }
    for ordinal in 0..<rowCount {
      let r = row(ordinal)
      for i in 0..<cells.count {
        let (start, count) = cells[i].places.view(cells[i].isRendered ? ordinal : r)
        let needed = cells[i].prefixCount + nullCount + (cells[i].form == .escaped ? 6 * count : count) + 2
        if p + needed > limit { grow(needed) }
        sluice_copy_padded(p, cells[i].prefix, cells[i].prefixCount)
        p += cells[i].prefixCount
        if count == 0 {
          sluice_copy_padded(p, nullStart, nullCount)
          p += nullCount
          continue
        }
        switch cells[i].form {
        case .copied:
          sluice_copy_padded(p, start, count)
          p += count
        case .quoted:
          p[0] = 0x22
          sluice_copy_padded(p + 1, start, count)
          p[count + 1] = 0x22
          p += count + 2
        case .escaped:
          let isQuoted = count >= 2 && start[0] == 0x22
          p[0] = 0x22
          let made = isQuoted ? sluice_json_escape(p + 1, start + 1, count - 2, 1) : sluice_json_escape(p + 1, start, count, 0)
          p[made + 1] = 0x22
          p += made + 2
        }
      }
      if p + endCount > limit { grow(endCount) }
      sluice_copy_padded(p, endStart, endCount)
      p += endCount
    }
    out.count = p - out.bytes
  }
}
