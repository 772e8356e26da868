import CByteScan
import Records

/// JSON Lines: an object a line. Numbers keep the spelling that they had in the source.
public struct JSONLinesEncoder: RecordEncoder {
  public init() {}

  public func header(_ schema: Schema) -> [UInt8] { [] }

  public func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    let columns = batch.columns.enumerated().map { JSONColumn($1, isFirst: $0 == 0) }
    if let selection = batch.selection {
      for row in selection { encode(Int(row), columns, to: out) }
    } else {
      for row in 0..<batch.rowCount { encode(row, columns, to: out) }
    }
  }

  @inline(__always)
  private func encode(_ row: Int, _ columns: [JSONColumn], to out: ByteBuffer) {
    if columns.isEmpty { out.append(0x7B) }
    columns.withUnsafeBufferPointer { columns in
      for i in 0..<columns.count { columns[i].encode(row, to: out) }
    }
    out.reserve(2)
    out.bytes[out.count] = 0x7D
    out.bytes[out.count + 1] = 0x0A
    out.count += 2
  }
}

/// How one column's values become JSON: settled once for a batch.
private struct JSONColumn {
  private enum Source {
    /// Views that are JSON as they are.
    case copied(FieldViews)
    /// Views that need quotes around them and nothing else.
    case quoted(FieldViews)
    /// Views to be read value by value.
    case views(FieldViews, ValueType)
    case values(Vector, ValueType)
    case none
  }

  private let key: ByteBuffer
  private let source: Source

  init(_ column: Column, isFirst: Bool) {
    let key = ByteBuffer(capacity: column.field.name.utf8.count + 8)
    key.append(isFirst ? 0x7B : 0x2C)
    key.append(0x22)
    var name = column.field.name
    name.withUTF8 { JSONText.escape($0.baseAddress, $0.count, to: key) }
    key.append(0x22)
    key.append(0x3A)
    self.key = key
    let type = column.field.type
    if let views = column.views {
      if views.encoding == .json || !column.isPlain || type == .json {
        source = .views(views, type)
      } else {
        source = type == .bigint || type == .double || type == .boolean ? .copied(views) : .quoted(views)
      }
    } else if let values = column.values {
      source = .values(values, type)
    } else {
      source = .none
    }
  }

  @inline(__always)
  func encode(_ row: Int, to out: ByteBuffer) {
    switch source {
    case .copied(let views):
      let (p, n) = views.view(row)
      start(n + 8, out)
      n == 0 ? appendNull(out) : copy(p, n, out)
    case .quoted(let views):
      let (p, n) = views.view(row)
      start(n + 8, out)
      if n == 0 { return appendNull(out) }
      out.bytes[out.count] = 0x22
      sluice_copy_padded(out.bytes + out.count + 1, p, n)
      out.bytes[out.count + n + 1] = 0x22
      out.count += n + 2
    case .views(let views, let type):
      let (p, n) = views.view(row)
      start(n + 8, out)
      encodeView(views, row, p, n, type, out)
    case .values(let vector, let type):
      start(48, out)
      encodeValue(vector, row, type, out)
    case .none:
      start(8, out)
      appendNull(out)
    }
  }

  /// Appends the key and makes room for `extra` bytes and what padded copies write past them.
  @inline(__always)
  private func start(_ extra: Int, _ out: ByteBuffer) {
    out.reserve(key.count + extra + 48)
    sluice_copy_padded(out.bytes + out.count, key.bytes, key.count)
    out.count += key.count
  }

  @inline(__always)
  private func copy(_ p: UnsafePointer<UInt8>, _ n: Int, _ out: ByteBuffer) {
    sluice_copy_padded(out.bytes + out.count, p, n)
    out.count += n
  }

  private func appendNull(_ out: ByteBuffer) { out.append("null") }

  private func encodeView(
    _ views: FieldViews, _ row: Int, _ p: UnsafePointer<UInt8>, _ n: Int, _ type: ValueType, _ out: ByteBuffer
  ) {
    if n == 0 { return appendNull(out) }
    if views.encoding == .json {
      // A value that is not text in a text column is text by its spelling.
      if type == .text, p[0] != 0x22, !(n == 4 && p[0] == 0x6E) { return JSONText.quote(p, n, to: out) }
      return out.append(p, n)
    }
    var arena = TextArena()
    let text = views.text(row, &arena)
    guard let start = text.start else { return appendNull(out) }
    switch type {
    case .bigint, .double:
      if NumberText.isJSONSpelling(start, text.count) {
        out.append(start, text.count)
      } else if type == .bigint, let value = NumberText.integer(start, text.count) {
        NumberText.write(value, to: out)
      } else if let value = NumberText.double(start, text.count) {
        NumberText.write(value, to: out)
      } else {
        appendNull(out)
      }
    case .boolean: out.append(BooleanText.boolean(start, text.count) == true ? "true" : "false")
    case .json: out.append(start, text.count)
    default: JSONText.quote(start, text.count, to: out)
    }
  }

  @inline(__always)
  private func encodeValue(_ vector: Vector, _ row: Int, _ type: ValueType, _ out: ByteBuffer) {
    if vector.isNull(row) { return appendNull(out) }
    switch (vector, type) {
    case (.text(let v), .text):
      JSONText.quote(v.slices[row].start, v.slices[row].count, to: out)
    case (_, .timestamp), (_, .date):
      out.append(0x22)
      ValueText.write(vector, row, type, to: out)
      out.append(0x22)
    default: ValueText.write(vector, row, type, to: out)
    }
  }
}

/// Text as a JSON string (RFC 8259 §7).
enum JSONText {
  static func quote(_ p: UnsafePointer<UInt8>?, _ n: Int, to out: ByteBuffer) {
    out.append(0x22)
    escape(p, n, to: out)
    out.append(0x22)
  }

  static func escape(_ p: UnsafePointer<UInt8>?, _ n: Int, to out: ByteBuffer) {
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
