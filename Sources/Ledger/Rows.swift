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
    counts = RecordCounts(row, prefix: "")
    bytes = ByteCounts(row, prefix: "")
    retries = row["retries"]
    restarts = row["restarts"]
    error = row["error"]
  }
}

extension RecordCounts {
  init(_ row: Row, prefix: String) {
    self.init()
    read = row[prefix + "read"]
    written = row[prefix + "written"]
    filtered = row[prefix + "filtered"]
    deadLettered = row[prefix + "dead_lettered"]
  }
}

extension ByteCounts {
  init(_ row: Row, prefix: String) {
    self.init()
    fetched = row[prefix + "fetched"]
    decompressed = row[prefix + "decompressed"]
    written = row[prefix + "bytes_written"]
  }
}

extension FilePrefix {
  init(_ row: Row, prefix: String) {
    let checksum: Int? = row[prefix + "checksum"]
    self.init(length: row[prefix + "length"], checksum: checksum.map { Checksum(value: UInt32(truncatingIfNeeded: $0)) })
  }
}

extension ItemRecord {
  init(_ row: Row) {
    id = ItemID(row["id"])
    pipeline = row["pipeline"]
    key = row["key"]
    version = row["version"]
    run = RunID(row["run"])
    ordinal = row["ordinal"]
    status = ItemStatus(rawValue: row["status"]) ?? .pending
    definitionHash = row["definition_hash"]
    counts = RecordCounts(row, prefix: "")
    error = row["error"]
    attempts = row["attempts"]
    if let offset = row["offset"] as Int? {
      var point = Checkpoint()
      point.offset = offset
      point.lines = row["lines"]
      point.counts = RecordCounts(row, prefix: "c_")
      point.bytes = ByteCounts(row, prefix: "c_")
      point.part = FilePrefix(row, prefix: "part_")
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
