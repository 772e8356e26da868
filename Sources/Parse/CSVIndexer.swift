import CByteScan
import Foundation
import Records

/// Reads a chunk in a plain dialect: the positions of all delimiters and line ends outside quotes are its fields' ends.
struct CSVIndexer {
  private let dialect: CSVDialect
  private let delimiter: CSVDialect.RecordDelimiter
  private let terminator: UInt8
  private let trimsReturn: Bool

  init(_ dialect: CSVDialect, delimiter: CSVDialect.RecordDelimiter) {
    self.dialect = dialect
    self.delimiter = delimiter
    terminator = delimiter == .cr ? 0x0D : 0x0A
    trimsReturn = delimiter == .auto
  }

  /// Nil where a quote stands where none may, where quotes do not quote, or where a blank line comes first.
  func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch? {
    let width = mapping.columnCount
    // The last field of a blank line ends before it begins. Where it ends at 0, the byte before it, which may be a return, is none of the
    // chunk's.
    if trimsReturn, width > 1, chunk.buffer.count > 0, chunk.buffer.bytes[0] == terminator { return nil }
    let kinds = kinds(chunk.buffer)
    let index = PositionIndex(capacity: chunk.buffer.count / 3 + 128)
    // The record before the first ends at -1.
    index.positions[0] = .max
    var rows = Rows()
    guard let count = fill(index, chunk.buffer, width, &rows) else { return nil }
    let hasQuotes = count.quotes
    var batch = RecordBatch(
      columns: [], rowCount: rows.count, recordCount: rows.count - rows.blank.count, places: rows.places,
      raw: chunk.buffer)
    batch.places = places(index, width, rows)
    if hasQuotes { batch.places.countLines(UnsafePointer(chunk.buffer.bytes), chunk.buffer.count, terminator) }
    if !rows.blank.isEmpty {
      var record: UInt32 = 0
      batch.recordOfRow = (0..<rows.count).map { row in
        defer { if !rows.blank.contains(row) { record += 1 } }
        return record
      }
    }
    var refused = rows.blank
    for (row, found) in rows.ragged {
      refused.insert(row)
      batch.faults.append(
        RecordFault(
          code: .raggedRecord, reason: "\(found) field\(found == 1 ? "" : "s") where \(width) are expected",
          record: batch.record(ofRow: row)))
    }
    if kinds & UInt32(SLUICE_HAS_HIGH) != 0 { checkEncoding(&batch, &refused) }
    let plain = !hasQuotes && kinds & UInt32(SLUICE_HAS_CONTROL | SLUICE_HAS_BACKSLASH) == 0
    batch.addColumns(mapping, refused: &refused, plainText: plain) { column, isText in
      FieldViews(
        buffer: chunk.buffer, index: index, offset: column, stride: width, gap: 1, encoding: .csv, isText: isText,
        trimsReturn: trimsReturn && column == width - 1, delimiter: dialect.delimiter[0])
    }
    return batch
  }

  /// Which kinds of bytes that need care the chunk's fields hold.
  private func kinds(_ buffer: ByteBuffer) -> UInt32 {
    let own = dialect.delimiter[0]
    let kinds = sluice_byte_kinds(buffer.bytes, buffer.count, terminator, own)
    // Where records end CR LF the return is no field's either.
    let isOfLineEnds =
      trimsReturn && kinds & UInt32(SLUICE_HAS_CONTROL) != 0 && sluice_has_stray_control(buffer.bytes, buffer.count, own) == 0
    return isOfLineEnds ? kinds & ~UInt32(SLUICE_HAS_CONTROL) : kinds
  }

  struct Rows {
    var count = 0
    /// Rows that are empty lines: no records.
    var blank: Set<Int> = []
    /// Rows with another number of fields than the header has, with that number.
    var ragged: [(row: Int, found: Int)] = []
    var places = RecordPlaces()
  }

  /// Fills the index so that row r's fields end at `positions[1 + r * width ..< 1 + (r + 1) * width]`, and says whether
  /// there were quotes. A row of another width is cut or filled to it and noted as ragged.
  private func fill(
    _ index: PositionIndex, _ buffer: ByteBuffer, _ width: Int, _ rows: inout Rows
  ) -> (filled: Int, quotes: Bool)? {
    let p = UnsafePointer(buffer.bytes)
    let n = buffer.count
    var blocks = QuoteBlocks(dialect, delimiter: delimiter)
    var filled = 1
    var rowStart = 1
    var i = 0
    while i < n {
      index.reserve(filled + 64 + width, keeping: filled)
      let block = dialect.quote == nil ? blocks.unquoted(p + i, left: n - i) : blocks.next(p + i, left: n - i)
      if block.isBroken { return nil }
      var separators = block.separators
      let base = filled
      var out = index.positions + filled
      while separators != 0 {
        out.pointee = UInt32(truncatingIfNeeded: i + separators.trailingZeroBitCount)
        out += 1
        separators &= separators - 1
      }
      filled = out - index.positions
      var lines = block.lines
      var shift = 0
      while lines != 0 {
        let below = lines & (0 &- lines)
        let end = base + shift + (block.separators & (below - 1)).nonzeroBitCount + 1
        if end - rowStart != width {
          shift += adjust(index, p, rowStart: rowStart, end: end, width, &filled, &rows)
        }
        rows.count += 1
        rowStart += width
        lines &= lines - 1
      }
      i += 64
    }
    if blocks.open != 0 { return nil }
    // Views take a quote for one that quotes: where it does not, cells are to be spelled anew.
    if dialect.quote == nil, memchr(p, 0x22, n) != nil { return nil }
    // The last record needs no line end.
    if n > 0, p[n - 1] != terminator {
      index.reserve(filled + 1 + width, keeping: filled)
      index.positions[filled] = UInt32(n)
      filled += 1
      if filled - rowStart != width {
        _ = adjust(index, p, rowStart: rowStart, end: filled, width, &filled, &rows)
      }
      rows.count += 1
    }
    return (filled, blocks.sawQuotes)
  }

  /// Makes the row whose ends are `rowStart..<end` as wide as the others; returns by how much what follows moved.
  private func adjust(
    _ index: PositionIndex, _ p: UnsafePointer<UInt8>, rowStart: Int, end: Int, _ width: Int,
    _ filled: inout Int, _ rows: inout Rows
  ) -> Int {
    let positions = index.positions
    let found = end - rowStart
    let lineStart = Int(positions[rowStart - 1] &+ 1)
    let lineEnd = positions[end - 1]
    let length = Int(lineEnd) - lineStart
    if found == 1, length == 0 || (trimsReturn && length == 1 && p[lineStart] == 0x0D) {
      rows.blank.insert(rows.count)
    } else {
      rows.ragged.append((rows.count, found))
    }
    let shift = width - found
    index.reserve(filled + max(shift, 0) + 1, keeping: filled)
    let moved = index.positions
    let tail = filled - end
    memmove(moved + end + shift, moved + end, tail * MemoryLayout<UInt32>.stride)
    for k in 0..<width { moved[rowStart + k] = lineEnd }
    filled += shift
    return shift
  }

  /// Where each record is, from the index: a record starts after the line end before it.
  private func places(_ index: PositionIndex, _ width: Int, _ rows: Rows) -> RecordPlaces {
    var places = RecordPlaces()
    places.lineCount = rows.count
    places.blankLineCount = rows.blank.count
    guard rows.count > 0 else { return places }
    let positions = index.positions
    places.starts.reserveCapacity(rows.count)
    places.ends.reserveCapacity(rows.count)
    let skipping = !rows.blank.isEmpty
    for row in 0..<rows.count {
      if skipping, rows.blank.contains(row) { continue }
      places.starts.append(positions[row * width] &+ 1)
      places.ends.append(positions[(row + 1) * width])
      if skipping { places.lines.append(UInt32(row)) }
    }
    return places
  }

  private func checkEncoding(_ batch: inout RecordBatch, _ refused: inout Set<Int>) {
    let p = UnsafePointer(batch.raw.bytes)
    guard UTF8Text.firstInvalid(p, batch.raw.count) != nil else { return }
    for row in 0..<batch.rowCount where !refused.contains(row) {
      let record = batch.record(ofRow: row)
      let start = Int(batch.places.starts[record])
      guard let at = UTF8Text.firstInvalid(p + start, Int(batch.places.ends[record]) - start) else { continue }
      refused.insert(row)
      batch.faults.append(
        RecordFault(code: .invalidEncoding, reason: "byte \(at + 1) of the record is not UTF-8", record: record))
    }
  }
}

extension RecordPlaces {
  /// Finds each record's line where quoted cells may hold line ends.
  mutating func countLines(_ p: UnsafePointer<UInt8>, _ n: Int, _ terminator: UInt8) {
    var found: [UInt32] = []
    found.reserveCapacity(starts.count)
    var line = 0
    var at = 0
    for start in starts {
      line += sluice_count(p + at, Int(start) - at, terminator)
      at = Int(start)
      found.append(UInt32(line))
    }
    line += sluice_count(p + at, n - at, terminator)
    lines = found
    lineCount = line + (n > 0 && p[n - 1] != terminator ? 1 : 0)
  }
}

extension QuoteBlocks {
  /// The next 64 bytes, for a dialect without quotes.
  @inline(__always)
  func unquoted(_ p: UnsafePointer<UInt8>, left: Int) -> Block {
    let mask: UInt64 = left >= 64 ? ~0 : (1 << UInt64(left)) - 1
    let lines = sluice_equal_mask(p, terminator) & mask
    return Block(separators: (sluice_equal_mask(p, delimiter) & mask) | lines, lines: lines, isBroken: false)
  }
}
