import Configuration
import Decompress
import Files
import Foundation
import Records

/// Where records go: what a definition's `write` says of it. A sink that is at work is its ``SinkSession``.
///
/// To add one: a file in this folder, and a line in ``Sinks``.
package protocol Sink: Component, Sendable {
  /// Whether a definition's `write` is for this sink. The first key of its page says where records go.
  static func takes(_ write: Value) -> Bool
  /// Reads the sink's own keys of `write`, and reports what is wrong with them.
  init(_ write: Value, _ reader: inout DefinitionReader)
  /// Commits what an earlier process had prepared. It needs no definition: the committables say all.
  ///
  /// - Parameter folder: the definition's, which relative names are relative to.
  static func committer(in folder: String) -> any Committer

  /// Which records go into one output.
  var grouping: OutputGrouping { get }
  /// Whether outputs are written one after another, as into a database that takes one writer at a time.
  var isSerial: Bool { get }
  /// The output of an item, or of the run.
  func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot
  /// Where a replay of dead letters writes what passes of those of an output.
  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot
  /// Spells records for this sink.
  var encoder: any RecordEncoder { get }
  /// Spells records for people, where a dry run shows what would be written.
  var sampleEncoder: any RecordEncoder { get }
  /// Compresses what the encoder made of a chunk; nil where the sink's outputs are not compressed.
  var compression: (any UnitEncoder)? { get }
  /// Begins to work.
  ///
  /// - Throws: ``WriteError``.
  func start(_ context: SinkContext) throws -> any SinkSession
}

/// Whose outputs a sink writes.
package struct SinkContext: Sendable {
  /// The definition's folder, absolute: what relative names are relative to.
  package var folder: String
  package var pipeline: String

  package init(folder: String, pipeline: String) {
    self.folder = folder
    self.pipeline = pipeline
  }
}

extension Sink {
  package var sampleEncoder: any RecordEncoder { encoder }
  package var compression: (any UnitEncoder)? { nil }
  package var isSerial: Bool { grouping != .item }
}

/// Which records go into one output.
package enum OutputGrouping: Sendable {
  /// Each item has an output of its own, which is committed as the item is done.
  case item
  /// One output has the records of all items, in order, and is committed as the run is done.
  case run
  /// Records are out of our hands as they are written: nothing is prepared or committed.
  case stream
}

/// What an output's name may be made of.
package struct OutputWords: Sendable {
  /// The item's key, its name, and the same without its endings; nil for an output of the run.
  package var item: (key: String, stem: String, name: String)?
  package var run: String
  /// When the run began.
  package var date: Date

  package init(item: (key: String, stem: String, name: String)?, run: String, date: Date) {
    self.item = item
    self.run = run
    self.date = date
  }
}

/// An output that is to be written.
package struct OutputSlot: Sendable, Hashable {
  /// Which output of the sink's, as the sink opens it.
  package var name: String
  /// As people call it.
  package var shown: String
  /// The file that its commit puts in place or replaces; nil where it is none.
  package var file: String?

  package init(name: String, shown: String, file: String? = nil) {
    self.name = name
    self.shown = shown
    self.file = file
  }
}

/// Makes prepared outputs visible. All calls block, and any may be repeated: after a crash nobody knows whether it was done.
package protocol Committer: Sendable {
  /// Looks at what was prepared, before an earlier process's commit is done again. A commit that is found done is durable when this
  /// returns.
  ///
  /// - Throws: ``WriteError``.
  func inspect(_ committable: Committable) throws -> OutputFinding
  /// Makes outputs visible, and puts that on durable storage. What is visible already stays as it is.
  ///
  /// - Parameter forgotten: those that the ledger speaks of no more. Nobody will commit them again.
  /// - Returns: those that can never be committed, with why.
  /// - Throws: ``WriteError`` where another try may do it.
  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal]
}

/// A committable that its target does not take: what it was made from counts as not done.
package struct CommitRefusal: Sendable {
  package var committable: Committable
  package var reason: String

  package init(_ committable: Committable, reason: String) {
    self.committable = committable
    self.reason = reason
  }
}

/// A sink at work.
package protocol SinkSession: Committer {
  /// Opens an output, cut back to a position that the ledger speaks of; at ``SinkPosition/start`` it is made anew. Blocks.
  ///
  /// - Throws: ``WriteError``.
  func open(_ slot: OutputSlot, _ schema: Schema, at position: SinkPosition) throws -> any SinkWriter
  /// Makes outputs durable that are written to their ends: then the ledger may call them done. Blocks.
  func prepare(_ writers: [any SinkWriter]) throws
  /// Whether what the ledger says of an output that is not committed is there. Reads it, and blocks.
  func inspect(_ slot: OutputSlot, at position: SinkPosition) throws -> OutputFinding
  /// No committable of the pipeline is pending: what was kept to know that a commit was done may go.
  func settle() throws
  /// Takes away what was written of an output that nobody goes on with.
  func abandon(_ slot: OutputSlot) throws
  /// Nobody waits for this sink any more.
  func interrupt()
}

extension SinkSession {
  package func interrupt() {}
  package func settle() throws {}
}

/// An output that is being written. One write worker owns it and awaits each call before the next; ``flush()`` alone runs beside
/// others. Calls block.
package protocol SinkWriter: AnyObject, Sendable {
  /// After all that was appended.
  var position: SinkPosition { get }
  /// Whether nothing is written: then the format's header comes first.
  var isEmpty: Bool { get }
  /// Whether what was written can be taken back.
  var canTruncate: Bool { get }
  /// Appends what the sink's encoder made of records.
  ///
  /// - Parameter checksum: of the bytes.
  func append(_ bytes: ByteBuffer, checksum: Checksum) throws
  /// Makes durable what was appended before the call: then the ledger may speak of it.
  func flush() throws
  /// Drops what comes after a position.
  func truncate(to position: SinkPosition) throws
  /// Nothing more is appended: memory and descriptors that writing took are given back.
  func release() throws
  /// What commits the output once it is prepared; nil where nothing is to be committed.
  var committable: Committable? { get }
  /// Takes the output away.
  func discard() throws
}

extension SinkWriter {
  package func append(_ bytes: ByteBuffer) throws { try append(bytes, checksum: Checksum(bytes.bytes, bytes.count)) }
}

/// The sinks that there are: a line each.
package enum Sinks {
  package static let all: [any Sink.Type] = [FileSink.self, StandardOutputSink.self, SQLiteSink.self]

  package static func named(_ name: String) -> (any Sink.Type)? { all.first { $0.name == name } }
}
