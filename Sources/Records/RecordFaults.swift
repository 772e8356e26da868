/// Why a record cannot go on, and where it stands in its chunk.
public struct RecordFault: Sendable {
  /// The kind of fault, which a dead letter keeps.
  public enum Code: String, Sendable, CaseIterable {
    case raggedRecord = "ragged_record"
    case brokenQuote = "broken_quote"
    case invalidEncoding = "invalid_encoding"
    case invalidValue = "invalid_value"
    case missingValue = "missing_value"
    case invalidJSON = "invalid_json"
    case recordTooLong = "record_too_long"
    case evaluationFailed = "evaluation_failed"
    case expectationFailed = "expectation_failed"
    /// A table that a step looks records up in has nothing for it.
    case noMatch = "no_match"
    /// A program of the user's failed at it, or answered with what can't be used.
    case programFailed = "program_failed"
    /// The same of a program that parses.
    case parserFailed = "parser_failed"
    /// A program of the user's said that it can't go on.
    case programRefused = "program_refused"
    /// The engine's process died of it.
    case poison
  }

  public var code: Code
  public var reason: String
  public var field: String?
  /// The record's place among the chunk's records, from 0.
  public var record: Int

  public init(code: Code, reason: String, field: String? = nil, record: Int) {
    self.code = code
    self.reason = reason
    self.field = field
    self.record = record
  }
}

/// The faults of a batch. Every record of a chunk may be bad, and no longer than a byte, so a fault takes few bytes: what
/// faults have in common is kept once, and a reason that quotes a value is spelled when somebody asks for it.
public struct RecordFaults: Sendable {
  /// Spells reasons that quote values.
  public struct Spelling: Sendable {
    let value: @Sendable (_ row: Int) -> String
    let reason: @Sendable (_ code: RecordFault.Code, _ value: String) -> String

    /// - Parameter value: what is quoted of a row's value.
    /// - Parameter reason: has nothing but the code and the value to go by: it is not asked again for what it has just spelled.
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
    /// What the origin spells the reason from, or the reason's place among the texts.
    var detail: UInt32
    var code: RecordFault.Code
  }
  private var origins: [Origin] = []
  private var entries: [Entry] = []
  private var texts = Texts()

  /// What one fault takes.
  public static var bytesOfOne: Int { MemoryLayout<Entry>.stride }

  public init() {}

  public mutating func append(_ fault: RecordFault) {
    if origins.isEmpty || origins[origins.count - 1].spelling != nil || origins[origins.count - 1].field != fault.field {
      origins.append(Origin(field: fault.field))
    }
    append(fault.code, record: fault.record, detail: texts.place(of: fault.reason))
  }

  /// Adds faults of one field's values.
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

  /// Puts them in the order of their records.
  public mutating func sort() { entries.sort { $0.record < $1.record } }

  /// Those of the codes that pass.
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
  public var startIndex: Int { 0 }
  public var endIndex: Int { entries.count }

  public subscript(i: Int) -> RecordFault {
    var last: Spelled?
    return fault(i, &last)
  }

  public func makeIterator() -> Iterator { Iterator(faults: self) }

  /// Gives faults one after another. A reason that comes again is not spelled again.
  public struct Iterator: IteratorProtocol {
    fileprivate let faults: RecordFaults
    private var place = 0
    private var last: Spelled?

    fileprivate init(faults: RecordFaults) { self.faults = faults }

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
