import Foundation
import Records

/// Finds rows of a table by the values of some columns: a hash table with open addressing, which is written once and then only read.
struct KeyIndex: Sendable {
  /// Stands for no row.
  static let none = UInt32.max

  /// The keys' columns, decoded.
  private let columns: [Vector]
  private let hashes: [UInt64]
  /// Rows, by their hashes; ``none`` in empty places. Its count is a power of two, and half of it is empty.
  private var slots: [UInt32]
  /// The first two rows that have the same keys.
  private(set) var duplicate: (first: Int, second: Int)?

  /// - Parameter keepsLast: whether of rows with the same keys the last is found, and not the first.
  init(_ columns: [Vector], keepsLast: Bool) {
    self.columns = columns
    let count = columns.first?.count ?? 0
    hashes = Self.hashes(columns, count)
    var size = 16
    while size < 2 * count { size *= 2 }
    slots = Array(repeating: Self.none, count: size)
    let mask = size - 1
    for row in 0..<count where !columns.contains(where: { $0.isNull(row) }) {
      var at = Int(truncatingIfNeeded: hashes[row]) & mask
      while slots[at] != Self.none, !isSame(Int(slots[at]), row) { at = (at + 1) & mask }
      if slots[at] == Self.none {
        slots[at] = UInt32(row)
      } else {
        if duplicate == nil { duplicate = (Int(slots[at]), row) }
        if keepsLast { slots[at] = UInt32(row) }
      }
    }
  }

  /// Estimates the memory of an index, in bytes.
  static func bytes(rows: Int, keys: Int) -> Int { rows * (8 + 12 + 16 * keys) }

  /// The memory of the index, in bytes.
  var bytes: Int { 8 * hashes.count + 4 * slots.count + columns.reduce(0) { $0 + $1.bytes } }

  private func isSame(_ a: Int, _ b: Int) -> Bool {
    hashes[a] == hashes[b] && columns.allSatisfy { Self.isSame($0, a, $0, b) }
  }

  /// Finds for each of `count` rows of `keys` the row that has the same values, or ``none``. NULL equals no value.
  func find(_ keys: [Vector], count: Int) -> [UInt32] {
    var found = Self.hashes(keys, count).map { hash -> UInt32 in
      var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
      while slots[at] != Self.none {
        if hashes[Int(slots[at])] == hash { return slots[at] }
        at = (at + 1) & (slots.count - 1)
      }
      return Self.none
    }
    // All by one column at a time, as a hash that is the same means the same values but for one time in 2^64.
    for (key, column) in zip(keys, columns) {
      for i in Self.differing(key, column, found) { found[i] = key.isNull(i) ? Self.none : search(keys, i) }
    }
    return found
  }

  /// The rows of `keys` that are found, and have another value than what was found for them.
  private static func differing(_ key: Vector, _ column: Vector, _ found: [UInt32]) -> [Int] {
    switch (key, column) {
    case (.integers(let a), .integers(let b)):
      found.indices.filter { found[$0] != none && (a.isNull($0) || a.values[$0] != b.values[Int(found[$0])]) }
    case (.doubles(let a), .doubles(let b)):
      found.indices.filter { found[$0] != none && (a.isNull($0) || a.values[$0] != b.values[Int(found[$0])]) }
    case (.decimals(let a), .decimals(let b)):
      found.indices.filter { found[$0] != none && (a.isNull($0) || a.values[$0] != b.values[Int(found[$0])]) }
    case (.booleans(let a), .booleans(let b)):
      found.indices.filter { found[$0] != none && (a[$0] == 2 || a[$0] != b[Int(found[$0])]) }
    case (.text(let a), .text(let b)):
      found.indices.filter { found[$0] != none && !isSame(a.slices[$0], b.slices[Int(found[$0])]) }
    default: found.indices.filter { found[$0] != none }
    }
  }

  private func search(_ keys: [Vector], _ i: Int) -> UInt32 {
    if keys.contains(where: { $0.isNull(i) }) { return Self.none }
    var at = Int(truncatingIfNeeded: Self.hashes(keys.map { $0.gather([UInt32(i)]) }, 1)[0]) & (slots.count - 1)
    while slots[at] != Self.none {
      let row = Int(slots[at])
      if zip(keys, columns).allSatisfy({ Self.isSame($0, i, $1, row) }) { return slots[at] }
      at = (at + 1) & (slots.count - 1)
    }
    return Self.none
  }

  private static func isSame(_ a: TextSlice, _ b: TextSlice) -> Bool {
    guard let p = a.start, let q = b.start else { return false }
    return a.count == b.count && memcmp(p, q, a.count) == 0
  }

  private static func isSame(_ a: Vector, _ i: Int, _ b: Vector, _ j: Int) -> Bool {
    differing(a.gather([UInt32(i)]), b, [UInt32(j)]).isEmpty
  }

  // MARK: Hashes

  /// Computes a hash of the values of each row.
  private static func hashes(_ columns: [Vector], _ count: Int) -> [UInt64] {
    var hashes = Array(repeating: UInt64(0x9E37_79B9_7F4A_7C15), count: count)
    for column in columns {
      switch column {
      case .integers(let v): for i in 0..<count { hashes[i] = mixed(hashes[i], UInt64(bitPattern: v.values[i])) }
      case .decimals(let v):
        for i in 0..<count {
          hashes[i] = mixed(mixed(hashes[i], UInt64(truncatingIfNeeded: v.values[i])), UInt64(truncatingIfNeeded: v.values[i] >> 64))
        }
      // The two zeros are one value.
      case .doubles(let v): for i in 0..<count { hashes[i] = mixed(hashes[i], v.values[i] == 0 ? 0 : v.values[i].bitPattern) }
      case .booleans(let v): for i in 0..<count { hashes[i] = mixed(hashes[i], UInt64(v[i])) }
      case .text(let v): for i in 0..<count { hashes[i] = mixed(hashes[i], v.slices[i]) }
      }
    }
    return hashes
  }

  private static func mixed(_ hash: UInt64, _ value: UInt64) -> UInt64 {
    let (high, low) = (hash ^ value).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return high ^ low ^ (hash << 7 | hash >> 57)
  }

  private static func mixed(_ hash: UInt64, _ text: TextSlice) -> UInt64 {
    var hash = mixed(hash, UInt64(text.count))
    guard let start = text.start else { return hash }
    let bytes = UnsafeRawPointer(start)
    var at = 0
    while at + 8 <= text.count {
      hash = mixed(hash, bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      at += 8
    }
    var last: UInt64 = 0
    while at < text.count {
      last = last << 8 | UInt64(bytes.load(fromByteOffset: at, as: UInt8.self))
      at += 1
    }
    return mixed(hash, last)
  }

  // MARK: Showing

  /// The value of a row's key, for a message.
  func shown(_ row: Int, key: Int, _ type: ValueType) -> String { Self.shown(columns[key], row, type) }

  static func shown(_ vector: Vector, _ row: Int, _ type: ValueType) -> String {
    if vector.isNull(row) { return "NULL" }
    let out = ByteBuffer(capacity: 64)
    ValueText.write(vector, row, type, to: out)
    return "“\(Excerpt.of(UnsafeBufferPointer(start: UnsafePointer(out.bytes), count: out.count)))”"
  }
}

extension Vector {
  /// The memory of the values in bytes, without text that lies in the first buffer.
  var bytes: Int {
    switch self {
    case .integers(let v): 8 * v.values.count + v.nulls.count
    case .doubles(let v): 8 * v.values.count + v.nulls.count
    case .decimals(let v): 16 * v.values.count + v.nulls.count
    case .booleans(let v): v.count
    case .text(let v): MemoryLayout<TextSlice>.stride * v.slices.count + v.owners.dropFirst().reduce(0) { $0 + $1.capacity }
    }
  }

  /// The values at `rows`, and NULL for ``KeyIndex/none``.
  func take(_ rows: [UInt32]) -> Vector {
    switch self {
    case .integers(let v): .integers(v.take(rows, empty: 0))
    case .doubles(let v): .doubles(v.take(rows, empty: 0))
    case .decimals(let v): .decimals(v.take(rows, empty: 0))
    case .booleans(let v): .booleans(rows.map { $0 == KeyIndex.none ? 2 : v[Int($0)] })
    case .text(let v): .text(TextVector(slices: rows.map { $0 == KeyIndex.none ? .null : v.slices[Int($0)] }, owners: v.owners))
    }
  }
}

extension NullableVector {
  fileprivate func take(_ rows: [UInt32], empty: Element) -> NullableVector {
    let hasGaps = rows.contains(KeyIndex.none)
    return NullableVector(
      values: rows.map { $0 == KeyIndex.none ? empty : values[Int($0)] },
      nulls: !hasGaps && nulls.isEmpty ? [] : rows.map { $0 == KeyIndex.none || (!nulls.isEmpty && nulls[Int($0)] != 0) ? 1 : 0 })
  }
}
