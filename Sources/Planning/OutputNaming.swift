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

  /// The output of an item.
  ///
  /// - Parameter item: nil for the one output of the run.
  package func slot(_ item: Item?) -> OutputSlot {
    definition.sink.slot(OutputWords(item: item.map { ($0.key, $0.stem, $0.name) }, run: run, date: date), definition.sinkContext)
  }
}
