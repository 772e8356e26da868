import CByteScan
import Records

/// JSON Lines: an object a line. Numbers keep the spelling that they had in the source.
public struct JSONLinesEncoder: RecordEncoder {
  public init() {}

  public func header(_ schema: Schema) -> [UInt8] { [] }

  public func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    var assembler = RowAssembler(batch, null: "null", end: batch.columns.isEmpty ? "{}\n" : "}\n")
    for (i, column) in batch.columns.enumerated() {
      let key = key(column.field.name, isFirst: i == 0)
      if let views = column.views {
        add(column, views, key, to: &assembler)
      } else if let values = column.values {
        let type = column.field.type
        assembler.render(prefix: key) { row, text in Self.write(values, row, type, to: text) }
      } else {
        assembler.render(prefix: key) { _, _ in }
      }
    }
    assembler.write(to: out)
  }

  private func key(_ name: String, isFirst: Bool) -> ByteBuffer {
    let key = ByteBuffer(capacity: name.utf8.count + 8)
    key.append(isFirst ? 0x7B : 0x2C)
    key.append(0x22)
    var name = name
    name.withUTF8 { JSONText.escape($0.baseAddress, $0.count, to: key) }
    key.append(0x22)
    key.append(0x3A)
    return key
  }

  private func add(_ column: Column, _ views: FieldViews, _ key: ByteBuffer, to assembler: inout RowAssembler) {
    let type = column.field.type
    switch views.encoding {
    // A value that is not text in a text column is text by its spelling; all else is JSON already.
    case .json where type == .text:
      assembler.render(prefix: key) { row, text in
        let (p, n) = views.view(row)
        if n == 0 || (n == 4 && p[0] == 0x6E) { return }
        if p[0] == 0x22 { text.append(p, n) } else { JSONText.quote(p, n, to: text) }
      }
    case .json: assembler.add(views, prefix: key, quoted: false)
    case .csv where column.isPlain && type != .json:
      assembler.add(views, prefix: key, quoted: !(type == .bigint || type == .double || type == .boolean))
    case .csv:
      var arena = TextArena()
      assembler.render(prefix: key) { row, text in
        let value = views.text(row, &arena)
        if let start = value.start { Self.write(start, value.count, type, to: text) }
      }
    }
  }

  /// A CSV cell's text as JSON of its type.
  private static func write(_ p: UnsafePointer<UInt8>, _ n: Int, _ type: ValueType, to out: ByteBuffer) {
    switch type {
    case .bigint, .double:
      if NumberText.isJSONSpelling(p, n) {
        out.append(p, n)
      } else if type == .bigint, let value = NumberText.integer(p, n) {
        NumberText.write(value, to: out)
      } else if let value = NumberText.double(p, n) {
        NumberText.write(value, to: out)
      }
    case .boolean: out.append(BooleanText.boolean(p, n) == true ? "true" : "false")
    case .json: out.append(p, n)
    default: JSONText.quote(p, n, to: out)
    }
  }

  @inline(__always)
  private static func write(_ vector: Vector, _ row: Int, _ type: ValueType, to out: ByteBuffer) {
    if vector.isNull(row) { return }
    switch (vector, type) {
    case (.text(let v), .text): JSONText.quote(v.slices[row].start, v.slices[row].count, to: out)
    case (_, .timestamp), (_, .date):
      out.append(0x22)
      ValueText.write(vector, row, type, to: out)
      out.append(0x22)
    default: ValueText.write(vector, row, type, to: out)
    }
  }
}

/// Text as a JSON string (RFC 8259 §7).
public enum JSONText {
  /// Appends the text in quotes.
  public static func quote(_ p: UnsafePointer<UInt8>?, _ n: Int, to out: ByteBuffer) {
    out.append(0x22)
    escape(p, n, to: out)
    out.append(0x22)
  }

  /// Appends the text with what JSON does not take as it is escaped.
  public static func escape(_ p: UnsafePointer<UInt8>?, _ n: Int, to out: ByteBuffer) {
    guard let p else { return }
    var at = 0
    while at < n {
      let plain = sluice_json_plain_prefix(p + at, n - at)
      out.append(p + at, plain)
      at += plain
      guard at < n else { return }
      switch p[at] {
      case 0x22: out.append("\\\"")
      case 0x5C: out.append("\\\\")
      case 0x0A: out.append("\\n")
      case 0x0D: out.append("\\r")
      case 0x09: out.append("\\t")
      case 0x08: out.append("\\b")
      case 0x0C: out.append("\\f")
      default:
        let digits = Array("0123456789abcdef".utf8)
        out.append("\\u00")
        out.append(digits[Int(p[at] >> 4)])
        out.append(digits[Int(p[at] & 15)])
      }
      at += 1
    }
  }
}
