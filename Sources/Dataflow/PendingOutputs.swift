import Definition
import Files
import Ledger
import Write

extension PendingCommit {
  /// The pending commit of a prepared output, with the file that it becomes, where it becomes one.
  package init(
    _ committable: Committable, _ definition: PipelineDefinition, run: RunID?, item: ItemID?, replay: Int? = nil, sink: Int, file: String?
  ) {
    self.init(
      committable, pipeline: definition.name, run: run, item: item, replay: replay, sink: sink,
      output: file.map { Output($0, definition, run: run, item: item, isReplay: replay != nil) })
  }
}

extension Output {
  /// A file that is an output. Its path is kept as the definition has it, so that folders may move.
  package init(_ file: String, _ definition: PipelineDefinition, run: RunID?, item: ItemID?, isReplay: Bool) {
    self.init(
      place: OutputPlace.canonical(file), path: definition.relative(file), pipeline: definition.name, definition: definition.file, run: run,
      item: item, isReplay: isReplay)
  }
}
