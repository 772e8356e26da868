import CProcess
import Definition
import Foundation
import Parse
import Processes
import Records
import Supervision
import Synchronization
import Transform
import Write

/// A program of the user's can't be used: it does not start, or none of its processes ever answered.
struct ProgramBroken: Error, CustomStringConvertible {
  /// The command as it may be shown.
  let command: String
  /// The last failure, without secrets.
  let last: String
  var description: String { "the program \(command) does not work: \(last)" }
}

/// The programs of a run. Each worker has processes of its own, started when they are first needed and replaced when they
/// fail or are worn.
///
/// A batch that a process fails at is tried in smaller parts by a new one, down to the record that it fails at: that one
/// becomes a dead letter, and the others have their answers. Answers count only when the whole part is acknowledged, so
/// that none can be taken for another record's.
package final class Programs: Sendable {
  /// The surroundings of programs: where and how they run, and who hears of them.
  package struct Setting: Sendable {
    /// The definition's folder, in which they run.
    let folder: String
    /// How they are started again.
    let policy: RestartPolicy
    /// How many processes a single record may fail.
    let attempts: Int
    let said: @Sendable (_ command: String, _ line: String) -> Void
    let restarted: @Sendable (_ command: String, _ why: String) -> Void
    /// Takes secrets out: a program may print one.
    let redact: @Sendable (String) -> String

    /// The surroundings that a definition gives its programs.
    ///
    /// - Parameters:
    ///   - said: takes a command and a line that it wrote to its standard error, without secrets.
    ///   - restarted: takes a command and why its process failed, without secrets.
    package init(
      _ definition: PipelineDefinition, said: @escaping @Sendable (String, String) -> Void = { _, _ in },
      restarted: @escaping @Sendable (String, String) -> Void = { _, _ in }
    ) {
      let stage = definition.stage(.transform)
      folder = definition.folder
      policy = stage.policy
      attempts = definition.poisonAfter
      self.said = { said($0, definition.redactor.redact($1)) }
      self.restarted = restarted
      redact = { definition.redactor.redact($0) }
    }
  }
  /// Records that are acknowledged together.
  private static let batchRecords = 1000

  private struct Seat: Hashable {
    let link: Int
    let worker: Int
  }
  private struct State {
    var running: [Seat: Program] = [:]
    /// Of each link, whether any process has ever answered.
    var hasAnswered: Set<Int> = []
    var isInterrupted = false
  }

  private let links: [TransformChain.Link]
  private let setting: Setting
  private let state = Mutex(State())

  /// The programs of a chain, none of which is started yet. ``finish()`` must follow.
  package init(_ chain: TransformChain, _ setting: Setting) {
    links = chain.links
    self.setting = setting
  }

  /// Ends all exchanges with programs, since the run stops.
  func interrupt() {
    let running = state.withLock { state in
      state.isInterrupted = true
      return Array(state.running.values)
    }
    for program in running { program.interrupt() }
  }

  /// Lets all processes end.
  package func finish() async {
    let running = state.withLock { state in
      defer { state.running = [:] }
      return Array(state.running.values)
    }
    let grace: Duration = state.withLock { $0.isInterrupted } ? .zero : .seconds(5)
    await withTaskGroup(of: Void.self) { group in
      for program in running { group.addTask { await program.finish(grace: grace) } }
    }
  }

  // MARK: A batch

  /// Takes a batch through the chain of these programs, as their only user.
  ///
  /// - Throws: an error that ``RunFailure/from(_:)`` knows, where a program does not work; `CancellationError` and `EvaluationStopped` where
  ///   the task is cancelled.
  package func apply(_ chain: TransformChain, to batch: RecordBatch) async throws -> RecordBatch {
    var batch = try chain.first.apply(batch) { !Task.isCancelled }
    for (i, link) in chain.links.enumerated() {
      batch = try link.plan.apply(try await answer(batch, link: i, worker: 0, Heartbeat())) { !Task.isCancelled }
    }
    return batch
  }

  /// Takes the batch's rows through the program of a link.
  ///
  /// - Parameter worker: the number of the asking worker; no two at once have the same.
  /// - Throws: ``ProgramBroken``, `CancellationError`, ``Closed`` where the run stops.
  func answer(_ batch: RecordBatch, link: Int, worker: Int, _ heartbeat: Heartbeat) async throws -> RecordBatch {
    let lines = ProgramLines(batch, takesText: links[link].program.takesText)
    var answers = ProgramAnswers(batch, schema: links[link].plan.input, decoded: links[link].plan.decoded)
    let seat = Seat(link: link, worker: worker)
    var at = 0
    // Ranges that a process failed at, each within the one before, and the parts that they are tried in.
    var failed: [(end: Int, size: Int)] = []
    var tries = 0
    var streak = RestartState(setting.policy)
    while at < lines.count {
      while let last = failed.last, at >= last.end { failed.removeLast() }
      let part = at..<min(at + (failed.last?.size ?? Self.batchRecords), failed.last?.end ?? lines.count)
      heartbeat.beat()
      let failure: String
      switch try await exchange(lines, part, seat, heartbeat) {
      case .answered(let bytes):
        answers.take(bytes, for: part)
        at = part.upperBound
        tries = 0
        streak.settled()
        state.withLock { _ = $0.hasAnswered.insert(link) }
        continue
      case .interrupted: throw Closed()
      case .failed(let reason): failure = setting.redact("\(reason)")
      }
      setting.restarted(links[link].program.shown(setting.redact), failure)
      let isTrusted = state.withLock { $0.hasAnswered.contains(link) }
      if !isTrusted {
        guard case .restart(let wait) = streak.failed(at: Conditions.system.now(), random: .random(in: 0..<1)) else {
          throw ProgramBroken(command: links[link].program.shown(setting.redact), last: failure)
        }
        try await heartbeat.waiting(for: .other) { try await Task.sleep(for: wait) }
      }
      if part.count > 1 {
        failed.append((part.upperBound, max(1, part.count / 8)))
        continue
      }
      tries += 1
      if tries < setting.attempts { continue }
      // A program that has answered nothing yet may be broken as a whole: another record tells.
      if !isTrusted, !(try await answersOther(than: at, lines, seat, heartbeat)) { continue }
      answers.refuse(at, links[link].program.takesText ? .parserFailed : .programFailed, failure)
      at += 1
      tries = 0
    }
    return answers.batch()
  }

  private func answersOther(than row: Int, _ lines: ProgramLines, _ seat: Seat, _ heartbeat: Heartbeat) async throws -> Bool {
    let other = row + 1 < lines.count ? lines.count - 1 : 0
    guard other != row, case .answered = try await exchange(lines, other..<other + 1, seat, heartbeat) else { return false }
    state.withLock { _ = $0.hasAnswered.insert(seat.link) }
    return true
  }

  private func exchange(_ lines: ProgramLines, _ part: Range<Int>, _ seat: Seat, _ heartbeat: Heartbeat) async throws -> Program.Exchange {
    let program = try await program(seat)
    let result = try await withTaskCancellationHandler {
      try await heartbeat.waiting(for: .other) {
        try await BlockingThreads.programs.run { program.exchange(lines.bytes(part), count: part.count) }
      }
    } onCancel: {
      program.interrupt()
    }
    if case .answered = result { return result }
    state.withLock { state in if state.running[seat] === program { state.running[seat] = nil } }
    await program.kill()
    try Task.checkCancellation()
    return result
  }

  /// The worker's process: the one that it has, or a new one.
  private func program(_ seat: Seat) async throws -> Program {
    if let program = state.withLock({ $0.running[seat] }) {
      if program.process.ending == nil, !program.isWorn { return program }
      state.withLock { $0.running[seat] = nil }
      await program.finish(grace: .seconds(5))
    }
    let options = links[seat.link].program
    let shown = options.shown(setting.redact)
    let program: Program
    do {
      program = try await Program.start(options, folder: setting.folder, watchdog: setting.policy.watchdog) { [setting] line in
        setting.said(shown, line)
      }
    } catch {
      throw ProgramBroken(command: shown, last: setting.redact(error.description))
    }
    let isInterrupted = state.withLock { state in
      state.running[seat] = program
      return state.isInterrupted
    }
    if isInterrupted { program.interrupt() }
    return program
  }
}

/// A batch as the lines that a program is sent: a JSON object for each row, or its text as a JSON string.
///
/// `@unchecked Sendable`: the buffer is not written any more once it is made.
private struct ProgramLines: @unchecked Sendable {
  private let buffer: ByteBuffer
  /// Where each row's line begins, and the end of the last.
  private var starts: [Int] = [0]

  var count: Int { starts.count - 1 }

  init(_ batch: RecordBatch, takesText: Bool) {
    buffer = ByteBuffer(capacity: batch.raw.count * 2 + 1024)
    if takesText {
      for row in batch.selected {
        let record = batch.record(ofRow: Int(row))
        let start = Int(batch.places.starts[record])
        JSONText.quote(batch.raw.bytes + start, Int(batch.places.ends[record]) - start, to: buffer)
        buffer.append(0x0A)
        starts.append(buffer.count)
      }
    } else {
      JSONLinesEncoder().encode(batch, to: buffer)
      starts.reserveCapacity(batch.selectedCount + 1)
      var at = 0
      while at < buffer.count, let end = memchr(buffer.bytes + at, 0x0A, buffer.count - at) {
        at = UnsafeRawPointer(end) - UnsafeRawPointer(buffer.bytes) + 1
        starts.append(at)
      }
    }
  }

  func bytes(_ rows: Range<Int>) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(
      start: UnsafePointer(buffer.bytes) + starts[rows.lowerBound], count: starts[rows.upperBound] - starts[rows.lowerBound])
  }
}

/// A program's answers, put together to a batch. An object is the record's new form; `null` leaves it out;
/// `{"@error": "why"}` makes it a dead letter.
private struct ProgramAnswers {
  private let source: RecordBatch
  private let mapping: ColumnMapping
  private let rows: [UInt32]
  private let objects: ByteBuffer
  /// Of each object, which of the chunk's records it is.
  private var records: [UInt32] = []
  private var faults: [RecordFault] = []
  private var filtered = 0

  init(_ source: RecordBatch, schema: Schema, decoded: [Bool]) {
    self.source = source
    rows = source.selected
    mapping = ColumnMapping(schema: schema, columnCount: schema.fields.count, columns: Array(schema.fields.indices), decoded: decoded)
    objects = ByteBuffer(capacity: source.raw.count + 1024)
  }

  private func record(_ row: Int) -> Int { source.record(ofRow: Int(rows[row])) }

  mutating func refuse(_ row: Int, _ code: RecordFault.Code, _ reason: String) {
    faults.append(RecordFault(code: code, reason: reason, record: record(row)))
  }

  /// Takes the answers for a range of the rows: as many lines.
  mutating func take(_ answers: ByteBuffer, for part: Range<Int>) {
    var at = 0
    for row in part {
      guard let end = memchr(answers.bytes + at, 0x0A, answers.count - at) else { return }
      let next = UnsafeRawPointer(end) - UnsafeRawPointer(answers.bytes) + 1
      take(answers.bytes + at, next - 1 - at, row)
      at = next
    }
  }

  private mutating func take(_ line: UnsafePointer<UInt8>, _ length: Int, _ row: Int) {
    var (p, n) = (line, length)
    while n > 0, p[0] == 0x20 || p[0] == 0x09 { (p, n) = (p + 1, n - 1) }
    while n > 0, [0x20, 0x09, 0x0D].contains(p[n - 1]) { n -= 1 }
    if n == 4, memcmp(p, "null", 4) == 0 {
      filtered += 1
    } else if n > 0, p[0] == 0x7B, sluice_contains(p, min(n, 16), "\"@error\"", 8) != 0 {
      let object = (try? JSONSerialization.jsonObject(with: Data(bytes: p, count: n))) as? [String: Any]
      refuse(row, .programRefused, object?["@error"] as? String ?? "the program refused the record")
    } else if n == 0 || p[0] != 0x7B {
      let excerpt = String(decoding: UnsafeBufferPointer(start: p, count: min(n, 80)), as: UTF8.self)
      refuse(
        row, .programFailed, n == 0 ? "the program answered with an empty line" : "the program answered with no JSON object: \(excerpt)")
    } else {
      objects.append(p, n)
      objects.append(0x0A)
      records.append(UInt32(record(row)))
    }
  }

  /// The source's batch with the program's columns.
  func batch() -> RecordBatch {
    let parsed = JSONLines().parse(RecordChunk(buffer: objects, offset: 0, sequence: 0), mapping)
    var batch = RecordBatch(
      columns: parsed.columns, rowCount: parsed.rowCount, recordCount: source.recordCount, places: source.places, raw: source.raw)
    batch.selection = parsed.selection
    batch.origin = source.origin
    batch.recordOfRow = (0..<parsed.rowCount).map { records[parsed.record(ofRow: $0)] }
    batch.filtered = source.filtered + filtered
    batch.faults = source.faults
    for fault in faults { batch.faults.append(fault) }
    for fault in parsed.faults {
      batch.faults.append(
        RecordFault(
          code: .programFailed, reason: "of the program's answer \(fault.reason)", field: fault.field,
          record: Int(records[fault.record])))
    }
    return batch
  }
}
