/// A record as the scalar implementations here and the product's fast paths are to agree on it.
struct ScalarRecord: Equatable, Sendable {
  enum Content: Equatable, Sendable {
    case fields([[UInt8]?])
    /// The code that a dead letter of it has.
    case fault(String)
  }
  /// Its first byte.
  var start: Int
  var content: Content
  /// Whether all its fields have a form as UTF-8; else U+FFFD stands for what has none.
  var isText = true

  /// The same where fields that are empty text are NULL.
  func withoutEmptyFields() -> ScalarRecord {
    guard case .fields(let fields) = content else { return self }
    var record = self
    record.content = .fields(fields.map { $0?.isEmpty == true ? nil : $0 })
    return record
  }
}

/// CSV read byte by byte, in the plainest way: RFC 4180, and what Sluice says of records that break it.
struct ScalarCSV {
  /// The bytes that end a record.
  enum Ending { case lineFeed, lineFeedOrBoth, carriageReturn, returnsAndLineFeed }

  private let text: [UInt8]
  private let isQuoting: Bool
  private let ending: Ending
  private var at = 0
  /// Where the last record's line end begins.
  private var contentEnd = 0
  /// Where each record ends, its line end included; blank lines too.
  private(set) var ends: [Int] = []
  private(set) var isBroken = false

  /// - Parameters:
  ///   - ending: nil where the first line end outside quotes tells whether a lone carriage return is one.
  ///   - isQuoting: whether a quote is more than a character.
  init(_ text: [UInt8], ending: Ending?, isQuoting: Bool) {
    self.text = text
    self.isQuoting = isQuoting
    self.ending = ending ?? Self.ending(text, isQuoting)
  }

  private static func ending(_ text: [UInt8], _ isQuoting: Bool) -> Ending {
    var isQuoted = false
    for (i, byte) in text.enumerated() {
      if isQuoting, byte == 0x22 { isQuoted.toggle() }
      if isQuoted { continue }
      if byte == 0x0A { break }
      if byte == 0x0D {
        let returns = text[i...].prefix(8).prefix { $0 == 0x0D }.count
        guard i + returns < text.count, text[i + returns] == 0x0A else { return .carriageReturn }
        return returns == 1 ? .lineFeedOrBoth : .returnsAndLineFeed
      }
    }
    return .lineFeedOrBoth
  }

  /// How many bytes of line end are at `i`; a return that ends the text is one, since it may be half of a CR LF.
  private func lineEnd(_ i: Int) -> Int {
    guard i < text.count else { return 0 }
    switch (ending, text[i]) {
    case (.carriageReturn, 0x0D), (.lineFeed, 0x0A), (.lineFeedOrBoth, 0x0A), (.returnsAndLineFeed, 0x0A): return 1
    case (.returnsAndLineFeed, 0x0D):
      let returns = text[i...].prefix(8).prefix { $0 == 0x0D }.count
      return i + returns == text.count ? returns : text[i + returns] == 0x0A ? returns + 1 : 0
    case (.lineFeedOrBoth, 0x0D): return i + 1 == text.count ? 1 : text[i + 1] == 0x0A ? 2 : 0
    default: return 0
    }
  }

  /// The records, of which each is to have `width` fields.
  mutating func records(width: Int) -> [ScalarRecord] {
    var records: [ScalarRecord] = []
    while at < text.count {
      let start = at
      let fields = record()
      ends.append(at)
      if contentEnd == start, width != 1 { continue }
      let content: ScalarRecord.Content
      if let fields {
        if fields.count != width {
          content = .fault("ragged_record")
        } else if String(validating: text[start..<at], as: UTF8.self) == nil {
          content = .fault("invalid_encoding")
        } else {
          content = .fields(fields)
        }
      } else {
        content = .fault("broken_quote")
        isBroken = true
      }
      records.append(ScalarRecord(start: start, content: content))
    }
    return records
  }

  /// Reads one record and its line end; nil where its quoting is broken: then it is its first line.
  private mutating func record() -> [[UInt8]?]? {
    let start = at
    var fields: [[UInt8]?] = []
    while true {
      guard let field = field() else {
        at = start
        while at < text.count, lineEnd(at) == 0 { at += 1 }
        takeLineEnd()
        return nil
      }
      fields.append(field.isEmpty && !field.isQuoted ? nil : field.bytes)
      if at < text.count, text[at] == 0x2C {
        at += 1
        continue
      }
      takeLineEnd()
      return fields
    }
  }

  private mutating func takeLineEnd() {
    contentEnd = at
    at += lineEnd(at)
  }

  private mutating func field() -> (bytes: [UInt8], isQuoted: Bool, isEmpty: Bool)? {
    var bytes: [UInt8] = []
    guard isQuoting, at < text.count, text[at] == 0x22 else {
      while at < text.count, text[at] != 0x2C, lineEnd(at) == 0 {
        bytes.append(text[at])
        at += 1
      }
      return (bytes, false, bytes.isEmpty)
    }
    at += 1
    while at < text.count {
      if text[at] != 0x22 {
        bytes.append(text[at])
        at += 1
      } else if at + 1 < text.count, text[at + 1] == 0x22 {
        bytes.append(0x22)
        at += 2
      } else {
        at += 1
        let isClosed = at == text.count || text[at] == 0x2C || lineEnd(at) > 0
        return isClosed ? (bytes, true, bytes.isEmpty) : nil
      }
    }
    return nil
  }
}
