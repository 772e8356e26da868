import CByteScan
import Configuration
import Records

/// CSV by RFC 4180 with LF line ends: a header line, NULL as nothing, an empty text as `""`.
package struct CSVEncoder: FormatEncoder {
  /// The page of CSV as an output's format.
  package static let page = ComponentPage(
    .format, "csv", "Writes CSV by RFC 4180 with LF line ends: a header line, NULL as nothing, an empty text as \"\".",
    abilities: ["write"], endings: ["csv"], place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders/*.jsonl}
      write: {path: 'out/{item.stem}.csv'}
      """,
    errors: [.cannotWrite],
    guarantees: ["What is written is read again as the same values by parse.format: csv with the same fields."],
    limits: ["Half of a surrogate pair, which JSON can hold as an escape, has no form in CSV: its record is a dead letter."])

  private let delimiter: UInt8

  /// Makes an encoder whose fields are parted by this byte of ASCII; a comma by default.
  package init(delimiter: UInt8 = 0x2C) { self.delimiter = delimiter }

  /// Makes the encoder of a definition. CSV has no keys of its own.
  package init(_ write: Value, _ reader: inout DefinitionReader) { self.init() }

  /// The line with the fields' names, quoted where needed.
  package func header(_ schema: Schema) -> [UInt8] {
    let out = ByteBuffer(capacity: 256)
    for (i, field) in schema.fields.enumerated() {
      if i > 0 { out.append(delimiter) }
      let name = ByteBuffer(capacity: field.name.utf8.count)
      name.append(field.name)
      cell(name.bytes, name.count, to: out)
    }
    out.append(0x0A)
    return out.copy(0..<out.count)
  }

  /// Refuses rows with half of a surrogate pair in a text: JSON can hold it as an escape, and CSV would need it as a character.
  package func refuse(in batch: inout RecordBatch) {
    for column in batch.columns where column.field.type == .text && !column.isPlain {
      guard let views = column.views, views.encoding == .json else { continue }
      var kept: [UInt32] = []
      for row in batch.selected {
        if views.isText(Int(row)) {
          kept.append(row)
        } else {
          batch.faults.append(
            RecordFault(
              code: .invalidEncoding, reason: "“\(views.excerpt(Int(row)))” holds half of a surrogate pair, which CSV can't hold",
              field: column.field.name, record: batch.record(ofRow: Int(row))))
        }
      }
      if kept.count < batch.selectedCount { batch.selection = kept }
    }
  }

  /// Appends a line for each selected row. NULL is an empty field, an empty text `""`.
  package func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    var assembler = RowAssembler(batch, null: "", end: "\n")
    for (i, column) in batch.columns.enumerated() {
      let prefix = ByteBuffer(capacity: 1)
      if i > 0 { prefix.append(delimiter) }
      let type = column.field.type
      if let views = column.views {
        // A plain value holds no quote or line end, but it may hold a delimiter where the source has another one.
        if column.isPlain, views.encoding == .csv, type != .text || views.delimiter == delimiter {
          assembler.add(views, prefix: prefix, SLUICE_COPIED)
          continue
        }
        if column.isPlain, views.encoding == .json {
          // There are no escapes: what is between the quotes is the text.
          let places = views.places
          assembler.render(prefix: prefix) { row, text in
            let (p, n) = places.view(row)
            if views.isNull(p, n) { return }
            let (start, count, _) = views.scalar(p, n)
            cell(start, count, to: text)
          }
          continue
        }
        var arena = TextArena()
        assembler.render(prefix: prefix) { row, text in
          let value = views.text(row, &arena, jsonText: type == .json)
          guard let start = value.start else { return }
          switch type {
          case .bigint, .double, .decimal, .boolean: ScalarText.write(start, value.count, type, to: text)
          default: cell(start, value.count, to: text)
          }
        }
      } else if let values = column.values {
        switch values {
        case .text(let bytes) where type == .bytes:
          assembler.render(bytes, prefix: prefix) { p, n, text in
            if n > 0 { BytesText.write(p, n, to: text) } else { cell(p, n, to: text) }
          }
        case .text(let texts): assembler.render(texts, prefix: prefix) { cell($0, $1, to: $2) }
        default: assembler.render(values, type, prefix: prefix)
        }
      }
    }
    assembler.write(to: out)
  }

  private func cell(_ p: UnsafePointer<UInt8>?, _ n: Int, to out: ByteBuffer) {
    guard let p, n > 0 else { return out.append("\"\"") }
    out.reserve(2 * n + 18)
    out.count += sluice_csv_cell(out.bytes + out.count, p, n, delimiter)
  }
}
