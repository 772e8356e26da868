import Decompress
import Definition
import Files
import Ledger
import Parse
import Records
import Synchronization
import Write

/// What a batch becomes for write: the sink's bytes and the dead letters.
extension RunEngine {
  /// Records as the sink's bytes. Done here, where any worker takes any batch, so that write only puts them in order.
  func encode(_ batch: RecordBatch, _ unit: Chunk) throws -> EncodedChunk {
    var batch = batch
    encoding.refuse(in: &batch)
    let output = try encoding.bytes(of: batch, sourceBytes: unit.chunk.buffer.count)
    let (counts, letters) = try account(batch, unit.chunk, unit)
    return EncodedChunk(
      place: unit.task.place, output: output, checksum: Checksum(output.bytes, output.count), continuation: unit.continuation,
      end: unit.chunk.offset + unit.chunk.buffer.count, lines: batch.places.lineCount, counts: counts,
      letters: letters.isEmpty ? [] : [letters])
  }

  /// What became of a batch's records. `chunk` is what the batch was read from: the unit's, or a part of it.
  func account(_ batch: RecordBatch, _ chunk: RecordChunk, _ unit: Chunk) throws -> (counts: RecordCounts, letters: ChunkLetters) {
    if definition.parse.fields == nil, chain.input.fields.isEmpty, batch.recordCount > 0 { throw ParseError.noFields }
    var counts = RecordCounts()
    counts.read = batch.recordCount
    counts.written = batch.selectedCount
    counts.filtered = batch.filtered
    counts.blankLines = batch.places.blankLineCount
    // What killed an engine is a dead letter whatever becomes of other bad records.
    var bad = definition.parse.onBadRecord == .deadLetter ? batch.faults : batch.faults.only { $0 == .poison }
    bad.sort()
    let source = LetterSource(
      run: run, pipeline: definition.name, item: unit.task.planned.item.key, itemID: unit.task.planned.id,
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

/// Batches as the bytes that a definition's sink takes, compressed where it says so.
struct BatchEncoding {
  private let encoder: any RecordEncoder
  private let compression: (any UnitEncoder)?
  /// Output bytes for a thousand of the source, by what batches came to so far: then a batch's buffer need not grow.
  private let ratio = Ratio()

  private final class Ratio: Sendable { let value = Atomic(1500) }

  init(_ definition: PipelineDefinition) {
    encoder = definition.sink.encoder
    compression = definition.sink.compression
  }

  func bytes(of batch: RecordBatch, sourceBytes: Int) throws -> ByteBuffer {
    let ratio = self.ratio.value.load(ordering: .relaxed)
    let expected = sourceBytes / 1000 * ratio + 4096
    let output = ByteBuffer(capacity: expected)
    append(batch, to: output)
    if output.capacity > expected {
      let found = output.count / (sourceBytes / 1000 + 1) * 11 / 10
      self.ratio.value.store(min(max(ratio, found), 20_000), ordering: .relaxed)
    }
    return try finished(output)
  }

  /// Takes rows out of the batch that the sink's format can't spell, each with a fault.
  func refuse(in batch: inout RecordBatch) { encoder.refuse(in: &batch) }

  /// The batch as the sink has it, not compressed yet.
  func append(_ batch: RecordBatch, to output: ByteBuffer) { encoder.encode(batch, to: output) }

  /// What stands before the first record; empty where nothing does.
  func header(_ schema: Schema) throws -> ByteBuffer {
    let header = encoder.header(schema)
    let output = ByteBuffer(capacity: header.count)
    output.append(header)
    return try finished(output)
  }

  /// What was appended, as it goes into the part: compressed where it says so.
  func finished(_ output: ByteBuffer) throws -> ByteBuffer {
    guard let compression, output.count > 0 else { return output }
    let unit = ByteBuffer(capacity: output.count / 2 + 1024)
    try compression.encode(UnsafeRawBufferPointer(start: output.bytes, count: output.count).bytes, to: unit)
    return unit
  }
}
