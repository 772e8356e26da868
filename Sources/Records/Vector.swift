/// The decoded values of a column, and a mark for each that is NULL.
public struct NullableVector<Element: Sendable>: Sendable {
  /// One value a row. The value of a NULL means nothing.
  public var values: [Element]
  /// 1 for NULL and 0 for a value, one a row; empty where no value is NULL.
  public var nulls: [UInt8]

  /// Makes a vector; `nulls` is empty or as long as `values`.
  @inlinable
  public init(values: [Element], nulls: [UInt8] = []) {
    self.values = values
    self.nulls = nulls
  }

  /// The number of rows.
  @inlinable public var count: Int { values.count }
  /// Whether the value of row `i` is NULL.
  @inlinable public func isNull(_ i: Int) -> Bool { !nulls.isEmpty && nulls[i] != 0 }

  /// 1 for NULL and 0 for a value, one a row.
  public var nullMarks: [UInt8] { nulls.isEmpty ? [UInt8](repeating: 0, count: count) : nulls }

  /// Makes the value of row `i` NULL.
  public mutating func setNull(_ i: Int) {
    if nulls.isEmpty { nulls = [UInt8](repeating: 0, count: values.count) }
    nulls[i] = 1
  }
}

/// The bytes of one text value, borrowed from memory that its vector's owners hold.
public struct TextSlice {
  /// The first byte of the UTF-8; nil for NULL.
  public var start: UnsafePointer<UInt8>?
  /// The length in bytes; 0 for NULL.
  public var count: Int

  /// Makes a slice of memory that the caller keeps alive.
  @inlinable
  public init(start: UnsafePointer<UInt8>?, count: Int) {
    self.start = start
    self.count = count
  }

  /// The value NULL.
  @inlinable public static var null: TextSlice { TextSlice(start: nil, count: 0) }
  /// The bytes, valid as long as the memory is; empty for NULL.
  @inlinable public var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
  /// A copy of the text; empty for NULL.
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}

/// The text values of a column, as slices of memory.
///
/// `@unchecked Sendable`: slices lead into buffers that `owners` holds and that are not written any more once the vector is passed on.
public struct TextVector: @unchecked Sendable {
  /// One slice a row.
  public var slices: [TextSlice]
  /// The buffers that the slices lead into. They live as long as the vector.
  public var owners: [ByteBuffer]

  /// Makes a vector whose slices lead into `owners` and no other memory.
  @inlinable
  public init(slices: [TextSlice], owners: [ByteBuffer]) {
    self.slices = slices
    self.owners = owners
  }
}

/// The decoded values of one column.
public enum Vector: Sendable {
  /// A bigint; a timestamp in microseconds since 1970-01-01 00:00 UTC; a date in days since 1970-01-01; or a time in microseconds since
  /// midnight.
  case integers(NullableVector<Int64>)
  /// A decimal: the whole number that is its value times 10 to the scale, which its field's type says.
  case decimals(NullableVector<Int128>)
  /// A double, which is finite.
  case doubles(NullableVector<Double>)
  /// 0 for false, 1 for true, 2 for NULL.
  case booleans([UInt8])
  /// A text, JSON in its own spelling, or bytes, which are any and not UTF-8.
  case text(TextVector)

  /// The number of rows.
  public var count: Int {
    switch self {
    case .integers(let v): v.count
    case .decimals(let v): v.count
    case .doubles(let v): v.count
    case .booleans(let v): v.count
    case .text(let v): v.slices.count
    }
  }

  /// Whether the value of row `i` is NULL.
  public func isNull(_ i: Int) -> Bool {
    switch self {
    case .integers(let v): v.isNull(i)
    case .decimals(let v): v.isNull(i)
    case .doubles(let v): v.isNull(i)
    case .booleans(let v): v[i] == 2
    case .text(let v): v.slices[i].start == nil
    }
  }

  /// 1 for NULL and 0 for a value, one a row. A loop over all rows asks it once, where ``isNull(_:)`` looks for the kind of the vector in each.
  public var nullMarks: [UInt8] {
    switch self {
    case .integers(let v): v.nullMarks
    case .decimals(let v): v.nullMarks
    case .doubles(let v): v.nullMarks
    case .booleans(let v): v.map { $0 == 2 ? 1 : 0 }
    case .text(let v): v.slices.map { $0.start == nil ? 1 : 0 }
    }
  }

  /// Makes a vector of `count` NULLs of a type.
  public static func nulls(_ type: ValueType, count: Int) -> Vector {
    switch type {
    case .decimal: .decimals(NullableVector(values: Array(repeating: 0, count: count), nulls: Array(repeating: 1, count: count)))
    case .bigint, .timestamp, .date, .time:
      .integers(NullableVector(values: Array(repeating: 0, count: count), nulls: Array(repeating: 1, count: count)))
    case .double: .doubles(NullableVector(values: Array(repeating: 0, count: count), nulls: Array(repeating: 1, count: count)))
    case .boolean: .booleans(Array(repeating: 2, count: count))
    case .text, .json, .bytes: .text(TextVector(slices: Array(repeating: .null, count: count), owners: []))
    }
  }

  /// Makes a vector of the values at `rows`, in their order. A row may stand more than once.
  public func gather(_ rows: [UInt32]) -> Vector {
    switch self {
    case .integers(let v): .integers(v.gather(rows))
    case .decimals(let v): .decimals(v.gather(rows))
    case .doubles(let v): .doubles(v.gather(rows))
    case .booleans(let v): .booleans(rows.map { v[Int($0)] })
    case .text(let v): .text(TextVector(slices: rows.map { v.slices[Int($0)] }, owners: v.owners))
    }
  }

  /// Makes a vector of `count` values, with these at `rows` and NULL elsewhere: the reverse of ``gather(_:)``.
  ///
  /// - Parameter rows: ascending, one for each of these values.
  public func scatter(_ rows: [UInt32], count: Int) -> Vector {
    if rows.count == count { return self }
    switch self {
    case .integers(let v): return .integers(v.scatter(rows, count: count, empty: 0))
    case .decimals(let v): return .decimals(v.scatter(rows, count: count, empty: 0))
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

/// Memory for texts that are made while values are decoded or computed. It grows by blocks, which do not move.
public struct TextArena {
  private var blocks: [ByteBuffer] = []

  /// Makes an arena without memory.
  public init() {}

  /// The blocks so far. A vector with slices of this arena must hold them.
  public var owners: [ByteBuffer] { blocks }

  /// Takes `count` bytes that never move. The caller fills them.
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

  /// Copies bytes into the arena, and returns the copy as a slice.
  public mutating func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> TextSlice {
    let start = allocate(bytes.count)
    if let base = bytes.baseAddress { start.update(from: base, count: bytes.count) }
    return TextSlice(start: start, count: bytes.count)
  }
}
