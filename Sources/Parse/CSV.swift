import Configuration
import Records

/// CSV: RFC 4180 and the dialects of ``CSVDialect``.
///
/// A chunk in a plain dialect is read by a structural index, 64 bytes at a time. Records that it can't read (another
/// dialect, broken quoting) go through ``CSVScanner``, which writes the cells anew in the plain spelling, so that all
/// that comes after knows one spelling only.
package struct CSV: RecordFormat {
  /// The page of `sluice list csv` and of the reference.
  package static let page = ComponentPage(
    .format, "csv",
    "Reads delimited values with a header line, as RFC 4180 has them and in most of the ways in which files differ from it.",
    abilities: ["read", "write"], endings: ["csv"], keys: CSVDialect.keys, place: "parse",
    example: """
      pipeline: orders
      fetch: {from: orders/*.csv}
      parse:
        format: csv
        delimiter: ';'
        fields: {id: bigint not null, placed: timestamp, total: double}
      write: {path: 'out/{item.stem}.jsonl'}
      """,
    errors: [.recordTooLong, .missingColumn, .missingHeader, .badRecord, .noSample, .wrongFormat],
    guarantees: [
      "A record that does not fit is a dead letter with its bytes, its line and its byte offset; the records around it are read.",
      "A record whose quoting is broken ends at its first line end, so that a stray quote costs one line.",
    ],
    limits: ["A record may be 16 MB long, or what limits.record says.", "A quote and an escape are one ASCII character each."])

  let dialect: CSVDialect
  let recordLimit: Int
  /// Whether a document is taken for a table all the same: the definition says what is to be read.
  private let takesDocuments: Bool

  /// Makes the format for a dialect.
  ///
  /// - Parameters:
  ///   - recordLimit: the greatest length of a record, in bytes. A quote that is open for as long counts as a stray one.
  ///   - takesDocuments: whether to read text that begins as JSON or XML as a table.
  package init(_ dialect: CSVDialect, recordLimit: Int, takesDocuments: Bool = false) {
    self.dialect = dialect
    self.recordLimit = recordLimit
    self.takesDocuments = takesDocuments
  }

  /// Reads the dialect from the definition.
  package init(_ settings: FormatSettings, _ reader: inout DefinitionReader) {
    self.init(CSVDialect(settings.value, &reader), settings)
  }

  init(_ dialect: CSVDialect, _ settings: FormatSettings) {
    // Values of a table may look like a document: who names the format and the fields, or passes over lines, is believed.
    let takesDocuments = dialect.skipLines > 0 || (settings.isNamed && settings.fields != nil)
    self.init(dialect, recordLimit: settings.recordLimit, takesDocuments: takesDocuments)
  }

  /// Guesses at tables in any dialect, tab-separated ones included.
  package static func guesses(_ sample: Sniffer) -> [FormatGuess] { sample.delimited() }

  /// Refuses web pages, and other documents unless the definition names format and fields or skips lines.
  package func refuses(_ document: TextDocument) -> Bool { document == .webPage || !takesDocuments }

  /// Makes a framer that cuts records outside quotes and reads the header.
  package func makeFramer() -> any RecordFramer { CSVFramer(dialect, recordLimit: recordLimit) }

  /// Parses by the structural index, or by ``CSVScanner`` where the index can't read the chunk.
  package func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch {
    let delimiter = lineEnd(mapping.endsInReturn, mapping.hasReturnRuns)
    if dialect.isPlain, delimiter != .crcrlf, var batch = CSVIndexer(dialect, delimiter: delimiter).parse(chunk, mapping) {
      batch.raw = chunk.buffer
      return batch
    }
    return CSVRewriter(CSVScanner(dialect, delimiter: delimiter)).parse(chunk, mapping)
  }

  /// The end of an item's records.
  private func lineEnd(_ endsInReturn: Bool, _ hasReturnRuns: Bool) -> CSVDialect.RecordDelimiter {
    endsInReturn ? .cr : hasReturnRuns ? .crcrlf : dialect.recordDelimiter
  }

  /// Reads a sample's cells as texts. Without a header the columns are called `column_1`, `column_2` and so on.
  package func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns {
    let scanner = CSVScanner(dialect, delimiter: lineEnd(prologue.endsInReturn, prologue.hasReturnRuns == true))
    var names = prologue.header ?? []
    var cells: [[SampledCell]] = Array(repeating: [], count: names.count)
    var found: [CSVScanner.Cell] = []
    let p = UnsafePointer(chunk.buffer.bytes)
    var at = 0
    while at < chunk.buffer.count {
      guard case .record(let end, let next, let broken) = scanner.record(p, at, chunk.buffer.count, isFinal: true, cells: &found)
      else { break }
      defer { at = next }
      if scanner.isBlank(found, at, end) || scanner.isComment(p, at, chunk.buffer.count) { continue }
      if broken, names.isEmpty || !scanner.keepStrayQuotes(p, at, end, width: names.count, cells: &found) { continue }
      if names.isEmpty {
        names = (1...found.count).map { "column_\($0)" }
        cells = Array(repeating: [], count: names.count)
      }
      guard found.count == names.count else { continue }
      for (i, cell) in found.enumerated() {
        let content = scanner.content(cell, p)
        // Quotes make no text of a value that is none: they count only where the column is text for its other values.
        let isNull = content.isEmpty || dialect.nullValues.contains(content)
        cells[i].append(isNull ? .null : .text(String(decoding: content, as: UTF8.self), isText: false))
      }
    }
    return SampledColumns(names: names, cells: cells)
  }
}
