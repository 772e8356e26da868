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
  /// The records, kept where a sink may yet refuse some of them.
  var records: EncodedRecords?
}

/// The records of an encoded chunk, by which it is encoded again without those that a sink refuses.
struct EncodedRecords: Sendable {
  /// A batch of the chunk, the bytes that it was read from, and its rows for each sink.
  struct Part: Sendable {
    var batch: RecordBatch
    var source: RecordChunk
    var selections: [[UInt32]?]
  }

  let encoder: ChunkEncoder
  let chunk: ItemChunk
  var parts: [Part] = []

  /// The number, from 0, in the chunk of the record that became row `row` of a sink's bytes; nil where there is none.
  ///
  /// - Parameter way: the sink's place among those that take records.
  func record(ofRow row: Int, way: Int) -> Int? {
    var (left, before) = (row, 0)
    for part in parts {
      let rows = part.selections[way] ?? part.batch.selected
      if left < rows.count { return before + part.batch.record(ofRow: Int(rows[left])) }
      left -= rows.count
      before += part.batch.recordCount
    }
    return nil
  }

  /// Encodes the chunk again without some records, which become dead letters.
  ///
  /// - Parameter refused: the refusals by the records' numbers, from 0, in the chunk.
  /// - Throws: what ``ChunkEncoder`` throws.
  func encoded(without refused: [Int: RowRefusal]) throws -> EncodedChunk {
    var before = 0
    var batches: [(RecordBatch, RecordChunk)] = []
    for part in parts {
      var batch = part.batch
      var bad: Set<Int> = []
      for record in 0..<batch.recordCount {
        guard let refusal = refused[before + record] else { continue }
        bad.insert(record)
        batch.faults.append(RecordFault(code: .refused, reason: refusal.reason, field: refusal.field, record: record))
      }
      if !bad.isEmpty { batch.selection = batch.selected.filter { !bad.contains(batch.record(ofRow: Int($0))) } }
      before += batch.recordCount
      batches.append((batch, part.source))
    }
    return try encoder.encode(batches, chunk)
  }
}
