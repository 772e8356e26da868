import Files
import Foundation
import GRDB

extension RunRecord {
  init(_ row: Row) {
    let variables: String = row["variables"]
    id = RunID(row["id"])
    pipeline = row["pipeline"]
    status = RunStatus(rawValue: row["status"]) ?? .failed
    startedAt = Date(timeIntervalSince1970: row["started_at"])
    endedAt = (row["ended_at"] as Double?).map { Date(timeIntervalSince1970: $0) }
    definition = row["definition"]
    definitionPath = row["definition_path"]
    self.variables = (try? JSONDecoder().decode([String: String].self, from: Data(variables.utf8))) ?? [:]
    schema = row["schema"]
    counts = RecordCounts(row)
    bytes = ByteCounts(row)
    retries = row["retries"]
    restarts = row["restarts"]
    error = row["error"]
  }
}

extension RecordCounts {
  init(_ row: Row) {
    self.init()
    read = row["read"]
    written = row["written"]
    filtered = row["filtered"]
    deadLettered = row["dead_lettered"]
  }
}

extension ByteCounts {
  init(_ row: Row) {
    self.init()
    fetched = row["fetched"]
    decompressed = row["decompressed"]
    written = row["bytes_written"]
  }
}

extension FilePrefix {
  init(_ row: Row) {
    let checksum: Int? = row["checksum"]
    self.init(length: row["length"], checksum: checksum.map { Checksum(value: UInt32(truncatingIfNeeded: $0)) })
  }
}

/// A row's columns, one after another. Many rows are read so: by their names columns would have to be looked for.
private struct Columns {
  let row: Row
  private var at = 0

  init(_ row: Row) { self.row = row }

  mutating func next<T: DatabaseValueConvertible & StatementColumnConvertible>() -> T {
    defer { at += 1 }
    return row[at]
  }

  mutating func next<T: DatabaseValueConvertible & StatementColumnConvertible>(orNil type: T.Type) -> T? {
    defer { at += 1 }
    return row[at]
  }

  mutating func counts() -> RecordCounts {
    var counts = RecordCounts()
    counts.read = next()
    counts.written = next()
    counts.filtered = next()
    counts.deadLettered = next()
    return counts
  }

  mutating func bytes() -> ByteCounts {
    var bytes = ByteCounts()
    bytes.fetched = next()
    bytes.decompressed = next()
    bytes.written = next()
    return bytes
  }

  mutating func prefix() -> FilePrefix {
    let length: Int = next()
    let checksum = next(orNil: Int.self)
    return FilePrefix(length: length, checksum: checksum.map { Checksum(value: UInt32(truncatingIfNeeded: $0)) })
  }
}

extension ItemRecord {
  init(_ row: Row) {
    var columns = Columns(row)
    id = ItemID(columns.next())
    pipeline = columns.next()
    key = columns.next()
    version = columns.next(orNil: String.self)
    run = RunID(columns.next())
    ordinal = columns.next()
    status = ItemStatus(rawValue: columns.next()) ?? .pending
    definitionHash = columns.next()
    counts = columns.counts()
    error = columns.next(orNil: String.self)
    attempts = columns.next()
    if let offset = columns.next(orNil: Int.self) {
      var point = Checkpoint()
      point.offset = offset
      point.lines = columns.next()
      point.counts = columns.counts()
      point.bytes = columns.bytes()
      point.part = columns.prefix()
      checkpoint = point
    }
  }
}

extension DeadLetter {
  init(_ row: Row) {
    self.init(
      run: RunID(row["run"]), pipeline: row["pipeline"], item: row["item"], itemID: (row["item_id"] as Int64?).map(ItemID.init),
      stage: row["stage"], record: row["record"], line: row["line"], offset: row["offset"], field: row["field"],
      code: row["code"], reason: row["reason"], attempts: row["attempts"], at: Date(timeIntervalSince1970: row["at"]),
      raw: Array(row["raw"] as Data))
    id = row["id"]
    resolved = row["resolved"]
    previous = (row["previous"] as Data?).map { Array($0) }
    next = (row["next"] as Data?).map { Array($0) }
  }
}
