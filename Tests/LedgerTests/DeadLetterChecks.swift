import Files
import Foundation

@testable import Ledger

extension LedgerBench {
  func filtering() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let p = try await ledger.start(["a", "b"])
    let q = try await ledger.start(["a"], pipeline: "q")
    try await ledger.checkpoint(
      p.items[0], at: 1,
      [
        .sample(p.run, "a", p.items[0], record: 2, reason: "“X” Is No Number"),
        .sample(p.run, "a", p.items[0], record: 1, stage: "transform", field: "n", reason: "100% wrong_"),
      ])
    try await ledger.fail(
      p.items[1], error: "e", .sample(p.run, "b", p.items[1], record: nil, stage: "fetch", code: "missing", reason: "gone"))
    try await ledger.checkpoint(q.items[0], at: 1, [.sample(q.run, "a", q.items[0], record: 7, pipeline: "q", reason: "not this")])
    let all = try await ledger.letters()
    found.same(all.map(\.record), [1, 2, 7, nil], "all dead letters, by item and record")
    let (transform, parse, elsewhere, item) = (all[0], all[1], all[2], all[3])
    var outcome = ReplayOutcome()
    outcome.passed = [parse.id]
    try await ledger.replayed(try await ledger.nextReplay(), pipeline: "p", outcome, [])
    /// Expects what a filter takes, from a list, as counts and as reasons.
    func expect(_ want: [DeadLetter], _ what: String, _ change: (inout DeadLetterFilter) -> Void) async throws {
      let filter = DeadLetterFilter.with(change)
      found.same(try await ledger.letters(change).map(\.id), want.map(\.id), "dead letters by \(what)")
      found.same(try await ledger.deadLetterCounts(filter).reduce(0) { $0 + $1.count }, want.count, "the count by \(what)")
      let reasons = try await ledger.deadLetterReasons(filter, examples: 9)
      found.same(reasons.flatMap(\.examples).map(\.id).sorted(), want.map(\.id).sorted(), "the reasons by \(what)")
      found.same(try await ledger.replayGroups(filter).reduce(0) { $0 + $1.count }, want.count, "the replay's items by \(what)")
    }
    try await expect(all, "nothing") { _ in }
    try await expect([parse], "number") { $0.id = parse.id }
    try await expect([transform, parse, item], "run") { $0.run = p.run.value }
    try await expect([elsewhere], "pipeline") { $0.pipeline = "q" }
    try await expect([], "pipeline in another case") { $0.pipeline = "Q" }
    try await expect([transform, parse, elsewhere], "item") { $0.item = "a" }
    try await expect([item], "stage") { $0.stage = "fetch" }
    try await expect([item], "code") { $0.code = "missing" }
    try await expect([parse], "a part of the reason") { $0.reason = "is no NUMBER" }
    try await expect([transform], "a reason with signs") { $0.reason = "% wrong_" }
    try await expect([], "a reason that is a pattern") { $0.reason = "is%number" }
    try await expect([parse], "resolved") { $0.isResolved = true }
    try await expect([transform, elsewhere, item], "not resolved") { $0.isResolved = false }
    try await expect([item], "items") { $0.isRecord = false }
    try await expect([transform, parse, elsewhere], "records") { $0.isRecord = true }
    try await expect([transform], "several") { ($0.pipeline, $0.item, $0.isResolved) = ("p", "a", false) }
    try await expect([], "several that exclude each other") { ($0.pipeline, $0.stage) = ("q", "fetch") }
    // Dropping takes the same.
    found.same(try await ledger.drop(.with { ($0.pipeline, $0.isRecord) = ("p", true) }), 2, "the number of those that were dropped")
    found.same(try await ledger.letters().map(\.id), [elsewhere.id, item.id], "what was not dropped")
    return found.wrong
  }

  func reasons() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["b", "a"])
    func letters(_ key: String, _ id: ItemID, _ records: Range<Int>, stage: String, field: String?) -> [DeadLetter] {
      records.map { .sample(run, key, id, record: $0, stage: stage, field: field) }
    }
    try await ledger.checkpoint(
      ids[0], at: 1,
      letters("b", ids[0], 0..<40, stage: "parse", field: "n") + letters("b", ids[0], 40..<45, stage: "transform", field: nil))
    try await ledger.checkpoint(ids[1], at: 1, letters("a", ids[1], 0..<20, stage: "parse", field: nil))
    let kept = try await ledger.letters()
    var outcome = ReplayOutcome()
    outcome.passed = kept.filter { $0.item == "b" && ($0.record ?? 0) < 10 }.map(\.id)
    try await ledger.replayed(try await ledger.nextReplay(), pipeline: "p", outcome, [])
    let counts = try await ledger.deadLetterCounts(DeadLetterFilter())
    found.same(
      counts.map { "\($0.item) \($0.stage) \($0.code) \($0.isResolved) \($0.count)" },
      ["a parse bad_value false 20", "b parse bad_value false 30", "b parse bad_value true 10", "b transform bad_value false 5"],
      "the counts")
    let groups = try await ledger.deadLetterReasons(DeadLetterFilter(), examples: 3)
    found.same(
      groups.map { "\($0.stage) \($0.code) \($0.field ?? "-") \($0.count)" },
      ["parse bad_value n 40", "parse bad_value - 20", "transform bad_value - 5"], "the reasons")
    found.same(groups.map { $0.examples.map(\.record) }, [[0, 1, 2], [0, 1, 2], [40, 41, 42]], "the examples")
    found.same(groups.first?.examples.map(\.resolved), [true, true, true], "the examples' state")
    found.same(
      try await ledger.deadLetterReasons(.with { $0.isResolved = false }, examples: 1).map { $0.examples.map(\.record) },
      [[10], [0], [40]],
      "the examples by a filter")
    found.same(try await ledger.deadLetterReasons(.with { $0.pipeline = "q" }, examples: 1).count, 0, "the reasons of another pipeline")
    return found.wrong
  }

  func pagingLetters() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let new = NewRun(definition: "d", definitionPath: "p.yaml", variables: [:], schema: "[2]")
    let (run, ids) = try await ledger.begin(
      new, continuing: nil, pipeline: "p", definitionHash: "h",
      ["z", "m", "none", "c\u{e9}", "ce\u{301}"].enumerated().map {
        ItemEntry(key: $1, location: nil, ordinal: $0, startsOver: false, isKnown: false)
      })
    // Numbers are given as letters come, which is not the order of their records.
    let records = Array(stride(from: 0, to: 3000, by: 2)) + Array(stride(from: 2999, to: 0, by: -2))
    try await ledger.checkpoint(ids[0], at: 1, records.map { .sample(run, "z", ids[0], record: $0) }, header: "[\"z\"]")
    try await ledger.checkpoint(ids[1], at: 1, [.sample(run, "m", ids[1], record: 4), .sample(run, "m", ids[1], record: 4)])
    for (key, id) in [("c\u{e9}", ids[3]), ("ce\u{301}", ids[4])] {
      try await ledger.checkpoint(id, at: 1, [.sample(run, key, id, record: id == ids[3] ? 1 : 2)])
    }
    let filter = DeadLetterFilter.with { ($0.pipeline, $0.isRecord) = ("p", true) }
    let groups = try await ledger.replayGroups(filter)
    found.sameBytes(groups.map(\.item), ["z", "m", "c\u{e9}", "ce\u{301}"], "the items of a replay, in their order")
    found.same(groups.map(\.itemID), [ids[0], ids[1], ids[3], ids[4]], "their numbers")
    found.same(groups.map(\.count), [3000, 2, 1, 1], "their dead letters")
    found.same(groups.map(\.header), ["[\"z\"]", nil, nil, nil], "their columns")
    found.same(groups.map(\.schema), ["[2]", "[2]", "[2]", "[2]"], "their schemas")
    var (all, last): ([DeadLetter], DeadLetter?) = ([], nil)
    repeat {
      let page = try await ledger.deadLetters(filter, of: "z", after: last, limit: 700)
      found.expect(page.count <= 700, "a page has more than was asked for")
      all += page
      last = page.last
    } while last != nil && all.count <= 3000
    found.same(all.map(\.record), (0..<3000).map { $0 }, "the records of an item's dead letters")
    let two = try await ledger.deadLetters(filter, of: "m", after: nil, limit: 1)
    let second = try await ledger.deadLetters(filter, of: "m", after: two.first, limit: 1)
    found.same((two + second).map(\.record), [4, 4], "two dead letters of one record")
    found.expect(two.first?.id != second.first?.id, "a dead letter is given twice")
    found.same(try await ledger.deadLetters(filter, of: "m", after: second.first, limit: 1).count, 0, "dead letters after the last")
    found.same(try await ledger.deadLetters(filter, of: "c\u{e9}", after: nil, limit: 9).map(\.record), [1], "the dead letters of “é”")
    found.same(try await ledger.deadLetters(.with { $0.pipeline = "q" }, of: "m", after: nil, limit: 9).count, 0, "another pipeline's")
    return found.wrong
  }

  func replays() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a"])
    try await ledger.checkpoint(ids[0], at: 1, (0..<3).map { .sample(run, "a", ids[0], record: $0, field: "n", code: "c0", reason: "r0") })
    let letters = try await ledger.letters()
    let first = try await ledger.nextReplay()
    found.same(try await ledger.nextReplay(), first, "the number of the next replay, asked again")
    var outcome = ReplayOutcome()
    outcome.passed = [letters[0].id]
    outcome.failed = [(letters[1].id, "m", "c1", "r1")]
    try await ledger.replayed(first, pipeline: "p", outcome, [.sample("r", run: nil, item: ids[0], replay: first)])
    found.expect(try await ledger.nextReplay() > first, "the number of a replay is given again")
    let after = try await ledger.letters()
    found.same(after.map(\.id), letters.map(\.id), "the numbers of dead letters")
    found.same(after.map(\.resolved), [true, false, false], "which are resolved")
    found.same(after.map(\.attempts), [1, 2, 1], "their attempts")
    found.same(after.map(\.code), ["c0", "c1", "c0"], "their codes")
    found.same(after.map(\.reason), ["r0", "r1", "r0"], "their reasons")
    found.same(after.map(\.field), ["n", "m", "n"], "their fields")
    found.same(after.map(\.raw), letters.map(\.raw), "their records")
    found.expect(after[1].at > letters[1].at, "a dead letter that failed again has its former time")
    let pending = try await ledger.pendingCommits(pipeline: "p")
    found.same(pending.map(\.replay), [first], "the committable's replay")
    found.same(pending.map(\.item), [ids[0]], "the committable's item")
    outcome.passed = []
    outcome.failed = [(letters[1].id, nil, "c2", "r2")]
    try await ledger.replayed(try await ledger.nextReplay(), pipeline: "p", outcome, [])
    let attempts = try await ledger.attempts(ofDeadLetter: letters[1].id)
    found.same(attempts.map { "\($0.attempt) \($0.code) \($0.reason)" }, ["1 c0 r0", "2 c1 r1"], "the earlier attempts")
    found.same(attempts.first?.at, letters[1].at, "the time of the first attempt")
    found.same(try await ledger.attempts(ofDeadLetter: letters[0].id).count, 0, "the attempts of one that passed")
    _ = try await ledger.drop(DeadLetterFilter())
    found.same(try await ledger.attempts(ofDeadLetter: letters[1].id).count, 0, "the attempts of one that was dropped")
    return found.wrong
  }

  func numbers() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    found.same(try await ledger.hadDeadLetter(1), false, "an empty ledger had a dead letter")
    let (run, ids) = try await ledger.start(["a"])
    var used: Set<Int64> = []
    for _ in 0..<3 {
      try await ledger.checkpoint(ids[0], at: 1, (0..<5).map { .sample(run, "a", ids[0], record: $0) })
      let new = Set(try await ledger.letters().map(\.id))
      found.expect(used.isDisjoint(with: new), "a number is used again")
      used.formUnion(new)
      found.same(try await ledger.drop(DeadLetterFilter()), 5, "the number of those that were dropped")
      _ = try await ledger.prune(before: .distantPast, pipeline: nil, includingOpen: false)
    }
    for id in used { found.same(try await ledger.hadDeadLetter(id), true, "there was a dead letter \(id)") }
    for id in [0, -1, (used.max() ?? 0) + 1, .max] {
      found.same(try await ledger.hadDeadLetter(id), false, "there was a dead letter \(id)")
    }
    return found.wrong
  }
}
