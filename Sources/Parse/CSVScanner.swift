/// Reads CSV byte by byte in any dialect, and goes on where the quoting is broken.
///
/// States of a field: it begins; plain; quoted; after its closing quote. A quote opens only where a field begins. Bytes
/// between a closing quote and the next delimiter break the record. A record whose quoting is broken ends at its first
/// line end, so that a stray quote costs the line that it stands on and no other.
struct CSVScanner {
  /// Where a cell is: `start..<end` without its quotes.
  struct Cell {
    var start: Int
    var end: Int
    var quoted: Bool
    /// Whether the cell holds escapes.
    var escaped: Bool
  }

  enum Outcome {
    /// The record's last byte is before `end`; the next record starts at `next`.
    case record(end: Int, next: Int, broken: Bool)
    /// More bytes are needed to tell where it ends.
    case incomplete
  }

  let dialect: CSVDialect
  /// The end of a record, once `auto` is resolved.
  let delimiter: CSVDialect.RecordDelimiter
  private let first: UInt8
  /// The spelling of what the scanner looks for, as bytes that can't match where there is none.
  private let quote: Int
  private let escape: Int

  init(_ dialect: CSVDialect, delimiter: CSVDialect.RecordDelimiter) {
    self.dialect = dialect
    self.delimiter = delimiter
    first = dialect.delimiter.first ?? 0x2C
    quote = dialect.quote.map(Int.init) ?? -1
    escape = dialect.escape.map(Int.init) ?? -1
  }

  /// So many returns before a line feed are looked at.
  static let longestReturns = 8

  /// How many bytes end a record at `i`, 0 for none. A return that ends the bytes is one: it is half of a CR LF.
  @inline(__always)
  private func lineEnd(_ p: UnsafePointer<UInt8>, _ i: Int, _ n: Int) -> Int {
    let c = p[i]
    if c != 0x0A && c != 0x0D { return 0 }
    switch delimiter {
    case .lf: return c == 0x0A ? 1 : 0
    case .cr: return c == 0x0D ? 1 : 0
    case .crlf: return c == 0x0D ? (i + 1 == n ? 1 : p[i + 1] == 0x0A ? 2 : 0) : 0
    case .crcrlf:
      var end = i
      while end < n, p[end] == 0x0D, end - i < Self.longestReturns { end += 1 }
      return end == n ? end - i : p[end] == 0x0A ? end + 1 - i : 0
    case .auto: return c == 0x0A || i + 1 == n ? 1 : p[i + 1] == 0x0A ? 2 : 0
    }
  }

  /// Whether the line end before `next` may be half of one.
  private func mayGoOn(_ p: UnsafePointer<UInt8>, _ next: Int, _ n: Int, _ isFinal: Bool) -> Bool {
    !isFinal && next == n && p[n - 1] == 0x0D && (delimiter == .auto || delimiter == .crlf || delimiter == .crcrlf)
  }

  @inline(__always)
  private func isDelimiter(_ p: UnsafePointer<UInt8>, _ i: Int, _ n: Int) -> Bool {
    guard p[i] == first else { return dialect.isDelimitedByBlanks && p[i] == 0x09 }
    let count = dialect.delimiter.count
    if count == 1 { return true }
    guard i + count <= n else { return false }
    for k in 1..<count where p[i + k] != dialect.delimiter[k] { return false }
    return true
  }

  /// How long the delimiter at `i` is.
  private func delimiterLength(_ p: UnsafePointer<UInt8>, _ i: Int, _ n: Int) -> Int {
    dialect.isDelimitedByBlanks ? blanks(p, i, n) : dialect.delimiter.count
  }

  private func blanks(_ p: UnsafePointer<UInt8>, _ i: Int, _ n: Int) -> Int {
    var end = i
    while end < n, p[end] == 0x20 || p[end] == 0x09 { end += 1 }
    return end - i
  }

  /// Whether the line from `start` to `end`, whose cells these are, is blank: no record.
  func isBlank(_ cells: [Cell], _ start: Int, _ end: Int) -> Bool {
    guard start < end else { return true }
    guard dialect.isDelimitedByBlanks, cells.count == 1, let cell = cells.first else { return false }
    return !cell.quoted && cell.start == cell.end
  }

  /// Whether the line at `start` is a comment.
  func isComment(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> Bool {
    guard let comment = dialect.comment, !comment.isEmpty, start + comment.count <= n else { return false }
    return comment.indices.allSatisfy { p[start + $0] == comment[$0] }
  }

  /// The line that begins at `start`, without regard to quotes.
  func line(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, isFinal: Bool) -> Outcome {
    var i = start
    while i < n {
      let length = lineEnd(p, i, n)
      if length > 0 { return mayGoOn(p, i + length, n, isFinal) ? .incomplete : .record(end: i, next: i + length, broken: false) }
      i += 1
    }
    return isFinal ? .record(end: n, next: n, broken: false) : .incomplete
  }

  /// The record that begins at `start`, its cells put into `cells`.
  func record(
    _ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, isFinal: Bool, cells: inout [Cell]
  ) -> Outcome {
    cells.removeAll(keepingCapacity: true)
    if isComment(p, start, n) { return line(p, start, n, isFinal: isFinal) }
    var i = dialect.isDelimitedByBlanks ? start + blanks(p, start, n) : start
    var broken = false
    while true {
      guard let (cell, next, fieldBroken) = field(p, i, n, isFinal: isFinal) else {
        return isFinal ? brokenLine(p, start, n, cells: &cells) : .incomplete
      }
      broken = broken || fieldBroken
      cells.append(cell)
      if next >= n {
        guard isFinal else { return .incomplete }
        return finish(p, start, end: n, next: n, n, broken: broken, cells: &cells)
      }
      let length = lineEnd(p, next, n)
      if length > 0, mayGoOn(p, next + length, n, isFinal) { return .incomplete }
      if length > 0 { return finish(p, start, end: next, next: next + length, n, broken: broken, cells: &cells) }
      i = next + delimiterLength(p, next, n)
      if dialect.isDelimitedByBlanks {
        // Blanks at the line's end delimit nothing.
        let length = i < n ? lineEnd(p, i, n) : 0
        if i >= n || (length > 0 && mayGoOn(p, i + length, n, isFinal)) { if !isFinal { return .incomplete } }
        if i >= n || length > 0 { return finish(p, start, end: i, next: i + length, n, broken: broken, cells: &cells) }
      }
      if i > n { return isFinal ? .record(end: n, next: n, broken: broken) : .incomplete }
    }
  }

  private func finish(
    _ p: UnsafePointer<UInt8>, _ start: Int, end: Int, next: Int, _ n: Int, broken: Bool, cells: inout [Cell]
  ) -> Outcome {
    broken ? brokenLine(p, start, n, cells: &cells) : .record(end: end, next: next, broken: false)
  }

  /// A record with broken quoting is its first line.
  private func brokenLine(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, cells: inout [Cell]) -> Outcome {
    guard case .record(let end, let next, _) = line(p, start, n, isFinal: true) else { return .incomplete }
    return .record(end: end, next: next, broken: true)
  }

  /// The field that begins at `i`, and where its delimiter, its line end or the bytes' end is; nil where a quote stays open.
  @inline(__always)
  private func field(
    _ p: UnsafePointer<UInt8>, _ begin: Int, _ n: Int, isFinal: Bool
  ) -> (Cell, next: Int, broken: Bool)? {
    var i = begin
    if dialect.trim { while i < n, isBlank(p, i, n) { i += 1 } }
    guard i < n, Int(p[i]) == quote else {
      let start = i
      let (end, escaped) = plain(p, i, n)
      var last = end
      if dialect.trim { while last > start, p[last - 1] == 0x20 || p[last - 1] == 0x09 { last -= 1 } }
      return (Cell(start: start, end: last, quoted: false, escaped: escaped), end, false)
    }
    let start = i + 1
    var escaped = false
    i = start
    while i < n {
      if Int(p[i]) == escape, escape != quote {
        escaped = true
        i += 2
      } else if Int(p[i]) == quote {
        if escape >= 0, i + 1 < n, Int(p[i + 1]) == quote {
          escaped = true
          i += 2
        } else if i + 1 >= n, !isFinal {
          return nil
        } else {
          return closed(p, start: start, quoteAt: i, n, escaped: escaped)
        }
      } else {
        i += 1
      }
    }
    return nil
  }

  private func closed(
    _ p: UnsafePointer<UInt8>, start: Int, quoteAt: Int, _ n: Int, escaped: Bool
  ) -> (Cell, next: Int, broken: Bool) {
    let cell = Cell(start: start, end: quoteAt, quoted: true, escaped: escaped)
    var i = quoteAt + 1
    if dialect.trim { while i < n, isBlank(p, i, n) { i += 1 } }
    if i >= n || isDelimiter(p, i, n) || lineEnd(p, i, n) > 0 { return (cell, i, false) }
    return (cell, plain(p, i, n).end, true)
  }

  private func isBlank(_ p: UnsafePointer<UInt8>, _ i: Int, _ n: Int) -> Bool {
    (p[i] == 0x20 || p[i] == 0x09) && !isDelimiter(p, i, n)
  }

  /// The end of an unquoted stretch.
  @inline(__always)
  private func plain(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> (end: Int, escaped: Bool) {
    var i = start
    var escaped = false
    while i < n {
      if Int(p[i]) == escape, escape != quote {
        escaped = true
        i += 2
        continue
      }
      if isDelimiter(p, i, n) || lineEnd(p, i, n) > 0 { return (i, escaped) }
      i += 1
    }
    return (min(i, n), escaped)
  }

  /// Whether the byte at `i` of a cell only makes the next one literal.
  private func isEscape(_ p: UnsafePointer<UInt8>, _ i: Int, _ cell: Cell) -> Bool {
    guard i + 1 < cell.end else { return false }
    if Int(p[i]) == escape, escape != quote { return true }
    return cell.quoted && Int(p[i]) == quote && Int(p[i + 1]) == quote
  }

  // MARK: Stray quotes

  /// A way to read the quotes of a line whose quoting is broken. The ways are tried in this order.
  private enum Leniency: CaseIterable {
    /// One inside a quoted field that no delimiter follows is a character of it.
    case inside
    /// So is the first of two before a delimiter; the second closes the field.
    case beforeTheLast
    /// One that opens a field is a character of it, where the next does not close it.
    case opening
  }

  /// Reads a broken line again, its stray quotes as characters; false where its fields are not `width` in any way.
  func keepStrayQuotes(_ p: UnsafePointer<UInt8>, _ start: Int, _ end: Int, width: Int, cells: inout [Cell]) -> Bool {
    guard dialect.strayQuotes == .keep else { return false }
    return Leniency.allCases.contains { readLeniently(p, start, end, $0, cells: &cells) && cells.count == width }
  }

  /// Reads a line in one of the ways; false where a field can't be read so.
  private func readLeniently(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, _ way: Leniency, cells: inout [Cell]) -> Bool {
    cells.removeAll(keepingCapacity: true)
    var i = start
    while true {
      var next = plain(p, i, n).end
      var cell = Cell(start: i, end: next, quoted: false, escaped: false)
      if i < n, Int(p[i]) == quote {
        if let (end, escaped) = closing(p, i + 1, n, way) {
          cell = Cell(start: i + 1, end: end, quoted: true, escaped: escaped)
          next = end + 1
        } else if way != .opening {
          return false
        }
      }
      cells.append(cell)
      if next >= n { return true }
      i = next + delimiterLength(p, next, n)
    }
  }

  /// The quote that closes a field whose content begins at `start`: one that a delimiter or the line's end follows.
  private func closing(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, _ way: Leniency) -> (Int, escaped: Bool)? {
    var i = start
    var escaped = false
    while i < n {
      if Int(p[i]) == escape, escape != quote {
        escaped = true
        i += 2
      } else if Int(p[i]) != quote {
        i += 1
      } else if escape >= 0, i + 1 < n, Int(p[i + 1]) == quote, !(way == .beforeTheLast && ends(p, i + 2, n)) {
        escaped = true
        i += 2
      } else if ends(p, i + 1, n) {
        return (i, escaped)
      } else if way == .opening {
        return nil
      } else {
        i += 1
      }
    }
    return nil
  }

  private func ends(_ p: UnsafePointer<UInt8>, _ i: Int, _ n: Int) -> Bool { i == n || isDelimiter(p, i, n) }

  /// A cell's bytes without escapes.
  func content(_ cell: Cell, _ p: UnsafePointer<UInt8>) -> [UInt8] {
    guard cell.escaped else { return Array(UnsafeBufferPointer(start: p + cell.start, count: cell.end - cell.start)) }
    var out: [UInt8] = []
    out.reserveCapacity(cell.end - cell.start)
    var i = cell.start
    while i < cell.end {
      if isEscape(p, i, cell) { i += 1 }
      out.append(p[i])
      i += 1
    }
    return out
  }
}
