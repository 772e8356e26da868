import Definition
import Foundation
import Write

/// Which output an item's records go into, in a run.
struct OutputNaming: Sendable {
  let definition: PipelineDefinition
  let run: String
  let date: Date

  /// - Parameter item: nil for the one output of the run.
  func slot(_ item: Item?) -> OutputSlot {
    definition.sink.slot(OutputWords(item: item.map { ($0.key, $0.stem, $0.name) }, run: run, date: date), definition.sinkContext)
  }
}
