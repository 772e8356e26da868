import Records

/// The beginning of an item, as formats look at it to guess how its records are written. `sluice init` makes one.
package struct Sniffer {
  /// The bytes, as UTF-8.
  let buffer: ByteBuffer
  /// Whether the bytes are all of the item.
  let isWhole: Bool
  /// The item's name, in lower case.
  let name: String

  /// How many cells of a sample are kept at most.
  private static let keptCells = 100_000

  /// Makes a sniffer of an item's beginning.
  ///
  /// - Parameters:
  ///   - buffer: the bytes, as UTF-8.
  ///   - isWhole: whether the bytes are all of the item; else the last line is left out.
  ///   - name: the item's name, whose ending decides where the bytes do not.
  package init(_ buffer: ByteBuffer, isWhole: Bool, name: String) {
    self.buffer = buffer
    self.isWhole = isWhole
    self.name = name.lowercased()
  }

  /// The kind of document that the text begins as; nil where it may be delimited values.
  package var document: TextDocument? { TextDocument.of(buffer, isWhole: isWhole) }

  /// Guesses at delimited values, the best guess first.
  func delimited() -> [FormatGuess] {
    let named = namedDelimiter()
    let start = named?.next ?? 0
    let search = DialectSearch(
      p: buffer.bytes + start, count: buffer.count - start, isWhole: isWhole, lineEnd: lineEnd(start),
      isNamedTabs: name.contains(".tsv") || name.contains(".tab"))
    var readings = search.best()
    if let named { readings = readings.filter { $0.dialect.delimiter == [named.delimiter] || $0.width == 1 } }
    let others = readings.dropFirst().first { $0.dialect.delimiter != readings.first?.dialect.delimiter }?.score ?? 0
    return readings.prefix(4).enumerated().map { i, reading in
      // The rest of the sample may tell more of what stands below the table, and of short records.
      var full = i == 0 ? search.read(reading.dialect) : reading
      full.score = reading.score
      var guess = TableGuess(search, full, linesBefore: named == nil ? 0 : 1, keptCells: i == 0 ? Self.keptCells : 20_000).guess()
      if i == 0, guess.certainty == .sure, others > reading.score * 0.9 { guess.certainty = .likely }
      return guess
    }
  }

  /// Finds the end of records. A return by itself ends them only where the first line end is one.
  private func lineEnd(_ start: Int) -> CSVDialect.RecordDelimiter {
    var prologue: Prologue?
    var dialect = CSVDialect()
    dialect.headerLines = 0
    var framer = CSVFramer(dialect, recordLimit: 1 << 24)
    buffer.withSpan(start..<buffer.count) { prologue = try? framer.begin($0, isFinal: true) }
    return prologue?.endsInReturn == true ? .cr : prologue?.hasReturnRuns == true ? .crcrlf : .auto
  }

  /// Excel's first line “sep=;”.
  private func namedDelimiter() -> (delimiter: UInt8, next: Int)? {
    let line = buffer.copy(0..<10).prefix { $0 != 0x0A && $0 != 0x0D }.filter { $0 != 0x22 }
    guard line.count == 5, String(decoding: line.prefix(4), as: UTF8.self).lowercased() == "sep=" else { return nil }
    var next = 0
    while next < buffer.count, buffer.bytes[next] != 0x0A { next += 1 }
    return (line[4], min(next + 1, buffer.count))
  }
}
