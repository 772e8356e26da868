import Configuration
import Decompress
import Definition
import Foundation
import Isolation
import Parse
import Records
import Supervision

/// The decompress stage: takes an item's bytes in order, decompresses them, and cuts them into chunks of whole records for parse.
final class DecompressStage: Sendable {
  private let definition: PipelineDefinition
  private let chunks: Channel<ChunkMessage>
  private let mappings: ColumnMappings
  private let schemaWatch: SchemaWatch
  private let suspects: Suspects
  private let board: EngineBoard
  private let reporter: Reporter
  private let control: RunControl
  /// The command that goes on with the run and takes changed columns as they are.
  private let acceptCommand: String
  /// Whether a step asks for the numbers of records or their lines.
  private let countsRecords: Bool

  init(
    definition: PipelineDefinition, chunks: Channel<ChunkMessage>, mappings: ColumnMappings, schemaWatch: SchemaWatch, suspects: Suspects,
    board: EngineBoard, reporter: Reporter, control: RunControl, acceptCommand: String, countsRecords: Bool
  ) {
    self.definition = definition
    self.chunks = chunks
    self.mappings = mappings
    self.schemaWatch = schemaWatch
    self.suspects = suspects
    self.board = board
    self.reporter = reporter
    self.control = control
    self.acceptCommand = acceptCommand
    self.countsRecords = countsRecords
  }

  /// Decompresses the items of a group. One worker serves a group once.
  func work(_ group: ItemGroup, _ assignment: Assignment) async throws {
    guard group.claim(.decompress) else { return }
    var pieces = FetchedPieces(group)
    let outgoing = ChunkMessages(group, chunks, assignment.heartbeat)
    do {
      for task in group.tasks where !task.hasEnded {
        let mark = board.begin(.decompress, assignment, task.content, isAlone: suspects.concerns(task.content))
        defer { board.end(mark) }
        try await decompress(task, &pieces, outgoing, mark, assignment.heartbeat)
      }
      try await outgoing.finish()
    } catch is Closed {
      // A later stage has ended the group.
    } catch let error as CancellationError {
      throw error
    } catch {
      group.end(.worker("\(error)", .decompress))
      throw error
    }
  }

  private func decompress(
    _ task: ItemTask, _ pieces: inout FetchedPieces, _ outgoing: ChunkMessages, _ mark: EngineBoard.Mark, _ heartbeat: Heartbeat
  ) async throws {
    let format = definition.parse.recordFormat(itemName: task.planned.item.name)
    var chunker = RecordChunker(
      definition, itemName: task.planned.item.name, itemBytes: task.planned.size, format: format, skipTo: task.start.offset
    ) { [mappings] prologue in
      task.prologue = prologue
      return try mappings.mapping(prologue)
    }
    var isCompared = false
    var place: ChunkPlace?
    let emit: RecordChunker.Emit = { [self] chunk, mapping, continuation in
      heartbeat.beat()
      if !isCompared, chunk.mayHoldRecords {
        isCompared = true
        try compareColumns(task, chunk, format)
      }
      if countsRecords { place = place?.following() ?? ChunkPlace(task.firstPlace) }
      try await outgoing.add(
        ItemChunk(task: task, chunk: chunk, mapping: mapping, format: format, continuation: continuation, place: place))
    }
    do {
      chunker.inside = { try mark.inside($0) }
      if let continuation = task.continuation, try !chunker.resume(continuation) {
        return task.end(.worker("its checkpoint was made by another build of sluice", .decompress))
      }
      var isWhole = false
      while !isWhole, let piece = await pieces.next(task, heartbeat) {
        if let damage = piece.damage { throw DamagedSource(failure: damage) }
        if let bytes = piece.bytes { try await chunker.feed(bytes, emit) } else { isWhole = true }
      }
      if !isWhole || task.hasEnded { return }
      try await chunker.finish(emit)
    } catch let damaged as DamagedSource {
      guard try await flush(task, &chunker, emit) else { return }
      keepSound(task, damaged.failure, outgoing)
    } catch let error as DecompressError {
      guard definition.decompress.onDamage == .keepRecords, error.isDamage else {
        return task.fail(Failure(error, isTransient: task.mayReadOtherwise))
      }
      guard try await flush(task, &chunker, emit) else { return }
      keepSound(task, Failure(error), outgoing)
    } catch let error as SchemaChanged {
      return task.fail(Failure(.schemaChanged, .parse, error.description))
    } catch let error as ParseError where error.isDamage && definition.decompress.onDamage == .keepRecords {
      keepSound(task, Failure(error), outgoing)
    } catch let error as ParseError {
      if case .missingColumn(let name, _) = error, definition.parse.onSchemaChange == .fail {
        control.abort(.schemaChanged(item: task.planned.item.key, change: "missing: \(name)", acceptCommand))
      }
      return task.fail(Failure(error))
    }
    task.decompressedBytes = chunker.decompressedBytes
    task.chunkCount = chunker.chunkCount
  }

  /// Emits the whole records before the damage; false where the item can't be kept for another reason, and fails.
  private func flush(_ task: ItemTask, _ chunker: inout RecordChunker, _ emit: RecordChunker.Emit) async throws -> Bool {
    do {
      try await chunker.flushWhole(emit)
    } catch is ParseError {
    } catch let error as DecompressError {
      task.fail(Failure(error, isTransient: task.mayReadOtherwise))
      return false
    }
    return true
  }

  /// The records of a damaged item up to the damage are its records, and the damage is a dead letter.
  private func keepSound(_ task: ItemTask, _ damage: Failure, _ outgoing: ChunkMessages) {
    task.damage = damage
    // The rest of the item is wanted no more, but fetch may still be at it.
    if outgoing.group.isSingle { outgoing.group.fetched.close() }
  }

  /// Compares the item's columns with those that the source had before.
  private func compareColumns(_ task: ItemTask, _ chunk: RecordChunk, _ format: any RecordFormat) throws {
    let finding = schemaWatch.compare(chunk, task.prologue, format)
    task.columns = finding.columns
    guard let change = finding.change else { return }
    let words = definition.redactor.redact(change.description)
    if !finding.isKnown { reporter.schemaChanged(item: task.planned.item.key, words) }
    switch definition.parse.onSchemaChange {
    case nil, .evolve: return
    case .deadLetter: throw SchemaChanged(words)
    case .fail:
      control.abort(.schemaChanged(item: task.planned.item.key, change: words, acceptCommand))
      throw SchemaChanged(words)
    }
  }
}

/// The rest of an item is damaged where it comes from.
private struct DamagedSource: Error {
  let failure: Failure
}
