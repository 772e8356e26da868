import Definition
import Files
import Ledger
import Write

/// The sinks of outputs that earlier processes prepared, whatever the definition says by now. Its calls block.
struct SinkCommitters {
  let definition: PipelineDefinition

  /// The committer of a sink; nil where this build has no sink of the name.
  func named(_ sink: String) -> (any Committer)? {
    Sinks.named(sink)?.committer(in: definition.folder, known: definition.sinks.map(\.sink))
  }

  /// Lets sinks forget commits that the ledger has forgotten.
  ///
  /// - Throws: ``WriteError``.
  func forget(_ committables: [Committable]) throws {
    for (name, committables) in Dictionary(grouping: committables, by: \.sink) {
      _ = try named(name)?.commit([], forgetting: committables)
    }
  }
}
