import Configuration
import Decompress
import Files
import Foundation
import Records

/// The place where records go, as a definition's `write` says it. A ``SinkSession`` does the work.
///
/// To add one: a file in this folder, and a line in ``Sinks``. `Tests/SinkTests` has the checks that every sink passes.
package protocol Sink: Component, Sendable {
  /// Whether a definition's `write` is for this sink. The first key of its page has to be the one that names the place.
  static func takes(_ write: Value) -> Bool
  /// Reads the sink's own keys of `write`, and reports errors in them.
  init(_ write: Value, _ reader: inout DefinitionReader)
  /// Makes a committer for outputs that an earlier process prepared. The committables hold all that it needs, but for passwords.
  ///
  /// - Parameters:
  ///   - folder: the definition's folder, which relative names begin at.
  ///   - known: the sinks of the present definition. A database sink takes credentials from the one with the same server, database and user.
  static func committer(in folder: String, known: [any Sink]) -> any Committer

  /// Which records go into one output.
  var grouping: OutputGrouping { get }
  /// Whether outputs are written one after another, as into a database that takes one writer at a time. Then write has one worker.
  var isSerial: Bool { get }
  /// Whether commits may refuse single rows (``RowRefusal``).
  var refusesRows: Bool { get }
  /// Returns the output of an item, or of the run.
  func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot
  /// Returns the output for the dead letters of `slot` that pass in replay `number`, from 1.
  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot
  /// The spelling of records for this sink.
  var encoder: any RecordEncoder { get }
  /// The spelling of records for people: a dry run shows records so.
  var sampleEncoder: any RecordEncoder { get }
  /// Compresses each encoded chunk; nil where outputs are not compressed.
  var compression: (any UnitEncoder)? { get }
  /// The output's fields that the sink's own keys name, and where in the definition: a field that the output does not have is an error there.
  var namedFields: [(name: String, place: Position)] { get }
  /// Looks whether a run could write its outputs: the place, the rights, the room, the table. It writes nothing, and blocks.
  ///
  /// - Parameter schema: the fields of the output; nil where no record could be seen.
  /// - Returns: a finding for each thing that was looked at, those without a problem too.
  func examine(_ context: SinkContext, schema: Schema?) -> [Finding]
  /// Begins to work. Opens no output yet.
  ///
  /// - Throws: ``WriteError``.
  func start(_ context: SinkContext) throws -> any SinkSession
}

/// The owner of a sink's outputs: a pipeline and its folder.
package struct SinkContext: Sendable {
  /// The absolute path of the definition's folder, which relative names begin at.
  package var folder: String
  /// The pipeline's name.
  package var pipeline: String
  /// The absolute path of a folder for what is kept on this machine until it is committed. It need not be there.
  package var staging: String

  /// Makes a context.
  ///
  /// - Parameter state: the folder of the pipeline's state; by default `.sluice` beside the definition.
  package init(folder: String, pipeline: String, state: String? = nil) {
    self.folder = folder
    self.pipeline = pipeline
    staging = "\(state ?? folder + "/.sluice")/rows/\(pipeline)"
  }
}

extension Sink {
  /// One finding: nothing has to be proved before a run.
  package func examine(_ context: SinkContext, schema: Schema?) -> [Finding] {
    [Finding("\(Self.name): nothing has to be proved before a run")]
  }
  /// The sink's own ``encoder``: its bytes can be read as text.
  package var sampleEncoder: any RecordEncoder { encoder }
  /// None: outputs are not compressed.
  package var compression: (any UnitEncoder)? { nil }
  /// None.
  package var namedFields: [(name: String, place: Position)] { [] }
  /// No: the target takes all that the encoder lets through.
  package var refusesRows: Bool { false }
  /// One output after another, unless each item has its own.
  package var isSerial: Bool { grouping != .item }
}

/// Which records go into one output.
package enum OutputGrouping: Sendable {
  /// Each item has an output of its own, which is committed as the item is done.
  case item
  /// One output has the records of all items, in order, and is committed as the run is done.
  case run
  /// Records can't be taken back once they are written: nothing is prepared or committed.
  case stream
}

/// The values that an output's name may be made of.
package struct OutputWords: Sendable {
  /// The item's key, its name without endings, and its name; nil for an output of the run.
  package var item: (key: String, stem: String, name: String)?
  /// The run's number, as text (`{run.id}`).
  package var run: String
  /// The time when the run began (`{run.date}`).
  package var date: Date

  /// Makes the words for an item's output, or for the run's where `item` is nil.
  package init(item: (key: String, stem: String, name: String)?, run: String, date: Date) {
    self.item = item
    self.run = run
    self.date = date
  }
}

/// The place of an output that is to be written.
package struct OutputSlot: Sendable, Hashable {
  /// The sink's own name for the output: no two outputs of a run share it.
  package var name: String
  /// The name in messages.
  package var shown: String
  /// The absolute path of the file that the commit puts in place or replaces; nil where it is no file.
  package var file: String?
  /// The item's key; nil for an output of the run.
  package var item: String?
  /// The run's number, as text.
  package var run = ""
  /// Whether its rows are the item's records, and numbered as they are: dead letters are not.
  package var holdsRecords = true
  /// Whether it is for dead letters that pass in a replay: then it adds to what the item has in the target, and replaces nothing.
  package var isReplay = false
}

/// The encoder's bytes of some records, as a writer takes them.
package struct SinkChunk: Sendable {
  /// The bytes, which are not written to any more.
  package var bytes: ByteBuffer
  /// The checksum of the bytes.
  package var checksum: Checksum
  /// The number, from 0, that the chunk's first record has in its item.
  package var firstRecord: Int

  /// Makes a chunk from bytes and their checksum.
  package init(_ bytes: ByteBuffer, checksum: Checksum, firstRecord: Int) {
    self.bytes = bytes
    self.checksum = checksum
    self.firstRecord = firstRecord
  }

  /// Makes a chunk, and computes its checksum.
  package init(_ bytes: ByteBuffer, firstRecord: Int = 0) {
    self.init(bytes, checksum: Checksum(bytes.bytes, bytes.count), firstRecord: firstRecord)
  }
}

/// A row that the target does not take, though it takes the others.
package struct RowRefusal: Sendable, Equatable {
  /// The number, from 0, of the row's record in the item.
  package var record: Int
  /// The field at fault; nil where the target does not say.
  package var field: String?
  /// The target's words.
  package var reason: String

  /// Makes a refusal from the target's words.
  package init(record: Int, field: String? = nil, reason: String) {
    self.record = record
    self.field = field
    self.reason = reason
  }
}

/// Makes prepared outputs visible. All calls block, and each may be repeated: after a crash recovery does not know whether it was done.
package protocol Committer: Sendable {
  /// Looks at a prepared output, before an earlier process's commit is done again. Where the commit is found done it is durable when this
  /// returns.
  ///
  /// - Throws: ``WriteError``.
  func inspect(_ committable: Committable) throws -> OutputFinding
  /// Makes outputs visible, and puts that on durable storage. An output that is visible already stays as it is.
  ///
  /// - Parameter forgotten: committables that the ledger has forgotten. No process will commit them again, so their traces may go.
  /// - Returns: the committables that the target will never take, with reasons.
  /// - Throws: ``WriteError`` where another try may help.
  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal]
}

/// A committable that its target does not take: nothing of it is visible, and what was prepared for it is gone.
///
/// With ``rows`` the engine starts the item over; else the item fails. A replay counts as not done in each case.
package struct CommitRefusal: Sendable {
  /// The committable that was refused.
  package var committable: Committable
  /// The target's reason, as a sentence for people.
  package var reason: String
  /// The rows that are refused, where the target would take the others: their records become dead letters before they reach the sink again.
  package var rows: [RowRefusal]

  /// Makes a refusal from the target's reason.
  package init(_ committable: Committable, reason: String, rows: [RowRefusal] = []) {
    self.committable = committable
    self.reason = reason
    self.rows = rows
  }
}

/// A sink at work. Write's workers and the engine call it from several threads. Its calls block.
package protocol SinkSession: Committer {
  /// Opens an output, cut back to a position that the ledger has; at ``SinkPosition/start`` it is made anew.
  ///
  /// - Throws: ``WriteError``.
  func open(_ slot: OutputSlot, _ schema: Schema, at position: SinkPosition) throws -> any SinkWriter
  /// Makes outputs durable that are written to their ends: then the ledger may call their items done.
  ///
  /// - Throws: ``WriteError``.
  func prepare(_ writers: [any SinkWriter]) throws
  /// Compares an output that is not committed with the ledger's position in it. Reads the output.
  ///
  /// - Throws: ``WriteError``.
  func inspect(_ slot: OutputSlot, at position: SinkPosition) throws -> OutputFinding
  /// Drops the notes by which the sink knows of commits that are done: no committable of the pipeline is pending.
  func settle() throws
  /// Removes the prepared part of an output that no run goes on with. An output that is not there is no error.
  func abandon(_ slot: OutputSlot) throws
  /// Ends waits of the sink for a reader: the run stops. Any thread may call it.
  func interrupt()
}

extension SinkSession {
  /// Does nothing: the sink never waits for a reader.
  package func interrupt() {}
  /// Does nothing: the sink keeps no notes of commits.
  package func settle() throws {}
}

/// An output that is being written. One write worker owns it and awaits each call before the next; ``flush()`` alone runs beside other
/// calls. Calls block, and throw ``WriteError`` where the output can't be written.
package protocol SinkWriter: AnyObject, Sendable {
  /// The position after all that was appended.
  var position: SinkPosition { get }
  /// Whether nothing is written: then the format's header comes first.
  var isEmpty: Bool { get }
  /// Whether ``truncate(to:)`` and ``discard()`` can take records back.
  var canTruncate: Bool { get }
  /// Appends the encoder's bytes of some records.
  ///
  /// - Throws: ``WriteError``. Rows that a target refuses show at the commit (``CommitRefusal``).
  func append(_ chunk: SinkChunk) throws
  /// Makes all durable that was appended before the call: then the ledger may speak of it.
  func flush() throws
  /// Drops all that comes after a position of this output.
  func truncate(to position: SinkPosition) throws
  /// Gives back memory and descriptors that writing took: nothing more is appended for now.
  func release() throws
  /// The token that commits the output once it is prepared; nil where there is nothing to commit.
  var committable: Committable? { get }
  /// Removes the output, which will not be committed.
  func discard() throws
}

/// The registry of sinks: a line each.
package enum Sinks {
  /// The sinks. The first that takes a definition's `write` is the one.
  package static let all: [any Sink.Type] = [FileSink.self, StandardOutputSink.self, PostgreSQLSink.self, SQLiteSink.self]

  /// Returns the sink of this name, as committables hold it; nil where this build has none.
  package static func named(_ name: String) -> (any Sink.Type)? { all.first { $0.name == name } }
}
