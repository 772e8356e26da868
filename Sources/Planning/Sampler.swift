import Dataflow
import Configuration
import Decompress
import Definition
import Fetch
import Foundation
import Parse
import Records
import Supervision

/// A look at the head of an item: its first records, without a byte written.
package struct Sampler {
  /// Bytes of the item, as it is stored, that are read at most.
  package static let headBytes = 1 << 20

  let definition: PipelineDefinition
  let session: FetchSession

  /// Samples items of a definition.
  package init(definition: PipelineDefinition, session: FetchSession) {
    self.definition = definition
    self.session = session
  }

  /// The first records of an item.
  package struct Sample {
    var chunk: RecordChunk
    var prologue: Prologue
    /// Whether the item goes on after it.
    var isCut: Bool
  }

  /// Takes a sample of an item.
  ///
  /// - Throws: ``RunFailure/sample(_:_:)`` where there is nothing to look at.
  func sample(_ item: Item) async throws(RunFailure) -> Sample {
    try await sample(item, head(item))
  }

  private func sample(_ item: Item, _ head: ByteBuffer) async throws(RunFailure) -> Sample {
    do {
      return try await Self.cut(head, definition, name: item.name, isCut: head.count >= Self.headBytes)
    } catch {
      let code = (error as? DecompressError)?.errorCode ?? (error as? ParseError)?.errorCode ?? .noSample
      throw .sample("\(item.key): \(definition.redactor.redact("\(error)"))", code)
    }
  }

  /// The fields of items, as a look at them has shown.
  package struct Inferred {
    /// By the first item that has records.
    package var schema: Schema?
    /// The item that ``schema`` is of.
    var item: Item?
    /// By the first header, where no item has a record: all text.
    package var header: Schema?
    /// The failure of the first item that can't be read.
    package var failure: RunFailure?
    /// Whether no item can be read, each for its content.
    package var isForeign = false
  }

  /// So many items are looked at for one that has records, and so many that can't be had before it is given up.
  private static let mostItems = 1000
  private static let mostFailures = 10

  /// The schema that the first records show of the first item that has any.
  package func inferredSchema(_ items: some Sequence<Item>) async -> Inferred {
    var inferred = Inferred()
    var failures = 0
    for item in items.prefix(Self.mostItems) where failures < Self.mostFailures {
      var isHad = false
      do throws(RunFailure) {
        let head = try await head(item)
        isHad = true
        let sample = try await sample(item, head)
        let columns = definition.parse.recordFormat(itemName: item.name).sample(sample.chunk, sample.prologue)
        let schema = Inference.schema(of: columns)
        if columns.cells.contains(where: { !$0.isEmpty }) {
          inferred.schema = schema
          inferred.item = item
          return inferred
        }
        if inferred.header == nil, !schema.fields.isEmpty { inferred.header = schema }
      } catch {
        // An item that holds something else is looked at in no time; one that can't be had may take long.
        if !isHad || error.code == .noSample { failures += 1 }
        inferred.failure = inferred.failure ?? error
      }
    }
    inferred.isForeign = failures == 0 && inferred.header == nil && inferred.failure != nil
    return inferred
  }

  /// The names of an item's columns.
  ///
  /// - Throws: ``RunFailure/sample(_:_:)`` where the item can't be read.
  package func columns(_ item: Item) async throws(RunFailure) -> [String] {
    let sample = try await sample(item)
    return sample.prologue.columns ?? definition.parse.recordFormat(itemName: item.name).sample(sample.chunk, sample.prologue).names
  }

  /// The records at the beginning of an item.
  ///
  /// - Parameters:
  ///   - head: the item's first bytes, as it is stored.
  ///   - isCut: whether the item goes on behind them.
  package static func cut(_ head: ByteBuffer, _ definition: PipelineDefinition, name: String, isCut: Bool) async throws -> Sample {
    let format = definition.parse.recordFormat(itemName: name)
    var chunks: [RecordChunk] = []
    var chunker = RecordChunker(definition, itemName: name, format: format, skipTo: 0) { prologue in
      ColumnMapping(schema: Schema([]), columnCount: prologue.header?.count ?? 0, columns: [], decoded: [])
    }
    let emit: RecordChunker.Emit = { chunk, _, _ in chunks.append(chunk) }
    try await chunker.feed(head, emit)
    if isCut, chunks.isEmpty { try await chunker.flushWhole(emit) }
    if !isCut { try await chunker.finish(emit) }
    let prologue = chunker.prologue ?? Prologue(bytes: 0, lines: 0)
    let chunk =
      chunks.first(where: \.mayHoldRecords) ?? chunks.first
      ?? RecordChunk(buffer: ByteBuffer(capacity: 0), offset: prologue.bytes, sequence: 0)
    return Sample(chunk: chunk, prologue: prologue, isCut: isCut || chunks.count > 1)
  }

  /// The item's first bytes, as it is stored, at most ``headBytes``.
  ///
  /// - Throws: ``RunFailure/sample(_:_:)`` where they can't be read.
  package func head(_ item: Item) async throws(RunFailure) -> ByteBuffer {
    do throws(FetchError) {
      return try await Fetcher(session, definition.fetch.retry).bytes(
        item.source, item.location, count: Self.headBytes, expected: definition.expectedContent(itemName: item.name))
    } catch {
      throw .sample("\(item.key): \(definition.redactor.redact("\(error)"))", error.errorCode)
    }
  }
}
