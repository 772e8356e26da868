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
    var isQuoted: Bool
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

  /// Adds a column whose views are copied, with quotes around them where `quoted`; an empty view is NULL.
  mutating func add(_ views: FieldViews, prefix: ByteBuffer, quoted: Bool) {
    owners.append(prefix)
    cells.append(Cells(places: views.places, prefix: prefix.bytes, prefixCount: prefix.count, isRendered: false, isQuoted: quoted))
  }

  /// Adds a column whose value for each selected row `write` appends; nothing is NULL.
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
    cells.append(Cells(places: places, prefix: prefix.bytes, prefixCount: prefix.count, isRendered: true, isQuoted: false))
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
        let needed = count + cells[i].prefixCount + nullCount + 2
        if p + needed > limit { grow(needed) }
        sluice_copy_padded(p, cells[i].prefix, cells[i].prefixCount)
        p += cells[i].prefixCount
        if count == 0 {
          sluice_copy_padded(p, nullStart, nullCount)
          p += nullCount
        } else if cells[i].isQuoted {
          p[0] = 0x22
          sluice_copy_padded(p + 1, start, count)
          p[count + 1] = 0x22
          p += count + 2
        } else {
          sluice_copy_padded(p, start, count)
          p += count
        }
      }
      if p + endCount > limit { grow(endCount) }
      sluice_copy_padded(p, endStart, endCount)
      p += endCount
    }
    out.count = p - out.bytes
  }
}
