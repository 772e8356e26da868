import Dispatch
import Files
import Foundation

@testable import Ledger

extension LedgerBench {
  func pruning() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (past, future) = (Date(timeIntervalSinceNow: -86_400), Date(timeIntervalSinceNow: 86_400))
    /// A run of one item, ended so.
    func run(_ key: String, _ status: RunStatus, pipeline: String = "p", _ work: (RunID, ItemID) async throws -> Void) async throws -> RunID
    {
      let (run, ids) = try await ledger.start([key], pipeline: pipeline)
      try await work(run, ids[0])
      try await ledger.end(run, status)
      try await ledger.note(run, [SupervisionRecord(stage: "run", worker: nil, kind: "died", detail: "x")])
      try await ledger.note(
        run, [TimelinePoint(at: 1, since: 0, read: 0, written: 0, fetchedBytes: 0, writtenBytes: 0, stages: [])])
      return run
    }
    let old = try await run("old", .done) { try await ledger.finish($1) }
    let open = try await run("open", .failed) { try await ledger.fail($1, error: "e", .sample($0, "open", $1, record: nil)) }
    let pending = try await run("pending", .done) {
      try await ledger.finish($1, commit: .sample("x", run: $0, item: $1))
    }
    let resolved = try await run("resolved", .done) {
      try await ledger.checkpoint($1, at: 1, [.sample($0, "resolved", $1, record: 1, at: 1_000_000_000)])
      try await ledger.finish($1)
    }
    let recent = try await run("recent", .done) {
      try await ledger.checkpoint($1, at: 1, [.sample($0, "recent", $1, record: 1, at: future.timeIntervalSince1970 + 1000)])
      try await ledger.finish($1)
    }
    // A run that was killed, and that the next superseded.
    let killed = try await ledger.start(["old"])
    try await ledger.finish(killed.items[0])
    let newest = try await run("newest", .done) { try await ledger.finish($1) }
    let other = try await run("x", .done, pipeline: "q") { try await ledger.finish($1) }
    _ = try await run("x", .done, pipeline: "q") { try await ledger.finish($1) }
    var outcome = ReplayOutcome()
    outcome.passed = try await ledger.letters { $0.isRecord = true }.map(\.id)
    try await ledger.replayed(try await ledger.nextReplay(), pipeline: "p", outcome, [])
    let next = try await ledger.nextRun()
    let items = try await ledger.openKeys(pipeline: "p")

    let none = try await ledger.prune(before: past, pipeline: "p", includingOpen: false)
    found.same([none.runs, none.deadLetters], [0, 1], "what is pruned of before yesterday")
    found.same(try await ledger.runs(pipeline: nil).count, 9, "the runs that are left of before yesterday")
    let pruned = try await ledger.prune(before: future, pipeline: "p", includingOpen: false)
    found.same([pruned.runs, pruned.deadLetters], [3, 0], "what is pruned")
    found.expect(pruned.bytes >= 0, "the ledger has grown")
    found.same(try await ledger.runs(pipeline: "p").map(\.id), [newest, recent, pending, open], "the runs that are left")
    for run in [old, resolved, killed.run] { found.expect(try await ledger.run(run) == nil, "run \(run) is left") }
    found.same(try await ledger.runs(pipeline: "q").count, 2, "another pipeline's runs")
    found.same(try await ledger.letters().map(\.item), ["open", "recent"], "the dead letters that are left")
    found.same(try await ledger.eventCounts(old), [:], "the events of a run that is gone")
    found.same(try await ledger.timeline(old).count, 0, "the timeline of a run that is gone")
    found.same(try await ledger.eventCounts(open), ["died": 1], "the events of a run that is left")
    found.same(try await ledger.timeline(open).count, 1, "the timeline of a run that is left")
    for key in ["old", "open", "pending", "resolved", "recent", "newest"] {
      found.expect(try await ledger.item(key) != nil, "the item \(key) is gone")
    }
    found.same(try await ledger.openKeys(pipeline: "p"), items, "the open items")
    found.same(try await ledger.pendingCommits(pipeline: "p").count, 1, "the committables")
    found.same(try await ledger.nextRun(), next, "the next run's number")
    let all = try await ledger.prune(before: future, pipeline: nil, includingOpen: true)
    found.same([all.runs, all.deadLetters], [1, 1], "what is pruned of all, with what is open")
    found.expect(try await ledger.run(other) == nil, "another pipeline's earlier run is left")
    found.same(try await ledger.letters().map(\.item), ["recent"], "the dead letters that are left of all")
    return found.wrong
  }

  func readingOnly() async throws -> [String] {
    var found = Findings()
    found.expect(try openReadOnly() == nil, "there is a ledger where none was made")
    do {
      let ledger = try open()
      found.same(ledger.isReadOnly, false, "a ledger that is opened to write is only read")
      try await ledger.finish(try await ledger.start(["a"]).items[0])
    }
    guard let ledger = try openReadOnly() else { return found.wrong + ["it is not found"] }
    found.same(ledger.isReadOnly, true, "a ledger that is opened to be read is only read")
    let id = try await ledger.item("a")?.id ?? ItemID(0)
    found.same(try await ledger.status("a"), .done, "the item")
    let letter = DeadLetter.sample(RunID(1), "a", id, record: 1)
    let commit = PendingCommit.sample("a", run: RunID(1), item: id)
    await found.refuses("begin") { _ = try await ledger.start(["b"]) }
    await found.refuses("endRun") { try await ledger.end(RunID(1)) }
    await found.refuses("close") { try await ledger.close([id], runs: [], continued: nil) }
    await found.refuses("checkpoint") { try await ledger.checkpoint(id, at: 1) }
    await found.refuses("finish") { try await ledger.finish(id) }
    await found.refuses("unchanged") { try await ledger.unchanged(id, version: "v") }
    await found.refuses("fail") { try await ledger.fail(id, error: "e", letter) }
    await found.refuses("startOver") { try await ledger.startOver(id) }
    await found.refuses("rename") { try await ledger.rename([(id: id, key: "b")]) }
    await found.refuses("committed") { try await ledger.committed([commit.committable]) }
    await found.refuses("revoke") { try await ledger.revoke(commit) }
    await found.refuses("forgetOutputs") { try await ledger.forgetOutputs(["a"]) }
    await found.refuses("list") { try await ledger.list([], pipeline: "p", isLast: true) }
    await found.refuses("drop") { _ = try await ledger.drop(DeadLetterFilter()) }
    await found.refuses("replayed") { try await ledger.replayed(1, pipeline: "p", ReplayOutcome(), []) }
    await found.refuses("events") { try await ledger.note(RunID(1), [SupervisionRecord(stage: "s", worker: 1, kind: "k", detail: "")]) }
    await found.refuses("timeline") { try await ledger.note(RunID(1), [TimelinePoint]()) }
    await found.refuses("sourceSchema") { _ = try await ledger.sourceSchema(pipeline: "p", ["a"]) }
    await found.refuses("prune") { _ = try await ledger.prune(before: Date(), pipeline: nil, includingOpen: true) }
    found.same(try await open().status("a"), .done, "the item after all that was refused")
    return found.wrong
  }

  func sharing() async throws -> [String] {
    var found = Findings()
    // Made, and left by all.
    do { _ = try await open().start(["first"]) }
    guard let reader = try openReadOnly() else { return ["it is not found"] }
    found.same(try await reader.status("first"), .pending, "the item that a reader finds")
    let (one, two) = (try open(), try open())
    let (run, ids) = try await one.start(["a"])
    found.same(try await two.status("a"), .pending, "the item that the other wrote")
    try await two.checkpoint(ids[0], at: 3)
    found.same(try await one.item("a")?.checkpoint?.offset, 3, "the checkpoint that the other wrote")
    found.same(try await reader.item("a")?.checkpoint?.offset, 3, "the checkpoint, to a reader who was there before")
    found.same(try await openReadOnly()?.item("a")?.checkpoint?.offset, 3, "the checkpoint, to a reader who came later")
    // Both write at once: each waits for the other.
    async let left: Void = Self.fill(one, "left")
    async let right: Void = Self.fill(two, "right")
    _ = try await (left, right)
    found.same(try await reader.runs(pipeline: "left").count, 20, "the runs that one wrote")
    found.same(try await one.runs(pipeline: nil).count, 42, "the runs that both wrote")
    found.same(try await two.run(run)?.status, .running, "the run")
    return found.wrong
  }

  private static func fill(_ ledger: any Ledger, _ pipeline: String) async throws {
    for _ in 0..<20 {
      let (run, ids) = try await ledger.start(["a"], pipeline: pipeline)
      try await ledger.finish(ids[0])
      try await ledger.end(run)
    }
  }

  func isolation() async throws -> [String] {
    var found = Findings()
    let (writer, reader) = (try open(), try open())
    let (run, ids) = try await writer.start(["a", "b"])
    try await writer.checkpoint(ids[0], at: 1, [.sample(run, "a", ids[0], record: 1)])
    // The dead letters of a transaction are made while it is under way, where a ledger does not make them before.
    let gate = Gate()
    var progress = ItemProgress(Checkpoint())
    progress.checkpoint.offset = 2
    let letters = (0..<50).map { DeadLetter.sample(run, "a", ids[0], record: 2 + $0) }
    progress.letters = [letters, Halting(letters: letters, gate: gate)]
    let halfway = progress
    async let wrote: Void = gate.passing { try await writer.checkpoint(ids[0], version: "v", halfway) }
    await gate.arrival()
    let seen = (try await reader.letters().count, try await reader.item("a")?.checkpoint?.offset)
    gate.open()
    try await wrote
    found.expect(seen == (1, 1) || seen == (101, 2), "in the middle \(seen.0) dead letters are seen, and the offset \(seen.1 ?? -1)")
    found.same(try await reader.letters().count, 101, "the dead letters after it")
    found.same(try await reader.item("a")?.checkpoint?.offset, 2, "the offset after it")
    // A reader that sees a run sees its items.
    let next = try await writer.nextRun()
    let keys = (0..<5000).map { "\($0)" }
    async let began = writer.start(keys)
    var polls = 0
    while try await reader.run(next) == nil, polls < 100_000 { polls += 1 }
    found.same(try await reader.items(run: next).count, keys.count, "the items of a run that is seen")
    found.same(try await began.run, next, "the run's number")
    return found.wrong
  }

  func durability() async throws -> [String] {
    var found = Findings()
    let keys = (0..<300).map { "item \($0)" }
    let (run, ids): (RunID, [ItemID])
    do {
      let ledger = try open()
      (run, ids) = try await ledger.start(keys)
      for (key, id) in zip(keys.prefix(5), ids) { try await ledger.checkpoint(id, at: 3, [.sample(run, key, id, record: 1)]) }
      try await ledger.finish(ids[0], commit: .sample("a", run: run, item: ids[0]))
      try await ledger.fail(ids[1], error: "broken", .sample(run, keys[1], ids[1], record: nil))
      try await ledger.end(run, .failed)
    }
    for ledger in [try openReadOnly(), try open()].compactMap({ $0 }) {
      let who = ledger.isReadOnly ? "a reader" : "a writer"
      found.same(try await ledger.items(run: run).map(\.id), ids, "the items, to \(who)")
      found.same(
        try await ledger.items(run: run).prefix(6).map(\.status), [.done, .failed, .working, .working, .working, .pending],
        "the items' states, to \(who)")
      found.same(try await ledger.letters().count, 5, "the dead letters, to \(who)")
      found.same(try await ledger.run(run)?.status, .failed, "the run, to \(who)")
      found.same(try await ledger.pendingCommits(pipeline: "p").map(\.committable.target), ["a"], "the committables, to \(who)")
      found.same(try await ledger.hasOutputs(pipeline: "p"), true, "the outputs, to \(who)")
    }
    return found.wrong
  }
}

/// Where a writer waits in the middle of a transaction until a reader has looked.
private final class Gate: Sendable {
  private let arrived = AsyncStream<Void>.makeStream()
  private let opened = DispatchSemaphore(value: 0)

  /// Does something that passes the gate; where it fails before, the gate does not wait for it.
  func passing(_ work: @Sendable () async throws -> Void) async throws {
    defer { arrived.continuation.finish() }
    try await work()
  }

  /// Waits until the writer is in the middle.
  func arrival() async { for await _ in arrived.stream { return } }

  /// Lets the writer go on.
  func open() { opened.signal() }

  /// Waits until the reader has looked; not for ever, for a ledger may keep its readers waiting.
  func pass() {
    arrived.continuation.finish()
    _ = opened.wait(timeout: .now() + 5)
  }
}

/// Dead letters that halt at the gate before the first.
private struct Halting: Sequence, Sendable {
  let letters: [DeadLetter]
  let gate: Gate

  func makeIterator() -> IndexingIterator<[DeadLetter]> {
    gate.pass()
    return letters.makeIterator()
  }
}
