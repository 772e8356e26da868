import Foundation

@testable import Ledger

extension LedgerBench {
  func events() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, other) = (try await ledger.start(["a"]).run, try await ledger.start([], pipeline: "q").run)
    func event(_ kind: String, _ detail: String, worker: Int? = nil) -> SupervisionRecord {
      var event = SupervisionRecord(stage: "parse", worker: worker, kind: kind, detail: detail)
      event.at = Date(timeIntervalSince1970: 1_800_000_000)
      return event
    }
    let first = [event("started", "1", worker: 0), event("failed", "2 é", worker: 3), event("left", "3"), event("stalled", "4")]
    try await ledger.note(run, first)
    try await ledger.note(other, [event("died", "elsewhere")])
    found.alike(try await ledger.troubles(run, limit: 10), [first[1], first[3]], "the troubles, in order")
    found.alike(try await ledger.troubles(run, limit: 1), [first[3]], "the newest trouble")
    found.same(try await ledger.eventCounts(run), ["started": 1, "failed": 1, "left": 1, "stalled": 1], "the counts")
    let most = SupervisionRecord.mostKept
    try await ledger.note(run, (0..<most).map { event("retried", "\($0)") })
    try await ledger.note(run, [event("gave_up", "last")])
    found.same(try await ledger.eventCounts(run).values.reduce(0, +), most, "the events that are kept")
    found.same(try await ledger.eventCounts(run)["failed"], 1, "the first events")
    found.same(try await ledger.eventCounts(other), ["died": 1], "another run's events")
    found.same(try await ledger.eventCounts(RunID(999)), [:], "the events of a run that never was")
    found.same(try await ledger.troubles(RunID(999), limit: 9).count, 0, "the troubles of a run that never was")
    return found.wrong
  }

  func timelines() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, other) = (try await ledger.start(["a"]).run, try await ledger.start([], pipeline: "q").run)
    found.same(try await ledger.timeline(run).count, 0, "the points of a run that has none")
    func points(_ count: Int) -> [TimelinePoint] {
      (0..<count).map {
        TimelinePoint(
          at: 1_800_000_000.25 + Double($0), since: 1_800_000_000, read: $0, written: 2 * $0, fetchedBytes: $0 << 40, writtenBytes: 5,
          stages: [.init(stage: "parse", busy: 0.5, waiting: 1.25, blocked: 0), .init(stage: "write", busy: 0, waiting: 0, blocked: 2)])
      }
    }
    try await ledger.note(run, points(3))
    try await ledger.note(other, points(1))
    found.alike(try await ledger.timeline(run), points(3), "the points")
    try await ledger.note(run, points(200))
    found.alike(try await ledger.timeline(run), points(200), "the points in place of others")
    found.alike(try await ledger.timeline(other), points(1), "another run's points")
    return found.wrong
  }

  func sourceSchemas() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let lists = [["a", "b"], ["b", "a"], [], ["caf\u{e9}"], ["cafe\u{301}"], ["a,b"], ["a\",\"b"]]
    var numbers: [Int64] = []
    for list in lists { numbers.append(try await ledger.sourceSchema(pipeline: "p", list)) }
    found.same(Set(numbers).count, lists.count, "the number of lists of columns")
    for (list, number) in zip(lists, numbers) {
      found.same(try await ledger.sourceSchema(pipeline: "p", list), number, "the number of \(list), asked again")
    }
    found.expect(!numbers.contains(try await ledger.sourceSchema(pipeline: "q", ["a", "b"])), "two pipelines share columns")
    found.same(try await ledger.lastColumns(pipeline: "p"), nil, "the last columns before an item is done")
    let (run, ids) = try await ledger.start(["x", "y", "z"])
    try await ledger.finish(ids[1], schema: numbers[3])
    found.sameBytes(try await ledger.lastColumns(pipeline: "p") ?? ["nil"], lists[3], "the columns of the one item that is done")
    try await ledger.finish(ids[0], schema: numbers[0])
    found.sameBytes(try await ledger.lastColumns(pipeline: "p") ?? ["nil"], lists[3], "the columns of the last item by order")
    try await ledger.fail(ids[2], error: "e", .sample(run, "z", ids[2], record: nil))
    found.sameBytes(try await ledger.lastColumns(pipeline: "p") ?? ["nil"], lists[3], "the columns where the last item failed")
    let later = try await ledger.start(["x"])
    try await ledger.finish(later.items[0], schema: numbers[1])
    found.sameBytes(try await ledger.lastColumns(pipeline: "p") ?? ["nil"], lists[1], "the columns of a later run")
    found.same(try await ledger.lastColumns(pipeline: "q"), nil, "another pipeline's last columns")
    return found.wrong
  }

  func figures() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let schema = try await ledger.sourceSchema(pipeline: "p", ["n", "é"])
    let (run, ids) = try await ledger.start(["fast", "slow", "failed", "pending", "middle"])
    try await ledger.finish(ids[0], read: 10, seconds: 0.25, schema: schema)
    try await ledger.finish(ids[1], read: 20, seconds: 90)
    try await ledger.fail(ids[2], error: "broken", .sample(run, "failed", ids[2], record: nil))
    try await ledger.finish(ids[4], read: 30, seconds: 2)
    let other = try await ledger.start(["x"], pipeline: "q")
    try await ledger.finish(other.items[0], seconds: 1000)
    let figures = try await ledger.figures(run, limit: 9)
    found.same(figures.map(\.key), ["failed", "slow", "middle", "fast", "pending"], "the order")
    found.same(figures.map(\.status), [.failed, .done, .done, .done, .pending], "the states")
    found.same(figures.map(\.read), [0, 20, 30, 10, 0], "the records")
    found.same(figures.map(\.seconds), [nil, 90, 2, 0.25, nil], "the seconds")
    found.same(figures.map(\.error), ["broken", nil, nil, nil, nil], "the errors")
    found.same(figures.map(\.columns), [nil, nil, nil, ["n", "é"], nil], "the columns")
    found.same(try await ledger.figures(run, limit: 2).map(\.key), ["failed", "slow"], "two of them")
    found.same(try await ledger.durations(run), [0.25, 2, 90], "the durations")
    found.same(try await ledger.durations(RunID(999)), [], "the durations of a run that never was")
    return found.wrong
  }
}
