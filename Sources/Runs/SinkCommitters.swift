import Definition
import Files
import Synchronization
import Write

/// The sinks of outputs that earlier processes prepared, whatever the definition says by now. Each is made once, for it may hold a connection. Its
/// calls block.
final class SinkCommitters: Sendable {
  private let definition: PipelineDefinition
  private let made = Mutex<[String: any Committer]>([:])

  init(_ definition: PipelineDefinition) { self.definition = definition }

  /// The committer of a sink; nil where this build has no sink of the name.
  func named(_ sink: String) -> (any Committer)? {
    made.withLock { made in
      if let known = made[sink] { return known }
      let new = Sinks.named(sink)?.committer(in: definition.folder, known: definition.sinks.map(\.sink))
      made[sink] = new
      return new
    }
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
