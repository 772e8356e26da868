import Dataflow
import Definition
import Foundation
import Ledger
import Records

extension RunRecord {
  /// The run that `run` goes on with: the newest, where something of it is left and the definition is the same.
  package static func continued(_ definition: PipelineDefinition, _ options: RunOptions, _ ledger: any Ledger) async throws -> RunRecord? {
    guard !options.isFull, let last = try await ledger.runs(pipeline: definition.name, limit: 1).first,
      try await ledger.isUnfinished(last), try await ledger.hasDefinition(definition.fingerprint, run: last.id)
    else { return nil }
    return last
  }
}

extension Schema {
  /// A schema that a run inferred, as the ledger has it.
  package static func recorded(_ text: String?) -> Schema? {
    text.flatMap { try? JSONDecoder().decode(Schema.self, from: Data($0.utf8)) }
  }
}
