import Records

/// A guess at how records are written, made from a sample of their bytes, with its reasons. `sluice init` writes a definition from it.
public struct FormatGuess: Sendable {
  /// How far a guess can be relied on. The raw value is the word that the user sees.
  public enum Certainty: String, Sendable {
    case sure, likely
    case unsure = "not sure"
  }

  /// The format that the records are guessed to be in.
  package let format: any RecordFormat.Type
  /// The format that reads a sample of objects; nil for a table of delimited values, which ``dialect`` says how to read.
  private let objects: (any RecordFormat)?
  /// The delimiter of a table whose definition does not name one; empty for objects.
  package let usualDelimiter: [UInt8]
  /// Keys of `parse` that the definition needs beside those of a dialect, with their values, not quoted.
  package internal(set) var settings: [(key: String, value: String)] = []
  /// The spelling of a table; of no meaning for objects.
  public var dialect = CSVDialect()
  /// How sure the guess at format and delimiter is.
  public var certainty = Certainty.sure
  /// The reason for the guess at format and delimiter, as part of a sentence, for the user.
  public var evidence = ""
  /// How sure the guess is that the table has a header, or has none.
  public var headerCertainty = Certainty.sure
  /// The reason for the guess at the header, as part of a sentence, for the user.
  public var headerEvidence = ""
  /// The columns' names, where they stand elsewhere than in a header as wide as the records; else nil.
  public var names: [String]?
  /// The reasons of settings that differ from the default, by their keys, for the user.
  public var reasons: [String: String] = [:]
  /// The sample's cells of a table, column by column; empty for objects.
  public internal(set) var columns: [[SampleCell]] = []
  /// The sample's members of objects, column by column; empty for a table.
  package internal(set) var values = SampledColumns(names: [], cells: [])
  /// The positions of fields that become text, whatever the sample shows.
  public var isText: Set<Int> = []
  /// How well the sample fits the guess, from 0 to about 1. Only the order of guesses at one sample means something.
  public internal(set) var score = 1.0
  /// The end of a record, once that is settled.
  var lineEnd = CSVDialect.RecordDelimiter.auto

  /// - Parameter objects: the format that reads a sample; nil for a table.
  init(_ format: any RecordFormat.Type, objects: (any RecordFormat)?, usualDelimiter: [UInt8] = []) {
    self.format = format
    self.objects = objects
    self.usualDelimiter = usualDelimiter
  }

  /// Whether the records are delimited values, and not objects whose members have names.
  package var isTable: Bool { objects == nil }

  /// The byte that ends a record, for joining records to a sample: a line feed, or a carriage return.
  public var endOfRecord: UInt8 { lineEnd == .cr ? 0x0D : 0x0A }

  /// How many columns the sample has.
  public var width: Int { isTable ? columns.count : values.names.count }

  /// The cells of each column, for inference. In a table the words of ``CSVDialect/nullValues`` are NULL, in text columns where the dialect
  /// says so.
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

  /// Infers the type of each column.
  ///
  /// - Parameter cells: as ``cells``.
  package func types(_ cells: [[SampledCell]]) -> [ValueType] {
    cells.enumerated().map { j, cells in isText.contains(j) ? .text : Inference.type(of: cells) }
  }

  private func isEmpty(_ cell: SampleCell) -> Bool { cell.text.isEmpty && !cell.isQuoted }

  /// Finds the words without which a column of text would have another type, and makes them NULL. A word that is NULL in a column of
  /// numbers may be a word in one of text; only “\N” of MySQL and PostgreSQL is NULL everywhere.
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

  /// Adds records of the item to the sample, as those that did not fit the guess so far.
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
