import Files
import Ledger
import Parse
import Records
import Write

/// A chunk as write takes it: bytes for each sink, and the fate of its records.
struct EncodedChunk: Sendable {
  /// The bytes for one sink.
  struct Output: Sendable {
    var bytes: ByteBuffer
    /// Of the bytes.
    var checksum: Checksum
  }

  /// The item's number in its group, from 0.
  var item: Int
  /// One for each sink that takes records, in the order of the definition.
  var outputs: [Output]
  /// The place where reading goes on behind the chunk, where that is known.
  var continuation: RecordChunker.Continuation?
  /// The end of the chunk in the decompressed item.
  var end: Int
  var lines: Int
  var counts: RecordCounts
  var letters: [ChunkLetters]
  /// The records, kept where a sink refused some of the item's before.
  var records: EncodedRecords?
}

/// The records of an encoded chunk, by which it is encoded again without those that a sink refused.
struct EncodedRecords: Sendable {
  let encoder: ChunkEncoder
  let chunk: ItemChunk
  /// The batches of the chunk, each with the bytes that it was read from.
  var parts: [(batch: RecordBatch, source: RecordChunk)] = []

  /// Encodes the chunk again without some records, which become dead letters.
  ///
  /// - Parameter refused: these records by their numbers, from 0, in the chunk.
  /// - Throws: what ``ChunkEncoder`` throws.
  func encoded(without refused: [Int: RefusedRecord]) throws -> EncodedChunk {
    var before = 0
    let batches = parts.map { part in
      var batch = part.batch
      var bad: Set<Int> = []
      for record in 0..<batch.recordCount {
        guard let refusal = refused[before + record] else { continue }
        bad.insert(record)
        batch.faults.append(RecordFault(code: .refused, reason: refusal.reason, field: refusal.field, record: record))
      }
      if !bad.isEmpty { batch.selection = batch.selected.filter { !bad.contains(batch.record(ofRow: Int($0))) } }
      before += batch.recordCount
      return (batch, part.source)
    }
    return try encoder.encode(batches, chunk)
  }
}
