import Definition
import Files
import Ledger
import Parse
import Records
import Transform

/// Turns a batch into write's input: bytes for each sink, the counts and the dead letters.
struct ChunkEncoder: Sendable {
  let definition: PipelineDefinition
  let run: RunID
  let encodings: SinkEncodings
  /// Whether nothing was known of the items' fields when the run began.
  let hasNoFields: Bool

  init(_ definition: PipelineDefinition, _ chain: TransformChain, run: RunID, _ encodings: SinkEncodings) {
    self.definition = definition
    self.run = run
    self.encodings = encodings
    hasNoFields = definition.parse.fields == nil && chain.input.fields.isEmpty
  }

  /// A chunk's batch as write takes it.
  ///
  /// - Throws: ``ParseError`` where a bad record fails its item; ``EvaluationStopped`` after `goesOn` returned false.
  func encode(_ batch: RecordBatch, _ chunk: ItemChunk, goesOn: @escaping () -> Bool = { true }) throws -> EncodedChunk {
    var batch = batch
    let selections = try encodings.select(in: &batch, goesOn: goesOn)
    var made = EncodedChunk(
      item: chunk.task.index, outputs: [], continuation: chunk.continuation, end: chunk.bytes.upperBound, lines: batch.places.lineCount,
      counts: RecordCounts(), letters: [])
    made.outputs.reserveCapacity(selections.count)
    let all = batch.selection
    for (way, selection) in zip(encodings.ways, selections) {
      batch.selection = selection
      let bytes = try way.encoding.bytes(of: batch, sourceBytes: chunk.chunk.buffer.count)
      made.outputs.append(.init(bytes: bytes, checksum: Checksum(bytes.bytes, bytes.count)))
    }
    batch.selection = all
    let (counts, letters) = try account(batch, chunk.chunk, chunk.task)
    made.counts = counts
    if !letters.isEmpty { made.letters = [letters] }
    if !chunk.task.planned.refused.isEmpty {
      made.records = EncodedRecords(encoder: self, chunk: chunk, parts: [(batch, chunk.chunk)])
    }
    return made
  }

  /// Batches of a chunk's parts, in order, as write takes them together.
  func encode(_ batches: [(RecordBatch, RecordChunk)], _ chunk: ItemChunk) throws -> EncodedChunk {
    if batches.count == 1 { return try encode(batches[0].0, chunk) }
    var made = begin(chunk)
    for (batch, source) in batches { try append(batch, of: source, chunk, to: &made) }
    try finish(&made)
    return made
  }

  /// Begins a chunk whose records are appended.
  func begin(_ chunk: ItemChunk) -> EncodedChunk {
    let outputs = encodings.ways.map { _ in
      let bytes = ByteBuffer(capacity: chunk.chunk.buffer.count)
      return EncodedChunk.Output(bytes: bytes, checksum: Checksum(bytes.bytes, 0))
    }
    return EncodedChunk(
      item: chunk.task.index, outputs: outputs, continuation: chunk.continuation, end: chunk.bytes.upperBound, lines: 0,
      counts: RecordCounts(), letters: [], records: chunk.task.planned.refused.isEmpty ? nil : EncodedRecords(encoder: self, chunk: chunk))
  }

  /// Appends the batch of one record of a chunk; ``finish(_:)`` must follow the last.
  func append(_ batch: RecordBatch, of record: RecordChunk, _ chunk: ItemChunk, to made: inout EncodedChunk) throws {
    var batch = batch
    batch.firstRecord = made.counts.read
    let selections = try encodings.select(in: &batch)
    let all = batch.selection
    for (i, way) in encodings.ways.enumerated() {
      batch.selection = selections[i]
      way.encoding.append(batch, to: made.outputs[i].bytes)
    }
    batch.selection = all
    let (counts, letters) = try account(batch, record, chunk.task)
    if !letters.isEmpty { made.letters.append(letters.after(records: made.counts.read, lines: made.lines)) }
    made.counts = made.counts + counts
    made.lines += batch.places.lineCount
    made.records?.parts.append((batch, record))
  }

  /// Compresses a chunk whose records were appended.
  func finish(_ made: inout EncodedChunk) throws {
    for (i, way) in encodings.ways.enumerated() {
      let bytes = try way.encoding.finished(made.outputs[i].bytes)
      made.outputs[i] = .init(bytes: bytes, checksum: Checksum(bytes.bytes, bytes.count))
    }
  }

  /// Counts where a batch's records went, and makes dead letters of the bad ones.
  ///
  /// - Parameter chunk: the chunk that the batch was read from, or a part of it.
  private func account(_ batch: RecordBatch, _ chunk: RecordChunk, _ task: ItemTask) throws -> (counts: RecordCounts, letters: ChunkLetters)
  {
    if hasNoFields, batch.recordCount > 0 { throw ParseError.noFields }
    var counts = RecordCounts()
    counts.read = batch.recordCount
    counts.written = batch.selectedCount
    counts.filtered = batch.filtered
    counts.blankLines = batch.places.blankLineCount
    // A record that killed an engine is a dead letter whatever becomes of other bad records.
    var bad = definition.parse.onBadRecord == .deadLetter ? batch.faults : batch.faults.only { $0 == .poison }
    bad.sort()
    let source = LetterSource(
      run: run, pipeline: definition.name, item: task.planned.item.key, itemID: task.planned.id,
      redactor: definition.redactor, offset: chunk.offset, places: batch.places, raw: batch.raw, faults: bad)
    switch definition.parse.onBadRecord {
    case .deadLetter: break
    case .skip: counts.filtered += batch.faults.count - bad.count
    case .fail:
      var others = batch.faults.only { $0 != .poison }
      others.sort()
      if let fault = others.first {
        let letter = source.letter(fault)
        throw ParseError.badRecord(fault.reason, record: letter.record ?? 0, line: letter.line ?? 0, offset: letter.offset ?? 0)
      }
    }
    counts.deadLettered = bad.count
    return (counts, ChunkLetters(source))
  }
}
