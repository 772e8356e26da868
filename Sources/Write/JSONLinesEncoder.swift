import CByteScan
import Configuration
import Records

/// JSON Lines: an object a line. Numbers keep the spelling that they have in the source.
package struct JSONLinesEncoder: FormatEncoder {
  /// The page of JSON Lines as an output's format.
  package static let page = ComponentPage(
    .format, "jsonl", "Writes JSON Lines: an object a line, NULL as null, times as texts.", abilities: ["write"],
    endings: ["jsonl", "ndjson", "jsonlines"], place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders/*.csv}
      write: {path: 'out/{item.stem}.jsonl.gz'}
      """,
    errors: [.cannotWrite],
    guarantees: [
      "Numbers and texts that no step touches are written as they are spelled in the source.",
      "What is written is read again as the same values by parse.format: jsonl with the same fields.",
    ])

  /// Makes an encoder; it has no settings.
  package init() {}

  /// Makes the encoder of a definition. JSON Lines has no keys of its own.
  package init(_ write: Value, _ reader: inout DefinitionReader) {}

  /// Nothing: JSON Lines has no header.
  package func header(_ schema: Schema) -> [UInt8] { [] }

  /// Appends a line for each selected row, with all fields in order; NULL is `null`.
  package func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    var assembler = RowAssembler(batch, null: "null", end: batch.columns.isEmpty ? "{}\n" : "}\n")
    for (i, column) in batch.columns.enumerated() {
      let key = key(column.field.name, isFirst: i == 0)
      if let views = column.views {
        add(column, views, key, to: &assembler)
      } else if let values = column.values {
        add(values, column.field.type, key, to: &assembler)
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
    let text = ByteBuffer(capacity: name.utf8.count)
    text.append(name)
    JSONText.escape(text.bytes, text.count, to: key)
    key.append(0x22)
    key.append(0x3A)
    return key
  }

  private func add(_ values: Vector, _ type: ValueType, _ key: ByteBuffer, to assembler: inout RowAssembler) {
    guard case .text(let texts) = values else { return assembler.render(values, type, prefix: key, quotesTimes: true) }
    // Each type has a loop of its own: no row asks for it.
    switch type {
    case .text: assembler.render(texts, prefix: key) { JSONText.quote($0, $1, to: $2) }
    case .bytes:
      assembler.render(texts, prefix: key) { p, n, out in
        out.append(0x22)
        BytesText.write(p, n, to: out)
        out.append(0x22)
      }
    default: assembler.render(texts, prefix: key) { JSONText.line($0, $1, to: $2) }
    }
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
    case .json where type == .json:
      assembler.render(prefix: key) { row, text in
        let (p, n) = views.view(row)
        JSONText.line(p, n, to: text)
      }
    case .json:
      guard case .decimal = type, !column.isPlain else { return assembler.add(views, prefix: key, SLUICE_COPIED) }
      assembler.render(prefix: key) { row, text in
        let (p, n) = views.view(row)
        if views.isNull(p, n) { return }
        let (start, count, _) = views.scalar(p, n)
        ScalarText.write(start, count, type, to: text)
      }
    case .csv where column.isPlain && type != .json:
      assembler.add(views, prefix: key, type.isBare ? SLUICE_COPIED : SLUICE_QUOTED)
    case .csv where type == .text: assembler.add(views, prefix: key, SLUICE_ESCAPED)
    case .csv:
      var arena = TextArena()
      assembler.render(prefix: key) { row, text in
        let value = views.text(row, &arena)
        guard let start = value.start else { return }
        switch type {
        case .bigint, .double, .decimal, .boolean: ScalarText.write(start, value.count, type, to: text)
        case .json: JSONText.line(start, value.count, to: text)
        default: JSONText.quote(start, value.count, to: text)
        }
      }
    }
  }
}

extension ValueType {
  /// Whether values stand in JSON without quotes, as numbers and words.
  fileprivate var isBare: Bool {
    switch self {
    case .bigint, .double, .decimal, .boolean: true
    case .text, .timestamp, .date, .time, .bytes, .json: false
    }
  }
}

/// Text as a JSON string (RFC 8259 §7).
///
/// The text must be in a ``ByteBuffer``: up to 64 bytes past its end are read too.
public enum JSONText {
  /// Appends `n` bytes of UTF-8 as a JSON string: escaped, in quotes.
  @inline(__always)
  public static func quote(_ p: UnsafePointer<UInt8>, _ n: Int, to out: ByteBuffer) {
    out.append(0x22)
    escape(p, n, to: out)
    out.append(0x22)
  }

  /// Appends a JSON value so that it stays on its line. A control byte in a value that is JSON stands between its tokens, where a
  /// blank says the same (RFC 8259 §2).
  static func line(_ p: UnsafePointer<UInt8>, _ n: Int, to out: ByteBuffer) {
    out.reserve(n)
    let start = out.bytes + out.count
    for i in 0..<n { start[i] = max(p[i], 0x20) }
    out.count += n
  }

  /// Appends the text with the characters escaped that a JSON string can't hold.
  @inline(__always)
  static func escape(_ p: UnsafePointer<UInt8>, _ n: Int, to out: ByteBuffer) {
    out.reserve(6 * n + 16)
    out.count += sluice_json_escape(out.bytes + out.count, p, n, 0)
  }
}
