import Records

/// A guess at how records are written, from a look at some of their bytes, and what it rests on.
public struct FormatGuess: Sendable {
  public enum Kind: String, Sendable { case csv, tsv, jsonl }
  public enum Certainty: String, Sendable {
    case sure, likely
    case unsure = "not sure"
  }

  public var kind: Kind
  public var dialect = CSVDialect()
  /// How sure it is that this is the format and the delimiter, and by what.
  public var certainty = Certainty.sure
  public var evidence = ""
  /// The same for whether there is a header.
  public var headerCertainty = Certainty.sure
  public var headerEvidence = ""
  public var sample = SampledColumns(names: [], cells: [])

  /// The schema that the sample shows.
  public var schema: Schema { Inference.schema(of: sample) }

  public var format: any RecordFormat {
    kind == .jsonl ? JSONLines() : CSV(dialect, recordLimit: 1 << 24)
  }
}

/// Looks at bytes of UTF-8 text and guesses how their records are written.
public struct Sniffer {
  private let buffer: ByteBuffer
  private let isWhole: Bool
  private let name: String

  /// - Parameters:
  ///   - isWhole: whether the bytes are all there are; else the last line is left out.
  ///   - name: the item's, whose ending decides where the bytes do not.
  public init(_ buffer: ByteBuffer, isWhole: Bool, name: String) {
    self.buffer = buffer
    self.isWhole = isWhole
    self.name = name
  }

  public func guess() -> FormatGuess {
    var guess = jsonLines() ?? delimited()
    if guess.kind != .jsonl {
      findHeader(&guess)
      findNulls(&guess)
    }
    return guess
  }

  private func jsonLines() -> FormatGuess? {
    let text = buffer.copy(0..<buffer.count)
    guard text.first(where: { $0 > 0x20 }) == 0x7B else { return nil }
    let lines = text.split(separator: 0x0A).prefix(1000).dropLast(isWhole ? 0 : 1).map(Array.init)
    let good = lines.filter { line in
      let padded = ByteBuffer(capacity: line.count)
      padded.append(line)
      return JSONGrammar.isValue(padded.bytes, padded.count)
    }.count
    guard good > 0, good * 10 >= lines.count * 9 else { return nil }
    var guess = FormatGuess(kind: .jsonl)
    guess.certainty = good == lines.count ? .sure : .likely
    guess.evidence = "\(good) of \(lines.count) lines looked at are JSON"
    guess.sample = sample(guess.format)
    return guess
  }

  private func sample(_ format: any RecordFormat) -> SampledColumns {
    var framer = format.makeFramer()
    guard let beginning = try? framer.begin(buffer.bytes, buffer.count, isFinal: true) else { return SampledColumns(names: [], cells: []) }
    let end = isWhole ? buffer.count : framer.boundary(buffer.bytes, buffer.count, isFinal: false)
    let rest = ByteBuffer(capacity: max(0, end - beginning.bytes))
    if end > beginning.bytes { rest.append(buffer.bytes + beginning.bytes, end - beginning.bytes) }
    return format.sample(RecordChunk(buffer: rest, offset: beginning.bytes, sequence: 0), beginning)
  }

  // MARK: Delimiters

  private static let names: [UInt8: String] = [0x2C: "comma", 0x09: "tab", 0x3B: "semicolon", 0x7C: "bar"]

  /// What makes most lines as wide as each other, and wider than one field.
  private func delimited() -> FormatGuess {
    let isNamedTabs = name.lowercased().contains(".tsv") || name.lowercased().contains(".tab")
    var best: (delimiter: UInt8, width: Int, alike: Int, lines: Int) = (isNamedTabs ? 0x09 : 0x2C, 1, 0, 0)
    for delimiter in [best.delimiter] + [0x2C, 0x09, 0x3B, 0x7C].filter({ $0 != best.delimiter }) {
      let widths = widths(delimiter)
      let counts = widths.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
      guard let (width, alike) = counts.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }), width > 1 else { continue }
      let isBetter = best.width == 1 || alike * best.lines > best.alike * widths.count
      if isBetter { best = (delimiter, width, alike, widths.count) }
    }
    var guess = FormatGuess(kind: best.delimiter == 0x09 ? .tsv : .csv)
    guess.dialect.delimiter = [best.delimiter]
    if best.width == 1 {
      guess.certainty = .unsure
      guess.evidence = "no delimiter makes more than one column"
    } else {
      guess.certainty = best.alike == best.lines ? .sure : best.alike * 10 >= best.lines * 9 ? .likely : .unsure
      guess.evidence =
        "\(best.alike) of \(best.lines) lines looked at have \(best.width) fields by a \(Self.names[best.delimiter] ?? "")"
    }
    return guess
  }

  /// How many fields each of the first records has.
  private func widths(_ delimiter: UInt8) -> [Int] {
    var dialect = CSVDialect()
    dialect.delimiter = [delimiter]
    let scanner = CSVScanner(dialect, delimiter: .auto)
    var widths: [Int] = []
    var cells: [CSVScanner.Cell] = []
    var at = 0
    while at < buffer.count, widths.count < 1000,
      case .record(let end, let next, _) = scanner.record(buffer.bytes, at, buffer.count, isFinal: isWhole, cells: &cells)
    {
      if end > at { widths.append(cells.count) }
      at = next
    }
    return widths
  }

  // MARK: Header and NULLs

  /// A first line is a header where it holds no values: names that differ, over columns that hold something else.
  private func findHeader(_ guess: inout FormatGuess) {
    guess.dialect.headerLines = 1
    let named = sample(guess.format)
    let names = named.names
    let types = Inference.schema(of: named).fields.map(\.type)
    let nameTypes = names.map { Inference.type(of: [.text($0, isText: false)]) }
    let isAllText = nameTypes.allSatisfy { $0 == .text } && Set(names).count == names.count
    let typed = zip(names, types).first { $1 != .text }
    if !isAllText {
      guess.dialect.headerLines = 0
      guess.headerCertainty = .likely
      guess.headerEvidence = "the first line holds values, as the others do"
    } else if let typed {
      guess.headerEvidence = "“\(typed.0)” stands over values of type \(typed.1.rawValue)"
    } else {
      guess.headerCertainty = names.count > 1 ? .likely : .unsure
      guess.headerEvidence = "the first line holds names that differ, but all columns are text"
    }
    guess.sample = guess.dialect.headerLines == 1 ? named : sample(guess.format)
  }

  private static let nullWords = ["NA", "N/A", "n/a", "NULL", "null", "\\N", "NaN", "nan", "None", "-", "?"]

  /// Words that stand for NULL: those without which a column of text is one of another type.
  private func findNulls(_ guess: inout FormatGuess) {
    var found: [String] = []
    for (i, cells) in guess.sample.cells.enumerated() where Inference.type(of: cells) == .text {
      let words = Self.nullWords.filter { word in cells.contains(.text(word, isText: false)) }
      let rest = cells.filter { cell in !words.contains { cell == .text($0, isText: false) } }
      let type = Inference.type(of: rest)
      guard !words.isEmpty, type != .text, rest.contains(where: { $0 != .null }) else { continue }
      found += words.filter { !found.contains($0) }
      guess.sample.cells[i] = cells.map { cell in words.contains { cell == .text($0, isText: false) } ? .null : cell }
    }
    guess.dialect.nullValues = found.map { Array($0.utf8) }
    // What is NULL in a column of numbers may be a word in one of text.
    guess.dialect.hasNullsInText = found.isEmpty
  }
}
