import Configuration
import Definition
import Files
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Transform
import Write

/// The parse and transform stages: any worker takes any chunk of any item.
extension RunEngine {
  var parse: @Sendable (Chunks, Assignment) async throws -> Void {
    { [self] message, assignment in
      if let unit = message.chunks.first, suspicion.concerns(unit.task.planned.id, unit.task.versionMark, unit.bytes) {
        // What is suspected comes alone.
        let encoded = try await making(unit) {
          let mark = marks.begin(.parse, assignment, unit.task, bytes: unit.bytes)
          defer { marks.end(mark) }
          return try await carefully(unit, assignment, mark)
        }
        return try await handOn(encoded, message.group, message.number, assignment)
      }
      var parsed: [(unit: Chunk, batch: RecordBatch)] = []
      parsed.reserveCapacity(message.chunks.count)
      for unit in message.chunks where !unit.task.isFailed {
        let mark = marks.begin(.parse, assignment, unit.task, bytes: unit.bytes)
        defer { marks.end(mark) }
        let batch = try await besideOthers(assignment.heartbeat) {
          try mark.inside {
            try Poison.strike(unit.chunk)
            return unit.format.parse(unit.chunk, unit.mapping)
          }
        }
        parsed.append((unit, batch))
        assignment.heartbeat.beat()
      }
      let batches = Batches(group: message.group, number: message.number, batches: parsed)
      try await assignment.heartbeat.waiting(for: .room) { try await self.batches.send(batches) }
    }
  }

  var transform: @Sendable (Batches, Assignment) async throws -> Void {
    { [self] message, assignment in
      var encoded: [EncodedChunk] = []
      encoded.reserveCapacity(message.batches.count)
      for (unit, parsed) in message.batches where !unit.task.isFailed {
        let mark = marks.begin(.transform, assignment, unit.task, bytes: unit.bytes)
        defer { marks.end(mark) }
        encoded += try await making(unit) {
          let batch = try await transformed(parsed, unit.task, assignment, mark)
          assignment.heartbeat.beat()
          return try await besideOthers(assignment.heartbeat) { try mark.inside { try encode(batch, unit) } }
        }
      }
      try await handOn(encoded, message.group, message.number, assignment)
    }
  }

  /// What a body makes of a chunk; nothing where its item can't be gone on with, and fails.
  private func making(_ unit: Chunk, _ body: () async throws -> EncodedChunk) async throws -> [EncodedChunk] {
    do {
      return [try await body()]
    } catch is Closed {
    } catch is EvaluationStopped {
      try Task.checkCancellation()
    } catch let error as ParseError {
      unit.task.fail(.damaged(error.description, error.errorCode, stage: "parse"))
    } catch let error as ProgramBroken {
      abort(ProcessLimits.areDescriptorsUsedUp ? .limits("\(error)\(SystemFailure(code: EMFILE).remedy)") : .program(error.description))
    }
    return []
  }

  /// Sends what became of a message's chunks to write, which waits for each message.
  private func handOn(_ encoded: [EncodedChunk], _ group: ItemGroup, _ number: Int, _ assignment: Assignment) async throws {
    do {
      try await assignment.heartbeat.waiting(for: .room) { try await group.encoded.send(.chunks(encoded, number: number)) }
    } catch is Closed {}
  }

  /// Takes a batch through all steps.
  private func transformed(
    _ batch: RecordBatch, _ task: ItemTask, _ assignment: Assignment, _ mark: Marks.Unit, parser: Int = 0
  ) async throws -> RecordBatch {
    /// A sign of life, and whether anybody still wants what comes of it.
    @Sendable func goesOn() -> Bool {
      assignment.heartbeat.beat()
      return !task.isFailed && !Task.isCancelled
    }
    var batch = try await besideOthers(assignment.heartbeat) { try mark.inside { try chain.first.apply(batch, goesOn: goesOn) } }
    for (i, link) in chain.links.enumerated() {
      assignment.heartbeat.beat()
      batch = try await programs.answer(batch, link: i, worker: parser + assignment.worker, assignment.heartbeat)
      let answered = batch
      batch = try await besideOthers(assignment.heartbeat) { try mark.inside { try link.plan.apply(answered, goesOn: goesOn) } }
    }
    return batch
  }

  /// Where something is tried alone, all else waits for it.
  private func besideOthers<T>(_ heartbeat: Heartbeat, _ body: () throws -> T) async rethrows -> T {
    if suspicion.isEmpty { return try body() }
    await heartbeat.waiting(for: .other) { await solitude.enter(alone: false) }
    defer { solitude.leave(alone: false) }
    return try body()
  }

  // MARK: What may have killed an engine

  /// A chunk that was in work when engines died: record after record, with nothing else beside it. What is known to have
  /// killed one becomes a dead letter untried; what kills this one is known by that.
  private func carefully(_ unit: Chunk, _ assignment: Assignment, _ mark: Marks.Unit) async throws -> EncodedChunk {
    let output = ByteBuffer(capacity: unit.chunk.buffer.count)
    var made = EncodedChunk(
      place: unit.task.place, output: output, checksum: Checksum(output.bytes, 0), continuation: unit.continuation,
      end: unit.bytes.upperBound, lines: 0, counts: RecordCounts(), letters: [])
    var records = SingleRecords(unit)
    while let record = try records.next() {
      assignment.heartbeat.beat()
      var batch: RecordBatch
      if let verdict = suspicion.verdict(unit.task.planned.id, unit.task.versionMark, recordAt: record.offset) {
        batch = RecordBatch(columns: [], rowCount: 0, recordCount: 1, places: record.records ?? .single(record.buffer), raw: record.buffer)
        batch.faults.append(RecordFault(code: .poison, reason: verdict.reason, record: 0))
      } else {
        mark.alone(record.offset..<record.offset + record.buffer.count)
        await assignment.heartbeat.waiting(for: .other) { await solitude.enter(alone: true) }
        do {
          defer { solitude.leave(alone: true) }
          batch = try mark.inside {
            try Poison.strike(record)
            return unit.format.parse(record, unit.mapping)
          }
        }
        batch = try await transformed(batch, unit.task, assignment, mark, parser: Board.workersPerStage)
      }
      try add(batch, of: record, unit, to: &made)
    }
    made.output = try encoding.finished(output)
    made.checksum = Checksum(made.output.bytes, made.output.count)
    return made
  }

  private func add(_ batch: RecordBatch, of record: RecordChunk, _ unit: Chunk, to made: inout EncodedChunk) throws {
    var batch = batch
    encoding.refuse(in: &batch)
    encoding.append(batch, to: made.output)
    let (counts, letters) = try account(batch, record, unit)
    if !letters.isEmpty { made.letters.append(letters.after(records: made.counts.read, lines: made.lines)) }
    made.counts = made.counts + counts
    made.lines += batch.places.lineCount
  }
}

extension RunEngine.Chunk {
  /// Where it stands in the decompressed item.
  var bytes: Range<Int> { chunk.offset..<chunk.offset + chunk.buffer.count }
}

extension RecordPlaces {
  /// Of a chunk that is one record.
  fileprivate static func single(_ buffer: ByteBuffer) -> RecordPlaces {
    var places = RecordPlaces()
    var end = buffer.count
    while end > 0, buffer.bytes[end - 1] == 0x0A || buffer.bytes[end - 1] == 0x0D { end -= 1 }
    places.starts = [0]
    places.ends = [UInt32(end)]
    places.lineCount = 1
    return places
  }
}

/// A chunk's records, one by one.
private struct SingleRecords {
  private let chunk: RecordChunk
  /// Cuts the chunk; nil where its records are known.
  private var framer: (any RecordFramer)?
  private var at = 0

  init(_ unit: RunEngine.Chunk) {
    chunk = unit.chunk
    guard chunk.records == nil else { return }
    var framer = unit.format.makeFramer()
    if let prologue = unit.task.prologue { _ = framer.resume(prologue, nil) }
    self.framer = framer
  }

  mutating func next() throws -> RecordChunk? {
    guard at < chunk.buffer.count else { return nil }
    let end = try chunk.records.map(nextStart) ?? lineEnd()
    defer { at = end }
    return chunk.part(at..<end)
  }

  /// Where the next record begins behind the one at `at`, or behind what stands before the first.
  private func nextStart(_ records: RecordPlaces) -> Int {
    records.starts.first { Int($0) > at }.map(Int.init) ?? chunk.buffer.count
  }

  /// The end of the record at `at`: of the last record among ever more bytes, then of the last but one, until there is one only.
  private mutating func lineEnd() throws -> Int {
    let count = chunk.buffer.count - at
    var length = min(count, 256)
    var end = try boundary(length)
    while end == 0, length < count {
      length = min(count, length * 2)
      end = try boundary(length)
    }
    if end == 0 { end = count }
    while end > 1 {
      let shorter = try boundary(end - 1)
      if shorter == 0 { break }
      end = shorter
    }
    return at + end
  }

  private mutating func boundary(_ length: Int) throws(ParseError) -> Int {
    try chunk.buffer.withSpan(at..<at + length) { bytes throws(ParseError) in
      try framer?.boundary(bytes, isFinal: false).end ?? length
    }
  }
}
