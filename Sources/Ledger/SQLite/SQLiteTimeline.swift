import Files
import Foundation
import GRDB

extension TimelinePoint {
  /// Whether a run can have had these figures.
  fileprivate var isPossible: Bool {
    (0..<Row.longest).contains(at) && (0..<Row.longest).contains(since)
      && [read, written, fetchedBytes, writtenBytes].allSatisfy { (0...Row.most).contains($0) }
      && stages.allSatisfy { [$0.busy, $0.waiting, $0.blocked].allSatisfy { abs($0) < 1e9 } }
  }
}

extension SQLiteLedger {
  func note(_ run: RunID, _ points: [TimelinePoint]) async throws {
    let text = String(decoding: try JSONEncoder().encode(points), as: UTF8.self)
    try await write(.ledgerNote) { db in
      try db.execute(sql: "INSERT OR REPLACE INTO timelines (run, points) VALUES (?, ?)", arguments: [run.value, text])
    }
  }

  func timeline(_ run: RunID) async throws -> [TimelinePoint] {
    try await read { db in
      guard let text = try String.fetchOne(db, sql: "SELECT points FROM timelines WHERE run = ?", arguments: [run.value]) else {
        return []
      }
      guard let points = try? JSONDecoder().decode([TimelinePoint].self, from: Data(text.utf8)), points.allSatisfy(\.isPossible)
      else { throw DamagedValue("points") }
      return points
    }
  }
}
