import Files
import Foundation
import GRDB

/// A run's figures at a time, as its report draws them.
public struct TimelinePoint: Sendable, Codable {
  /// How many of a stage's workers did what, in the mean since the point before.
  public struct Stage: Sendable, Codable {
    public var stage: String
    public var busy: Double
    public var waiting: Double
    public var blocked: Double

    public init(stage: String, busy: Double, waiting: Double, blocked: Double) {
      (self.stage, self.busy, self.waiting, self.blocked) = (stage, busy, waiting, blocked)
    }
  }

  /// Seconds since 1970.
  public var at: Double
  /// When the process began whose figures these are: they count from there.
  public var since: Double
  public var read: Int
  public var written: Int
  public var fetchedBytes: Int
  public var writtenBytes: Int
  public var stages: [Stage]

  public init(at: Double, since: Double, read: Int, written: Int, fetchedBytes: Int, writtenBytes: Int, stages: [Stage]) {
    self.at = at
    self.since = since
    self.read = read
    self.written = written
    self.fetchedBytes = fetchedBytes
    self.writtenBytes = writtenBytes
    self.stages = stages
  }

  /// This and a later one as one: the later's figures, the mean of both's workers, this one counting `weight` times.
  public func joined(_ later: TimelinePoint, weight: Int) -> TimelinePoint {
    var joined = later
    let (a, b) = (Double(weight) / Double(weight + 1), 1 / Double(weight + 1))
    joined.stages = zip(stages, later.stages).map { old, new in
      Stage(
        stage: new.stage, busy: old.busy * a + new.busy * b, waiting: old.waiting * a + new.waiting * b,
        blocked: old.blocked * a + new.blocked * b)
    }
    return joined
  }
}

extension TimelinePoint {
  /// Whether a run can have had these figures.
  fileprivate var isPossible: Bool {
    (0..<Row.longest).contains(at) && (0..<Row.longest).contains(since)
      && [read, written, fetchedBytes, writtenBytes].allSatisfy { (0...Row.most).contains($0) }
      && stages.allSatisfy { [$0.busy, $0.waiting, $0.blocked].allSatisfy { abs($0) < 1e9 } }
  }
}

extension Ledger {
  /// Keeps how a run got on, in the place of what was kept before.
  public func note(_ run: RunID, _ points: [TimelinePoint]) async throws {
    let text = String(decoding: try JSONEncoder().encode(points), as: UTF8.self)
    try await write(.ledgerNote) { db in
      try db.execute(sql: "INSERT OR REPLACE INTO timelines (run, points) VALUES (?, ?)", arguments: [run.value, text])
    }
  }

  /// A run's points in time, the oldest first.
  public func timeline(_ run: RunID) async throws -> [TimelinePoint] {
    try await read { db in
      guard try db.tableExists("timelines"),
        let text = try String.fetchOne(db, sql: "SELECT points FROM timelines WHERE run = ?", arguments: [run.value])
      else { return [] }
      guard let points = try? JSONDecoder().decode([TimelinePoint].self, from: Data(text.utf8)), points.allSatisfy(\.isPossible)
      else { throw DamagedValue("points") }
      return points
    }
  }
}
