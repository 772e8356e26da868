import Dataflow
import Configuration
import Definition
import Foundation
import Ledger

/// The ledger's knowledge of a run, put together.
package struct RunReport: Sendable {
  /// Dead letters with the same stage, code and field.
  package struct Reason: Sendable {
    /// The stage that found them.
    package var stage: String
    /// Their code.
    package var code: String
    /// The field that they failed at; nil where no single one is to blame.
    package var field: String?
    /// How many there are.
    package var count: Int
    /// The first few.
    var examples: [Example] = []
  }

  /// A dead letter, cut to what a report has room for.
  struct Example: Sendable {
    var item: String
    var record: Int?
    var line: Int?
    var offset: Int?
    var reason: String
    /// The record's beginning, as long as a page can show it.
    var raw: String
  }

  /// How many items, earlier runs and examples a report has room for.
  static let mostItems = 50
  static let mostRuns = 30
  static let mostExamples = 3
  static let rawLength = 300

  /// The run, as it is now: interrupted where its process is gone.
  package var run: RunRecord
  /// The records of its items.
  package var counts: RecordCounts
  var bytes: ByteCounts
  /// The number of its items in each state.
  package var states: [ItemStatus: Int]
  /// Up to ``mostItems`` items: those that failed, then the slowest.
  package var items: [ItemFigures]
  /// The durations of all items that are done, in seconds, the shortest first.
  var durations: [Double]
  var timeline: [TimelinePoint]
  /// Its dead letters by reason.
  package var reasons: [Reason]
  /// The causes of retries and restarts, and how often each came, the most frequent first.
  package var retries: [(cause: String, count: Int)]
  /// The changes of the source's columns that the run has seen, in order.
  package var schemaChanges: [SupervisionRecord]
  /// The pipeline's runs up to this one, the oldest first.
  var history: [RunRecord]

  /// Reads the report of a run from the ledger.
  ///
  /// - Parameters:
  ///   - state: the folder of the ledger, by which a run whose process is gone is known.
  ///   - redactor: takes secrets out of quoted records.
  package init(_ run: RunRecord, _ ledger: any Ledger, _ state: StateFolder, _ redactor: Redactor) async throws {
    self.run = state.settled(run)
    let totals = try await ledger.totals(run.id)
    counts = totals.counts
    bytes = totals.bytes
    states = totals.items
    items = try await ledger.figures(run.id, limit: Self.mostItems)
    durations = try await ledger.durations(run.id)
    timeline = try await ledger.timeline(run.id)
    let events = try await ledger.troubles(run.id, limit: SupervisionRecord.mostKept)
    schemaChanges = events.filter { $0.kind == "schema_changed" }
    retries = Self.causes(events.filter { ["retried", "failed", "stalled", "died", "program_restarted"].contains($0.kind) })
    reasons = try await Self.reasons(run, ledger, redactor)
    let runs = try await ledger.runs(pipeline: run.pipeline, limit: 1000)
    history = runs.filter { $0.id.value <= run.id.value }.prefix(Self.mostRuns).reversed().map(state.settled)
  }

  /// Counts causes; numbers in them are of no account, so that “after 1.2 s” and “after 3.4 s” are one.
  private static func causes(_ events: [SupervisionRecord]) -> [(cause: String, count: Int)] {
    var counts: [String: Int] = [:]
    for event in events {
      var words = event.detail
      if event.kind == "retried" || event.kind == "failed", let colon = words.range(of: ": ") { words = String(words[colon.upperBound...]) }
      let cause = "\(event.stage): \(words.replacing(#/[0-9]+(\.[0-9]+)?/#, with: "…"))"
      counts[cause, default: 0] += 1
    }
    return counts.map { ($0.key, $0.value) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
  }

  private static func reasons(_ run: RunRecord, _ ledger: any Ledger, _ redactor: Redactor) async throws -> [Reason] {
    var filter = DeadLetterFilter()
    filter.run = run.id.value
    return try await ledger.deadLetterReasons(filter, examples: mostExamples).map { group in
      var reason = Reason(stage: group.stage, code: group.code, field: group.field, count: group.count)
      reason.examples = group.examples.map { letter in
        let raw = redactor.text(letter.raw, isCut: false)
        return Example(
          item: letter.item, record: letter.record, line: letter.line, offset: letter.offset, reason: letter.reason,
          raw: raw.count > rawLength ? raw.prefix(rawLength) + "…" : raw)
      }
      return reason
    }
  }

  /// How long the run took, or has taken by now, in seconds.
  package var seconds: Double { (run.endedAt ?? Date()).timeIntervalSince(run.startedAt) }

  /// The report for programs.
  package var json: [String: Any] {
    func or(_ value: Any?) -> Any { value ?? NSNull() }
    return [
      "run": run.id.value, "pipeline": run.pipeline, "status": run.status.rawValue, "started_at": run.startedAt.ISO8601Format(),
      "ended_at": or(run.endedAt?.ISO8601Format()), "seconds": seconds, "error": or(run.error), "retries": run.retries,
      "restarts": run.restarts,
      "records": ["read": counts.read, "written": counts.written, "filtered": counts.filtered, "dead_lettered": counts.deadLettered],
      "bytes": ["fetched": bytes.fetched, "decompressed": bytes.decompressed, "written": bytes.written],
      "items": Dictionary(uniqueKeysWithValues: states.map { ($0.key.rawValue, $0.value) }),
      "slowest_items": items.map {
        [
          "item": $0.key, "status": $0.status.rawValue, "read": $0.read, "seconds": or($0.seconds), "columns": or($0.columns),
          "error": or($0.error),
        ]
      },
      "dead_letters": reasons.map { reason in
        [
          "stage": reason.stage, "code": reason.code, "field": or(reason.field), "count": reason.count,
          "examples": reason.examples.map {
            [
              "item": $0.item, "record": or($0.record), "line": or($0.line), "offset": or($0.offset), "reason": $0.reason, "raw": $0.raw,
            ]
          },
        ] as [String: Any]
      },
      "retries_by_cause": retries.map { ["cause": $0.cause, "count": $0.count] as [String: Any] },
      "schema_changes": schemaChanges.map { ["at": $0.at.ISO8601Format(), "change": $0.detail] },
      "timeline": timeline.map { point in
        [
          "at": Date(timeIntervalSince1970: point.at).ISO8601Format(.iso8601(timeZone: .gmt, includingFractionalSeconds: true)),
          "read": point.read, "written": point.written, "fetched_bytes": point.fetchedBytes, "written_bytes": point.writtenBytes,
          "stages": point.stages.map {
            ["stage": $0.stage, "busy": $0.busy, "waiting": $0.waiting, "blocked": $0.blocked] as [String: Any]
          },
        ] as [String: Any]
      },
    ]
  }
}
