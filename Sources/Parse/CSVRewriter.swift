import Records

/// Reads a chunk record by record in any dialect, and writes each cell anew in the plain spelling of RFC 4180 for the
/// stages that follow.
struct CSVRewriter {
  private let scanner: CSVScanner
  private var dialect: CSVDialect { scanner.dialect }

  init(_ scanner: CSVScanner) { self.scanner = scanner }

  func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch {
    let width = mapping.columnCount
    let out = ByteBuffer(capacity: chunk.buffer.count + chunk.buffer.count / 4 + 64)
    let index = PositionIndex(capacity: chunk.buffer.count / 2 + 64)
    var places = RecordPlaces()
    var faults = RecordFaults()
    var rowRecords: [UInt32] = []
    var cells: [CSVScanner.Cell] = []
    var isText = [Bool](repeating: false, count: width)
    for (field, column) in zip(mapping.schema.fields, mapping.columns) where column >= 0 { isText[column] = field.type == .text }
    var filled = 0
    let p = UnsafePointer(chunk.buffer.bytes)
    let n = chunk.buffer.count
    var at = 0
    while at < n {
      guard case .record(let end, let next, let broken) = scanner.record(p, at, n, isFinal: true, cells: &cells) else { break }
      defer {
        places.lineCount += max(CSVFramer.lines(p, at, next), next == n ? 1 : 0)
        at = next
      }
      if scanner.isComment(p, at, n) { continue }
      if scanner.isBlank(cells, at, end), width != 1 || broken {
        places.blankLineCount += 1
        continue
      }
      let isBroken = broken && !scanner.keepStrayQuotes(p, at, end, width: width, cells: &cells)
      let record = places.starts.count
      places.starts.append(UInt32(at))
      places.ends.append(UInt32(end))
      places.lines.append(UInt32(places.lineCount))
      if let fault = fault(p, at, end, broken: isBroken, found: cells.count, width, record) {
        faults.append(fault)
        continue
      }
      index.reserve(filled + 2 * width, keeping: filled)
      for column in 0..<width {
        let start = out.count
        if column < cells.count { write(cells[column], p, isText: isText[column], to: out) }
        index.positions[filled] = UInt32(start)
        index.positions[filled + 1] = UInt32(out.count)
        filled += 2
      }
      rowRecords.append(UInt32(record))
    }
    var batch = RecordBatch(
      columns: [], rowCount: rowRecords.count, recordCount: places.starts.count, places: places, raw: chunk.buffer)
    batch.faults = faults
    batch.recordOfRow = rowRecords
    var refused: Set<Int> = []
    batch.addColumns(mapping, refused: &refused, plainText: false) { column, isText in
      FieldViews(buffer: out, index: index, offset: 2 * column, stride: 2 * width, gap: 0, encoding: .csv, isText: isText)
    }
    return batch
  }

  private func fault(
    _ p: UnsafePointer<UInt8>, _ start: Int, _ end: Int, broken: Bool, found: Int, _ width: Int, _ record: Int
  ) -> RecordFault? {
    if broken {
      return RecordFault(
        code: .brokenQuote, reason: "a quote is not closed, or is followed by more than a delimiter", record: record)
    }
    if found > width || (found < width && dialect.ragged == .reject) {
      return RecordFault(
        code: .raggedRecord, reason: "\(found) field\(found == 1 ? "" : "s") where \(width) are expected", record: record)
    }
    if let at = UTF8Text.firstInvalid(p + start, end - start) {
      return RecordFault(code: .invalidEncoding, reason: "byte \(at + 1) of the record is not UTF-8", record: record)
    }
    return nil
  }

  /// Quotes make a text of a word that else is NULL; a number or a time has no other form for "no value".
  private func write(_ cell: CSVScanner.Cell, _ p: UnsafePointer<UInt8>, isText: Bool, to out: ByteBuffer) {
    let content = scanner.content(cell, p)
    if content.isEmpty, !cell.quoted { return }
    let mayBeNull = isText ? dialect.hasNullsInText && !cell.quoted : true
    if mayBeNull, dialect.nullValues.contains(content) { return }
    guard cell.quoted || content.first == 0x22 else { return out.append(content) }
    out.append(0x22)
    for byte in content {
      if byte == 0x22 { out.append(0x22) }
      out.append(byte)
    }
    out.append(0x22)
  }
}
