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

  @Test("once SQLite has rolled back what was staged, no writer of the database goes on, even where there is room again")
  func databaseIsFull() throws {
    let bench = try bench(Self.modes[0])
    defer { bench.remove() }
    let database = SQLiteDatabase("out.db", path: bench.folder + "/out.db")
    func open(_ name: String) throws -> SQLiteWriter {
      let target = SQLiteTarget(database: "out.db", table: "t", mode: .append, key: [])
      return try SQLiteWriter(database, target, "p", staging: bench.slot(name).name, Bench.schema, at: .start)
    }
    func allow(pages: Int) throws { try database.use(staging: .leavesAlone) { try $0.run("PRAGMA max_page_count = \(pages)") } }
    let (a, b) = (try open("a"), try open("b"))
    _ = try a.append(SinkChunk(bench.records(0, 100).bytes))
    try a.flush()
    let flushed = a.position
    _ = try a.append(SinkChunk(bench.records(100, 100).bytes))
    let lost = a.position
    try allow(pages: try database.use(staging: .leavesAlone) { try $0.count("PRAGMA page_count") } + 2)
    #expect(throws: WriteError.self) { _ = try b.append(SinkChunk(bench.records(0, 20_000).bytes)) }
    #expect(try database.use(staging: .leavesAlone) { !$0.isInTransaction }, "SQLite has rolled nothing back: this test shows nothing")
    try allow(pages: 1 << 20)

    let session = try bench.session()
    let calls: [(String, () throws -> Void)] = [
      ("flush", { try a.flush() }), ("flush of the one that failed", { try b.flush() }), ("prepare", { try session.prepare([a]) }),
      ("append", { _ = try a.append(SinkChunk(bench.records(200, 1).bytes)) }), ("truncate", { try a.truncate(to: flushed) }),
      ("open", { _ = try open("c") }),
    ]
    for (name, call) in calls {
      let error = #expect(throws: WriteError.self, "\(name)") { try call() }
      #expect(error?.description.contains("is full; make room") == true, "\(name): \(String(describing: error))")
    }
    #expect(try session.inspect(bench.slot("a"), at: flushed) == .whole)
    #expect(try session.inspect(bench.slot("a"), at: lost) == .short)
  }

  @Test("no commit takes fewer rows than were prepared", arguments: modes)
  func fewerRowsThanPrepared(_ mode: String) throws {
    let bench = try bench(mode)
    defer { bench.remove() }
    let session = try bench.session()
    let writer = try session.open(bench.slot(), Bench.schema, at: .start)
    _ = try writer.append(SinkChunk(bench.records(0, 100).bytes))
    try writer.release()
    try session.prepare([writer])
    let committable = try #require(writer.committable)
    let staging = SQLiteConnection.quoted(bench.slot().name)
    for (change, finding) in [("DELETE FROM \(staging) WHERE rowid > 60", OutputFinding.short), ("DROP TABLE \(staging)", .missing)] {
      try SQLiteConnection(bench.folder + "/out.db").run(change)
      let error = #expect(throws: WriteError.self, "\(change)") { try session.commit([committable], forgetting: []) }
      #expect(error?.description.contains("resume writes them again") == true, "\(String(describing: error))")
      #expect(try bench.contents() == nil, "\(change)")
      #expect(try bench.session().inspect(committable) == finding, "\(change)")
    }
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
