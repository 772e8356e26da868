import Foundation

/// What happened under a run's supervisors.
package struct SupervisionRecord: Sendable {
  package var at: Date
  /// A stage, `run` for what stands above stages, or `engine` for the process.
  package var stage: String
  /// From 0; nil where no one worker is meant.
  package var worker: Int?
  /// `started`, `failed`, `restarted`, `stalled`, `stuck`, `gave_up`, `left`, `died`, `program_restarted`, `schema_changed`, `retried`.
  package var kind: String
  package var detail: String

  /// The events that a ledger keeps of a run at most; the engine counts the others.
  package static let mostKept = 1000

  package init(stage: String, worker: Int?, kind: String, detail: String) {
    at = Date()
    self.stage = stage
    self.worker = worker
    self.kind = kind
    self.detail = detail
  }
}
