import Configuration
import Definition
import Files
import Ledger
import Records
import Write

/// A sink at work in a run.
package struct RunSink: Sendable {
  /// The sink's entry in the definition.
  package let entry: SinkEntry
  /// The sink's work.
  package let session: any SinkSession
  /// The writer of the run's one output; nil where each item has an output of its own.
  package let shared: (any SinkWriter)?
  /// The run's one output; nil where each item has an output of its own.
  package let slot: OutputSlot?
  /// The fields of the records that go into it.
  let schema: Schema
  /// The bytes before an output's first record; empty where there are none.
  let header: ByteBuffer
}

/// The sinks of a run. Its calls block.
package struct RunSinks: Sendable {
  /// The sinks, in the order of the definition.
  package let all: [RunSink]
  /// The sinks in the order in which they commit: those that may refuse rows come first, for a file can be made again and rows in a table not.
  private let inOrder: [RunSink]

  /// Starts a definition's sinks, and opens the outputs of the run.
  ///
  /// - Parameters:
  ///   - output: the fields of the records behind all steps.
  ///   - slot: the output of the run in a sink.
  ///   - kept: the positions up to which the outputs of the run are kept, a sink each; nil where they are in their places.
  /// - Throws: ``WriteError``, and what a compression throws.
  package init(_ definition: PipelineDefinition, _ output: Schema, slot: (SinkEntry) -> OutputSlot, kept: [SinkPosition]?) throws {
    all = try definition.sinks.map { entry in
      let session = try entry.sink.start(definition.sinkContext)
      let schema = entry.takesDeadLetters ? DeadLetterRecords.schema : output
      var shared: (any SinkWriter)?
      let own = entry.sink.grouping == .item ? nil : slot(entry)
      if let own, let kept { shared = try session.open(own, schema, at: kept[entry.number]) }
      return RunSink(
        entry: entry, session: session, shared: shared, slot: own, schema: schema, header: try BatchEncoding(entry.sink).header(schema))
    }
    inOrder = all.filter(\.entry.sink.refusesRows) + all.filter { !$0.entry.sink.refusesRows }
  }

  /// Whether an item's records may go into an output of the run.
  var haveShared: Bool { all.contains { $0.shared != nil } }
  /// Whether items have outputs of their own.
  var haveOwn: Bool { all.contains { $0.slot == nil } }
  /// Whether they write one output after another.
  var areSerial: Bool { all.contains { $0.entry.sink.isSerial } }
  /// The outputs of the run that are open.
  package var shared: [(sink: RunSink, writer: any SinkWriter)] { all.compactMap { sink in sink.shared.map { (sink, $0) } } }

  /// Makes outputs durable that are written to their ends.
  ///
  /// - Throws: ``WriteError``.
  package func prepare(_ writers: [(sink: RunSink, writer: any SinkWriter)]) throws {
    for sink in all {
      let own = writers.filter { $0.sink.entry.number == sink.entry.number }.map(\.writer)
      let unique = Dictionary(grouping: own, by: ObjectIdentifier.init).values.compactMap(\.first)
      if !unique.isEmpty { try sink.session.prepare(unique) }
    }
  }

  /// Lets the sinks commit prepared outputs, and forget commits that the ledger has forgotten.
  ///
  /// - Returns: the commits that a target will never do, with its refusals.
  /// - Throws: ``WriteError``.
  package func commit(
    _ commits: [PendingCommit], forgetting forgotten: [PendingCommit]
  ) throws -> [(commit: PendingCommit, refusal: CommitRefusal)] {
    var refused: [(PendingCommit, CommitRefusal)] = []
    for sink in inOrder {
      let number = sink.entry.number
      let own = commits.filter { $0.sink == number }
      let past = forgotten.filter { $0.sink == number }.map(\.committable)
      if own.isEmpty, past.isEmpty { continue }
      for refusal in try sink.session.commit(own.map(\.committable), forgetting: past) {
        refused += own.filter { $0.committable == refusal.committable }.map { ($0, refusal) }
      }
    }
    return refused
  }

  /// Lets the sinks drop what they keep of commits, all of which are done. A sink that can't be reached does so when the next run begins.
  package func settle() {
    for sink in all { try? sink.session.settle() }
  }

  /// Ends waits of the sinks for readers: the run stops.
  func interrupt() { for sink in all { sink.session.interrupt() } }
}
