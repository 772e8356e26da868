import Foundation

/// An event under a run's supervisors.
package struct SupervisionRecord: Sendable {
  /// The time; the initializer sets it to now.
  package var at: Date
  /// The stage; `run` for what stands above stages, `engine` for the process.
  package var stage: String
  /// The worker's number, from 0; nil where no one worker is meant.
  package var worker: Int?
  /// The kind: `started`, `failed`, `restarted`, `stalled`, `stuck`, `gave_up`, `left`, `died`, `program_restarted`, `schema_changed`, `absent_fields`, `retried`.
  package var kind: String
  /// The event in words, with its secrets hidden by the engine.
  package var detail: String

  /// The events that a ledger keeps of a run at most; the engine counts the others.
  package static let mostKept = 1000

  /// Makes an event that happens now.
  package init(stage: String, worker: Int?, kind: String, detail: String) {
    at = Date()
    self.stage = stage
    self.worker = worker
    self.kind = kind
    self.detail = detail
  }
}
