import CByteScan
import Foundation
import Records

/// Cuts CSV into runs of whole records and reads the header.
struct CSVFramer: RecordFramer {
  private let dialect: CSVDialect
  private let recordLimit: Int
  private var scanner: CSVScanner

  /// - Parameter recordLimit: bytes after which an open quote is given up.
  init(_ dialect: CSVDialect, recordLimit: Int) {
    self.dialect = dialect
    self.recordLimit = recordLimit
    scanner = CSVScanner(dialect, delimiter: dialect.recordDelimiter)
  }

  mutating func begin(_ head: RawSpan, isFinal: Bool) throws(ParseError) -> Prologue? {
    try head.scan { p, count throws(ParseError) in try begin(p, count, isFinal: isFinal) }
  }

  private mutating func begin(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) throws(ParseError) -> Prologue? {
    guard resolveDelimiter(p, count, isFinal: isFinal) else { return nil }
    var at = 0
    var lines = 0
    for _ in 0..<dialect.skipLines where at < count {
      guard case .record(_, let next, _) = scanner.line(p, at, count, isFinal: isFinal) else { return nil }
      at = next
      lines += 1
    }
    func prologue(_ header: [String]?) -> Prologue {
      var prologue = Prologue(bytes: at, lines: lines, header: dialect.columns ?? header, endsInReturn: scanner.delimiter == .cr)
      if scanner.delimiter == .crcrlf { prologue.hasReturnRuns = true }
      if dialect.columns != nil { prologue.found = header }
      return prologue
    }
    guard dialect.headerLines > 0 else { return prologue(nil) }
    var header: [[String]] = []
    var cells: [CSVScanner.Cell] = []
    while header.count < dialect.headerLines {
      if at >= count {
        if !isFinal { return nil }
        break
      }
      guard case .record(let end, let next, let broken) = scanner.record(p, at, count, isFinal: isFinal, cells: &cells)
      else { return nil }
      if !scanner.isComment(p, at, count), !scanner.isBlank(cells, at, end) {
        header.append(broken ? splitLeniently(p, at, end) : cells.map { name($0, p) })
      }
      lines += Self.lines(p, at, next)
      at = next
    }
    if header.isEmpty {
      guard (0..<count).allSatisfy({ p[$0] == 0x0A || p[$0] == 0x0D || p[$0] == 0x20 }) else { throw .missingHeader }
      guard dialect.acceptsEmpty else { throw .emptyItem }
      return Prologue(bytes: at, lines: lines)
    }
    return prologue(Self.join(header))
  }

  mutating func resume(_ prologue: Prologue, _ state: Data?) -> Bool {
    if prologue.endsInReturn { scanner = CSVScanner(dialect, delimiter: .cr) }
    if prologue.hasReturnRuns == true { scanner = CSVScanner(dialect, delimiter: .crcrlf) }
    return true
  }

  private func name(_ cell: CSVScanner.Cell, _ p: UnsafePointer<UInt8>) -> String {
    let bytes = scanner.content(cell, p)
    let name = String(decoding: bytes, as: UTF8.self)
    func isPlain(_ byte: UInt8?) -> Bool { byte.map { $0 > 0x20 && $0 < 0x80 } ?? true }
    return isPlain(bytes.first) && isPlain(bytes.last) ? name : name.trimmingCharacters(in: .whitespaces)
  }

  /// A header whose quoting is broken still names its columns, quotes and all.
  private func splitLeniently(_ p: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> [String] {
    let line = String(decoding: UnsafeBufferPointer(start: p + start, count: end - start), as: UTF8.self)
    let delimiter = String(decoding: dialect.delimiter, as: UTF8.self)
    return line.components(separatedBy: delimiter).map { part in
      part.count > 1 && part.hasPrefix("\"") && part.hasSuffix("\"") ? String(part.dropFirst().dropLast()) : part
    }
  }

  /// Joins header lines by a space, names empty columns by position and makes double names differ.
  static func join(_ lines: [[String]]) -> [String] {
    let count = lines.map(\.count).max() ?? 0
    var seen: Set<String> = []
    return (0..<count).map { column in
      var name = lines[0].count > column ? lines[0][column] : ""
      for line in lines.dropFirst() where column < line.count && !line[column].isEmpty {
        name += name.isEmpty ? line[column] : " " + line[column]
      }
      if name.isEmpty { name = "column_\(column + 1)" }
      var distinct = name
      var number = 2
      while !seen.insert(distinct).inserted {
        distinct = "\(name)_\(number)"
        number += 1
      }
      return distinct
    }
  }

  /// How many lines end in a stretch of bytes, by the line ends that it has.
  static func lines(_ p: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
    var feeds = 0, returns = 0
    for i in start..<end {
      if p[i] == 0x0A { feeds += 1 } else if p[i] == 0x0D { returns += 1 }
    }
    return feeds > 0 ? feeds : returns
  }

  /// Settles what ends a record from the first line end outside quotes; false where more bytes are needed.
  private mutating func resolveDelimiter(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) -> Bool {
    guard dialect.recordDelimiter == .auto else { return true }
    var quoted = false
    for i in 0..<count {
      if let quote = dialect.quote, p[i] == quote { quoted.toggle() }
      if quoted { continue }
      if p[i] == 0x0A { return true }
      if p[i] == 0x0D {
        var end = i + 1
        while end < count, p[end] == 0x0D, end - i < CSVScanner.longestReturns { end += 1 }
        if end >= count, !isFinal { return false }
        let isFeed = end < count && p[end] == 0x0A
        if !isFeed || end > i + 1 { scanner = CSVScanner(dialect, delimiter: isFeed ? .crcrlf : .cr) }
        return true
      }
    }
    return isFinal || count >= recordLimit
  }

  mutating func boundary(_ bytes: RawSpan, isFinal: Bool) -> RecordBoundary {
    RecordBoundary(end: bytes.scan { p, count in boundary(p, count, isFinal: isFinal) })
  }

  private func boundary(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) -> Int {
    let end = dialect.skipFooterLines > 0 ? beforeFooter(p, count, isFinal: isFinal) : count
    if isFinal { return end }
    if dialect.isPlain, let fast = fastBoundary(p, end) { return fast }
    var cells: [CSVScanner.Cell] = []
    var at = 0
    while at < end {
      guard case .record(_, let next, _) = scanner.record(p, at, end, isFinal: false, cells: &cells) else { break }
      at = next
    }
    if at == 0, count >= recordLimit, case .record(_, let next, _) = scanner.line(p, 0, end, isFinal: false) {
      // A quote that stays open for so long is a stray one: its line is a record by itself.
      return next
    }
    return at
  }

  /// The end without the last `skip_footer_lines` lines, which may be the footer.
  private func beforeFooter(_ p: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) -> Int {
    var end = count
    let terminator: UInt8 = scanner.delimiter == .cr ? 0x0D : 0x0A
    var left = dialect.skipFooterLines
    if end > 0, p[end - 1] != terminator, !isFinal { left += 1 }
    while left > 0, end > 0 {
      end -= 1
      while end > 0, p[end - 1] != terminator { end -= 1 }
      left -= 1
    }
    return end
  }

  /// The boundary by block compares, or nil where the quoting needs the scanner.
  private func fastBoundary(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int? {
    let terminator: UInt8 = scanner.delimiter == .cr ? 0x0D : 0x0A
    if dialect.quote == nil || memchr(p, 0x22, count) == nil {
      var end = count
      while end > 0, p[end - 1] != terminator { end -= 1 }
      return end
    }
    var blocks = QuoteBlocks(dialect, delimiter: scanner.delimiter)
    var last = 0
    var i = 0
    // A block is read whole, and no byte past `count` may be: the last bytes are copied.
    let whole = count & ~63
    while i < whole {
      let block = blocks.next(p + i, left: count - i)
      if block.isBroken { return nil }
      if block.lines != 0 { last = i + 64 - block.lines.leadingZeroBitCount }
      i += 64
    }
    if i == count { return last }
    // Copies, so that the loop above has what it works on in registers.
    let (before, found, at) = (blocks, last, i)
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { tail -> Int? in
      guard let copied = tail.baseAddress else { return nil }
      tail.initialize(repeating: 0)
      copied.update(from: p + at, count: count - at)
      var blocks = before
      let block = blocks.next(copied, left: count - at)
      if block.isBroken { return nil }
      return block.lines == 0 ? found : at + 64 - block.lines.leadingZeroBitCount
    }
  }
}

/// Tells 64 bytes at a time which delimiters and line ends stand outside quotes, and whether each quote stands where
/// RFC 4180 lets it: opening where a field begins, closing where it ends, or doubled.
struct QuoteBlocks {
  struct Block {
    /// A bit for each delimiter and line end outside quotes.
    var separators: UInt64
    /// A bit for each line end among the separators.
    var lines: UInt64
    var isBroken: Bool
  }

  let delimiter: UInt8
  let terminator: UInt8
  /// Whether a return before a line feed is a part of the line end.
  private let takesReturn: Bool
  /// All ones while a quote is open at the end of the block before.
  private(set) var open: UInt64 = 0
  /// Whether the byte before this block lets a quote open: a field began, or a quote closed.
  private var mayOpen: UInt64 = 1
  /// Whether the byte before this block closed a quote.
  private var closedBefore: UInt64 = 0
  /// Whether there was a quote at all.
  private(set) var sawQuotes = false

  init(_ dialect: CSVDialect, delimiter: CSVDialect.RecordDelimiter) {
    self.delimiter = dialect.delimiter[0]
    terminator = delimiter == .cr ? 0x0D : 0x0A
    takesReturn = delimiter == .auto
  }

  /// The next 64 bytes of `left` that are left.
  @inline(__always)
  mutating func next(_ p: UnsafePointer<UInt8>, left: Int) -> Block {
    let mask: UInt64 = left >= 64 ? ~0 : (1 << UInt64(left)) - 1
    let quotes = sluice_equal_mask(p, 0x22) & mask
    let lines = sluice_equal_mask(p, terminator) & mask
    let all = (sluice_equal_mask(p, delimiter) & mask) | lines
    if quotes | open | closedBefore == 0 {
      mayOpen = all >> 63
      return Block(separators: all, lines: lines, isBroken: false)
    }
    return quoted(p, quotes: quotes, all: all, lines: lines, left: left)
  }

  @inline(__always)
  private mutating func quoted(
    _ p: UnsafePointer<UInt8>, quotes: UInt64, all: UInt64, lines: UInt64, left: Int
  ) -> Block {
    sawQuotes = true
    let inside = sluice_prefix_xor(quotes) ^ open
    let separators = all & ~inside
    let opening = quotes & inside
    let closing = quotes & ~inside
    let openers = separators | closing
    var broken = opening & ~(openers << 1 | mayOpen) != 0
    var after = (closing << 1 | closedBefore) & ~(separators | opening)
    if left < 64 { after &= (1 << UInt64(left)) - 1 }
    while after != 0 {
      // Only the return of a CR LF may follow a closing quote; its line feed may be in the next block.
      let i = after.trailingZeroBitCount
      if !(takesReturn && p[i] == 0x0D && (i + 1 >= left || p[i + 1] == 0x0A)) { broken = true }
      after &= after - 1
    }
    open = UInt64(bitPattern: Int64(bitPattern: inside) >> 63)
    mayOpen = openers >> 63
    closedBefore = closing >> 63
    return Block(separators: separators, lines: lines & ~inside, isBroken: broken)
  }
}
