import Records

/// Makes a guess of a table that was read in one dialect: its header, and what has to be said of its dialect.
struct TableGuess {
  private let search: DialectSearch
  private let scanner: CSVScanner
  private let linesBefore: Int
  private var reading: TableReading
  /// The first rows of the table.
  private var rows: [[SampleCell]] = []

  init(_ search: DialectSearch, _ reading: TableReading, linesBefore: Int, keptCells: Int) {
    self.search = search
    self.reading = reading
    self.linesBefore = linesBefore
    scanner = CSVScanner(reading.dialect, delimiter: search.lineEnd)
    let most = max(keptCells / reading.width, 20)
    for row in reading.rows[reading.table].prefix(most) where reading.fits(row) { rows.append(cells(row)) }
    trimWhereItHelps()
  }

  private func cells(_ row: TableReading.Row, skipping: Int = 0) -> [SampleCell] {
    var found: [CSVScanner.Cell] = []
    _ = scanner.record(search.p, row.start + skipping, search.count, isFinal: true, cells: &found)
    var cells = found.map { SampleCell($0, scanner, search.p) }
    while cells.count < reading.width { cells.append(SampleCell(text: "", isQuoted: false)) }
    return cells
  }

  func guess() -> FormatGuess {
    let delimiter = reading.dialect.delimiter
    var guess =
      delimiter == [0x09]
      ? FormatGuess(TSV.self, objects: nil, usualDelimiter: [0x09]) : FormatGuess(CSV.self, objects: nil, usualDelimiter: [0x2C])
    guess.dialect = reading.dialect
    guess.lineEnd = search.lineEnd
    guess.score = reading.score
    tellFormat(&guess)
    tellHeader(&guess)
    tellDialect(&guess)
    guess.findNulls()
    return guess
  }

  private func tellFormat(_ guess: inout FormatGuess) {
    if reading.width == 1 {
      guess.certainty = .unsure
      guess.evidence = "no delimiter makes more than one column"
      return
    }
    guess.certainty = reading.consistency == 1 && !reading.isPadded ? .sure : reading.consistency >= 0.9 ? .likely : .unsure
    guess.evidence =
      "\(reading.fitting) of \(reading.table.count) lines looked at have \(reading.isPadded ? "at most " : "")\(reading.width) fields by \(delimiterName)"
  }

  private var delimiterName: String {
    let delimiter = reading.dialect.delimiter
    switch delimiter {
    case [0x2C]: return "a comma"
    case [0x09]: return "a tab"
    case [0x3B]: return "a semicolon"
    case [0x7C]: return "a bar"
    case [0x20]: return reading.dialect.isDelimitedByBlanks ? "blanks" : "a blank"
    default:
      if let byte = delimiter.first, byte < 0x20 { return "the control character \(byte)" }
      return "“\(String(decoding: delimiter, as: UTF8.self))”"
    }
  }

  // MARK: Header

  private func tellHeader(_ guess: inout FormatGuess) {
    let finding = HeaderSearch(rows: rows).find()
    var lines = finding.lines
    var rows = rows
    guess.headerCertainty = finding.certainty
    guess.headerEvidence = finding.evidence
    let above = reading.table.lowerBound > 0 ? reading.rows[reading.table.lowerBound - 1] : nil
    var skipped = reading.table.lowerBound > 0 || linesBefore > 0 ? linesAbove(reading.rows[reading.table.lowerBound].start) : 0
    if let above, reading.headerWidth != .same, lines == 0 || finding.certainty != .sure {
      let header = cells(above).map(\.text)
      guess.headerCertainty = .likely
      if reading.headerWidth == .narrower {
        lines = 0
        let endsEmpty = reading.rows[reading.table].count(where: \.endsEmpty) * 10 >= reading.table.count * 9
        guess.names = endsEmpty ? header.prefix(reading.width - 1) + [""] : [""] + header.prefix(reading.width - 1)
        guess.headerEvidence =
          endsEmpty
          ? "the names stand in line \(skipped); the records end in a delimiter that the header has not"
          : "the names stand in line \(skipped), one fewer than the records have fields: the first field has none, as row names of R"
      } else {
        lines = 1
        skipped = reading.table.lowerBound - 1 > 0 || linesBefore > 0 ? linesAbove(above.start) : 0
        guess.dialect.ragged = .pad
        guess.reasons["ragged"] = "the header has \(above.width) fields and the records \(reading.width)"
        guess.headerEvidence = "its names are more than the records have fields"
        rows.insert(header.map { SampleCell(text: $0, isQuoted: false) }, at: 0)
      }
    } else if lines == 0 || finding.certainty != .sure, let names = commentedNames() {
      lines = 0
      guess.names = names
      guess.headerCertainty = .likely
      guess.headerEvidence = "the names stand in a comment above the records"
    }
    guess.dialect.headerLines = lines
    if skipped > 0, reading.preamble > 0 || guess.names != nil && reading.table.lowerBound > 0 || linesBefore > 0 {
      guess.dialect.skipLines = skipped
      guess.reasons["skip_lines"] = guess.names != nil ? "the header, which is not as wide as the records" : "what stands above the table"
    }
    guess.names = guess.names.map { CSVFramer.join([$0]) }
    let width = rows.first?.count ?? reading.width
    let body = rows.dropFirst(lines)
    guess.columns = (0..<width).map { j in body.compactMap { j < $0.count ? $0[j] : SampleCell(text: "", isQuoted: false) } }
  }

  /// The lines of text before a place.
  private func linesAbove(_ place: Int) -> Int {
    linesBefore + CSVFramer.lines(search.p, 0, place)
  }

  /// The names in the last comment above the first record, where it is as wide as the records.
  private func commentedNames() -> [String]? {
    guard let sign = reading.dialect.comment, let first = reading.rows.first else { return nil }
    var start = first.start
    var line: (start: Int, end: Int)?
    // The last line above that is no blank one.
    while start > 0 {
      let end = start - 1
      var begin = end
      while begin > 0, search.p[begin - 1] != 0x0A, search.p[begin - 1] != 0x0D { begin -= 1 }
      if end > begin {
        line = (begin, end)
        break
      }
      start = begin
    }
    guard let line, scanner.isComment(search.p, line.start, line.end) else { return nil }
    var at = line.start
    while at < line.end, sign.contains(search.p[at]) || search.p[at] == 0x20 { at += 1 }
    var found: [CSVScanner.Cell] = []
    _ = scanner.record(search.p, at, line.end, isFinal: true, cells: &found)
    guard found.count == reading.width, found.count > 1 else { return nil }
    let names = found.map { SampleCell($0, scanner, search.p).text.filter { !$0.isNewline } }
    return Set(names).count == names.count && names.allSatisfy { $0.count <= 60 } ? names : nil
  }

  // MARK: Dialect

  private func tellDialect(_ guess: inout FormatGuess) {
    let dialect = guess.dialect
    if dialect.quote == nil { guess.reasons["quote"] = "quotes stand in fields as any other character" }
    if dialect.quote == 0x27 { guess.reasons["quote"] = "fields stand between apostrophes" }
    if dialect.escape == 0x5C { guess.reasons["escape"] = "a backslash stands before quotes and delimiters in fields" }
    if dialect.comment != nil { guess.reasons["comment"] = "lines that are no records begin so" }
    if reading.isPadded { guess.reasons["ragged"] = "some records leave out fields at their end" }
    if dialect.trim {
      guess.reasons["trim"] = "blanks stand around fields"
    }
    if reading.table.upperBound < reading.rows.count {
      let place = reading.rows[reading.table.upperBound].start
      let lines = CSVFramer.lines(search.p, place, search.count)
      let endsInLine = search.count > 0 && search.p[search.count - 1] == 0x0A || search.p[search.count - 1] == 0x0D
      guess.dialect.skipFooterLines = lines + (endsInLine ? 0 : 1)
      guess.reasons["skip_footer_lines"] = "what stands below the table in this item; look at whether others have as much"
    }
  }

  /// Blanks around fields go where nearly all values of a column have some, or where numbers are numbers only without.
  private mutating func trimWhereItHelps() {
    guard !reading.dialect.trim, reading.dialect.delimiter != [0x20], rows.count > 1 else { return }
    func isPadded(_ cell: SampleCell) -> Bool {
      !cell.isQuoted && (cell.text.utf8.first.map(Self.isBlank) == true || cell.text.utf8.last.map(Self.isBlank) == true)
    }
    let body = rows.dropFirst().prefix(1000)
    let helps = (0..<reading.width).contains { j in
      let cells = body.map { $0[j] }.filter { !$0.text.isEmpty }
      let padded = cells.count(where: isPadded)
      guard padded > 0 else { return false }
      if padded * 10 >= cells.count * 9, cells.count > 1 || rows.count < 4 { return true }
      let type = Inference.type(of: cells.filter { !NullWords.isNull($0) }.map { .text($0.text, isText: false) })
      let trimmed = cells.map(Self.trimmed).filter { !NullWords.isNull($0) }
      return type == .text && !trimmed.isEmpty && Inference.type(of: trimmed.map { .text($0.text, isText: false) }) != .text
    }
    guard helps else { return }
    reading.dialect.trim = true
    rows = rows.map { $0.map(Self.trimmed) }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func trimmed(_ cell: SampleCell) -> SampleCell {
    if cell.isQuoted { return cell }
    let bytes = cell.text.utf8
    guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) }) else {
      return SampleCell(text: "", isQuoted: false)
    }
    return SampleCell(text: String(decoding: bytes[first...last], as: UTF8.self), isQuoted: false)
  }
}
