import Files
import Isolation
import Ledger
import Parse
import Records
import Supervision
import Transform

/// Takes chunks that were in work when engines died through parse and transform a record at a time, with no other work beside: so the record
/// that kills an engine is found, and becomes a dead letter untried.
struct CarefulParsing {
  let suspects: Suspects
  /// Shared by all work, and held alone by a record that is tried.
  let lock: SharedLock
  let transform: TransformStage.Steps
  let provenance: Provenance
  let encoder: ChunkEncoder
  let absentFields: AbsentFields

  /// Whether a chunk was in work when engines died.
  func concerns(_ chunk: ItemChunk) -> Bool { suspects.concerns(chunk.task.content, chunk.bytes) }

  /// Runs code that gives way to a record that is tried alone.
  func beside<T>(_ heartbeat: Heartbeat, _ body: () throws -> T) async rethrows -> T {
    if suspects.isEmpty { return try body() }
    await heartbeat.waiting(for: .other) { await lock.enter(alone: false) }
    defer { lock.leave(alone: false) }
    return try body()
  }

  /// Takes a chunk through, record after record. A record that is known to have killed an engine becomes a dead letter untried.
  func work(_ chunk: ItemChunk, _ assignment: Assignment, _ mark: EngineBoard.Mark) async throws -> EncodedChunk {
    var made = encoder.begin(chunk)
    let origin = try await provenance.origin(of: chunk, assignment.heartbeat)
    var records = SingleRecords(chunk)
    while let record = try records.next() {
      assignment.heartbeat.beat()
      var batch: RecordBatch
      if let verdict = suspects.verdict(chunk.task.content, recordAt: record.offset) {
        batch = RecordBatch(columns: [], rowCount: 0, recordCount: 1, places: record.records ?? .single(record.buffer), raw: record.buffer)
        batch.faults.append(RecordFault(code: .poison, reason: verdict.reason, record: 0))
      } else {
        mark.alone(record.offset..<record.offset + record.buffer.count)
        await assignment.heartbeat.waiting(for: .other) { await lock.enter(alone: true) }
        do {
          defer { lock.leave(alone: true) }
          batch = try mark.inside {
            try Poison.strike(record)
            return chunk.format.parse(record, chunk.mapping)
          }
        }
        absentFields.note(batch)
        if var origin {
          origin.records += made.counts.read
          origin.lines += made.lines
          origin.bytes = record.offset
          batch.origin = origin
        }
        // Programs of its own, whose numbers no worker of transform has.
        batch = try await transform.apply(
          to: batch, chunk.task, worker: -1 - assignment.worker, assignment.heartbeat, mark, beside)
      }
      try encoder.append(batch, of: record, chunk, to: &made)
    }
    chunk.place?.note(records: made.counts.read, lines: made.lines)
    try encoder.finish(&made)
    return made
  }
}

/// A chunk's records, one by one.
private struct SingleRecords {
  private let chunk: RecordChunk
  /// Cuts the chunk; nil where its records are known.
  private var framer: (any RecordFramer)?
  private var at = 0

  init(_ item: ItemChunk) {
    chunk = item.chunk
    guard chunk.records == nil else { return }
    var framer = item.format.makeFramer()
    if let prologue = item.task.prologue { _ = framer.resume(prologue, nil) }
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
