/// A ledger's memory of how runs went, which no run depends on: supervisors' events, timelines, columns and durations of items.
package protocol HistoryLedger: Sendable {
  /// Adds events of a run's supervisors. A ledger keeps the first ``SupervisionRecord/mostKept`` of a run.
  func note(_ run: RunID, _ events: [SupervisionRecord]) async throws

  /// The newest `limit` events of a run that tell of something wrong, in order.
  func troubles(_ run: RunID, limit: Int) async throws -> [SupervisionRecord]

  /// How many events there are of each kind.
  func eventCounts(_ run: RunID) async throws -> [String: Int]

  /// Keeps the points in time of a run, in place of those kept before.
  func note(_ run: RunID, _ points: [TimelinePoint]) async throws

  /// A run's points in time, the oldest first.
  func timeline(_ run: RunID) async throws -> [TimelinePoint]

  /// The number that stands for these columns of the pipeline's items. The same columns have the same number.
  func sourceSchema(pipeline: String, _ columns: [String]) async throws -> Int64

  /// The columns of the pipeline's last item that is done and has any: the last of the newest run; nil where there is none.
  func lastColumns(pipeline: String) async throws -> [String]?

  /// The run's items, failed ones first, then the slowest, those without a time last; at most `limit`.
  func figures(_ run: RunID, limit: Int) async throws -> [ItemFigures]

  /// How long the run's items took, in seconds, the shortest first.
  func durations(_ run: RunID) async throws -> [Double]
}
