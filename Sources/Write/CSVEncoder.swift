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
    let columns = batch.columns
    if let selection = batch.selection {
      for row in selection { encode(Int(row), columns, to: out) }
    } else {
      for row in 0..<batch.rowCount { encode(row, columns, to: out) }
    }
  }

  @inline(__always)
  private func encode(_ row: Int, _ columns: [Column], to out: ByteBuffer) {
    columns.withUnsafeBufferPointer { columns in
      for i in 0..<columns.count {
        if i > 0 { out.append(delimiter) }
        encode(columns[i], row, to: out)
      }
    }
    out.append(0x0A)
  }

  @inline(__always)
  private func encode(_ column: borrowing Column, _ row: Int, to out: ByteBuffer) {
    if let views = column.views {
      let (p, n) = views.view(row)
      if n == 0 { return }
      // What is plain holds no quote, line end or delimiter of the source; another delimiter must be looked for.
      if column.isPlain, views.encoding == .csv, delimiter == 0x2C, views.gap == 1 {
        out.reserve(n + 48)
        sluice_copy_padded(out.bytes + out.count, p, n)
        out.count += n
        return
      }
      var arena = TextArena()
      let text = views.text(row, &arena)
      guard let start = text.start else { return }
      return cell(start, text.count, to: out)
    }
    guard let values = column.values, !values.isNull(row) else { return }
    if case .text(let v) = values { return cell(v.slices[row].start, v.slices[row].count, to: out) }
    out.reserve(48)
    ValueText.write(values, row, column.field.type, to: out)
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
