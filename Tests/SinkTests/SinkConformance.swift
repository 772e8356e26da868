import Configuration
import Definition
import Files
import Foundation
import Parse
import Records

@testable import Write

/// The checks that every sink passes that commits. Each returns the faults that it finds.
///
/// A new session stands for another process: what it finds is what the one before had put on the disk.
struct SinkConformance: Sendable {
  /// A sink's own part of a definition: `path: out/{item.stem}.jsonl`.
  let write: String
  /// The records that are visible in a folder, as JSON each, in their order within an output; nil where there is no output.
  let contents: @Sendable (_ folder: String) throws -> [String]?
  /// Makes the place of the outputs empty, where it is not in the folder.
  var clearing: @Sendable () throws -> Void = {}
  /// Puts something in the sink's place that is broken.
  var breaking: @Sendable (any Sink) -> any Sink = { $0 }

  typealias Check = @Sendable (Bench) throws -> [String]

  static let checks: [(name: String, check: Check)] = [
    ("nothing is visible before the commit", { try $0.visibility() }),
    ("a commit makes all visible, and once more changes nothing", { try $0.repetition() }),
    ("a committable tells whether it was committed", { try $0.inspection() }),
    ("an output goes on where it was flushed", { try $0.resuming() }),
    ("what comes after a position can be dropped", { try $0.truncation() }),
    ("an output that begins at the start begins with nothing", { try $0.beginningAnew() }),
    ("an output that is taken away leaves nothing", { try $0.discarding() }),
    ("an output without records is an output", { try $0.emptiness() }),
    ("several outputs are committed together", { try $0.several() }),
    ("an output that is prepared may grow, and be prepared again", { try $0.growing() }),
  ]

  /// The faults, by the name of the check that found them.
  func failures() throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    for (name, check) in Self.checks {
      let bench = try Bench(self)
      defer { bench.remove() }
      var failures: [String]
      do { failures = try check(bench) } catch { failures = ["it threw: \(error)"] }
      if !failures.isEmpty { found[name] = failures }
    }
    return found
  }
}

/// A folder, and the sink at work in it.
struct Bench {
  let folder: String
  let suite: SinkConformance
  let sink: any Sink
  let context: SinkContext
  static let schema = Schema([Field(name: "n", type: .bigint, nullable: false), Field(name: "s", type: .text)])

  init(_ suite: SinkConformance) throws {
    self.suite = suite
    try suite.clearing()
    folder = NSTemporaryDirectory() + "sluice-sink-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let definition = try PipelineDefinition.load(
      text: "pipeline: p\nfetch: {from: a.csv}\nwrite: {\(suite.write)}\n", path: folder + "/p.yaml", variables: [:])
    sink = suite.breaking(definition.sinks[0].sink)
    context = definition.sinkContext
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  /// As another process begins.
  func session() throws -> any SinkSession { try sink.start(context) }

  func slot(_ name: String = "a") -> OutputSlot {
    sink.slot(OutputWords(item: sink.grouping == .item ? (name, name, name) : nil, run: "1", date: Date(timeIntervalSince1970: 0)), context)
  }

  /// Records from `first` on, as the sink's encoder spells them, and as ``SinkConformance/contents`` gives them.
  func records(_ first: Int, _ count: Int) -> (bytes: ByteBuffer, shown: [String]) {
    let texts = ["plain", "with \\\"quotes\\\"", "", "Zürich", "two\\nlines", "comma, too"]
    let lines = (first..<first + count).map { "{\"n\":\($0),\"s\":\($0 % 5 == 4 ? "null" : "\"\(texts[$0 % 6])\"")}" }
    let text = ByteBuffer(capacity: 1)
    text.append(lines.map { $0 + "\n" }.joined())
    var batch = JSONLines().parse(
      RecordChunk(buffer: text, offset: 0, sequence: 0),
      ColumnMapping(schema: Self.schema, columnCount: 2, columns: [0, 1], decoded: [false, false]))
    sink.encoder.refuse(in: &batch)
    let bytes = ByteBuffer(capacity: 1024)
    sink.encoder.encode(batch, to: bytes)
    return (bytes, lines)
  }

  func contents() throws -> [String]? { try suite.contents(folder) }

  /// The difference between the records that are visible and those that should be.
  func differs(_ want: [String]?, _ when: String) throws -> [String] {
    let got = try contents()
    if got == want { return [] }
    return ["\(when): \(got.map { "\($0.count) records" } ?? "nothing") in place of \(want.map { "\($0.count)" } ?? "nothing")"]
  }

  // MARK: Checks

  func visibility() throws -> [String] {
    let session = try session()
    let writer = try session.open(slot(), Self.schema, at: .start)
    try writer.append(SinkChunk(records(0, 100).bytes))
    var wrong = try differs(nil, "after append")
    try writer.flush()
    wrong += try differs(nil, "after flush")
    try writer.release()
    try session.prepare([writer])
    return wrong + (try differs(nil, "after prepare"))
  }

  func repetition() throws -> [String] {
    let session = try session()
    let writer = try session.open(slot(), Self.schema, at: .start)
    let made = records(0, 100)
    try writer.append(SinkChunk(made.bytes))
    try session.prepare([writer])
    guard let committable = writer.committable else { return ["a prepared output has no committable"] }
    var wrong = try session.commit([committable], forgetting: []).map(\.reason)
    wrong += try differs(made.shown, "after the commit")
    // Recovery looks first, and does again what may not have been done.
    let committer = type(of: sink).committer(in: folder, known: [sink])
    if try committer.inspect(committable) == .whole { _ = try committer.commit([committable], forgetting: []) }
    wrong += try differs(made.shown, "after recovery")
    _ = try committer.commit([], forgetting: [committable])
    return wrong + (try differs(made.shown, "once it is forgotten"))
  }

  func inspection() throws -> [String] {
    let session = try session()
    let writer = try session.open(slot(), Self.schema, at: .start)
    try writer.append(SinkChunk(records(0, 10).bytes))
    try session.prepare([writer])
    guard let committable = writer.committable else { return ["a prepared output has no committable"] }
    let committer = try self.session()
    var wrong: [String] = []
    let before = try committer.inspect(committable)
    if before != .whole { wrong.append("what is prepared is found \(before)") }
    _ = try committer.commit([committable], forgetting: [])
    let after = try self.session().inspect(committable)
    if after != .committed { wrong.append("what is committed is found \(after)") }
    return wrong
  }

  func resuming() throws -> [String] {
    // A session knows the target, which records may be spelled for.
    _ = try session()
    let (first, lost, last) = (records(0, 500), records(500, 300), records(800, 200))
    var position = SinkPosition.start
    do {
      let session = try session()
      let writer = try session.open(slot(), Self.schema, at: .start)
      try writer.append(SinkChunk(first.bytes))
      position = writer.position
      try writer.flush()
      try writer.append(SinkChunk(lost.bytes))
      if position == writer.position { return ["the position is the same after more records"] }
    }
    let session = try session()
    var wrong: [String] = []
    let found = try session.inspect(slot(), at: position)
    if found != .whole { wrong.append("what was flushed is found \(found)") }
    if sink.grouping == .item {
      let other = try session.inspect(slot("never written"), at: position)
      if other != .missing { wrong.append("what never was is found \(other)") }
    }
    let writer = try session.open(slot(), Self.schema, at: position)
    if writer.isEmpty { wrong.append("an output that is gone on with says that it is empty") }
    try writer.append(SinkChunk(last.bytes))
    try session.prepare([writer])
    guard let committable = writer.committable else { return ["a prepared output has no committable"] }
    wrong += try session.commit([committable], forgetting: []).map(\.reason)
    return wrong + (try differs(first.shown + last.shown, "after going on"))
  }

  func truncation() throws -> [String] {
    let session = try session()
    let (first, dropped, last) = (records(0, 50), records(50, 70), records(120, 30))
    let writer = try session.open(slot(), Self.schema, at: .start)
    guard writer.canTruncate else { return [] }
    try writer.append(SinkChunk(first.bytes))
    let position = writer.position
    try writer.append(SinkChunk(dropped.bytes))
    try writer.flush()
    try writer.truncate(to: position)
    var wrong = writer.position == position ? [] : ["the position is another one after it was gone back to"]
    try writer.append(SinkChunk(last.bytes))
    try session.prepare([writer])
    guard let committable = writer.committable else { return ["a prepared output has no committable"] }
    wrong += try session.commit([committable], forgetting: []).map(\.reason)
    return wrong + (try differs(first.shown + last.shown, "after going back"))
  }

  func beginningAnew() throws -> [String] {
    do {
      let session = try session()
      let writer = try session.open(slot(), Self.schema, at: .start)
      try writer.append(SinkChunk(records(0, 90).bytes))
      try writer.flush()
    }
    let session = try session()
    let made = records(200, 20)
    let writer = try session.open(slot(), Self.schema, at: .start)
    var wrong = writer.isEmpty ? [] : ["an output that begins anew is not empty"]
    try writer.append(SinkChunk(made.bytes))
    try session.prepare([writer])
    guard let committable = writer.committable else { return ["a prepared output has no committable"] }
    wrong += try session.commit([committable], forgetting: []).map(\.reason)
    return wrong + (try differs(made.shown, "after beginning anew"))
  }

  func discarding() throws -> [String] {
    var wrong: [String] = []
    for way in ["discard", "abandon"] {
      let session = try session()
      let writer = try session.open(slot(), Self.schema, at: .start)
      try writer.append(SinkChunk(records(0, 90).bytes))
      try writer.flush()
      let position = writer.position
      if way == "discard" { try writer.discard() } else { try session.abandon(slot()) }
      let found = try self.session().inspect(slot(), at: position)
      if found != .missing { wrong.append("after \(way) it is found \(found)") }
      wrong += try differs(nil, "after \(way)")
    }
    return wrong
  }

  func emptiness() throws -> [String] {
    let session = try session()
    let writer = try session.open(slot(), Self.schema, at: .start)
    try session.prepare([writer])
    guard let committable = writer.committable else { return ["a prepared output has no committable"] }
    let wrong = try session.commit([committable], forgetting: []).map(\.reason)
    return wrong + (try differs([], "an output without records"))
  }

  /// The output of a run is prepared with each group of its items, and at the end.
  func growing() throws -> [String] {
    let session = try session()
    let writer = try session.open(slot(), Self.schema, at: .start)
    var shown: [String] = []
    var wrong: [String] = []
    for part in 0..<3 {
      let made = records(part * 100, 40)
      try writer.append(SinkChunk(made.bytes))
      try session.prepare([writer])
      shown += made.shown
      guard sink.grouping == .run else { continue }
      // The ledger speaks of each such position.
      let found = try self.session().inspect(slot(), at: writer.position)
      if found != .whole { wrong.append("what was prepared \(part + 1) times is found \(found)") }
    }
    guard let committable = writer.committable else { return ["what is prepared has no committable"] }
    wrong += try session.commit([committable], forgetting: []).map(\.reason)
    return wrong + (try differs(shown, "prepared three times"))
  }

  func several() throws -> [String] {
    guard sink.grouping == .item else { return [] }
    let session = try session()
    var (writers, shown): ([any SinkWriter], [String]) = ([], [])
    for (i, name) in ["a", "b", "c"].enumerated() {
      let made = records(i * 100, 40)
      let writer = try session.open(slot(name), Self.schema, at: .start)
      try writer.append(SinkChunk(made.bytes))
      try writer.release()
      writers.append(writer)
      shown += made.shown
    }
    try session.prepare(writers)
    let wrong = try session.commit(writers.compactMap(\.committable), forgetting: []).map(\.reason)
    return wrong + (try differs(shown, "three outputs"))
  }
}
