import CByteScan

/// Where the fields of a batch's records are in its chunk, as 32-bit positions, row by row.
///
/// `@unchecked Sendable`: written by the parser that makes it, read-only once the batch is sent.
public final class PositionIndex: @unchecked Sendable {
  @exclusivity(unchecked) public private(set) var positions: UnsafeMutablePointer<UInt32>
  @exclusivity(unchecked) public private(set) var capacity: Int

  public init(capacity: Int) {
    self.capacity = max(capacity, 64)
    positions = .allocate(capacity: self.capacity)
  }

  deinit { positions.deallocate() }

  /// Makes room for `needed` positions in all, keeping the first `count`.
  @inline(__always)
  public func reserve(_ needed: Int, keeping count: Int) {
    if needed > capacity { grow(needed, keeping: count) }
  }

  private func grow(_ needed: Int, keeping count: Int) {
    let larger = max(needed, capacity * 2)
    let moved = UnsafeMutablePointer<UInt32>.allocate(capacity: larger)
    moved.update(from: positions, count: count)
    positions.deallocate()
    positions = moved
    capacity = larger
  }
}

/// How the bytes of a view spell a value.
public enum ViewEncoding: Sendable {
  /// A CSV cell: empty is NULL, and one that starts with `"` is quoted with its quotes doubled (RFC 4180).
  case csv
  /// A JSON value: empty or `null` is NULL, text is in quotes with escapes (RFC 8259).
  case json
}

/// A column as views into its chunk: of row r, the bytes from `positions[offset + r * stride] + gap` (modulo 2^32, so
/// that the record before the first ends at -1) up to `positions[offset + r * stride + 1]`.
///
/// `@unchecked Sendable`: the pointers are into `buffer` and `index`, which it holds and which nobody writes any more.
public struct FieldViews: @unchecked Sendable {
  public let buffer: ByteBuffer
  private let index: PositionIndex
  /// The buffer's first byte, and the column's first position.
  @usableFromInline let base: UnsafePointer<UInt8>
  @usableFromInline let positions: UnsafePointer<UInt32>
  public let stride: Int
  /// What to add to the start position: the delimiter's length where starts are the field before's end, else 0.
  public let gap: Int
  public let encoding: ViewEncoding
  /// What else than nothing is NULL: its length, and its first byte. JSON's `null`; `""` in a column of CSV that is not text.
  @usableFromInline let null: (count: Int, first: UInt8)
  /// Whether a carriage return at the end belongs to the record's end (the last column of records that end CR LF).
  public let trimsReturn: Bool
  /// What stands between the source's fields; nil where that is no one byte.
  public let delimiter: UInt8?

  /// `buffer` and `index` must be complete: what they hold is not to move any more.
  public init(
    buffer: ByteBuffer, index: PositionIndex, offset: Int, stride: Int, gap: Int, encoding: ViewEncoding, isText: Bool = true,
    trimsReturn: Bool = false, delimiter: UInt8? = nil
  ) {
    self.delimiter = delimiter
    self.buffer = buffer
    self.index = index
    base = UnsafePointer(buffer.bytes)
    positions = UnsafePointer(index.positions + offset)
    self.stride = stride
    self.gap = gap
    self.encoding = encoding
    null =
      switch encoding {
      case .json: (4, 0x6E)
      case .csv: (isText ? 0 : 2, 0x22)
      }
    self.trimsReturn = trimsReturn
  }

  /// The first byte of row `r`'s view, and its length.
  @inlinable @inline(__always)
  public func view(_ r: Int) -> (start: UnsafePointer<UInt8>, count: Int) {
    places.view(r)
  }

  /// The same without what keeps the memory alive: for a loop during which these views are held.
  @inlinable @inline(__always)
  public var places: ViewPlaces {
    ViewPlaces(base: base, positions: positions, stride: stride, gap: UInt32(truncatingIfNeeded: gap), trimsReturn: trimsReturn)
  }
}

/// Views as bare pointers, which cost nothing to copy. Valid while the ``FieldViews`` they are of are held.
public struct ViewPlaces {
  public let base: UnsafePointer<UInt8>
  public let positions: UnsafePointer<UInt32>
  public let stride: Int
  public let gap: UInt32
  public let trimsReturn: Bool

  @inlinable
  public init(base: UnsafePointer<UInt8>, positions: UnsafePointer<UInt32>, stride: Int, gap: UInt32, trimsReturn: Bool) {
    self.base = base
    self.positions = positions
    self.stride = stride
    self.gap = gap
    self.trimsReturn = trimsReturn
  }

  /// The same as the scans in C take them.
  public var views: sluice_views {
    sluice_views(base: base, positions: positions, stride: stride, gap: gap, trims: trimsReturn ? 1 : 0)
  }

  /// The first byte of row `r`'s view, and its length.
  @inlinable @inline(__always)
  public func view(_ r: Int) -> (start: UnsafePointer<UInt8>, count: Int) {
    let at = positions + r &* stride
    let start = Int(at[0] &+ gap)
    var end = Int(at[1])
    if trimsReturn, end > start, base[end - 1] == 0x0D { end -= 1 }
    return (base + start, end - start)
  }
}

/// One column of a batch: views into the chunk, decoded values, or both (then they say the same).
public struct Column: Sendable {
  public var field: Field
  public var views: FieldViews?
  public var values: Vector?
  /// True where every number that is viewed is also spelled as JSON wants it, and every text needs no escape: such a
  /// view is copied as it is.
  public var isPlain: Bool

  public init(field: Field, views: FieldViews?, values: Vector?, isPlain: Bool = false) {
    self.field = field
    self.views = views
    self.values = values
    self.isPlain = isPlain
  }
}

/// Where each record of a chunk begins and ends, and on which of the chunk's lines.
public struct RecordPlaces: Sendable {
  /// Byte positions in the raw chunk; `starts` and `ends` are as long as the chunk has records.
  public var starts: [UInt32] = []
  public var ends: [UInt32] = []
  /// The line in the chunk (from 0) on which each record begins; empty where record i begins on line i.
  public var lines: [UInt32] = []
  /// How many lines the chunk has in all.
  public var lineCount = 0
  /// How many of them are blank, and no record.
  public var blankLineCount = 0

  public init() {}

  /// The line of the chunk, from 0, that a record begins on.
  public func line(_ record: Int) -> Int { lines.isEmpty ? record : Int(lines[record]) }
}

/// Records of one chunk, column by column.
public struct RecordBatch: Sendable {
  public var columns: [Column]
  /// How many rows the columns have: the chunk's records without those that the parser refused.
  public var rowCount: Int
  /// The rows that are still in, ascending; nil for all.
  public var selection: [UInt32]?
  /// Of each row, which of the chunk's records it is; nil where row i is record i.
  public var recordOfRow: [UInt32]?
  /// Records refused so far.
  public var faults = RecordFaults()
  /// How many records the chunk held, good and bad.
  public var recordCount: Int
  /// Records left out by filters, and by `on_bad_record: skip`.
  public var filtered = 0
  public var places: RecordPlaces
  /// The chunk as it came, for a dead letter's bytes.
  public var raw: ByteBuffer

  public init(columns: [Column], rowCount: Int, recordCount: Int, places: RecordPlaces, raw: ByteBuffer) {
    self.columns = columns
    self.rowCount = rowCount
    self.recordCount = recordCount
    self.places = places
    self.raw = raw
  }

  public var schema: Schema { Schema(columns.map(\.field)) }

  /// Which record of the chunk a row is.
  public func record(ofRow row: Int) -> Int { recordOfRow.map { Int($0[row]) } ?? row }

  /// The rows that are still in.
  public var selected: [UInt32] { selection ?? Array(0..<UInt32(rowCount)) }

  public var selectedCount: Int { selection?.count ?? rowCount }
}
