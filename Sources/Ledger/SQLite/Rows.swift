import Files
import Foundation
import GRDB

/// A value that no sluice writes into a ledger: the file was damaged. The value itself is not told, for it may be anybody's data.
struct DamagedValue: Error {
  /// A column's name.
  let column: String
  init(_ column: String) { self.column = column }
}

/// Columns, read without trust: GRDB's subscripts end the process where a value is not of the type that is asked for.
extension Row {
  func value<T: DatabaseValueConvertible & StatementColumnConvertible>(_ column: String, as type: T.Type = T.self) throws -> T {
    do { return try decode(T.self, forColumn: column) } catch { throw DamagedValue(column) }
  }

  func value<T: DatabaseValueConvertible & StatementColumnConvertible>(orNil column: String, as type: T.Type = T.self) throws -> T? {
    do { return try decode(T?.self, forColumn: column) } catch { throw DamagedValue(column) }
  }

  /// A number that counts or measures something.
  func count(_ column: String) throws -> Int { try Self.checked(value(column), column) }

  func count(orNil column: String) throws -> Int? { try value(orNil: column).map { try Self.checked($0, column) } }

  func date(_ column: String) throws -> Date { try Self.date(value(column), column) }

  func date(orNil column: String) throws -> Date? { try value(orNil: column).map { try Self.date($0, column) } }

  /// A length of time.
  func seconds(orNil column: String) throws -> Double? {
    guard let seconds: Double = try value(orNil: column) else { return nil }
    guard (0..<Self.longest).contains(seconds) else { throw DamagedValue(column) }
    return seconds
  }

  /// One of an enumeration's words.
  func word<T: RawRepresentable>(_ column: String, as type: T.Type = T.self) throws -> T where T.RawValue == String {
    guard let word = T(rawValue: try value(column)) else { throw DamagedValue(column) }
    return word
  }

  /// So that sums of what is read can't overflow.
  static let most = 1 << 53

  static func checked(_ count: Int, _ column: String) throws -> Int {
    guard (0...most).contains(count) else { throw DamagedValue(column) }
    return count
  }

  /// Seconds up to the year 9999, which is as far as calendars and formatters go.
  static let longest = 253_402_300_800.0

  private static func date(_ seconds: Double, _ column: String) throws -> Date {
    guard (0..<longest).contains(seconds) else { throw DamagedValue(column) }
    return Date(timeIntervalSince1970: seconds)
  }
}

extension RunRecord {
  init(_ row: Row) throws {
    id = RunID(try row.value("id"))
    pipeline = try row.value("pipeline")
    status = try row.word("status")
    startedAt = try row.date("started_at")
    endedAt = try row.date(orNil: "ended_at")
    definition = try row.value("definition")
    definitionPath = try row.value("definition_path")
    do {
      variables = try JSONDecoder().decode([String: String].self, from: Data(row.value("variables", as: String.self).utf8))
    } catch {
      throw DamagedValue("variables")
    }
    schema = try row.value(orNil: "schema")
    counts = try RecordCounts(row)
    bytes = try ByteCounts(row)
    retries = try row.count("retries")
    restarts = try row.count("restarts")
    error = try row.value(orNil: "error")
  }
}

extension RecordCounts {
  init(_ row: Row) throws {
    self.init()
    read = try row.count("read")
    written = try row.count("written")
    filtered = try row.count("filtered")
    deadLettered = try row.count("dead_lettered")
    blankLines = try row.count("blank_lines")
  }
}

extension ByteCounts {
  init(_ row: Row) throws {
    self.init()
    fetched = try row.count("fetched")
    decompressed = try row.count("decompressed")
    written = try row.count("bytes_written")
  }
}

/// A row's columns, one after another. Many rows are read so: by their names columns would have to be looked for.
private struct Columns {
  let row: Row
  private var at = 0

  init(_ row: Row) { self.row = row }

  mutating func next<T: DatabaseValueConvertible & StatementColumnConvertible>() throws -> T {
    defer { at += 1 }
    do { return try row.decode(T.self, atIndex: at) } catch { throw DamagedValue("\(at + 1) of an item") }
  }

  mutating func next<T: DatabaseValueConvertible & StatementColumnConvertible>(orNil type: T.Type) throws -> T? {
    defer { at += 1 }
    do { return try row.decode(T?.self, atIndex: at) } catch { throw DamagedValue("\(at + 1) of an item") }
  }

  mutating func count() throws -> Int { try Row.checked(next(), "\(at + 1) of an item") }

  mutating func counts() throws -> RecordCounts {
    var counts = RecordCounts()
    counts.read = try count()
    counts.written = try count()
    counts.filtered = try count()
    counts.deadLettered = try count()
    return counts
  }

  mutating func bytes() throws -> ByteCounts {
    var bytes = ByteCounts()
    bytes.fetched = try count()
    bytes.decompressed = try count()
    bytes.written = try count()
    return bytes
  }
}

extension ItemRecord {
  init(_ row: Row) throws {
    var columns = Columns(row)
    id = ItemID(try columns.next())
    pipeline = try columns.next()
    key = try columns.next()
    version = try columns.next(orNil: String.self)
    run = RunID(try columns.next())
    ordinal = try columns.count()
    guard let word = ItemStatus(rawValue: try columns.next()) else { throw DamagedValue("status") }
    status = word
    definitionHash = try columns.next()
    counts = try columns.counts()
    error = try columns.next(orNil: String.self)
    location = try columns.next(orNil: String.self)
    if let offset = try columns.next(orNil: Int.self) {
      var point = Checkpoint()
      point.offset = try Row.checked(offset, "offset")
      point.lines = try columns.count()
      point.counts = try columns.counts()
      point.bytes = try columns.bytes()
      point.position = SinkPosition(try columns.next())
      point.counts.blankLines = try columns.count()
      checkpoint = point
    }
  }
}

extension DeadLetter {
  init(_ row: Row) throws {
    self.init(
      run: RunID(try row.value("run")), pipeline: try row.value("pipeline"), item: try row.value("item"),
      itemID: try row.value(orNil: "item_id", as: Int64.self).map(ItemID.init), stage: try row.value("stage"),
      record: try row.count(orNil: "record"), line: try row.count(orNil: "line"), offset: try row.count(orNil: "offset"),
      field: try row.value(orNil: "field"), code: try row.value("code"), reason: try row.value("reason"),
      attempts: try row.count("attempts"), at: try row.date("at"), raw: Array(try row.value("raw", as: Data.self)))
    id = try row.value("id")
    resolved = try row.value("resolved")
    previous = try row.value(orNil: "previous", as: Data.self).map { Array($0) }
    next = try row.value(orNil: "next", as: Data.self).map { Array($0) }
  }
}

extension Output {
  init(_ row: Row) throws {
    self.init(
      place: try row.value("place"), path: try row.value("path"), pipeline: try row.value("pipeline"),
      definition: try row.value("definition"), run: try row.value(orNil: "run", as: Int64.self).map(RunID.init),
      item: try row.value(orNil: "item", as: Int64.self).map(ItemID.init), isReplay: try row.value("is_replay"))
  }
}
