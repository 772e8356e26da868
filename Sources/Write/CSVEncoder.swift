import CByteScan
import Records

/// CSV by RFC 4180 with LF line ends: a header line, NULL as nothing, an empty text as `""`.
public struct CSVEncoder: RecordEncoder {
  private let delimiter: UInt8

  public init(delimiter: UInt8 = 0x2C) { self.delimiter = delimiter }

  public func header(_ schema: Schema) -> [UInt8] {
    let out = ByteBuffer(capacity: 256)
    for (i, field) in schema.fields.enumerated() {
      if i > 0 { out.append(delimiter) }
      var name = field.name
      name.withUTF8 { cell($0.baseAddress, $0.count, to: out) }
    }
    out.append(0x0A)
    return out.copy(0..<out.count)
  }

  public func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    var assembler = RowAssembler(batch, null: "", end: "\n")
    for (i, column) in batch.columns.enumerated() {
      let prefix = ByteBuffer(capacity: 1)
      if i > 0 { prefix.append(delimiter) }
      let type = column.field.type
      if let views = column.views {
        // What is plain holds no quote or line end; a delimiter could stand in it where the source has another.
        if column.isPlain, views.encoding == .csv, type != .text || views.delimiter == delimiter {
          assembler.add(views, prefix: prefix, SLUICE_COPIED)
          continue
        }
        var arena = TextArena()
        assembler.render(prefix: prefix) { row, text in
          let value = views.text(row, &arena)
          if let start = value.start { cell(start, value.count, to: text) }
        }
      } else if let values = column.values {
        assembler.render(values, type, prefix: prefix, text: { cell($0, $1, to: $2) })
      }
    }
    assembler.write(to: out)
  }

  private func cell(_ p: UnsafePointer<UInt8>?, _ n: Int, to out: ByteBuffer) {
    guard let p, n > 0 else { return out.append("\"\"") }
    var needsQuotes = p[0] == 0x20 || p[n - 1] == 0x20
    for i in 0..<n where p[i] == delimiter || p[i] == 0x22 || p[i] == 0x0A || p[i] == 0x0D { needsQuotes = true }
    guard needsQuotes else { return out.append(p, n) }
    out.append(0x22)
    for i in 0..<n {
      if p[i] == 0x22 { out.append(0x22) }
      out.append(p[i])
    }
    out.append(0x22)
  }
}
