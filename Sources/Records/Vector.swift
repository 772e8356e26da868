/// A column's decoded values with their nulls.
///
/// `values` and `nulls` are as long as each other; `nulls` is empty where no value is null, else 1 marks a null
/// (whose value is then without meaning).
public struct NullableVector<Element: Sendable>: Sendable {
  public var values: [Element]
  public var nulls: [UInt8]

  @inlinable
  public init(values: [Element], nulls: [UInt8] = []) {
    self.values = values
    self.nulls = nulls
  }

  @inlinable public var count: Int { values.count }
  @inlinable public func isNull(_ i: Int) -> Bool { !nulls.isEmpty && nulls[i] != 0 }
}

/// Borrowed bytes of one text value; `start` is nil for NULL.
public struct TextSlice {
  public var start: UnsafePointer<UInt8>?
  public var count: Int

  @inlinable
  public init(start: UnsafePointer<UInt8>?, count: Int) {
    self.start = start
    self.count = count
  }

  @inlinable public static var null: TextSlice { TextSlice(start: nil, count: 0) }
  @inlinable public var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}

/// Text values, as slices of memory that `owners` keep alive.
///
/// `@unchecked Sendable`: slices point into buffers that `owners` hold and that nobody writes once they are published.
public struct TextVector: @unchecked Sendable {
  public var slices: [TextSlice]
  public var owners: [ByteBuffer]

  @inlinable
  public init(slices: [TextSlice], owners: [ByteBuffer]) {
    self.slices = slices
    self.owners = owners
  }
}

/// Values of one column, decoded. Timestamps are microseconds since 1970-01-01 00:00 (UTC), dates are days since then,
/// both in `integers`. A boolean is 0, 1 or 2 (NULL). `json` values are text.
public enum Vector: Sendable {
  case integers(NullableVector<Int64>)
  case doubles(NullableVector<Double>)
  case booleans([UInt8])
  case text(TextVector)

  public var count: Int {
    switch self {
    case .integers(let v): v.count
    case .doubles(let v): v.count
    case .booleans(let v): v.count
    case .text(let v): v.slices.count
    }
  }

  /// Whether a row's value is NULL.
  public func isNull(_ i: Int) -> Bool {
    switch self {
    case .integers(let v): v.isNull(i)
    case .doubles(let v): v.isNull(i)
    case .booleans(let v): v[i] == 2
    case .text(let v): v.slices[i].start == nil
    }
  }

  /// As many NULLs of a type.
  public static func nulls(_ type: ValueType, count: Int) -> Vector {
    switch type {
    case .bigint, .timestamp, .date:
      .integers(NullableVector(values: Array(repeating: 0, count: count), nulls: Array(repeating: 1, count: count)))
    case .double: .doubles(NullableVector(values: Array(repeating: 0, count: count), nulls: Array(repeating: 1, count: count)))
    case .boolean: .booleans(Array(repeating: 2, count: count))
    case .text, .json: .text(TextVector(slices: Array(repeating: .null, count: count), owners: []))
    }
  }

  /// The values at `rows`, in that order.
  public func gather(_ rows: [UInt32]) -> Vector {
    switch self {
    case .integers(let v): .integers(v.gather(rows))
    case .doubles(let v): .doubles(v.gather(rows))
    case .booleans(let v): .booleans(rows.map { v[Int($0)] })
    case .text(let v): .text(TextVector(slices: rows.map { v.slices[Int($0)] }, owners: v.owners))
    }
  }

  /// A vector of `count` values with these at `rows` and NULL elsewhere: the reverse of ``gather(_:)``.
  public func scatter(_ rows: [UInt32], count: Int) -> Vector {
    if rows.count == count { return self }
    switch self {
    case .integers(let v): return .integers(v.scatter(rows, count: count, empty: 0))
    case .doubles(let v): return .doubles(v.scatter(rows, count: count, empty: 0))
    case .booleans(let v):
      var out = [UInt8](repeating: 2, count: count)
      for (i, row) in rows.enumerated() { out[Int(row)] = v[i] }
      return .booleans(out)
    case .text(let v):
      var out = [TextSlice](repeating: .null, count: count)
      for (i, row) in rows.enumerated() { out[Int(row)] = v.slices[i] }
      return .text(TextVector(slices: out, owners: v.owners))
    }
  }
}

extension NullableVector {
  func gather(_ rows: [UInt32]) -> NullableVector {
    NullableVector(
      values: rows.map { values[Int($0)] },
      nulls: nulls.isEmpty ? [] : rows.map { nulls[Int($0)] })
  }

  func scatter(_ rows: [UInt32], count: Int, empty: Element) -> NullableVector {
    var out = [Element](repeating: empty, count: count)
    var none = [UInt8](repeating: 1, count: count)
    for (i, row) in rows.enumerated() {
      out[Int(row)] = values[i]
      none[Int(row)] = nulls.isEmpty ? 0 : nulls[i]
    }
    return NullableVector(values: out, nulls: none)
  }
}

/// Memory for text that functions make, in blocks that live as long as the vectors that point into them.
public struct TextArena {
  private var blocks: [ByteBuffer] = []

  public init() {}

  /// The blocks filled so far; what points into them must hold them.
  public var owners: [ByteBuffer] { blocks }

  /// Room for `count` bytes that never moves.
  public mutating func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if let last = blocks.last, last.capacity - last.count >= count {
      defer { last.count += count }
      return last.bytes + last.count
    }
    let block = ByteBuffer(capacity: max(count, 32 << 10))
    block.count = count
    blocks.append(block)
    return block.bytes
  }

  /// Keeps a copy of bytes for as long as the arena lives.
  public mutating func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> TextSlice {
    let start = allocate(bytes.count)
    if let base = bytes.baseAddress { start.update(from: base, count: bytes.count) }
    return TextSlice(start: start, count: bytes.count)
  }
}
