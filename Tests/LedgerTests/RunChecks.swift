import Files
import Foundation

@testable import Ledger

extension LedgerBench {
  func beginning() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let expected = try await ledger.nextRun()
    let new = NewRun(definition: "pipeline: p\n# é", definitionPath: "d/p.yaml", variables: ["day": "1", "é": "\"x\"\n"], schema: "[1]")
    let keys = ["b", "a", "c"]
    let (run, ids) = try await ledger.begin(
      new, continuing: nil, pipeline: "p", definitionHash: "h1",
      keys.enumerated().map {
        ItemEntry(key: $1, location: $1 == "a" ? "s3://x/a" : nil, ordinal: $0 + 3, startsOver: false, isKnown: false)
      })
    found.same(run, expected, "the run's number")
    found.same(try await ledger.nextRun().value, run.value + 1, "the next run's number")
    guard let record = try await ledger.run(run) else { return found.wrong + ["the run is not there"] }
    found.same(record.pipeline, "p", "the pipeline")
    found.same(record.status, .running, "the status")
    found.same(
      [record.definition, record.definitionPath, record.schema], [new.definition, new.definitionPath, new.schema], "the definition")
    found.same(record.variables, new.variables, "the variables")
    found.expect(record.endedAt == nil && record.error == nil, "a run that begins has ended")
    found.same(record.counts, RecordCounts(), "the counts")
    found.same(record.bytes, ByteCounts(), "the bytes")
    let items = try await ledger.items(run: run)
    found.same(items.map(\.key), keys, "the items' order")
    found.same(items.map(\.id), ids, "the items' numbers")
    found.same(items.map(\.ordinal), [3, 4, 5], "the items' places")
    found.same(items.map(\.location), [nil, "s3://x/a", nil], "the items' locations")
    for item in items {
      found.same(item.status, .pending, "the status of \(item.key)")
      found.same(item.definitionHash, "h1", "the fingerprint of \(item.key)")
      found.same([item.pipeline, "\(item.run)"], ["p", "\(run)"], "the pipeline and run of \(item.key)")
      found.expect(item.version == nil && item.error == nil && item.checkpoint == nil, "\(item.key) is not new")
    }
    found.expect(try await ledger.run(RunID(run.value + 1)) == nil, "there is a run that never was")
    found.same(try await ledger.hasDefinition("h1", run: run), true, "the run has its fingerprint")
    found.same(try await ledger.hasDefinition("h2", run: run), false, "the run has another fingerprint")
    // An empty run is a run too.
    let empty = try await ledger.start([])
    found.expect(empty.items.isEmpty && empty.run != run, "a run without items is no run of its own")
    return found.wrong
  }

  func continuing() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b"])
    try await ledger.finish(ids[0])
    try await ledger.fail(ids[1], error: "broken", .sample(run, "b", ids[1], record: nil))
    try await ledger.endRun(
      run, RunEnd(status: .failed, counts: RecordCounts(), bytes: ByteCounts(), retries: 1, restarts: 0, error: "one item"), commits: [],
      committed: [])
    let began = try await ledger.run(run)?.startedAt
    let (again, open) = try await ledger.start(["b"], continuing: run, definition: "h2")
    found.same(again, run, "the number of a run that is continued")
    found.same(open, [ids[1]], "the number of an item that is gone on with")
    let record = try await ledger.run(run)
    found.same(record?.status, .running, "the status")
    found.expect(record?.endedAt == nil, "a run that is continued has ended")
    found.same(record?.error, nil, "the error")
    found.same(record?.startedAt, began, "the time of its beginning")
    found.same(try await ledger.status("a"), .done, "the item that was done")
    let item = try await ledger.item("b")
    found.same(item?.status, .pending, "the item that failed")
    found.same(item?.error, nil, "the error of the item that failed")
    found.same(try await ledger.hasDefinition("h2", run: run), false, "an item of another fingerprint is overlooked")
    found.same(try await ledger.runs(pipeline: "p").count, 1, "the number of runs")
    return found.wrong
  }

  func superseding() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let running = try await ledger.start(["a"]).run
    let other = try await ledger.start(["a"], pipeline: "q").run
    var ended: [RunStatus: RunID] = [:]
    for status in [RunStatus.done, .closed] {
      let run = try await ledger.start([]).run
      try await ledger.end(run, status)
      ended[status] = run
    }
    let interrupted = try await ledger.start(["b"]).run
    try await ledger.end(interrupted, .interrupted)
    let new = try await ledger.start(["c"]).run
    for run in [running, interrupted] {
      let record = try await ledger.run(run)
      found.same(record?.status, .failed, "the status of a run that did not end")
      found.expect(record?.error != nil, "it has no error")
      found.expect(record?.endedAt != nil, "it has failed and has no end")
    }
    for (status, run) in ended { found.same(try await ledger.run(run)?.status, status, "the status of a run that ended") }
    found.same(try await ledger.run(other)?.status, .running, "the status of another pipeline's run")
    found.same(try await ledger.run(new)?.status, .running, "the status of the new run")
    found.same(try await ledger.status("b"), .pending, "an item of a run that did not end")
    return found.wrong
  }

  func ending() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let statuses: [RunStatus] = [.done, .failed, .interrupted]
    for (i, status) in statuses.enumerated() {
      let (run, ids) = try await ledger.start(["\(i)"])
      let pending = PendingCommit.sample("item\(i)", run: run, item: ids[0])
      try await ledger.finish(ids[0], commit: pending)
      let (counts, bytes) = (Self.someCounts(i + 1), Self.someBytes(i + 1))
      let whole = status == .done ? PendingCommit.sample("all", run: run, item: nil) : nil
      try await ledger.endRun(
        run, RunEnd(status: status, counts: counts, bytes: bytes, retries: 3, restarts: 4, error: status == .done ? nil : "why"),
        commits: [whole].compactMap { $0 }, committed: [pending.committable])
      guard let record = try await ledger.run(run) else { return found.wrong + ["the run is not there"] }
      found.same(record.status, status, "the status")
      found.same(record.counts, counts, "the counts")
      found.same(record.bytes, bytes, "the bytes")
      found.same([record.retries, record.restarts], [3, 4], "retries and restarts")
      found.same(record.error, status == .done ? nil : "why", "the error")
      found.expect((record.endedAt ?? .distantPast) >= record.startedAt, "the end is not after the beginning")
    }
    found.same(try await ledger.pendingCommits(pipeline: "p").map(\.committable.target), ["all"], "the committables")
    found.same(
      try await ledger.outputs(at: ["/data/all", "/data/item0", "/data/no"]).map { $0?.path }, ["all", "item0", nil], "the outputs")
    return found.wrong
  }

  func listingRuns() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    found.same(try await ledger.pipelines(), [], "the pipelines of an empty ledger")
    found.same(try await ledger.runs(pipeline: nil).count, 0, "the runs of an empty ledger")
    var runs: [RunID] = []
    for name in ["p", "q", "p", "P"] { runs.append(try await ledger.start([], pipeline: name).run) }
    found.same(try await ledger.runs(pipeline: nil).map(\.id), runs.reversed(), "all runs")
    found.same(try await ledger.runs(pipeline: "p").map(\.id), [runs[2], runs[0]], "a pipeline's runs")
    found.same(try await ledger.runs(pipeline: nil, limit: 2).map(\.id), [runs[3], runs[2]], "two runs")
    found.same(try await ledger.runs(pipeline: "x").count, 0, "the runs of a pipeline that never was")
    found.same(try await ledger.pipelines(), ["P", "p", "q"], "the pipelines")
    return found.wrong
  }

  func unfinished() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    /// Whether both ways of asking say so.
    func expect(_ run: RunID, _ isUnfinished: Bool, _ when: String) async throws {
      guard let record = try await ledger.run(run) else { return found.expect(false, "\(when): the run is gone") }
      found.same(try await ledger.isUnfinished(record), isUnfinished, "a run is unfinished, \(when)")
      found.same(
        try await ledger.unfinishedRuns(pipeline: "p").contains { $0.id == run }, isUnfinished, "a run is listed as unfinished, \(when)")
      found.same(
        try await ledger.unfinishedRuns(pipeline: nil).contains { $0.id == run }, isUnfinished, "a run is listed among all, \(when)")
    }
    let (run, ids) = try await ledger.start(["a", "b"])
    try await expect(run, true, "running with items that are pending")
    for id in ids { try await ledger.finish(id) }
    try await expect(run, true, "running with all items done")
    try await ledger.end(run, .interrupted)
    try await expect(run, true, "interrupted")
    try await ledger.end(run, .failed)
    try await expect(run, false, "failed with all items done")
    try await ledger.end(run, .done)
    try await expect(run, false, "done")
    for status in [RunStatus.failed, .done] {
      let pending = PendingCommit.sample("all", run: run, item: nil)
      try await ledger.end(run, status, commit: pending)
      try await expect(run, true, "\(status) with an output that is not committed")
      try await ledger.committed([pending.committable])
      try await expect(run, false, "\(status) with its output committed")
    }
    try await ledger.fail(ids[1], error: "broken", .sample(run, "b", ids[1], record: nil))
    try await expect(run, true, "done with an item that failed since")
    try await ledger.close([ids[1]], runs: [], continued: nil)
    try await expect(run, false, "done with an item that is closed")
    let second = try await ledger.start(["c"])
    try await ledger.checkpoint(second.items[0], at: 1)
    try await ledger.end(second.run, .failed)
    try await expect(second.run, true, "failed with an item under way")
    let third = try await ledger.start(["d"], pipeline: "q").run
    found.same(try await ledger.unfinishedRuns(pipeline: nil).map(\.id), [third, second.run], "all unfinished runs, the newest first")
    found.same(try await ledger.unfinishedRuns(pipeline: "q").map(\.id), [third], "another pipeline's unfinished runs")
    return found.wrong
  }

  func sums() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b", "c", "d", "e"])
    let other = try await ledger.start(["x"], pipeline: "q")
    try await ledger.finish(other.items[0], read: 1000)
    for (i, id) in ids.prefix(2).enumerated() {
      var point = Checkpoint()
      (point.counts, point.bytes) = (Self.someCounts(i + 1), Self.someBytes(i + 1))
      let progress = ItemProgress(point)
      if i == 0 {
        try await ledger.checkpoint(id, version: "v", progress)
      } else {
        try await ledger.finish(
          [FinishedItem(id: id, version: "v", progress: progress, commits: [], seconds: 1, sourceSchema: nil)], committed: [])
      }
    }
    try await ledger.fail(ids[2], error: "broken", .sample(run, "c", ids[2], record: nil))
    try await ledger.close([ids[3]], runs: [], continued: run)
    let totals = try await ledger.totals(run)
    found.same(totals.counts, Self.someCounts(1) + Self.someCounts(2), "the counts")
    found.same(totals.bytes, Self.someBytes(1) + Self.someBytes(2), "the bytes")
    found.same(totals.items, [.working: 1, .done: 1, .failed: 1, .closed: 1, .pending: 1], "the items in each state")
    found.same(try await ledger.damagedItems(run), 0, "damaged items")
    // Done but for its rest.
    var progress = ItemProgress(Checkpoint())
    progress.letters = [[.sample(run, "e", ids[4], record: nil, code: "damaged_item")]]
    try await ledger.finish(
      [FinishedItem(id: ids[4], version: "v", progress: progress, commits: [], seconds: 1, sourceSchema: nil)], committed: [])
    try await ledger.checkpoint(ids[0], at: 1, [.sample(run, "a", ids[0], record: nil, code: "damaged_item")])
    found.same(try await ledger.damagedItems(run), 1, "damaged items")
    found.same(try await ledger.totals(RunID(999)).items, [:], "the items of a run that never was")
    return found.wrong
  }

  func closing() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b", "c"])
    try await ledger.finish(ids[0])
    try await ledger.checkpoint(ids[1], at: 5, [.sample(run, "b", ids[1], record: 1)])
    try await ledger.fail(ids[2], error: "broken", .sample(run, "c", ids[2], record: nil))
    try await ledger.end(run, .failed)
    try await ledger.close([ids[1]], runs: [], continued: nil)
    found.same(try await ledger.status("b"), .closed, "an item that is closed")
    found.expect(try await ledger.item("b")?.checkpoint == nil, "an item that is closed has a checkpoint")
    found.same(try await ledger.count { $0.item = "b" }, 0, "the dead letters of its records")
    found.same(try await ledger.run(run)?.status, .failed, "the run, of which an item is open")
    try await ledger.close([ids[2]], runs: [], continued: run)
    found.same(try await ledger.run(run)?.status, .failed, "the run that goes on")
    found.same(try await ledger.letters().map(\.resolved), [true], "the dead letter of an item that is closed")
    found.same(try await ledger.letters().map(\.item), ["c"], "the dead letters that are left")
    found.same(try await ledger.status("a"), .done, "an item that was done")
    // With its last open item a run is closed too.
    let second = try await ledger.start(["d", "e"])
    try await ledger.finish(second.items[0])
    try await ledger.end(second.run, .interrupted)
    try await ledger.close([second.items[1]], runs: [], continued: nil)
    found.same(try await ledger.run(second.run)?.status, .closed, "a run of which nothing is left")
    // A run is closed with all that is left of it.
    let third = try await ledger.start(["f", "g"])
    try await ledger.finish(third.items[0])
    try await ledger.close([], runs: [third.run], continued: nil)
    found.same(try await ledger.run(third.run)?.status, .closed, "a run that is closed")
    found.expect(try await ledger.run(third.run)?.endedAt != nil, "a run that is closed has not ended")
    found.same(try await ledger.items(run: third.run).map(\.status), [.done, .closed], "its items")
    // An output that is whole and not committed is something left to do.
    let fourth = try await ledger.start(["h", "i"])
    try await ledger.finish(fourth.items[0])
    try await ledger.end(fourth.run, .failed, commit: .sample("all", run: fourth.run, item: nil))
    try await ledger.close([fourth.items[1]], runs: [], continued: nil)
    found.same(try await ledger.run(fourth.run)?.status, .failed, "a run whose output is not committed")
    return found.wrong
  }

  /// Counts that differ from each other and from those of another number.
  static func someCounts(_ n: Int) -> RecordCounts {
    var counts = RecordCounts()
    (counts.read, counts.written, counts.filtered) = (100 * n, 50 * n, 30 * n)
    (counts.deadLettered, counts.blankLines) = (20 * n, 7 * n)
    return counts
  }

  /// Bytes that differ from each other and from those of another number; some are more than 32 bits hold.
  static func someBytes(_ n: Int) -> ByteCounts {
    var bytes = ByteCounts()
    (bytes.fetched, bytes.decompressed, bytes.written) = (n << 33, n << 40, 11 * n)
    return bytes
  }
}
