import Definition
import Files
import Foundation
import Isolation
import Parse
import Records
import Supervision
import Transform

/// The transform stage: takes batches through the definition's steps, and encodes them for the sink. Any worker takes any batch of any item.
///
/// Encoding is done here, and not by write, which has to keep the items' order.
struct TransformStage {
  let board: EngineBoard
  let steps: Steps
  let provenance: Provenance
  let careful: CarefulParsing
  let encoder: ChunkEncoder
  let output: EncodedOutput

  /// Transforms and encodes the batches of a message.
  func work(_ message: BatchMessage, _ assignment: Assignment) async throws {
    var encoded: [EncodedChunk] = []
    encoded.reserveCapacity(message.batches.count)
    for (chunk, parsed) in message.batches where !chunk.task.hasEnded {
      let mark = board.begin(.transform, assignment, chunk.task.content, bytes: chunk.bytes)
      defer { board.end(mark) }
      encoded += try await output.making(chunk) {
        var batch = parsed
        batch.origin = try await provenance.origin(of: chunk, assignment.heartbeat)
        batch = try await steps.apply(
          to: batch, chunk.task, worker: assignment.worker, assignment.heartbeat, mark, careful.beside)
        assignment.heartbeat.beat()
        return try await careful.beside(assignment.heartbeat) {
          try mark.inside {
            try encoder.encode(batch, chunk) {
              assignment.heartbeat.beat()
              return !chunk.task.hasEnded && !Task.isCancelled
            }
          }
        }
      }
    }
    try await output.send(encoded, message.group, message.number, assignment)
  }

  /// The steps of a definition, with the programs that some of them are.
  struct Steps {
    let chain: TransformChain
    let programs: Programs

    /// Takes a batch through all steps.
    ///
    /// - Parameters:
    ///   - worker: the number that programs are asked under; no two at once have the same.
    ///   - beside: runs code that gives way to work that is tried alone.
    func apply(
      to batch: RecordBatch, _ task: ItemTask, worker: Int, _ heartbeat: Heartbeat, _ mark: EngineBoard.Mark,
      _ beside: (Heartbeat, () throws -> RecordBatch) async throws -> RecordBatch
    ) async throws -> RecordBatch {
      /// Gives a sign of life, and says whether the result is still wanted.
      @Sendable func goesOn() -> Bool {
        heartbeat.beat()
        return !task.hasEnded && !Task.isCancelled
      }
      var batch = try await beside(heartbeat) { try mark.inside { try chain.first.apply(batch, goesOn: goesOn) } }
      for (i, link) in chain.links.enumerated() {
        heartbeat.beat()
        batch = try await programs.answer(batch, link: i, worker: worker, heartbeat)
        let answered = batch
        batch = try await beside(heartbeat) { try mark.inside { try link.plan.apply(answered, goesOn: goesOn) } }
      }
      return batch
    }
  }
}

/// The way of encoded chunks to write.
struct EncodedOutput {
  let control: RunControl

  /// The chunk that a body makes of one; none where its item can't go on, and fails.
  func making(_ chunk: ItemChunk, _ body: () async throws -> EncodedChunk) async throws -> [EncodedChunk] {
    do {
      return [try await body()]
    } catch is Closed {
    } catch is EvaluationStopped {
      try Task.checkCancellation()
    } catch let error as ParseError {
      chunk.task.fail(.init(error))
    } catch let error as ProgramBroken {
      control.abort(
        ProcessLimits.areDescriptorsUsedUp ? .limits("\(error)\(SystemFailure(code: EMFILE).remedy)") : .program(error.description))
    }
    return []
  }

  /// Sends the encoded chunks of a message to write, which waits for each message.
  func send(_ encoded: [EncodedChunk], _ group: ItemGroup, _ number: Int, _ assignment: Assignment) async throws {
    do {
      try await assignment.heartbeat.waiting(for: .room) { try await group.encoded.send(.chunks(encoded, number: number)) }
    } catch is Closed {}
  }
}
