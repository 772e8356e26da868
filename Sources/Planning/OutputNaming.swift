import Dataflow
import Definition
import Foundation
import Write

/// Which output an item's records go into, in a run.
package struct OutputNaming: Sendable {
  /// The definition that names the outputs.
  package let definition: PipelineDefinition
  private let run: String
  private let date: Date

  /// The names of a run's outputs.
  ///
  /// - Parameters:
  ///   - run: the run's number, or a word in its place.
  ///   - date: the start of the run.
  package init(definition: PipelineDefinition, run: String, date: Date) {
    self.definition = definition
    self.run = run
    self.date = date
  }

  /// The output of an item in a sink.
  ///
  /// - Parameter item: nil for the one output of the run.
  package func slot(_ item: Item?, in entry: SinkEntry) -> OutputSlot {
    var slot = entry.sink.slot(
      OutputWords(item: item.map { ($0.key, $0.stem, $0.name) }, run: run, date: date), definition.sinkContext)
    slot.holdsRecords = !entry.takesDeadLetters
    return slot
  }

  /// The outputs that an item's records go into, a sink each: of a sink with one output for the run it is that.
  package func slots(_ item: Item) -> [OutputSlot] {
    definition.sinks.map { slot($0.sink.grouping == .item ? item : nil, in: $0) }
  }

  /// The outputs of the run, with their sinks.
  package var ofRun: [(entry: SinkEntry, slot: OutputSlot)] {
    definition.sinks.filter { $0.sink.grouping != .item }.map { ($0, slot(nil, in: $0)) }
  }

  /// Whether another run's output in a sink has the same name: then it takes the place of this one's.
  package func isSameInAllRuns(_ entry: SinkEntry) -> Bool {
    OutputNaming(definition: definition, run: "\(run)-other", date: .distantFuture).slot(nil, in: entry).shown == slot(nil, in: entry).shown
  }
}
