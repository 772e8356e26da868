import CByteScan

/// The positions of a batch's fields in its chunk, 32 bits each, row by row. ``FieldViews`` says how they are laid out.
///
/// `@unchecked Sendable`: the parser that makes it is the only one to write it, before the batch is sent.
public final class PositionIndex: @unchecked Sendable {
  /// The first position. The pointer is valid while the index is referenced, until ``reserve(_:keeping:)`` moves the memory.
  @exclusivity(unchecked) public private(set) var positions: UnsafeMutablePointer<UInt32>
  /// How many positions fit before the memory has to move.
  @exclusivity(unchecked) public private(set) var capacity: Int

  /// Makes an index with room for `capacity` positions (64 at least), which are not initialized.
  public init(capacity: Int) {
    self.capacity = max(capacity, 64)
    positions = .allocate(capacity: self.capacity)
  }

  deinit { positions.deallocate() }

  /// Makes room for `needed` positions in all, and keeps the first `count`. Growing moves the memory.
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

/// The spelling of a value in the bytes of a view.
public enum ViewEncoding: Sendable {
  /// A CSV cell: empty is NULL, and one that starts with `"` is quoted with its quotes doubled (RFC 4180).
  case csv
  /// A JSON value: empty or `null` is NULL, text is in quotes with escapes (RFC 8259).
  case json
}

/// A column as views into its chunk. The view of row r is the bytes from `positions[offset + r * stride] + gap` (modulo 2^32, so that the
/// record before the first may end at -1) up to `positions[offset + r * stride + 1]`.
///
/// `@unchecked Sendable`: the pointers lead into `buffer` and `index`, which it holds and which are not written any more.
public struct FieldViews: @unchecked Sendable {
  /// The bytes that the views lead into: the chunk, or the cells that a parser spelled anew.
  public let buffer: ByteBuffer
  private let index: PositionIndex
  /// The buffer's first byte, and the column's first position.
  @usableFromInline let base: UnsafePointer<UInt8>
  @usableFromInline let positions: UnsafePointer<UInt32>
  /// How many positions apart the views of two rows are.
  public let stride: Int
  /// How many bytes lie between a start position and the view: the delimiter's length where that position is the end of the field before,
  /// else 0.
  public let gap: Int
  /// The spelling of all views.
  public let encoding: ViewEncoding
  /// The length and first byte of the text that is NULL beside the empty one: JSON's `null`, and `""` in a CSV column that is not text.
  @usableFromInline let null: (count: Int, first: UInt8)
  /// Whether a carriage return at a view's end is a part of the line end CR LF. It is so in the last column of CSV.
  public let trimsReturn: Bool
  /// The byte between the source's fields; nil where no single byte stands there, and where a parser spelled the cells anew.
  public let delimiter: UInt8?

  /// Makes the views of one column.
  ///
  /// - Parameters:
  ///   - buffer: complete, for its memory must not move any more.
  ///   - index: complete, for the same reason.
  ///   - offset: the position of row 0's start in `index`.
  ///   - isText: whether the column's field is text, where `""` in CSV is the empty text and not NULL.
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

  /// The bytes of row `r` as they are spelled, with their quotes. The pointer is valid while these views are held.
  @inlinable @inline(__always)
  public func view(_ r: Int) -> (start: UnsafePointer<UInt8>, count: Int) {
    places.view(r)
  }

  /// The views without references to their memory, for a loop during which the caller holds these views.
  @inlinable @inline(__always)
  public var places: ViewPlaces {
    ViewPlaces(base: base, positions: positions, stride: stride, gap: UInt32(truncatingIfNeeded: gap), trimsReturn: trimsReturn)
  }
}

/// Views as bare pointers, which cost nothing to copy. They are valid while the buffer and the index that they lead into are held.
public struct ViewPlaces {
  /// The byte that positions count from.
  public let base: UnsafePointer<UInt8>
  /// The start position of row 0.
  public let positions: UnsafePointer<UInt32>
  /// As ``FieldViews/stride``.
  public let stride: Int
  /// As ``FieldViews/gap``, for addition modulo 2^32.
  public let gap: UInt32
  /// As ``FieldViews/trimsReturn``.
  public let trimsReturn: Bool

  /// Makes views from pointers that the caller keeps valid.
  @inlinable
  public init(base: UnsafePointer<UInt8>, positions: UnsafePointer<UInt32>, stride: Int, gap: UInt32, trimsReturn: Bool) {
    self.base = base
    self.positions = positions
    self.stride = stride
    self.gap = gap
    self.trimsReturn = trimsReturn
  }

  /// The same views as the scans in C take them.
  public var views: sluice_views {
    sluice_views(base: base, positions: positions, stride: stride, gap: gap, trims: trimsReturn ? 1 : 0)
  }

  /// The first byte of row `r`'s view, and its length in bytes.
  @inlinable @inline(__always)
  public func view(_ r: Int) -> (start: UnsafePointer<UInt8>, count: Int) {
    let at = positions + r &* stride
    let start = Int(at[0] &+ gap)
    var end = Int(at[1])
    if trimsReturn, end > start, base[end - 1] == 0x0D { end -= 1 }
    return (base + start, end - start)
  }
}

/// One column of a batch: views into the chunk, decoded values, or both, which then hold the same.
public struct Column: Sendable {
  /// The column's name and type.
  public var field: Field
  /// The values as the source spells them; nil where the source has no such column, as for a computed one.
  public var views: FieldViews?
  /// The decoded values, one a row; nil where no step reads them.
  public var values: Vector?
  /// Whether an encoder may copy the views as they are: every number is spelled as JSON requires, and no text needs an escape.
  public var isPlain: Bool

  /// Makes a column, which needs views or values.
  public init(field: Field, views: FieldViews?, values: Vector?, isPlain: Bool = false) {
    self.field = field
    self.views = views
    self.values = values
    self.isPlain = isPlain
  }
}

/// The places of a chunk's records: their first and last bytes, and their lines.
public struct RecordPlaces: Sendable {
  /// The position of each record's first byte in the raw chunk.
  public var starts: [UInt32] = []
  /// The position behind each record's last byte, without its line end; as many as ``starts``.
  public var ends: [UInt32] = []
  /// The line of the chunk, from 0, on which each record begins; empty where record i begins on line i.
  public var lines: [UInt32] = []
  /// How many lines the chunk has in all.
  public var lineCount = 0
  /// How many lines are blank, and so no records.
  public var blankLineCount = 0

  /// Makes the places of a chunk without records.
  public init() {}

  /// The line of the chunk, from 0, on which record number `record` (from 0) begins.
  public func line(_ record: Int) -> Int { lines.isEmpty ? record : Int(lines[record]) }
}

/// The records of one chunk, as columns.
///
/// Rows and records are numbered apart, both from 0: a record that the parser refuses may have no row, and a blank line may have one.
/// ``record(ofRow:)`` leads from one to the other.
public struct RecordBatch: Sendable {
  /// The columns in the order of the schema. All have ``rowCount`` rows.
  public var columns: [Column]
  /// How many rows the columns have. ``selection`` leaves out those of refused records and blank lines.
  public var rowCount: Int
  /// The rows that go on to the next step, ascending; nil for all rows.
  public var selection: [UInt32]?
  /// The record number of each row; nil where row i is record i.
  public var recordOfRow: [UInt32]?
  /// The records that were refused so far, one fault each.
  public var faults = RecordFaults()
  /// How many records the chunk holds, good and bad.
  public var recordCount: Int
  /// The number, from 0, of the batch's first record among those that are encoded into one chunk of output: other than 0 where several batches are.
  public var firstRecord = 0
  /// The fields that may be NULL, and that the format looked for by name in each record and found in none.
  public var absentFields: [String] = []
  /// How many records were left out on purpose: by the step `filter`, by a lookup with `on_missing: skip`, or by a program.
  public var filtered = 0
  /// The places of all ``recordCount`` records in ``raw``.
  public var places: RecordPlaces
  /// The chunk as it came. A dead letter's bytes are copied from it.
  public var raw: ByteBuffer
  /// The item and the run that the records come from; nil where no step reads it.
  public var origin: RecordOrigin?

  /// Makes a batch in which every row is selected and no record is refused.
  public init(columns: [Column], rowCount: Int, recordCount: Int, places: RecordPlaces, raw: ByteBuffer) {
    self.columns = columns
    self.rowCount = rowCount
    self.recordCount = recordCount
    self.places = places
    self.raw = raw
  }

  /// The fields of the columns. It is made anew at each call.
  public var schema: Schema { Schema(columns.map(\.field)) }

  /// The number of the record, from 0, that a row holds.
  public func record(ofRow row: Int) -> Int { recordOfRow.map { Int($0[row]) } ?? row }

  /// The rows that go on, ascending; all rows where nothing was left out. It may allocate.
  public var selected: [UInt32] { selection ?? Array(0..<UInt32(rowCount)) }

  /// How many rows go on.
  public var selectedCount: Int { selection?.count ?? rowCount }
}
