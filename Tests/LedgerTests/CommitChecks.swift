import Files
import Foundation

@testable import Ledger

extension LedgerBench {
  func committables() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b", "c"])
    let other = try await ledger.start(["a"], pipeline: "q")
    let commits = [
      PendingCommit.sample("a", run: run, item: ids[0]), .sample("a", run: run, item: ids[1], sink: "sqlite"),
      .sample("c", run: run, item: ids[2]),
    ]
    for (id, commit) in zip(ids, commits) { try await ledger.finish(id, commit: commit) }
    try await ledger.finish(other.items[0], commit: .sample("q", run: other.run, item: other.items[0], pipeline: "q"))
    /// The committables that are pending, in an order of the test's own.
    func pending() async throws -> [Committable] {
      try await ledger.pendingCommits(pipeline: "p").map(\.committable).sorted { ($0.name, $0.sink) < ($1.name, $1.sink) }
    }
    found.same(try await pending(), commits.map(\.committable), "the committables")
    try await ledger.committed([])
    found.same(try await pending().count, 3, "the committables after none was committed")
    try await ledger.committed([commits[0].committable])
    found.same(try await pending(), [commits[1].committable, commits[2].committable], "the committables after one was committed")
    try await ledger.committed([commits[0].committable])
    found.same(try await pending().count, 2, "the committables after one was forgotten again")
    var next = Committable(sink: "file", name: commits[2].committable.name, target: "elsewhere", token: "")
    try await ledger.finish(ids[2], commit: PendingCommit(next, pipeline: "p", run: run, item: ids[2]))
    found.same(try await pending(), [commits[1].committable, next], "a committable in the place of another")
    next.token = "what it says is of no matter"
    try await ledger.committed([next, commits[1].committable])
    found.same(try await pending(), [], "the committables after all were committed")
    found.same(try await ledger.pendingCommits(pipeline: "q").map(\.committable.target), ["q"], "another pipeline's committables")
    return found.wrong
  }

  func revoking() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b", "closed"])
    let commits = ["a", "b"].enumerated().map { PendingCommit.sample($1, run: run, item: ids[$0]) }
    for i in 0..<2 {
      try await ledger.checkpoint(ids[i], at: 4, [.sample(run, "ab".map(String.init)[i], ids[i], record: 1)])
      try await ledger.finish(ids[i], commit: commits[i])
    }
    try await ledger.close([ids[2]], runs: [], continued: run)
    try await ledger.revoke(commits[0])
    found.same(try await ledger.status("a"), .pending, "the item of a commit that was taken back")
    let item = try await ledger.item("a")
    found.expect(item?.checkpoint == nil && item?.version == nil, "it does not start over")
    found.same(try await ledger.letters().map(\.item), ["b"], "the dead letters")
    found.same(try await ledger.status("b"), .done, "another item")
    found.same(try await ledger.pendingCommits(pipeline: "p").map(\.committable.target), ["b"], "the committables")
    // A run's one output takes all its items with it.
    try await ledger.finish(ids[0])
    let elsewhere = try await ledger.start(["x"], pipeline: "q")
    try await ledger.finish(elsewhere.items[0])
    let whole = PendingCommit.sample("all", run: run, item: nil)
    try await ledger.end(run, .done, commit: whole)
    try await ledger.revoke(whole)
    found.same(try await ledger.items(run: run).map(\.status), [.pending, .pending, .closed], "the items of a run's output")
    found.expect(try await ledger.items(run: run).allSatisfy { $0.checkpoint == nil }, "the items of a run's output go on")
    found.same(try await ledger.count { $0.run = run.value }, 0, "their dead letters")
    found.same(try await ledger.status("x", pipeline: "q"), .done, "another run's item")
    found.same(try await ledger.pendingCommits(pipeline: "p").map(\.committable.target), ["b"], "the committables after the run's")
    // A replay gives its dead letters back.
    let letters = [
      DeadLetter.sample(run, "a", ids[0], record: 1), .sample(run, "a", ids[0], record: 2), .sample(run, "b", ids[1], record: 1),
    ]
    try await ledger.checkpoint(ids[0], at: 4, Array(letters.prefix(2)))
    try await ledger.checkpoint(ids[1], at: 4, [letters[2]])
    let kept = try await ledger.letters()
    let replay = try await ledger.nextReplay()
    let replayed = ["a", "b"].enumerated().map { PendingCommit.sample("r-\($1)", run: nil, item: ids[$0], replay: replay) }
    var outcome = ReplayOutcome()
    outcome.passed = kept.map(\.id)
    try await ledger.replayed(replay, pipeline: "p", outcome, replayed)
    found.same(try await ledger.letters().map(\.resolved), [true, true, true], "dead letters that passed")
    try await ledger.revoke(replayed[0])
    found.same(try await ledger.letters().map(\.resolved), [false, false, true], "dead letters of the item whose replay was taken back")
    found.same(try await ledger.status("a"), .working, "the item of a replay that was taken back")
    let one = PendingCommit.sample("r-all", run: nil, item: nil, replay: try await ledger.nextReplay())
    outcome.passed = [kept[0].id]
    try await ledger.replayed(one.replay ?? 0, pipeline: "p", outcome, [one])
    try await ledger.revoke(one)
    found.same(try await ledger.letters().map(\.resolved), [false, false, true], "dead letters of a replay with one output")
    return found.wrong
  }

  func outputs() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    found.same(try await ledger.hasOutputs(pipeline: "p"), false, "an empty ledger has outputs")
    found.same(try await ledger.outputs(at: ["/data/a"]).count, 1, "the outputs at a place")
    let (run, ids) = try await ledger.start(["a", "b"])
    for (name, id) in zip(["a", "b"], ids) { try await ledger.finish(id, commit: .sample(name, run: run, item: id)) }
    let other = try await ledger.start(["a"], pipeline: "q")
    var elsewhere = PendingCommit.sample("c", run: other.run, item: nil, pipeline: "q")
    elsewhere.output?.path = "a"
    try await ledger.end(other.run, .done, commit: elsewhere)
    let at = try await ledger.outputs(at: ["/data/c", "/data/none", "/data/a", "/data/A"])
    found.alike(at, [elsewhere.output, nil, PendingCommit.sample("a", run: run, item: ids[0]).output, nil], "the outputs at places")
    let by = try await ledger.outputs(
      pipeline: "p",
      [(place: "/moved/a", path: "a"), (place: "/data/b", path: "moved"), (place: "/data/a", path: "b"), (place: "/x", path: "x")])
    found.same(by.map { $0.map(\.path).sorted() }, [["a"], ["b"], ["a", "b"], []], "outputs by place or by path")
    found.same(try await ledger.hasOutputs(pipeline: "p"), true, "the pipeline has outputs")
    found.same(try await ledger.hasOutputs(pipeline: "x"), false, "a pipeline that never was has outputs")
    // A file that is made again is the output of the later item.
    try await ledger.finish(ids[1], commit: .sample("a", run: run, item: ids[1]))
    found.same(try await ledger.outputs(at: ["/data/a"]).first??.item, ids[1], "the item of an output that was made again")
    // A committable need not be a file.
    var table = PendingCommit.sample("table", run: run, item: ids[0])
    table.output = nil
    try await ledger.finish(ids[0], commit: table)
    found.alike(try await ledger.outputs(at: ["/data/table"]), [nil], "an output that is no file")
    return found.wrong
  }

  func staleness() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b"])
    for (key, id) in zip(["a", "b"], ids) { try await ledger.checkpoint(id, at: 1, [.sample(run, key, id, record: 1)]) }
    for (key, id) in zip(["a", "b"], ids) { try await ledger.finish(id, commit: .sample(key, run: run, item: id)) }
    /// Enters a replay whose outputs have these names.
    func replay(_ outputs: [(String, ItemID?)]) async throws {
      let number = try await ledger.nextReplay()
      try await ledger.replayed(
        number, pipeline: "p", ReplayOutcome(), outputs.map { .sample($0.0, run: nil, item: $0.1, replay: number) })
    }
    try await replay([("a.replay-1", ids[0]), ("b.replay-1", ids[1])])
    try await replay([("a.replay-2", ids[0])])
    found.same(try await ledger.staleOutputs(pipeline: "p"), [], "stale outputs before anything was done again")
    try await ledger.finish(ids[0], commit: .sample("a", run: run, item: ids[0]))
    found.same(try await ledger.staleOutputs(pipeline: "p").sorted(), ["a.replay-1", "a.replay-2"], "stale outputs of an item")
    found.same(try await ledger.staleOutputs(pipeline: "q"), [], "stale outputs of another pipeline")
    try await ledger.forgetOutputs([])
    try await ledger.forgetOutputs(["a.replay-1"])
    found.same(try await ledger.staleOutputs(pipeline: "p"), ["a.replay-2"], "stale outputs after one was forgotten")
    found.same(
      try await ledger.outputs(at: ["/data/a.replay-1", "/data/a.replay-2", "/data/a"]).map { $0?.path }, [nil, "a.replay-2", "a"],
      "outputs after one was forgotten")
    found.same(
      try await ledger.outputs(at: ["/data/a.replay-2", "/data/a"]).map { $0?.isReplay }, [true, false], "which outputs are replays'")
    try await ledger.end(run, .done, commit: .sample("all", run: run, item: nil))
    found.same(
      try await ledger.staleOutputs(pipeline: "p").sorted(), ["a.replay-2", "b.replay-1"], "stale outputs of a run with one output")
    try await ledger.forgetOutputs(["a.replay-2", "b.replay-1"])
    found.same(try await ledger.staleOutputs(pipeline: "p"), [], "stale outputs after all were forgotten")
    return found.wrong
  }

  func earlierOutputs() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b"])
    try await ledger.finish(ids[0], commit: .sample("a", run: run, item: ids[0]))
    found.same(try await ledger.hasUnlistedOutputs(pipeline: "p"), false, "a new ledger has outputs that it does not know")
    var earlier = PendingCommit.sample("a", run: run, item: ids[1]).output
    let new = PendingCommit.sample("b", run: run, item: ids[1]).output
    earlier?.path = "elsewhere"
    try await ledger.list([earlier, new].compactMap { $0 }, pipeline: "p", isLast: false)
    let outputs = try await ledger.outputs(at: ["/data/a", "/data/b"])
    found.alike(outputs[0], PendingCommit.sample("a", run: run, item: ids[0]).output, "an output that is known")
    found.alike(outputs[1], new, "an output that was not known")
    try await ledger.list([], pipeline: "p", isLast: true)
    found.same(try await ledger.hasUnlistedOutputs(pipeline: "p"), false, "outputs are missing after the last")
    return found.wrong
  }
}
