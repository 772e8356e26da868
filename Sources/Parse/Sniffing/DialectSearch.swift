import Records

/// Reads a sample in one dialect after the other, with the scanner that also reads items, and says how well each fits.
struct DialectSearch {
  let p: UnsafePointer<UInt8>
  let count: Int
  /// Whether the bytes are all there are; else the last line may be cut.
  let isWhole: Bool
  let lineEnd: CSVDialect.RecordDelimiter
  /// Whether the item's name says that tabs stand between its fields.
  let isNamedTabs: Bool

  /// Bytes and records that a first look at a dialect takes.
  private static let lookBytes = 96 << 10
  private static let lookRecords = 400

  /// The dialects that fit best, the best first.
  func best() -> [TableReading] {
    let marks = Marks(p, min(count, Self.lookBytes))
    let comment = commentMark()
    var found: [TableReading] = []
    for delimiter in delimiters(marks) {
      for quoting in quotings(marks, delimiter) {
        for comment in comment.map({ [nil, $0] }) ?? [nil] {
          var dialect = CSVDialect()
          dialect.delimiter = delimiter.bytes
          dialect.quote = quoting.quote
          dialect.escape = quoting.escape
          dialect.trim = quoting.trim
          dialect.isDelimitedByBlanks = delimiter.isBlanks
          dialect.comment = comment
          var reading = read(dialect, bytes: Self.lookBytes, records: Self.lookRecords)
          reading.score *= delimiter.weight * quoting.weight
          if reading.width > 1 || delimiter.bytes == [isNamedTabs ? 0x09 : 0x2C] { found.append(reading) }
        }
      }
    }
    return found.sorted { $0.score > $1.score }
  }

  /// The records of the sample in one dialect, and the table that they make.
  func read(_ dialect: CSVDialect, bytes: Int = .max, records: Int = .max) -> TableReading {
    let scanner = CSVScanner(dialect, delimiter: lineEnd)
    let end = min(count, bytes)
    let isFinal = isWhole && end == count
    var rows: [TableReading.Row] = []
    var cells: [CSVScanner.Cell] = []
    var (enclosed, loose) = (0, 0)
    var at = 0
    while at < end, rows.count < records,
      case .record(let last, let next, let broken) = scanner.record(p, at, end, isFinal: isFinal, cells: &cells)
    {
      let isComment = scanner.isComment(p, at, end)
      if last > at, !isComment || rows.isEmpty {
        var row = TableReading.Row(start: at, next: next, width: cells.count, isBroken: broken, isComment: isComment)
        if !broken, !isComment {
          row.endsEmpty = cells.last.map { $0.start == $0.end && !$0.quoted } ?? false
          if rows.count < 200 { row.weight = weight(cells, dialect) }
          if dialect.quote == nil { countQuotes(cells, &enclosed, &loose) }
        }
        if !isComment { rows.append(row) }
      }
      at = next
    }
    var reading = TableReading(dialect: dialect, rows: rows, reachesEnd: isFinal && at >= end)
    // Where more fields stand between quotes than have one by chance, quotes do quote: what breaks the quoting is damage.
    if enclosed > loose { reading.score *= 0.1 }
    if reading.width == 1, isAllValues(rows) { reading.score = 0.85 }
    return reading
  }

  /// Fields that stand between quotes, and those that have quotes elsewhere.
  private func countQuotes(_ cells: [CSVScanner.Cell], _ enclosed: inout Int, _ loose: inout Int) {
    for cell in cells where cell.end > cell.start {
      let (first, last) = (p[cell.start] == 0x22, p[cell.end - 1] == 0x22)
      if first, last, cell.end - cell.start > 1 { enclosed += 1 } else if first || last { loose += 1 }
    }
  }

  /// Whether each line but the first is one number or time by itself.
  private func isAllValues(_ rows: [TableReading.Row]) -> Bool {
    rows.count > 1
      && rows.dropFirst().allSatisfy { row in
        var end = row.next
        while end > row.start, p[end - 1] <= 0x20 { end -= 1 }
        return NumberText.double(p + row.start, end - row.start) != nil || TimeText.timestamp(p + row.start, end - row.start) != nil
      }
  }

  private func weight(_ cells: [CSVScanner.Cell], _ dialect: CSVDialect) -> Double {
    var sum = 0.0
    for cell in cells { sum += CellLook.weight(cell, p, delimiter: dialect.delimiter[0]) }
    return sum / Double(max(cells.count, 1))
  }

  // MARK: Candidates

  /// Which bytes that matter the sample has at all.
  private struct Marks {
    var counts = [Int](repeating: 0, count: 256)
    var lines = 1
    /// Pairs: a quote after a backslash, a delimiter after one, a quote with a blank between it and a delimiter or a line end.
    var escapedQuotes = 0, escapedDelimiters = 0, quotesBesideBlanks = 0
    /// Apostrophes where a field may begin.
    var apostrophes = 0
    /// Whether two blanks stand together, or a blank begins a line.
    var hasRuns = false

    init(_ p: UnsafePointer<UInt8>, _ n: Int) {
      var before: UInt8 = 0x0A
      for i in 0..<n {
        let byte = p[i]
        counts[Int(byte)] += 1
        switch byte {
        case 0x0A: lines += 1
        case 0x22:
          if before == 0x5C { escapedQuotes += 1 }
          if before == 0x20, i > 1, CellLook.isUsualDelimiter(p[i - 2]) { quotesBesideBlanks += 1 }
          var next = i + 1
          while next < n, p[next] == 0x20 { next += 1 }
          if next > i + 1, next < n, CellLook.isUsualDelimiter(p[next]) || p[next] == 0x0A || p[next] == 0x0D { quotesBesideBlanks += 1 }
        case 0x27: if before == 0x0A || CellLook.isUsualDelimiter(before) { apostrophes += 1 }
        case 0x20: if before == 0x20 || before == 0x0A { hasRuns = true }
        case 0x2C, 0x09, 0x3B, 0x7C: if before == 0x5C { escapedDelimiters += 1 }
        default: break
        }
        before = byte
      }
    }
  }

  private struct Delimiter {
    var bytes: [UInt8]
    var weight: Double
    var isBlanks = false
  }

  /// The delimiters to try. One that is common in text as well has to fit better to win.
  private func delimiters(_ marks: Marks) -> [Delimiter] {
    var all = [
      Delimiter(bytes: [0x2C], weight: 1), Delimiter(bytes: [0x09], weight: isNamedTabs ? 1.1 : 1.03),
      Delimiter(bytes: [0x3B], weight: 1), Delimiter(bytes: [0x7C], weight: 0.98),
      // The control characters of Hive and of ASCII's own units; what exports of databases take.
      Delimiter(bytes: [0x01], weight: 1), Delimiter(bytes: [0x1F], weight: 1), Delimiter(bytes: [0x1E], weight: 0.9),
      Delimiter(bytes: [0x7E], weight: 0.9), Delimiter(bytes: [0x5E], weight: 0.9), Delimiter(bytes: [0xC2, 0xA6], weight: 0.95),
      Delimiter(bytes: [0xC2, 0xA7], weight: 0.95), Delimiter(bytes: [0xC3, 0xBE], weight: 0.9), Delimiter(bytes: [0x23], weight: 0.6),
      Delimiter(bytes: [0x3A], weight: 0.6), Delimiter(bytes: [0x26], weight: 0.6), Delimiter(bytes: [0x40], weight: 0.6),
      Delimiter(bytes: [0x21], weight: 0.6), Delimiter(bytes: [0x2F], weight: 0.5),
    ]
    // Several characters beat the one that they are made of: it would leave empty fields.
    for text in ["::", "||", "~~", "^^", "|~|", "##", ";;", "$$", "@@", "~|~", "^|^", "<>", "!@#", "%%", "\\t"] {
      all.append(Delimiter(bytes: Array(text.utf8), weight: 1.04))
    }
    all.append(Delimiter(bytes: [0x20], weight: 0.75, isBlanks: marks.hasRuns || marks.counts[0x09] > 0))
    let usual: [UInt8] = [isNamedTabs ? 0x09 : 0x2C]
    return all.filter { delimiter in
      delimiter.bytes == usual || delimiter.bytes.allSatisfy { marks.counts[Int($0)] * 3 >= min(marks.lines, 3) }
    }
  }

  private struct Quoting {
    var quote: UInt8?
    var escape: UInt8?
    var trim = false
    var weight = 1.0
  }

  private func quotings(_ marks: Marks, _ delimiter: Delimiter) -> [Quoting] {
    var all = [Quoting(quote: 0x22, escape: 0x22)]
    if marks.counts[0x22] > 0 {
      // Some damage among records that quote is likelier than quotes that do not.
      all.append(Quoting(quote: nil, escape: nil, weight: 0.9))
      if marks.escapedQuotes > 0 { all.append(Quoting(quote: 0x22, escape: 0x5C, weight: 0.995)) }
      if marks.quotesBesideBlanks > 0, !delimiter.isBlanks { all.append(Quoting(quote: 0x22, escape: 0x22, trim: true, weight: 0.99)) }
    }
    if marks.escapedDelimiters > 0 { all.append(Quoting(quote: marks.counts[0x22] > 0 ? 0x22 : nil, escape: 0x5C, weight: 0.985)) }
    if marks.apostrophes > 1 { all.append(Quoting(quote: 0x27, escape: 0x27, weight: 0.98)) }
    return all
  }

  /// The sign that begins the first line, where comments begin with such a sign; else nil.
  private func commentMark() -> [UInt8]? {
    var at = count >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF ? 3 : 0
    while at < count, p[at] == 0x0A || p[at] == 0x0D { at += 1 }
    let signs: [[UInt8]] = [[0x23], [0x25], [0x2F, 0x2F], [0x21], [0x2D, 0x2D], [0x2A], [0x3B], [0x5C], [0x22, 0x23]]
    return signs.first { sign in at + sign.count <= count && sign.indices.allSatisfy { p[at + $0] == sign[$0] } }
  }
}
