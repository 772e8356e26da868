import Configuration
import Definition
import Files
import Foundation
import Ledger
import Records
import Synchronization
import Write

/// An item's outputs: one in each sink that does not have its records already. The write worker that has the item owns them;
/// ``flush()`` alone runs beside other calls. Calls block.
final class ItemOutputs: Sendable {
  /// The output in one sink.
  struct Output: Sendable {
    let sink: RunSink
    let writer: any SinkWriter
    /// The position where the item's records begin.
    let base: SinkPosition
    var isShared: Bool { sink.shared != nil }
  }

  /// The outputs, in the order of the sinks; nil for a sink that has the item's records.
  private let outputs: [Output?]
  private let definition: PipelineDefinition
  private let planned: PlannedItem

  /// Opens an item's outputs.
  ///
  /// - Parameters:
  ///   - position: the position of all outputs, as a checkpoint has it.
  ///   - version: the version of the content that is written: a sink that is marked with it is passed over.
  /// - Throws: ``WriteError`` where an output of the item's own can't be opened.
  init(_ sinks: RunSinks, _ definition: PipelineDefinition, _ planned: PlannedItem, at position: SinkPosition, version: String) throws {
    self.definition = definition
    self.planned = planned
    let parts = SinkPositions.parts(of: position, count: sinks.all.count)
    outputs = try sinks.all.enumerated().map { i, sink in
      let slot = planned.slots[i]
      guard let parts else { throw WriteError(action: "go on with", path: slot.shown, code: EINVAL) }
      if let shared = sink.shared {
        // An item that begins now begins where the one before it ended.
        return Output(sink: sink, writer: shared, base: position == .start ? shared.position : planned.bases[i])
      }
      guard sink.slot == nil, let part = parts[i] else { return nil }
      if planned.marks.contains(where: { $0.sink == i && $0.version == version }) { return nil }
      return Output(sink: sink, writer: try sink.session.open(slot, sink.schema, at: part), base: .start)
    }
  }

  private var open: [Output] { outputs.compactMap { $0 } }

  /// The position of all outputs after what was appended.
  var position: SinkPosition { SinkPositions.joined(outputs.map { $0?.writer.position }) }

  /// The sinks, by their places, whose own outputs of the item these are; empty where the definition has one sink.
  var marks: [Int] { outputs.count == 1 ? [] : open.filter { !$0.isShared }.map(\.sink.entry.number) }

  /// The writers with their sinks' places, to be prepared.
  var writers: [(number: Int, writer: any SinkWriter)] { open.map { ($0.sink.entry.number, $0.writer) } }

  /// Writes the formats' headers into outputs that are empty.
  func begin() throws {
    for output in open where output.writer.isEmpty && output.sink.header.count > 0 {
      try output.writer.append(SinkChunk(output.sink.header))
    }
  }

  /// Appends a chunk to all outputs that take records.
  ///
  /// - Parameters:
  ///   - firstRecord: the number, from 0, of the chunk's first record in the item.
  ///   - refused: the records that a sink refused when the item was written before: they go into none, and become dead letters.
  /// - Returns: the chunk as it was written, and its bytes in all outputs.
  func append(_ chunk: EncodedChunk, firstRecord: Int, refused: [RefusedRecord]) throws -> (chunk: EncodedChunk, bytes: Int) {
    var chunk = chunk
    let here = refused.filter { $0.record >= firstRecord && $0.record < firstRecord + chunk.counts.read }
    if !here.isEmpty, let records = chunk.records {
      chunk = try records.encoded(without: Dictionary(here.map { ($0.record - firstRecord, $0) }) { first, _ in first })
    }
    var written = 0
    // The sink of dead letters is the last of all, and the chunk has nothing for it.
    for (output, encoded) in zip(outputs, chunk.outputs) where encoded.bytes.count > 0 {
      guard let output else { continue }
      try output.writer.append(SinkChunk(encoded.bytes, checksum: encoded.checksum, firstRecord: firstRecord))
      written += encoded.bytes.count
    }
    return (chunk, written)
  }

  /// Appends dead letters to the sink that takes them, where there is one.
  func append(_ letters: some Sequence<DeadLetter>) throws {
    guard let output = letterOutput else { return }
    let bytes = try DeadLetterBatch.bytes(letters, BatchEncoding(output.sink.entry.sink))
    if bytes.count > 0 { try output.writer.append(SinkChunk(bytes)) }
  }

  private var letterOutput: Output? { outputs.last.flatMap { $0 }.flatMap { $0.sink.entry.takesDeadLetters ? $0 : nil } }

  /// Whether some sink takes dead letters.
  var takeDeadLetters: Bool { letterOutput != nil }

  /// Makes all durable that was appended before the call.
  func flush() throws { for output in open { try output.writer.flush() } }

  /// Gives back what the item's own outputs took for writing: nothing more is appended.
  func release() throws { for output in open where !output.isShared { try output.writer.release() } }

  /// Whether all that was written of the item can be taken back, or nothing was written.
  var canGoBack: Bool { open.allSatisfy { $0.writer.canTruncate || $0.writer.position == $0.base } }

  /// Takes back what was written of the item.
  ///
  /// - Parameter onlyShared: whether to leave the item's own outputs as they are, since they are opened anew.
  func goBack(onlyShared: Bool = false) throws {
    for output in open where output.writer.canTruncate && (output.isShared || !onlyShared) { try output.writer.truncate(to: output.base) }
  }

  /// Takes away what was written of an item that is not done.
  func discard() throws {
    for output in open where output.writer.canTruncate {
      if output.isShared { try output.writer.truncate(to: output.base) } else { try output.writer.discard() }
    }
  }

  /// The commits of the item's own outputs, once they are prepared.
  func commits(run: RunID) -> [PendingCommit] {
    open.filter { !$0.isShared }.compactMap { output in
      let number = output.sink.entry.number
      return output.writer.committable.map {
        PendingCommit($0, definition, run: run, item: planned.id, sink: number, file: planned.slots[number].file)
      }
    }
  }
}
