import Configuration
import Records

/// The format `tsv`: CSV with tabs between fields, unless the definition says another delimiter.
struct TSV: RecordFormat {
  static let page = ComponentPage(
    .format, "tsv", "Reads values with tabs between them and a header line; in all else as csv.", abilities: ["read"],
    endings: ["tsv"], keys: CSVDialect.keys, place: "parse",
    example: """
      pipeline: genes
      fetch: {from: genes/*.tsv.gz}
      parse:
        format: tsv
        comment: '#'
        fields: {gene: text not null, length: bigint}
      write: {path: 'out/{item.stem}.csv'}
      """,
    errors: CSV.page.errors, guarantees: CSV.page.guarantees, limits: CSV.page.limits)

  private let table: CSV

  init(_ settings: FormatSettings, _ reader: inout DefinitionReader) {
    var dialect = CSVDialect(settings.value, &reader)
    if settings.value["delimiter"] == nil { dialect.delimiter = [0x09] }
    table = CSV(dialect, settings)
  }

  func refuses(_ document: TextDocument) -> Bool { table.refuses(document) }
  func makeFramer() -> any RecordFramer { table.makeFramer() }
  func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch { table.parse(chunk, mapping) }
  func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns { table.sample(chunk, prologue) }
}
