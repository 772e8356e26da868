import Definition
import Isolation
import Parse
import Records
import Supervision

/// The parse stage: makes a batch of columns of each chunk. Any worker takes any chunk of any item.
struct ParseStage {
  let batches: Channel<BatchMessage>
  let board: EngineBoard
  let careful: CarefulParsing
  let absentFields: AbsentFields
  /// Where a message goes whose chunks are encoded already.
  let output: EncodedOutput

  /// Parses the chunks of a message.
  func work(_ message: ChunkMessage, _ assignment: Assignment) async throws {
    // A chunk under suspicion comes alone.
    if let chunk = message.chunks.first, careful.concerns(chunk) {
      let encoded = try await output.making(chunk) {
        let mark = board.begin(.parse, assignment, chunk.task.content, bytes: chunk.bytes)
        defer { board.end(mark) }
        return try await careful.work(chunk, assignment, mark)
      }
      return try await output.send(encoded, message.group, message.number, assignment)
    }
    var parsed: [(chunk: ItemChunk, batch: RecordBatch)] = []
    parsed.reserveCapacity(message.chunks.count)
    for chunk in message.chunks where !chunk.task.hasEnded {
      let mark = board.begin(.parse, assignment, chunk.task.content, bytes: chunk.bytes)
      defer { board.end(mark) }
      let batch = try await careful.beside(assignment.heartbeat) {
        try mark.inside {
          try Poison.strike(chunk.chunk)
          return chunk.format.parse(chunk.chunk, chunk.mapping)
        }
      }
      chunk.place?.note(records: batch.recordCount, lines: batch.places.lineCount)
      absentFields.note(batch)
      parsed.append((chunk, batch))
      assignment.heartbeat.beat()
    }
    let batches = BatchMessage(group: message.group, number: message.number, batches: parsed)
    try await assignment.heartbeat.waiting(for: .room) { try await self.batches.send(batches) }
  }
}
