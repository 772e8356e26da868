import Files
import Foundation
import GRDB
import Testing

@testable import Ledger

@Suite("Ledgers of earlier versions")
struct OlderLedgerTests {
  /// The migrations, in their order: a ledger of an earlier version has had the first few.
  static let versions = Migrations.all.migrations

  @Test("a ledger of an earlier version is read as it is, and brought up with all that it holds", arguments: versions)
  func carriesOver(_ version: String) async throws {
    let bench = try SQLiteBench()
    defer { bench.remove() }
    let older = try OlderLedger(version)
    try older.make(bench.folder)
    let path = bench.folder + "/ledger.sqlite"
    let before = FileManager.default.contents(atPath: path)
    do {
      let reader = try #require(try bench.openReadOnly())
      let found = try await older.findings(reader)
      #expect(found.isEmpty, "\(version), only read: \(found.joined(separator: "; "))")
    }
    #expect(FileManager.default.contents(atPath: path) == before, "\(version): reading has written")
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder) == ["ledger.sqlite"])
    let ledger = try bench.open()
    let found = try await older.findings(ledger)
    #expect(found.isEmpty, "\(version), brought up: \(found.joined(separator: "; "))")
    // It is gone on with.
    let (run, items) = try await ledger.start(["done", "working", "failed"])
    #expect(run == RunID(8) && items == [ItemID(1), ItemID(2), ItemID(3)])
    try await ledger.checkpoint(items[1], at: 900, [.sample(run, "working", items[1], record: 9)])
    try await ledger.finish(items[1], read: 5, commit: .sample("w", run: run, item: items[1]))
    #expect(try await ledger.letters().map(\.id).max() == 44)
    #expect(try await ledger.pendingCommits(pipeline: "p").count == (older.has("2") ? 2 : 1))
  }

  @Test("a ledger of the present version that has lost a table is damaged, and is not taken for an earlier one")
  func lostTables() async throws {
    let bench = try SQLiteBench(.sql("DROP TABLE committables"))
    defer { bench.remove() }
    let reader = try #require(try bench.openReadOnly())
    await #expect(throws: LedgerError.self) { try await reader.pendingCommits(pipeline: "p") }
  }

  @Test("a ledger of a later version is refused, and not touched")
  func laterVersion() throws {
    let bench = try SQLiteBench(.sql("INSERT INTO grdb_migrations VALUES ('of tomorrow')"))
    defer { bench.remove() }
    #expect(throws: LedgerError.self) { try bench.open() }
    #expect(throws: LedgerError.self) { try bench.openReadOnly() }
  }
}

/// A ledger as an earlier version left it, and what has to be found in it.
private struct OlderLedger {
  let version: String
  private let place: Int

  init(_ version: String) throws {
    self.version = version
    place = try #require(OlderLedgerTests.versions.firstIndex(of: version))
  }

  /// Whether the version has a migration.
  func has(_ migration: String) -> Bool { OlderLedgerTests.versions.firstIndex(of: migration).map { $0 <= place } ?? false }

  private static let continuation: [UInt8] = [7, 0, 255]

  /// Makes the ledger in a folder.
  func make(_ folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var configuration = Configuration()
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
    let database = try DatabaseQueue(path: folder + "/ledger.sqlite", configuration: configuration)
    try Migrations.all.migrate(database, upTo: version)
    try database.write { db in
      try db.execute(sql: first)
      try db.execute(
        sql: has("committables")
          ? "UPDATE checkpoints SET position = '120:77' WHERE item = 2"
          : "UPDATE checkpoints SET part_length = 120 WHERE item = 2")
      if has("2") {
        if !has("committables") { try db.execute(sql: "UPDATE checkpoints SET part_checksum = 77 WHERE item = 2") }
        let sum = Self.continuation.withUnsafeBufferPointer { bytes in bytes.baseAddress.map { Checksum($0, bytes.count).value } ?? 0 }
        let kept = Data(Self.continuation + (0..<4).map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) })
        try db.execute(sql: "UPDATE checkpoints SET continuation = ? WHERE item = 2", arguments: [kept])
        try db.execute(sql: Self.second)
        try db.execute(
          sql: has("committables")
            ? "INSERT INTO committables (sink, name, target, token, pipeline, run, item, replay) VALUES ('file', '.done.part', 'done.jsonl', '12:34', 'p', 5, 1, NULL)"
            : "INSERT INTO placements VALUES ('.done.part', 'done.jsonl', 'p', 5, 1, 12, 34)")
      }
      if has("3") { try db.execute(sql: "INSERT INTO events VALUES (1, 7, 1700000000, 'parse', 2, 'failed', 'why')") }
      if has("4") { try db.execute(sql: Self.fourth) }
      if has("outputs") {
        try db.execute(sql: "INSERT INTO outputs VALUES ('/data/done', 'done', 'p', '/data/p.yaml', 5, 1, 0)")
      }
      if has("blank lines") { try db.execute(sql: "UPDATE checkpoints SET blank_lines = 3") }
      if has("committables") { try db.execute(sql: "UPDATE dead_letters SET replay = 4 WHERE resolved") }
      if has("locations") { try db.execute(sql: "UPDATE items SET location = 'at ' || key") }
      if has("blank lines of runs") { try db.execute(sql: "UPDATE runs SET blank_lines = 6 WHERE id = 5") }
    }
  }

  /// The content of a ledger of every version.
  private var first: String {
    """
    INSERT INTO runs (id, pipeline, status, started_at, ended_at, definition, definition_path, variables, schema, read, written, filtered,
      dead_lettered, fetched, decompressed, bytes_written, retries, restarts, error)
      VALUES (5, 'p', 'done', 1700000000, 1700000100, 'text', 'p.yaml', '{"a":"b"}', '[1]', 10, 5, 3, 2, 11, 12, 13, 1, 2, NULL),
      (7, 'p', 'interrupted', 1700000200, 1700000300, 'text', 'p.yaml', '{}', NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'stopped');
    INSERT INTO items (id, pipeline, key, version, run, ordinal, status, definition_hash, read, written, filtered, dead_lettered, error)
      VALUES (1, 'p', 'done', 'v1', 5, 0, 'done', 'h', 10, 5, 3, 2, NULL), (2, 'p', 'working', 'v2', 7, 0, 'working', 'h', 0, 0, 0, 0, NULL),
      (3, 'p', 'failed', NULL, 7, 1, 'failed', 'h', 0, 0, 0, 0, 'broken');
    INSERT INTO checkpoints (item, offset, lines, read, written, filtered, dead_lettered, fetched, decompressed, bytes_written, \(has("committables") ? "position" : "part_length"))
      VALUES (1, 100, 11, 10, 5, 3, 2, 11, 12, 13, \(has("committables") ? "''" : "0")), (2, 400, 41, 40, 38, 1, 1, 44, 45, 46, \(has("committables") ? "''" : "0"));
    INSERT INTO dead_letters (id, run, pipeline, item, item_id, stage, record, line, offset, field, code, reason, attempts, at, raw, resolved)
      VALUES (41, 5, 'p', 'done', 1, 'parse', 4, 5, 40, 'n', 'bad_value', 'is no number', 2, 1700000050, X'007A', 1),
      (42, 7, 'p', 'working', 2, 'parse', 6, 7, 60, NULL, 'bad_value', 'is no number', 1, 1700000250, X'79', 0),
      (43, 7, 'p', 'failed', 3, 'fetch', NULL, NULL, NULL, NULL, 'missing', 'gone', 1, 1700000260, X'', 0);
    """
  }

  private static let second = """
    UPDATE items SET header = '["n"]' WHERE id < 3;
    UPDATE dead_letters SET previous = X'70', next = X'6E' WHERE id = 42;
    INSERT INTO dead_letter_attempts VALUES (41, 1, 1700000040, 'first', 'before');
    INSERT INTO replays VALUES (4, 'p', 1700000060, 1, 0);
    INSERT INTO replay_outputs VALUES ('done.replay-4', 'p', 1, 1);
    """

  private static let fourth = """
    INSERT INTO source_schemas VALUES (9, 'p', '["n","é"]');
    UPDATE items SET source_schema = 9, seconds = 1.5 WHERE id = 1;
    INSERT INTO timelines VALUES (5, '[{"at":1,"since":0,"read":2,"written":3,"fetchedBytes":4,"writtenBytes":5,"stages":[]}]');
    """

  /// The wrong answers of a ledger, question by question.
  func findings(_ ledger: any Ledger) async throws -> [String] {
    var found = Findings()
    found.same(try await ledger.pipelines(), ["p"], "the pipelines")
    found.same(try await ledger.nextRun(), RunID(8), "the next run's number")
    let runs = try await ledger.runs(pipeline: "p")
    found.same(runs.map(\.id), [RunID(7), RunID(5)], "the runs")
    found.same(runs.map(\.status), [.interrupted, .done], "their states")
    found.same(runs.map(\.error), ["stopped", nil], "their errors")
    var counts = RecordCounts()
    (counts.read, counts.written, counts.filtered, counts.deadLettered) = (10, 5, 3, 2)
    var ofRun = counts
    ofRun.blankLines = has("blank lines of runs") ? 6 : 0
    found.same(runs.last?.counts, ofRun, "a run's counts")
    found.same(runs.last?.variables, ["a": "b"], "a run's variables")
    var unfinished = [RunID(7)]
    if has("2") { unfinished.append(RunID(5)) }
    found.same(try await ledger.unfinishedRuns(pipeline: "p").map(\.id), unfinished, "the unfinished runs")
    for run in runs { found.same(try await ledger.isUnfinished(run), unfinished.contains(run.id), "run \(run.id) is unfinished") }
    found.same(try await ledger.hasDefinition("h", run: RunID(5)), true, "a run has its fingerprint")
    found.same(try await ledger.damagedItems(RunID(5)), 0, "damaged items")
    let totals = try await ledger.totals(RunID(5))
    counts.blankLines = has("blank lines") ? 3 : 0
    found.same(totals.counts, counts, "a run's sums")
    found.same([totals.bytes.fetched, totals.bytes.decompressed, totals.bytes.written], [11, 12, 13], "a run's bytes")
    found.same(totals.items, [.done: 1], "a run's items by state")

    let items = try await ledger.items(pipeline: "p", keys: [["done"], ["new", "working"], ["failed"], ["none"]])
    found.same(items.map { $0?.id.value }, [1, 2, 3, nil], "the items")
    found.same(items.map { $0?.status }, [.done, .working, .failed, nil], "their states")
    found.same(
      items.map { $0?.location }, has("locations") ? ["at done", "at working", "at failed", nil] : [nil, nil, nil, nil], "their locations")
    let point = items[1]?.checkpoint
    found.same([point?.offset, point?.lines, point?.counts.read, point?.bytes.written], [400, 41, 40, 46], "a checkpoint")
    found.same(point?.position, SinkPosition(has("2") ? "120:77" : "120"), "a checkpoint's position")
    found.same(items[0]?.checkpoint?.position, .start, "a position at the start")
    found.same(try await ledger.continuation(ItemID(2)), has("2") ? Self.continuation : nil, "a continuation")
    found.same(try await ledger.items(run: RunID(7), onlyOpen: true).map(\.key), ["working", "failed"], "a run's open items")
    found.same(try await ledger.openKeys(pipeline: "p").sorted(), ["failed", "working"], "the open keys")
    found.same(try await ledger.openItems(pipeline: "p", without: ["failed"]).map(\.definition), ["text"], "the open items")
    found.same(try await ledger.keys([1, 2]), [1: "done", 2: "working"], "the keys of numbers")
    found.same(try await ledger.page(.pipeline("p"), after: ItemID(1), limit: 9).map(\.key), ["working", "failed"], "a page of items")

    let committable = Committable(sink: "file", name: ".done.part", target: "done.jsonl", token: "12:34")
    let pending = try await ledger.pendingCommits(pipeline: "p")
    found.same(pending.map(\.committable), has("2") ? [committable] : [], "the committables")
    found.same(pending.map(\.item), has("2") ? [ItemID(1)] : [], "their items")
    found.same(pending.map(\.replay), has("2") ? [nil] : [], "their replays")
    found.same(try await ledger.staleOutputs(pipeline: "p"), has("2") ? ["done.replay-4"] : [], "the stale outputs")
    found.same(try await ledger.hasUnlistedOutputs(pipeline: "p"), !has("outputs"), "there are outputs that are not known")
    found.same(try await ledger.hasOutputs(pipeline: "p"), has("outputs"), "there are outputs")
    found.same(
      try await ledger.outputs(at: ["/data/done", "/x"]).map { $0?.item }, [has("outputs") ? ItemID(1) : nil, nil], "the outputs")
    found.same(
      try await ledger.outputs(pipeline: "p", [(place: "/moved", path: "done")]).map(\.count), [has("outputs") ? 1 : 0], "outputs by path")

    let letters = try await ledger.letters()
    found.same(letters.map(\.id), [41, 43, 42], "the dead letters")
    found.same(letters.map(\.resolved), [true, false, false], "their states")
    found.same(letters.map(\.raw), [[0, 0x7A], [], [0x79]], "their records")
    found.same(letters.last?.previous, has("2") ? [0x70] : nil, "what comes before a record")
    found.same(letters.last?.next, has("2") ? [0x6E] : nil, "what comes after a record")
    found.same(try await ledger.deadLetterCounts(DeadLetterFilter()).map(\.count), [1, 1, 1], "the counts of dead letters")
    found.same(
      try await ledger.deadLetterReasons(.with { $0.isRecord = true }, examples: 1).map { $0.examples.map(\.id) }, [[42], [41]],
      "the reasons")
    let groups = try await ledger.replayGroups(.with { ($0.isRecord, $0.isResolved) = (true, false) })
    found.same(groups.map(\.item), ["working"], "the items to replay")
    found.same(groups.map(\.header), [has("2") ? "[\"n\"]" : nil], "their columns")
    found.same(try await ledger.deadLetters(DeadLetterFilter(), of: "done", after: nil, limit: 9).map(\.id), [41], "an item's dead letters")
    found.same(try await ledger.attempts(ofDeadLetter: 41).map(\.code), has("2") ? ["first"] : [], "the attempts")
    found.same(try await ledger.hadDeadLetter(43), true, "there was a dead letter 43")
    found.same(try await ledger.hadDeadLetter(44), false, "there was a dead letter 44")
    found.same(try await ledger.nextReplay(), has("2") ? 5 : 1, "the next replay's number")

    found.same(try await ledger.eventCounts(RunID(7)), has("3") ? ["failed": 1] : [:], "the events")
    found.same(try await ledger.troubles(RunID(7), limit: 9).map(\.worker), has("3") ? [2] : [], "the troubles")
    found.same(try await ledger.timeline(RunID(5)).map(\.written), has("4") ? [3] : [], "the timeline")
    found.same(try await ledger.lastColumns(pipeline: "p"), has("4") ? ["n", "é"] : nil, "the last columns")
    let figures = try await ledger.figures(RunID(5), limit: 9)
    found.same(figures.map(\.read), [10], "the figures")
    found.same(figures.map(\.seconds), [has("4") ? 1.5 : nil], "the figures' seconds")
    found.same(figures.map(\.columns), [has("4") ? ["n", "é"] : nil], "the figures' columns")
    found.same(try await ledger.durations(RunID(5)), has("4") ? [1.5] : [], "the durations")
    return found.wrong
  }
}
