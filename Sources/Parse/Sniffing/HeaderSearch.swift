import Records

/// Decides whether a table's first row names its columns.
struct HeaderSearch {
  struct Finding {
    /// Lines of header, 0 for none.
    var lines: Int
    var certainty: FormatGuess.Certainty
    var evidence: String
  }

  /// The rows of the table, each as wide as it.
  let rows: [[SampleCell]]
  private var width: Int { rows.first?.count ?? 0 }

  func find() -> Finding {
    guard let first = rows.first else { return Finding(lines: 0, certainty: .unsure, evidence: "there is no line") }
    let columns = columns(from: 1)
    var finding = judge(first, columns)
    if finding.lines == 1 { addLines(&finding) }
    return finding
  }

  private func columns(from row: Int) -> [Column] {
    (0..<width).map { j in Column(rows.dropFirst(row).map { $0[j] }) }
  }

  /// A column below the header: what its cells are.
  private struct Column {
    let texts: [String]
    /// The type that nine of ten of its cells have, NULLs left aside.
    let type: ValueType

    init(_ cells: [SampleCell]) {
      texts = cells.lazy.filter { !NullWords.isNull($0) && !NullWords.words.contains($0.text) }.prefix(300).map(\.text)
      type = Column.type(of: texts)
    }

    private static func type(of texts: [String]) -> ValueType {
      let whole = Inference.type(of: texts.map { .text($0, isText: false) })
      if whole != .text || texts.isEmpty { return whole }
      let candidates: [ValueType] = [.bigint, .double, .date, .timestamp]
      let common = candidates.first { type in texts.count { Inference.fits(.text($0, isText: false), type) } * 10 >= texts.count * 9 }
      return common ?? (texts.allSatisfy(isMeasure) ? .double : .text)
    }

    static func isMeasure(_ text: String) -> Bool {
      var text = text
      return text.withUTF8 { bytes in bytes.baseAddress.map { CellLook.isMeasure($0, bytes.count) } ?? false }
    }

    func takes(_ text: String) -> Bool { Inference.fits(.text(text, isText: false), type) || Column.isMeasure(text) }
  }

  private func judge(_ first: [SampleCell], _ columns: [Column]) -> Finding {
    let names = first.map(\.text)
    let isAllText = names.allSatisfy { !Column.isMeasure($0) }
    guard rows.count > 1 else {
      return isAllText && Set(names).count == names.count
        ? Finding(lines: 1, certainty: .unsure, evidence: "there is one line only, and it holds names that differ")
        : Finding(lines: 0, certainty: .unsure, evidence: "there is one line only, and it holds values")
    }
    let typed = columns.indices.filter { columns[$0].type != .text }
    let above = typed.filter { !names[$0].isEmpty && !NullWords.words.contains(names[$0]) && !columns[$0].takes(names[$0]) }
    let within = typed.filter { !names[$0].isEmpty && columns[$0].takes(names[$0]) }
    if !within.isEmpty, above.count <= within.count || above.count < 2, !numbersAreNames(within.map { (names[$0], columns[$0]) }) {
      return Finding(lines: 0, certainty: .likely, evidence: "the first line holds values, as the others do")
    }
    if let column = above.first {
      return Finding(
        lines: 1, certainty: within.isEmpty ? .sure : .likely,
        evidence: "“\(names[column])” stands over values of type \(columns[column].type.rawValue)")
    }
    let texts = columns.indices.filter { columns[$0].type == .text && !names[$0].isEmpty }
    let again = texts.filter { columns[$0].texts.contains(names[$0]) }
    if !within.isEmpty {
      return again.isEmpty
        ? Finding(
          lines: 1, certainty: .likely, evidence: "the numbers in the first line are names: years, or evenly apart, over other values")
        : Finding(lines: 0, certainty: .likely, evidence: "the first line holds values, as the others do")
    }
    let usual = names.count { Self.usualNames.contains($0.lowercased()) }
    if let column = again.first, again.count * 3 >= texts.count || again.count > 1, usual < 2 || again.count > usual {
      return Finding(lines: 0, certainty: .likely, evidence: "“\(names[column])” of the first line is a value further down too")
    }
    if !typed.isEmpty { return Finding(lines: 1, certainty: .likely, evidence: "the first line leaves out what the others have: numbers") }
    if texts.isEmpty || !isAllText {
      return Finding(lines: 0, certainty: .unsure, evidence: "the first line holds values, as the others do")
    }
    return judgeForms(names, columns, texts)
  }

  /// All is text: the forms that columns have tell, where they have any.
  private func judgeForms(_ names: [String], _ columns: [Column], _ texts: [Int]) -> Finding {
    var like = 0
    var unlike = 0
    for column in texts where columns[column].texts.count >= 4 {
      let form = TextForm(columns[column].texts[0])
      guard columns[column].texts.allSatisfy({ TextForm($0) == form }) else { continue }
      if TextForm(names[column]) == form { like += 1 } else { unlike += 1 }
    }
    if like > unlike, !names.contains(where: { Self.usualNames.contains($0.lowercased()) }) {
      return Finding(lines: 0, certainty: .unsure, evidence: "the first line has the form of the others, but all columns are text")
    }
    guard Set(names).count == names.count else {
      return Finding(lines: 1, certainty: .unsure, evidence: "all columns are text, and so is the first line")
    }
    return Finding(
      lines: 1, certainty: names.count > 1 ? .likely : .unsure,
      evidence: "the first line holds names that differ, but all columns are text")
  }

  /// Names that columns have, and values seldom.
  private static let usualNames: Set<String> = [
    "id", "code", "name", "title", "type", "kind", "category", "group", "class", "date", "time", "year", "month", "day", "country",
    "region",
    "state", "county", "city", "address", "key", "value", "label", "description", "status", "email", "phone", "gender", "sex", "age", "lat",
    "lon", "latitude", "longitude", "url", "source", "target", "from", "to", "word", "language", "lang", "number", "no", "nr", "index",
    "start",
    "end", "first_name", "last_name", "iso", "iso2", "iso3", "iata", "icao", "nom", "ville", "datum", "ort", "nombre", "ciudad", "pays",
  ]

  /// Whether numbers in the first line are names: years that go up or down, or numbers evenly apart, over columns of something else.
  private func numbersAreNames(_ cells: [(name: String, column: Column)]) -> Bool {
    let numbers = cells.compactMap { Int($0.name) }
    guard numbers.count == cells.count, let first = numbers.first, Set(numbers).count == numbers.count else { return false }
    func isYear(_ number: Int) -> Bool { (1500...2199).contains(number) }
    let isOrdered = zip(numbers, numbers.dropFirst()).allSatisfy(<) || zip(numbers, numbers.dropFirst()).allSatisfy(>)
    if numbers.allSatisfy(isYear), isOrdered {
      let below = cells.flatMap { $0.column.texts.prefix(50) }
      if below.count(where: { Int($0).map(isYear) ?? false }) * 10 < below.count { return true }
    }
    guard numbers.count >= 3, isOrdered else { return false }
    let step = numbers[1] - first
    func isEven(_ numbers: [Int]) -> Bool {
      numbers.count == cells.count && zip(numbers, numbers.dropFirst()).allSatisfy { $1 - $0 == numbers[1] - numbers[0] }
    }
    // Where the next line is evenly apart too, that is how the values are.
    let next = cells.compactMap { $0.column.texts.first.flatMap { Int($0) } }
    if !isEven(numbers) || isEven(next) { return false }
    let hasText = width > cells.count
    return hasText || ((first == 0 || first == 1) && step == 1 && cells.contains { $0.column.type == .double })
  }

  /// More lines of header: units, or the second half of names. Without them columns of text are columns of numbers.
  private func addLines(_ finding: inout Finding) {
    while finding.lines < 3, rows.count > finding.lines + 2 {
      let row = rows[finding.lines]
      let here = columns(from: finding.lines).map(\.type)
      let below = columns(from: finding.lines + 1).map(\.type)
      let whole = (0..<width).map { j in Inference.type(of: rows.dropFirst(finding.lines).map { cell($0[j]) }) }
      let after = (0..<width).map { j in Inference.type(of: rows.dropFirst(finding.lines + 1).map { cell($0[j]) }) }
      let gained = (0..<width).filter { whole[$0] == .text && after[$0] != .text && !row[$0].text.isEmpty }
      let kept = (0..<width).filter { here[$0] != .text && below[$0] != .text && whole[$0] != .text && !row[$0].text.isEmpty }
      let others = (0..<width).filter { after[$0] == .text && !row[$0].text.isEmpty }
      let isUnits = gained.allSatisfy { Self.isUnit(row[$0].text) }
      guard !gained.isEmpty, kept.isEmpty, gained.allSatisfy({ !NullWords.isNull(row[$0]) }),
        gained.count >= 2 || others.isEmpty || isUnits, isUnits || others.count * 2 <= gained.count + 1 || gained.count >= 3
      else { return }
      finding.lines += 1
      finding.certainty = .likely
      finding.evidence = "without line \(finding.lines) as well, columns of numbers would be text"
    }
  }

  private static func isUnit(_ text: String) -> Bool {
    (text.hasPrefix("(") && text.hasSuffix(")")) || (text.hasPrefix("[") && text.hasSuffix("]"))
      || [
        "%", "m", "cm", "mm", "km", "s", "ms", "kg", "g", "mg", "°c", "c", "k", "hpa", "m/s", "km/h", "usd", "eur", "deg", "w", "kwh", "v",
        "a",
      ]
      .contains(text.lowercased())
  }

  private func cell(_ cell: SampleCell) -> SampledCell { NullWords.isNull(cell) ? .null : .text(cell.text, isText: false) }
}

/// Words that files have where a value is missing.
enum NullWords {
  static let words: Set<String> = [
    "NA", "N/A", "n/a", "#N/A", "NULL", "null", "Null", "\\N", "NaN", "nan", "None", "none", "-", "--", "?", ".", "..", "...", "na", "<NA>",
    "(null)", "nil",
  ]

  /// Whether a cell is NULL, or may be: nothing, also in quotes, or one of the words without them.
  static func isNull(_ cell: SampleCell) -> Bool { cell.text.isEmpty || (!cell.isQuoted && words.contains(cell.text)) }
}
