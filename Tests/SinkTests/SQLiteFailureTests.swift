import Files
import Foundation
import Testing

@testable import Dataflow
@testable import Write

@Suite("SQLite where writing fails")
struct SQLiteFailureTests {
  private static let modes = ["mode: append", "mode: replace", "mode: merge, key: [n]"]

  private func bench(_ mode: String) throws -> Bench {
    try Bench(
      SinkConformance(write: "table: t, database: out.db, \(mode)") { folder in
        let connection = try SQLiteConnection(folder + "/out.db")
        return try connection.hasTable("t") ? connection.rows("SELECT n FROM t").map { $0[0] ?? "" } : nil
      })
  }

  @Test("a database that is full takes nothing of a commit, and all of it once there is room", arguments: modes)
  func databaseIsFull(_ mode: String) throws {
    let bench = try bench(mode)
    defer { bench.remove() }
    let database = SQLiteDatabase.at(bench.folder + "/out.db", named: "out.db", patience: .seconds(1))
    let session = try bench.session()
    let writer = try session.open(bench.slot(), Bench.schema, at: .start)
    try writer.append(SinkChunk(bench.records(0, 20_000).bytes))
    try session.prepare([writer])
    let committable = try #require(writer.committable)
    func allow(pages: Int) throws { try database.use { try $0.run("PRAGMA max_page_count = \(pages)") } }
    try allow(pages: try database.use { try $0.count("PRAGMA page_count") } + 5)
    for _ in 0..<2 {
      let error = #expect(throws: WriteError.self) { try session.commit([committable], forgetting: []) }
      #expect(error?.description.contains("is full; make room") == true, "\(String(describing: error))")
      #expect(try bench.contents() == nil)
      #expect(try session.inspect(committable) == .whole)
    }
    try allow(pages: 1 << 20)
    #expect(try session.commit([committable], forgetting: []).isEmpty)
    #expect(try bench.contents()?.count == 20_000)
  }

  @Test("no commit takes fewer rows than were prepared", arguments: modes)
  func fewerRowsThanPrepared(_ mode: String) throws {
    let bench = try bench(mode)
    defer { bench.remove() }
    let session = try bench.session()
    let writer = try session.open(bench.slot(), Bench.schema, at: .start)
    try writer.append(SinkChunk(bench.records(0, 1000).bytes))
    try writer.release()
    try session.prepare([writer])
    let committable = try #require(writer.committable)
    let part = try #require((writer as? TableWriter)?.part?.path)
    for (change, finding) in [(60, OutputFinding.short), (nil, .missing)] {
      if let length = change { truncate(part, off_t(length)) } else { unlink(part) }
      // As another process finds it.
      let later = try bench.session()
      #expect(try later.inspect(committable) == finding, "\(String(describing: change))")
      let error = #expect(throws: WriteError.self) { try later.commit([committable], forgetting: []) }
      #expect(error?.description.contains("resume writes them again") == true, "\(String(describing: error))")
      #expect(try bench.contents() == nil)
    }
  }

  @Test("a token of an earlier build, whose rows were in a table, is done or starts over")
  func earlierToken() throws {
    let bench = try bench(Self.modes[0])
    defer { bench.remove() }
    let target = #"{"database":"out.db","table":"t","mode":"append","key":[]}"#
    let committable = Committable(
      sink: "sqlite", name: "n", target: "t",
      token: #"{"target":\#(target),"staging":"sluice_staging_1","commit":"c","owner":"p","rows":3}"#)
    let session = try bench.session()
    #expect(try session.inspect(committable) == .altered)
    try SQLiteConnection(bench.folder + "/out.db").run(
      "CREATE TABLE sluice_commits (id TEXT PRIMARY KEY, owner TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID; INSERT INTO sluice_commits VALUES ('c', 'p', 'now')"
    )
    #expect(try session.inspect(committable) == .committed)
    #expect(try session.commit([], forgetting: [committable]).isEmpty)
    #expect(try SQLiteConnection(bench.folder + "/out.db").count("SELECT count(*) FROM sluice_commits") == 0)
  }

  @Test("rows that the table refuses are told one by one, by the number of their record, in SQLite's words")
  func rowsThatSQLiteRefuses() throws {
    let output = try TableBench("table: t, database: out.db")
    defer { output.remove() }
    let connection = try SQLiteConnection(output.bench.folder + "/out.db")
    try connection.run("CREATE TABLE t (n INTEGER PRIMARY KEY CHECK (n <> 777), s TEXT NOT NULL); INSERT INTO t VALUES (500, 'there')")
    var lines = (0..<3000).map { "{\"n\":\($0),\"s\":\($0 == 2222 ? "null" : "\"x\"")}" }
    let refusal = try #require(try output.write(lines, Bench.schema).refusals.first)
    #expect(refusal.rows.map(\.record) == [500, 777, 2222])
    for (i, words) in ["UNIQUE constraint", "CHECK constraint", "NOT NULL constraint"].enumerated() {
      #expect(refusal.rows[i].reason.contains(words), "\(refusal)")
    }
    #expect(try connection.count("SELECT count(*) FROM t") == 1)
    for row in [2222, 777, 500] { lines.remove(at: row) }
    #expect(try output.write(lines, Bench.schema).refusals.isEmpty)
    #expect(try connection.count("SELECT count(*) FROM t") == 2998)
  }

  @Test(
    "a trigger that ends a statement half way, or the transaction, leaves no row doubled and none alone", arguments: ["FAIL", "ROLLBACK"])
  func triggersThatEndStatements(_ end: String) throws {
    let output = try TableBench("table: t, database: out.db")
    defer { output.remove() }
    let connection = try SQLiteConnection(output.bench.folder + "/out.db")
    try connection.run("CREATE TABLE t (n INTEGER, s TEXT)")
    try connection.run("CREATE TRIGGER no AFTER INSERT ON t WHEN NEW.n = 777 BEGIN SELECT RAISE(\(end), 'not 777'); END")
    var lines = (0..<3000).map { "{\"n\":\($0),\"s\":\"x\"}" }
    if end == "FAIL" {
      let refusal = try #require(try output.write(lines, Bench.schema).refusals.first)
      #expect(refusal.rows.map(\.record) == [777])
      #expect(refusal.rows.map(\.reason) == ["not 777"])
    } else {
      #expect(throws: WriteError.self) { try output.write(lines, Bench.schema) }
    }
    #expect(try connection.count("SELECT count(*) FROM t") == 0)
    lines.remove(at: 777)
    #expect(try output.write(lines, Bench.schema).refusals.isEmpty)
    #expect(try connection.rows("SELECT count(*), sum(n) FROM t") == [["2999", "\(2999 * 3000 / 2 - 777)"]])
  }

  @Test("many rows are taken as few are: without the fields that are left out, with provenance, and beside a table of the feed's name")
  func manyRows() throws {
    let output = try TableBench("table: t, database: out.db, on_new_column: ignore, provenance: true")
    defer { output.remove() }
    let connection = try SQLiteConnection(output.bench.folder + "/out.db")
    try connection.run("CREATE TABLE t (s TEXT, _item TEXT, _run INTEGER)")
    let lines = (0..<3000).map { "{\"n\":\($0),\"s\":\($0 % 3 == 0 ? "null" : "\"é\($0)\"")}" }
    for item in ["a", "b"] {
      #expect(try output.write(lines, Bench.schema, item: item).refusals.isEmpty)
      try connection.run("CREATE TABLE IF NOT EXISTS \(SQLiteRowFeed.table) (c0, c1)")
    }
    var expected: [[String?]] = []
    for item in ["a", "b"] {
      for n in 0..<3000 { expected.append([n % 3 == 0 ? nil : "é\(n)", item, "1"]) }
    }
    #expect(try connection.rows("SELECT * FROM t ORDER BY rowid") == expected)
  }

  @Test("a field that the table has no column for fails, is added or is left out", arguments: ["fail", "add", "ignore"])
  func newColumnOfSQLite(_ rule: String) throws {
    let output = try TableBench("table: t, database: out.db, on_new_column: \(rule)")
    defer { output.remove() }
    let connection = try SQLiteConnection(output.bench.folder + "/out.db")
    try connection.run("CREATE TABLE t (N INTEGER)")
    if rule == "fail" {
      let error = #expect(throws: WriteError.self) { try output.write(["{\"n\":1,\"s\":\"x\"}"], Bench.schema) }
      #expect(error?.description.contains("no column “s”") == true, "\(String(describing: error))")
      return
    }
    #expect(try output.write(["{\"n\":1,\"s\":\"x\"}"], Bench.schema).refusals.isEmpty)
    #expect(try connection.columns(of: "t") == (rule == "add" ? ["N", "s"] : ["N"]))
    #expect(try connection.rows("SELECT * FROM t") == [rule == "add" ? ["1", "x"] : ["1"]])
  }

  @Test("with provenance the rows of an item that is written again take the place of its earlier ones; WAL stays")
  func provenanceInSQLite() throws {
    let output = try TableBench("table: t, database: out.db, provenance: true, mode: merge, key: [n]")
    defer { output.remove() }
    let connection = try SQLiteConnection(output.bench.folder + "/out.db")
    try connection.run("PRAGMA journal_mode = WAL")
    for (item, rows) in [("a", 0..<10), ("b", 5..<8), ("a", 3..<5)] {
      #expect(try output.write(rows.map { "{\"n\":\($0),\"s\":null}" }, Bench.schema, item: item).refusals.isEmpty)
    }
    #expect(
      try connection.rows("SELECT _item, n, _run FROM t ORDER BY 1, 2") == [
        ["a", "3", "1"], ["a", "4", "1"], ["b", "5", "1"], ["b", "6", "1"], ["b", "7", "1"],
      ])
    #expect(try connection.rows("PRAGMA journal_mode") == [["wal"]])
  }

  @Test("a checkpoint that fails tells it at once, before anybody asks for its end")
  func checkpoint() async throws {
    let (told, teller) = AsyncStream.makeStream(of: String.self)
    let checkpoint = CheckpointUnderWay {
      throw WriteError(action: "write to", path: "t", reason: "no room")
    } failed: {
      teller.yield("\($0)")
    }
    for await words in told.prefix(1) { #expect(words == "can't write to t: no room") }
    await #expect(throws: WriteError.self) { try await checkpoint.end() }
  }
}
