import Files
import Foundation

@testable import Ledger

extension LedgerBench {
  func identity() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let keys = [
      "caf\u{e9}", "cafe\u{301}", "A", "a", "a ", " a", "a\tb", "a\nb", "", "'; --", "%", "_", "100", "1e2", "🗄️/x",
      String(repeating: "k", count: 5000),
    ]
    let (run, ids) = try await ledger.start(keys)
    found.same(Set(ids).count, keys.count, "the number of items")
    found.sameBytes(try await ledger.items(run: run).map(\.key), keys, "the keys")
    found.sameBytes(
      try await ledger.items(pipeline: "p", keys: keys.reversed().map { [$0] }).map { $0?.key ?? "nil" }, keys.reversed(),
      "the keys in another order")
    found.same(
      try await ledger.items(pipeline: "p", keys: [["b"], ["a"], ["b"], []]).map { $0?.id }, [nil, ids[3], nil, nil], "unknown keys")
    found.same(try await ledger.items(pipeline: "q", keys: [["a"]]).map { $0?.id }, [nil], "another pipeline's items")
    let again = try await ledger.start(keys)
    found.same(again.items, ids, "the numbers of items that are known")
    let other = try await ledger.start(keys, pipeline: "q")
    found.expect(Set(other.items).isDisjoint(with: ids), "two pipelines have an item in common")
    let named = try await ledger.keys(ids.map(\.value) + [9_999_999])
    found.sameBytes(ids.map { named[$0.value] ?? "nil" }, keys, "the keys of numbers")
    found.same(named.count, keys.count, "the number of keys")
    return found.wrong
  }

  func renaming() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["old", "older", "other"])
    try await ledger.checkpoint(
      ids[0], at: 4, [.sample(run, "old", ids[0], record: 1), .sample(run, "old", ids[0], record: 2)])
    try await ledger.checkpoint(ids[2], at: 4, [.sample(run, "other", ids[2], record: 1)])
    let items = try await ledger.items(
      pipeline: "p", keys: [["new", "old"], ["new", "none", "older", "old"], ["other", "old"], ["new", "none"]])
    found.same(items.map { $0?.id }, [ids[0], ids[1], ids[2], nil], "items by former keys")
    try await ledger.rename([(id: ids[0], key: "new"), (id: ids[1], key: "newer")])
    found.same(try await ledger.item("new")?.id, ids[0], "the item by its new key")
    found.expect(try await ledger.item("old") == nil, "the old key is still known")
    found.same(try await ledger.item("newer")?.id, ids[1], "another item by its new key")
    found.same(try await ledger.item("new")?.checkpoint?.offset, 4, "its checkpoint")
    found.same(try await ledger.letters().map(\.item), ["new", "new", "other"], "the items of dead letters")
    return found.wrong
  }

  func keepingEarlier() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let keys = ["same", "new", "empty"]
    let (run, ids) = try await ledger.start(keys)
    for (key, id) in zip(keys, ids) {
      try await ledger.checkpoint(id, at: 7, [.sample(run, key, id, record: 1), .sample(run, key, id, record: 2)])
      try await ledger.finish(id, read: 7)
    }
    let second = try await ledger.begin(
      NewRun(definition: "d", definitionPath: "p.yaml", variables: [:], schema: nil), continuing: nil, pipeline: "p", definitionHash: "h",
      keys.enumerated().map { ItemEntry(key: $1, location: nil, ordinal: $0, startsOver: true, keepsEarlier: true, isKnown: true) })
    for key in keys {
      let item = try await ledger.item(key)
      found.expect(item?.checkpoint == nil, "\(key) has a checkpoint")
      found.same(item?.counts.read, 7, "the counts of \(key)")
      found.same(item?.version, "v", "the version of \(key)")
      found.same(try await ledger.count { $0.item = key }, 2, "the dead letters of \(key)")
    }
    try await ledger.unchanged(ids[0], version: "v")
    for (key, id, letters) in [("new", ids[1], [DeadLetter.sample(second.run, "new", ids[1], record: 3)]), ("empty", ids[2], [])] {
      var progress = ItemProgress(Checkpoint())
      progress.replacesEarlier = true
      progress.letters = [letters]
      try await ledger.checkpoint(id, version: "w", progress)
      found.same(try await ledger.count { $0.item = key }, letters.count, "the dead letters of \(key) with new content")
    }
    found.same(try await ledger.item("same")?.status, .done, "the state of same")
    found.same(try await ledger.item("same")?.counts.read, 7, "the counts of same")
    found.same(try await ledger.count { $0.item = "same" }, 2, "the dead letters of same, which did not change")
    return found.wrong
  }

  func startingOver() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let keys = ["over", "on", "call", "other"]
    let (run, ids) = try await ledger.start(keys)
    for (key, id) in zip(keys, ids) {
      try await ledger.checkpoint(id, at: 7, [.sample(run, key, id, record: 1), .sample(run, key, id, record: 2)], header: "[\"\(key)\"]")
      try await ledger.finish(id, read: 7)
    }
    let entries = ["over", "on"].enumerated().map {
      ItemEntry(key: $1, location: "at \($1)", ordinal: 9 - $0, startsOver: $1 == "over", isKnown: true)
    }
    let new = NewRun(definition: "d", definitionPath: "p.yaml", variables: [:], schema: nil)
    let second = try await ledger.begin(new, continuing: nil, pipeline: "p", definitionHash: "h2", entries)
    try await ledger.startOver(ids[2])
    for (key, id) in zip(keys, ids) {
      guard let item = try await ledger.item(key) else { return found.wrong + ["\(key) is gone"] }
      let isOver = key == "over" || key == "call"
      found.same(item.id, id, "the number of \(key)")
      found.same(item.checkpoint?.offset, isOver ? nil : 7, "the checkpoint of \(key)")
      found.same(item.version, isOver ? nil : "v", "the version of \(key)")
      found.same(item.counts.read, isOver ? 0 : 7, "the counts of \(key)")
      found.same(try await ledger.count { $0.item = key }, isOver ? 0 : 2, "the dead letters of \(key)")
      if isOver { found.expect(try await ledger.continuation(id) == nil, "\(key) has a continuation") }
      guard key == "over" || key == "on" else { continue }
      found.same(item.run, second.run, "the run of \(key)")
      found.same(item.status, .pending, "the state of \(key)")
      found.same(item.definitionHash, "h2", "the fingerprint of \(key)")
      found.same(item.location, "at \(key)", "the location of \(key)")
      found.same(item.ordinal, key == "over" ? 9 : 8, "the place of \(key)")
    }
    found.same(try await ledger.items(run: second.run).map(\.key), ["on", "over"], "the order of the new run's items")
    found.same(try await ledger.items(run: run).map(\.key), ["call", "other"], "what is left of the earlier run")
    // The ledger forgets the columns too.
    for (key, id) in zip(keys, ids) { try await ledger.checkpoint(id, at: 1, [.sample(run, key, id, record: 3)]) }
    let headers = Dictionary(uniqueKeysWithValues: try await ledger.replayGroups(DeadLetterFilter()).map { ($0.item, $0.header) })
    for key in keys {
      found.same(headers[key] ?? nil, key == "over" || key == "call" ? nil : "[\"\(key)\"]", "the columns of \(key)")
    }
    return found.wrong
  }

  func checkpoints() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b"])
    var point = Checkpoint()
    (point.offset, point.lines, point.counts, point.bytes) = (1 << 40, 123, Self.someCounts(1), Self.someBytes(1))
    point.position = SinkPosition("rows:12 é\n")
    var letter = DeadLetter.sample(run, "a", ids[0], record: 5, stage: "transform", field: "é", reason: "“x”\n'y'")
    letter.raw = (0...255).map { UInt8($0) }
    (letter.previous, letter.next) = ([0, 1, 0], [])
    letter.attempts = 3
    let second = DeadLetter.sample(run, "a", ids[0], record: 6)
    var progress = ItemProgress(point)
    progress.letters = [[letter], [second]]
    progress.header = "[\"n\"]"
    try await ledger.checkpoint(ids[0], version: "v1", progress)
    let item = try await ledger.item("a")
    found.same(item?.status, .working, "the item's state")
    found.same(item?.version, "v1", "the item's version")
    found.alike(item?.checkpoint, point, "the checkpoint")
    found.expect(try await ledger.item("b")?.checkpoint == nil, "another item has a checkpoint")
    var letters = try await ledger.letters()
    found.expect(letters.allSatisfy { $0.id > 0 } && Set(letters.map(\.id)).count == letters.count, "dead letters have no numbers")
    found.expect(!letters.contains(where: \.resolved), "a new dead letter is resolved")
    for i in letters.indices { letters[i].id = 0 }
    found.same(letters.count, 2, "the number of dead letters")
    for (got, want) in zip(letters, [letter, second]) { found.alike(got, want, "a dead letter") }
    // The next takes the place of it, and adds its letters.
    point.offset += 1
    point.counts.blankLines += 1
    progress = ItemProgress(point)
    progress.letters = [[.sample(run, "a", ids[0], record: 9)]]
    try await ledger.checkpoint(ids[0], version: "v1", progress)
    found.alike(try await ledger.item("a")?.checkpoint, point, "the second checkpoint")
    found.same(try await ledger.letters().map(\.record), [5, 6, 9], "the dead letters of both")
    found.same(try await ledger.replayGroups(DeadLetterFilter()).first?.header, "[\"n\"]", "the columns")
    return found.wrong
  }

  func continuations() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let id = try await ledger.start(["a", "b"]).items[0]
    found.expect(try await ledger.continuation(id) == nil, "an item without a checkpoint has a continuation")
    var random = SystemRandomNumberGenerator()
    for count in [1, 4, 5, 1000, 90_000] {
      var progress = ItemProgress(Checkpoint())
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      progress.checkpoint.continuation = bytes
      try await ledger.checkpoint(id, version: "v", progress)
      found.expect(try await ledger.continuation(id) == bytes, "\(count) bytes are not those that were kept")
      found.expect(try await open().continuation(id) == bytes, "\(count) bytes are not those that were kept, to another handle")
      found.expect(try await ledger.item("a")?.checkpoint?.continuation == nil, "it is loaded with the checkpoint")
      try await damageContinuation(id)
      found.expect(try await ledger.continuation(id) == nil, "\(count) damaged bytes are given")
    }
    var progress = ItemProgress(Checkpoint())
    progress.checkpoint.continuation = [1, 2, 3]
    try await ledger.checkpoint(id, version: "v", progress)
    progress.checkpoint.continuation = nil
    try await ledger.checkpoint(id, version: "v", progress)
    found.expect(try await ledger.continuation(id) == nil, "a checkpoint without one has that of the one before")
    progress.checkpoint.continuation = [1, 2, 3]
    try await ledger.checkpoint(id, version: "v", progress)
    try await ledger.finish(
      [FinishedItem(id: id, version: "v", progress: progress, commits: [], seconds: 1, sourceSchema: nil)], committed: [])
    found.expect(try await ledger.continuation(id) == nil, "an item that is done has a continuation")
    return found.wrong
  }

  func finishing() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b", "c"])
    let earlier = PendingCommit.sample("earlier", run: run, item: nil)
    try await ledger.end(run, .interrupted, commit: earlier)
    try await ledger.fail(ids[0], error: "broken", .sample(run, "a", ids[0], record: nil))
    _ = try await ledger.start(["a", "b", "c"], continuing: run, startsOver: false)
    try await ledger.startOver(ids[0])
    let items = ["a", "b"].enumerated().map { i, key in
      var point = Checkpoint()
      (point.offset, point.counts, point.position) = (10 + i, Self.someCounts(i + 1), SinkPosition("9:8"))
      var progress = ItemProgress(point)
      progress.letters = [[.sample(run, key, ids[i], record: 8)]]
      return FinishedItem(
        id: ids[i], version: "v\(i)", progress: progress,
        commits: [.sample(key, run: run, item: ids[i]), .sample(key + "2", run: run, item: ids[i])], seconds: 0.5, sourceSchema: nil)
    }
    try await ledger.finish(items, committed: [earlier.committable])
    for (i, key) in ["a", "b"].enumerated() {
      let item = try await ledger.item(key)
      found.same(item?.status, .done, "the state of \(key)")
      found.same(item?.version, "v\(i)", "the version of \(key)")
      found.same(item?.error, nil, "the error of \(key)")
      found.same(item?.checkpoint?.offset, 10 + i, "the last checkpoint of \(key)")
      found.same(item?.checkpoint?.counts, Self.someCounts(i + 1), "the counts of \(key)'s checkpoint")
      var counts = Self.someCounts(i + 1)
      counts.blankLines = item?.counts.blankLines ?? 0
      found.same(item?.counts, counts, "the counts of \(key)")
      found.same(item?.checkpoint?.position, SinkPosition("9:8"), "the position of \(key)")
    }
    found.same(try await ledger.status("c"), .pending, "the state of an item that is not done")
    found.same(try await ledger.letters().map(\.item), ["a", "b"], "the dead letters")
    let pending = try await ledger.pendingCommits(pipeline: "p").sorted { $0.committable.name < $1.committable.name }
    found.same(pending.map(\.committable), items.flatMap { $0.commits.map(\.committable) }.sorted { $0.name < $1.name }, "the committables")
    found.same(pending.map(\.item), [ids[0], ids[0], ids[1], ids[1]], "the items of the committables")
    found.same(pending.map(\.run), [run, run, run, run], "the runs of the committables")
    let outputs = try await ledger.outputs(at: ["/data/a", "/data/b"])
    for (got, want) in zip(outputs, items) { found.alike(got, want.commits[0].output, "an output") }
    found.same(try await ledger.hasOutputs(pipeline: "p"), true, "the pipeline has outputs")
    return found.wrong
  }

  func failing() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b"])
    for (key, id) in zip(["a", "b"], ids) { try await ledger.checkpoint(id, at: 5, [.sample(run, key, id, record: 1)]) }
    let commits = ["a", "b"].enumerated().map { PendingCommit.sample($1, run: run, item: ids[$0]) }
    for (id, commit) in zip(ids, commits) { try await ledger.finish(id, read: 9, commit: commit) }
    let letter = DeadLetter.sample(run, "a", ids[0], record: nil, stage: "write", code: "refused", reason: "why")
    try await ledger.fail(ids[0], error: "it is broken", letter, refused: [commits[0]])
    let item = try await ledger.item("a")
    found.same(item?.status, .failed, "the state")
    found.same(item?.error, "it is broken", "the error")
    found.same(item?.version, nil, "the version")
    found.same(item?.counts, RecordCounts(), "the counts")
    found.expect(item?.checkpoint == nil, "it has a checkpoint")
    var letters = try await ledger.letters { $0.item = "a" }
    for i in letters.indices { letters[i].id = 0 }
    found.alike(letters, [letter], "its dead letters")
    found.same(try await ledger.pendingCommits(pipeline: "p").map(\.committable.target), ["b"], "the committables")
    found.same(try await ledger.status("b"), .done, "the state of another item")
    found.same(try await ledger.count { $0.item = "b" }, 1, "the dead letters of another item")
    try await ledger.fail(ids[1], error: "broken", .sample(run, "b", ids[1], record: nil))
    found.same(try await ledger.pendingCommits(pipeline: "p").map(\.committable.target), ["b"], "a committable that was not refused")
    return found.wrong
  }

  func markingSinks() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b", "c"], definition: "h1")
    func finish(_ id: ItemID, version: String, marks: [Int], _ commits: [PendingCommit]) async throws {
      var item = FinishedItem(
        id: id, version: version, progress: ItemProgress(Checkpoint()), commits: commits, seconds: 1, sourceSchema: nil)
      item.marks = marks
      try await ledger.finish([item], committed: [])
    }
    func commit(_ name: String, _ id: ItemID, sink: Int) -> PendingCommit {
      var commit = PendingCommit.sample(name, run: run, item: id)
      commit.sink = sink
      return commit
    }
    let (first, third) = (commit("a", ids[0], sink: 0), commit("a2", ids[0], sink: 2))
    try await finish(ids[0], version: "v1", marks: [0, 2], [first, third])
    try await finish(ids[1], version: "w", marks: [1], [])
    let a = [0, 2].map { SinkMark(sink: $0, version: "v1", definitionHash: "h1") }
    let b = [SinkMark(sink: 1, version: "w", definitionHash: "h1")]
    found.same(try await ledger.sinkMarks([ids[1], ids[2], ids[0]]), [b, [], a], "the marks")
    found.same(try await ledger.pendingCommits(pipeline: "p").map(\.sink), [0, 2], "the sinks of the commits")
    // An item that starts over keeps them; a sink that refuses it has it no more.
    try await ledger.startOver(ids[0])
    found.same(try await ledger.sinkMarks([ids[0]]), [a], "the marks of an item that starts over")
    try await ledger.revoke(third)
    found.same(try await ledger.sinkMarks([ids[0]]), [[a[0]]], "the marks after a commit was taken back")
    try await ledger.fail(ids[1], error: "e", .sample(run, "b", ids[1], record: nil), refused: [commit("b", ids[1], sink: 1)])
    found.same(try await ledger.sinkMarks([ids[1]]), [[]], "the marks after a sink refused it")
    // Other content and another definition make another mark.
    _ = try await ledger.start(["a", "b", "c"], definition: "h2")
    found.same(try await ledger.sinkMarks([ids[0]]), [[a[0]]], "the marks of the run before")
    try await finish(ids[0], version: "v2", marks: [0], [])
    found.same(
      try await ledger.sinkMarks([ids[0]]), [[SinkMark(sink: 0, version: "v2", definitionHash: "h2")]], "the marks of new content")
    let entry = ItemEntry(key: "a", location: nil, ordinal: 0, startsOver: true, forgetsSinks: true, isKnown: true)
    let new = NewRun(definition: "d", definitionPath: "p.yaml", variables: [:], schema: nil)
    _ = try await ledger.begin(new, continuing: nil, pipeline: "p", definitionHash: "h2", [entry])
    found.same(try await ledger.sinkMarks([ids[0]]), [[]], "the marks of an item that goes into all sinks again")
    return found.wrong
  }

  func refusingRecords() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b"])
    let commits = ["a", "b"].enumerated().map { PendingCommit.sample($1, run: run, item: ids[$0]) }
    for (id, commit) in zip(ids, commits) { try await ledger.finish(id, commit: commit) }
    let refused = [
      RefusedRecord(record: 7, version: "v", field: "é", reason: "not unique"),
      RefusedRecord(record: 1 << 40, version: "v", field: nil, reason: "too long"),
    ]
    try await ledger.revoke(commits[0], refusing: refused.reversed())
    found.same(try await ledger.refusedRecords(ids[0]), refused, "the records that are refused")
    found.same(try await ledger.refusedRecords(ids[1]), [], "those of another item")
    found.same(try await ledger.status("a"), .pending, "the item's state")
    _ = try await ledger.start(["a"], continuing: run, startsOver: true)
    try await ledger.startOver(ids[0])
    found.same(try await ledger.refusedRecords(ids[0]), refused, "the records after the item started over")
    try await ledger.finish(ids[0], commit: commits[0])
    found.same(try await ledger.refusedRecords(ids[0]), [], "the records after they became dead letters")
    return found.wrong
  }

  func leavingUnchanged() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let (run, ids) = try await ledger.start(["a", "b"])
    for (key, id) in zip(["a", "b"], ids) {
      try await ledger.checkpoint(id, at: 5, [.sample(run, key, id, record: 1)])
      try await ledger.finish(id, read: 9)
    }
    _ = try await ledger.start(["a", "b"])
    try await ledger.unchanged(ids[0], version: "v2")
    let item = try await ledger.item("a")
    found.same(item?.status, .done, "the state")
    found.same(item?.version, "v2", "the version")
    found.same(item?.counts.read, 9, "the counts")
    found.same(item?.checkpoint?.offset, 9, "the checkpoint")
    found.same(try await ledger.count { $0.item = "a" }, 1, "the dead letters")
    found.same(try await ledger.status("b"), .pending, "the state of another item")
    return found.wrong
  }

  func paging() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    let keys = (0..<2_500).map { "item \($0)" }
    let (run, ids) = try await ledger.start(keys)
    let other = try await ledger.start(["other"])
    _ = try await ledger.start(["item 1"], pipeline: "q")
    let done = ids.enumerated().filter { $0.offset % 3 != 0 }.map(\.element)
    try await ledger.finish(
      done.map {
        FinishedItem(id: $0, version: "v", progress: ItemProgress(Checkpoint()), commits: [], seconds: 1, sourceSchema: nil)
      }, committed: [])
    try await ledger.finish(other.items[0])
    let selections: [(ItemSelection, [ItemID])] = [
      (.pipeline("p"), ids + other.items), (.done(pipeline: "p"), done + other.items), (.doneIn(run), done), (.pipeline("x"), []),
    ]
    for (selection, want) in selections {
      let pages = Pages()
      try await ledger.forEachPage(selection) { pages.list.append($0) }
      found.expect(pages.list.allSatisfy { (1...1000).contains($0.count) }, "\(selection): a page is empty, or has more than 1,000 items")
      found.same(pages.list.joined().map(\.id), want.sorted { $0.value < $1.value }, "the items of \(selection)")
      let named = Dictionary(zip(ids, keys)) { a, _ in a }
      found.expect(
        pages.list.joined().allSatisfy { $0.key == named[$0.id] ?? "other" && $0.run == (named[$0.id] == nil ? other.run : run) },
        "\(selection): an item has another key or run")
      let first = try await ledger.page(selection, after: nil, limit: 7)
      found.same(first.map(\.id), Array(want.prefix(7)), "the first page of \(selection)")
      let next = try await ledger.page(selection, after: first.last?.id, limit: 7)
      found.same(next.map(\.id), Array(want.dropFirst(7).prefix(7)), "the second page of \(selection)")
    }
    found.same(try await ledger.items(run: run).map(\.id), ids, "the run's items")
    found.same(
      try await ledger.items(run: run, onlyOpen: true).map(\.id), ids.enumerated().filter { $0.offset % 3 == 0 }.map(\.element),
      "the run's open items")
    found.same(
      try await ledger.items(pipeline: "p", keys: keys.map { [$0] }).map { $0?.id }, ids, "several thousand items by their keys")
    return found.wrong
  }

  func openItems() async throws -> [String] {
    var found = Findings()
    let ledger = try open()
    found.same(try await ledger.hasOpenItems(pipeline: "p"), false, "an empty ledger has open items")
    let composed = "caf\u{e9}"
    let decomposed = "cafe\u{301}"
    let first = try await ledger.start(["done", "failed", "closed", composed, decomposed])
    try await ledger.finish(first.items[0])
    try await ledger.fail(first.items[1], error: "broken", .sample(first.run, "failed", first.items[1], record: nil))
    try await ledger.close([first.items[2]], runs: [], continued: first.run)
    let new = NewRun(definition: "second", definitionPath: "p.yaml", variables: ["v": "1"], schema: nil)
    let second = try await ledger.begin(
      new, continuing: nil, pipeline: "p", definitionHash: "h",
      [ItemEntry(key: "working", location: nil, ordinal: 0, startsOver: false, isKnown: false)])
    try await ledger.checkpoint(second.items[0], at: 1)
    _ = try await ledger.start(["elsewhere"], pipeline: "q")
    let open = ["failed", composed, decomposed, "working"]
    found.same(try await ledger.hasOpenItems(pipeline: "p"), true, "the pipeline has open items")
    found.sameBytes(Self.sorted(try await ledger.openKeys(pipeline: "p")), Self.sorted(open), "the open keys")
    let all = try await ledger.openItems(pipeline: "p", without: [])
    found.sameBytes(Self.sorted(all.map(\.key)), Self.sorted(open), "the open items")
    for item in all {
      let isSecond = item.key == "working"
      found.same(item.run, isSecond ? second.run : first.run, "the run of \(item.key)")
      found.same(item.id, isSecond ? second.items[0] : first.items[Self.place(of: item.key)], "the number of \(item.key)")
      found.same(item.status, isSecond ? .working : item.key == "failed" ? .failed : .pending, "the state of \(item.key)")
      found.same(item.definition, isSecond ? "second" : "pipeline: p", "the definition of \(item.key)")
      found.same(item.variables, isSecond ? ["v": "1"] : [:], "the variables of \(item.key)")
    }
    found.sameBytes(
      Self.sorted(try await ledger.openItems(pipeline: "p", without: [composed, "failed", "elsewhere"]).map(\.key)),
      Self.sorted([decomposed, "working"]), "the open items but two")
    found.sameBytes(
      try await ledger.openItems(pipeline: "p", without: [composed, decomposed, "failed"]).map(\.key), ["working"],
      "the open items but three")
    try await ledger.close(all.map(\.id), runs: [], continued: nil)
    found.same(try await ledger.hasOpenItems(pipeline: "p"), false, "the pipeline has open items once all are closed")
    found.same(try await ledger.openKeys(pipeline: "p"), [], "the open keys once all are closed")
    return found.wrong
  }

  private static func sorted(_ keys: [String]) -> [String] { keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

  private static func place(of key: String) -> Int {
    switch key {
    case "failed": 1
    default: key.utf8.count == 5 ? 3 : 4
    }
  }
}

private final class Pages {
  var list: [[ItemListing]] = []
}
