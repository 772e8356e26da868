import Dataflow
import Definition
import Foundation
import Write

/// Which output an item's records go into, in a run.
package struct OutputNaming: Sendable {
  package let definition: PipelineDefinition
  package let run: String
  package let date: Date

  /// The names of a run's outputs.
  ///
  /// - Parameter run: the run's number, or a word in its place.
  package init(definition: PipelineDefinition, run: String, date: Date) {
    self.definition = definition
    self.run = run
    self.date = date
  }

  /// - Parameter item: nil for the one output of the run.
  package func slot(_ item: Item?) -> OutputSlot {
    definition.sink.slot(OutputWords(item: item.map { ($0.key, $0.stem, $0.name) }, run: run, date: date), definition.sinkContext)
  }
}
