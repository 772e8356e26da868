import Records

/// A guess at how records are written, from a look at some of their bytes, and what it rests on.
public struct FormatGuess: Sendable {
  /// How far a guess can be relied on.
  public enum Certainty: String, Sendable {
    case sure, likely
    case unsure = "not sure"
  }

  /// The format that the records are guessed to be in.
  package let format: any RecordFormat.Type
  /// What reads a sample of it; nil for a table of delimited values, which the dialect says how to read.
  private let objects: (any RecordFormat)?
  /// Of a table: what stands between its fields where the definition says nothing.
  package let usualDelimiter: [UInt8]
  /// Settings beside those of a table that the definition has to have: keys, and their values as YAML.
  package internal(set) var settings: [(key: String, value: String)] = []
  public var dialect = CSVDialect()
  /// How sure it is that this is the format and the delimiter, and by what.
  public var certainty = Certainty.sure
  public var evidence = ""
  /// The same for whether there is a header.
  public var headerCertainty = Certainty.sure
  public var headerEvidence = ""
  /// The names of the columns where no line of the header tells them as they are.
  public var names: [String]?
  /// Why a setting is not as it usually is, by its key.
  public var reasons: [String: String] = [:]
  /// Of delimited values: the cells looked at, column by column.
  public internal(set) var columns: [[SampleCell]] = []
  /// Of objects: the same.
  package internal(set) var values = SampledColumns(names: [], cells: [])
  /// Fields that are to be text, whatever the sample says, by their positions.
  public var isText: Set<Int> = []
  /// How well it fits by itself, from 0 to 1.
  public internal(set) var score = 1.0
  /// What ends a record, once that is settled.
  var lineEnd = CSVDialect.RecordDelimiter.auto

  /// - Parameter objects: what reads a sample of the format; nil for a table.
  init(_ format: any RecordFormat.Type, objects: (any RecordFormat)?, usualDelimiter: [UInt8] = []) {
    self.format = format
    self.objects = objects
    self.usualDelimiter = usualDelimiter
  }

  /// Whether the records are lines of delimited values, and not objects whose members have names.
  package var isTable: Bool { objects == nil }

  /// A byte that ends a record.
  public var endOfRecord: UInt8 { lineEnd == .cr ? 0x0D : 0x0A }

  /// How many columns there are.
  public var width: Int { isTable ? columns.count : values.names.count }

  /// The cells of each column, what is NULL told apart.
  package var cells: [[SampledCell]] {
    if !isTable { return values.cells }
    let nulls = Set(dialect.nullValues.map { String(decoding: $0, as: UTF8.self) })
    return columns.indices.map { j in
      let typed = columns[j].map { cell -> SampledCell in
        cell.text.isEmpty || nulls.contains(cell.text) ? .null : .text(cell.text, isText: false)
      }
      if !isText.contains(j), Inference.type(of: typed) != .text { return typed }
      return columns[j].map { cell in
        isEmpty(cell) || (dialect.hasNullsInText && !cell.isQuoted && nulls.contains(cell.text)) ? .null : .text(cell.text, isText: false)
      }
    }
  }

  /// The type of each column, by its cells.
  package func types(_ cells: [[SampledCell]]) -> [ValueType] {
    cells.enumerated().map { j, cells in isText.contains(j) ? .text : Inference.type(of: cells) }
  }

  private func isEmpty(_ cell: SampleCell) -> Bool { cell.text.isEmpty && !cell.isQuoted }

  /// Finds the words without which a column of text is one of another type. What is NULL in a column of numbers may be a word in one
  /// of text, but for MySQL's and PostgreSQL's “\N”, which is nothing else.
  mutating func findNulls() {
    var found: [String] = []
    var isPlainNull = false
    for column in columns.indices {
      let filled = columns[column].filter { !$0.text.isEmpty }
      let words = filled.filter { NullWords.words.contains($0.text) }
      if words.isEmpty { continue }
      if words.contains(where: { $0.text == "\\N" && !$0.isQuoted }) { isPlainNull = true }
      guard !isText.contains(column) else { continue }
      let rest = filled.filter { !NullWords.words.contains($0.text) }
      guard !rest.isEmpty, Inference.type(of: rest.map { .text($0.text, isText: false) }) != .text else { continue }
      for cell in words where !found.contains(cell.text) { found.append(cell.text) }
    }
    if isPlainNull, !found.contains("\\N") { found.append("\\N") }
    dialect.nullValues = found.map { Array($0.utf8) }
    dialect.hasNullsInText = found.allSatisfy { $0 == "\\N" }
  }

  /// Adds more records of the item to the sample: what did not fit what was guessed so far.
  package mutating func learn(_ records: ByteBuffer) { learn(RecordChunk(buffer: records, offset: 0, sequence: 0)) }

  mutating func learn(_ chunk: RecordChunk) {
    let records = chunk.buffer
    if let objects {
      let more = objects.sample(chunk, Prologue(bytes: 0, lines: 0))
      let (before, after) = (values.cells.first?.count ?? 0, more.cells.first?.count ?? 0)
      for (name, cells) in zip(more.names, more.cells) {
        if let at = values.names.firstIndex(of: name) {
          values.cells[at] += cells
        } else {
          values.names.append(name)
          values.cells.append(Array(repeating: .null, count: before) + cells)
        }
      }
      for at in values.cells.indices where values.cells[at].count < before + after {
        values.cells[at] += Array(repeating: .null, count: before + after - values.cells[at].count)
      }
      return
    }
    let scanner = CSVScanner(dialect, delimiter: lineEnd)
    var cells: [CSVScanner.Cell] = []
    var at = 0
    while at < records.count,
      case .record(_, let next, let broken) = scanner.record(records.bytes, at, records.count, isFinal: true, cells: &cells)
    {
      if !broken, cells.count == width {
        for (j, cell) in cells.enumerated() { columns[j].append(SampleCell(cell, scanner, records.bytes)) }
      }
      at = next
    }
    findNulls()
  }
}

extension SampleCell {
  init(_ cell: CSVScanner.Cell, _ scanner: CSVScanner, _ p: UnsafePointer<UInt8>) {
    self.init(text: String(decoding: scanner.content(cell, p), as: UTF8.self), isQuoted: cell.quoted)
  }
}
