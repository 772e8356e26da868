import Configuration
import Definition
import Files
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
  /// The work of the sinks, without outputs of the run.
  package let sessions: SinkSessions

  /// Starts a definition's sinks, and opens the outputs of the run.
  ///
  /// - Parameters:
  ///   - output: the fields of the records behind all steps.
  ///   - slot: the output of the run in a sink.
  ///   - kept: the positions up to which the outputs of the run are kept, a sink each; nil where they are in their places.
  /// - Throws: ``WriteError``, and what a compression throws.
  package init(_ definition: PipelineDefinition, _ output: Schema, slot: (SinkEntry) -> OutputSlot, kept: [SinkPosition]?) throws {
    sessions = try SinkSessions(definition, definition.sinks)
    all = try sessions.all.map { entry, session in
      let schema = entry.takesDeadLetters ? DeadLetterRecords.schema : output
      var shared: (any SinkWriter)?
      let own = entry.sink.grouping == .item ? nil : slot(entry)
      if let own, let kept { shared = try session.open(own, schema, at: kept[entry.number]) }
      return RunSink(
        entry: entry, session: session, shared: shared, slot: own, schema: schema, header: try BatchEncoding(entry.sink).header(schema))
    }
  }

  /// Whether an item's records may go into an output of the run.
  var haveShared: Bool { all.contains { $0.shared != nil } }
  /// Whether items have outputs of their own.
  var haveOwn: Bool { all.contains { $0.slot == nil } }
  /// Whether they write one output after another.
  var areSerial: Bool { all.contains { $0.entry.sink.isSerial } }
  /// The outputs of the run that are open.
  package var shared: [(sink: RunSink, writer: any SinkWriter)] { all.compactMap { sink in sink.shared.map { (sink, $0) } } }
}
