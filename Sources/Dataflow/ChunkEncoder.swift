import Definition
import Files
import Ledger
import Parse
import Records
import Transform

/// Turns a batch into write's input: the sink's bytes, the counts and the dead letters.
struct ChunkEncoder {
  let definition: PipelineDefinition
  let run: RunID
  let encoding: BatchEncoding
  /// Whether nothing was known of the items' fields when the run began.
  let hasNoFields: Bool

  init(_ definition: PipelineDefinition, _ chain: TransformChain, run: RunID, _ encoding: BatchEncoding) {
    self.definition = definition
    self.run = run
    self.encoding = encoding
    hasNoFields = definition.parse.fields == nil && chain.input.fields.isEmpty
  }

  /// A chunk's batch as write takes it.
  func encode(_ batch: RecordBatch, _ chunk: ItemChunk) throws -> EncodedChunk {
    var batch = batch
    encoding.refuse(in: &batch)
    let output = try encoding.bytes(of: batch, sourceBytes: chunk.chunk.buffer.count)
    let (counts, letters) = try account(batch, chunk.chunk, chunk.task)
    return EncodedChunk(
      item: chunk.task.index, output: output, checksum: Checksum(output.bytes, output.count), continuation: chunk.continuation,
      end: chunk.bytes.upperBound, lines: batch.places.lineCount, counts: counts, letters: letters.isEmpty ? [] : [letters])
  }

  /// Appends the batch of one record of a chunk; ``finish(_:)`` must follow the last.
  func append(_ batch: RecordBatch, of record: RecordChunk, _ chunk: ItemChunk, to made: inout EncodedChunk) throws {
    var batch = batch
    batch.firstRecord = made.counts.read
    encoding.refuse(in: &batch)
    encoding.append(batch, to: made.output)
    let (counts, letters) = try account(batch, record, chunk.task)
    if !letters.isEmpty { made.letters.append(letters.after(records: made.counts.read, lines: made.lines)) }
    made.counts = made.counts + counts
    made.lines += batch.places.lineCount
  }

  /// Compresses a chunk whose records were appended.
  func finish(_ made: inout EncodedChunk) throws {
    made.output = try encoding.finished(made.output)
    made.checksum = Checksum(made.output.bytes, made.output.count)
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
