/// A record that cannot go on: the reason, and its number in the chunk. It becomes a dead letter.
public struct RecordFault: Sendable {
  /// The kind of fault. The ledger keeps the raw value with each dead letter.
  public enum Code: String, Sendable, CaseIterable {
    /// A CSV record has another number of fields than the header.
    case raggedRecord = "ragged_record"
    /// A quote in a CSV record is not closed, or more than a delimiter follows it.
    case brokenQuote = "broken_quote"
    /// The record is not UTF-8 after decoding, or a JSON text holds half of a surrogate pair.
    case invalidEncoding = "invalid_encoding"
    /// A value does not fit the type of its field.
    case invalidValue = "invalid_value"
    /// A field that is `not null` has no value.
    case missingValue = "missing_value"
    /// A record is no JSON object (RFC 8259).
    case invalidJSON = "invalid_json"
    /// An expression has no value for the record, as a number beyond 64 bits.
    case evaluationFailed = "evaluation_failed"
    /// An expectation of the step `expect` is false.
    case expectationFailed = "expectation_failed"
    /// The table of a lookup has no row for the record, and `on_missing` is `dead_letter`.
    case noMatch = "no_match"
    /// A program of the user's failed at the record, or its answer is no record.
    case programFailed = "program_failed"
    /// A program that parses failed at the record.
    case parserFailed = "parser_failed"
    /// A program of the user's answered with an error for the record.
    case programRefused = "program_refused"
    /// The target of a sink refused the record, as by a constraint of a table.
    case refused
    /// The record crashed or hung the engine.
    case poison
  }

  /// The kind of fault.
  public var code: Code
  /// The reason as a sentence for the user. It may quote a value, and is redacted when the dead letter is made.
  public var reason: String
  /// The field with the fault, or the expectation that failed; nil where the whole record is at fault.
  public var field: String?
  /// The record's number in its chunk, from 0.
  public var record: Int

  /// Makes the fault of one record.
  public init(code: Code, reason: String, field: String? = nil, record: Int) {
    self.code = code
    self.reason = reason
    self.field = field
    self.record = record
  }
}

/// The faults of a batch, at most one a record. Every record of a chunk may be bad, and as short as a byte, so a fault takes 16 bytes: the
/// parts that faults have in common are kept once, and a reason that quotes a value is spelled when the fault is read.
public struct RecordFaults: Sendable {
  /// Spells reasons that quote values, when a fault is read.
  public struct Spelling: Sendable {
    let value: @Sendable (_ row: Int) -> String
    let reason: @Sendable (_ code: RecordFault.Code, _ value: String) -> String

    /// Makes a spelling, which holds the batch's memory as long as its closures do.
    ///
    /// - Parameters:
    ///   - value: quotes the value of a row.
    ///   - reason: spells the reason from the code and the quoted value alone: for the same two it is not called twice in a row.
    public init(
      value: @escaping @Sendable (_ row: Int) -> String,
      reason: @escaping @Sendable (_ code: RecordFault.Code, _ value: String) -> String
    ) {
      self.value = value
      self.reason = reason
    }
  }

  /// Where faults come from: a field, and what spells their reasons; nil where those are among the texts.
  private struct Origin {
    var field: String?
    var spelling: Spelling?
  }
  private struct Entry {
    var record: UInt32
    var origin: UInt32
    /// The row from which the origin spells the reason, or the reason's place among the texts.
    var detail: UInt32
    var code: RecordFault.Code
  }
  private var origins: [Origin] = []
  private var entries: [Entry] = []
  private var texts = Texts()

  /// The memory of one fault, in bytes.
  public static var bytesOfOne: Int { MemoryLayout<Entry>.stride }

  /// Makes a list without faults.
  public init() {}

  /// Adds a fault whose reason is spelled already.
  public mutating func append(_ fault: RecordFault) {
    if origins.isEmpty || origins[origins.count - 1].spelling != nil || origins[origins.count - 1].field != fault.field {
      origins.append(Origin(field: fault.field))
    }
    append(fault.code, record: fault.record, detail: texts.place(of: fault.reason))
  }

  /// Adds faults of one field's values.
  ///
  /// - Parameters:
  ///   - found: the rows at fault, with the kinds of their faults.
  ///   - record: gives the record's number for a row.
  ///   - spelling: spells the reasons later, from the rows.
  public mutating func append(
    _ found: [(row: UInt32, code: RecordFault.Code)], field: String, record: (Int) -> Int, spelling: Spelling
  ) {
    guard !found.isEmpty else { return }
    origins.append(Origin(field: field, spelling: spelling))
    entries.reserveCapacity(entries.count + found.count)
    for (row, code) in found { append(code, record: record(Int(row)), detail: Int(row)) }
  }

  private mutating func append(_ code: RecordFault.Code, record: Int, detail: Int) {
    entries.append(
      Entry(record: UInt32(record), origin: UInt32(origins.count - 1), detail: UInt32(detail), code: code))
  }

  /// Orders the faults by their records.
  public mutating func sort() { entries.sort { $0.record < $1.record } }

  /// Selects the faults whose codes pass.
  public func only(_ passes: (RecordFault.Code) -> Bool) -> RecordFaults {
    var kept = self
    kept.entries.removeAll { !passes($0.code) }
    return kept
  }

  /// Reasons in one run of bytes. The first of them are kept once, however often they come: most have few words.
  private struct Texts: Sendable {
    private static let mostKnown = 1024
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var known: [String: Int] = [:]

    mutating func place(of text: String) -> Int {
      if let place = known[text] { return place }
      bytes.append(contentsOf: text.utf8)
      ends.append(bytes.count)
      if known.count < Self.mostKnown { known[text] = ends.count - 1 }
      return ends.count - 1
    }

    subscript(place: Int) -> String {
      String(decoding: bytes[(place > 0 ? ends[place - 1] : 0)..<ends[place]], as: UTF8.self)
    }
  }
}

extension RecordFaults: RandomAccessCollection {
  /// Always 0.
  public var startIndex: Int { 0 }
  /// The number of faults.
  public var endIndex: Int { entries.count }

  /// The fault at a position. It spells the reason at each call; a loop over the faults spells equal reasons once.
  public subscript(i: Int) -> RecordFault {
    var last: Spelled?
    return fault(i, &last)
  }

  /// Makes an iterator from the first fault on.
  public func makeIterator() -> Iterator { Iterator(faults: self) }

  /// Goes through faults in their order. It spells a reason once where the next fault has the same.
  public struct Iterator: IteratorProtocol {
    fileprivate let faults: RecordFaults
    private var place = 0
    private var last: Spelled?

    fileprivate init(faults: RecordFaults) { self.faults = faults }

    /// The next fault; nil after the last.
    public mutating func next() -> RecordFault? {
      guard place < faults.count else { return nil }
      defer { place += 1 }
      return faults.fault(place, &last)
    }
  }

  /// A reason, and what it was spelled from.
  private struct Spelled {
    var origin: UInt32
    var code: RecordFault.Code
    var value: String
    var reason: String
  }

  private func fault(_ i: Int, _ last: inout Spelled?) -> RecordFault {
    let entry = entries[i]
    let origin = origins[Int(entry.origin)]
    let detail = Int(entry.detail)
    let reason: String
    if let spelling = origin.spelling {
      let value = spelling.value(detail)
      if let last, last.origin == entry.origin, last.code == entry.code, last.value == value {
        reason = last.reason
      } else {
        reason = spelling.reason(entry.code, value)
        last = Spelled(origin: entry.origin, code: entry.code, value: value, reason: reason)
      }
    } else {
      reason = texts[detail]
    }
    return RecordFault(code: entry.code, reason: reason, field: origin.field, record: Int(entry.record))
  }
}
