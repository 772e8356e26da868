import Configuration
import Ledger
import Supervision

/// Tells a run's events to its user, its counters and, by the journal, the ledger. It takes secrets out first.
struct Reporter: Sendable {
  let progress: RunProgress
  let journal: Journal
  let redactor: Redactor
  /// Takes an event as it is; use the methods where there is one.
  let event: @Sendable (RunEvent) -> Void

  /// An item is tried again.
  ///
  /// - Parameter attempt: the number of the attempt that failed, from 1.
  func retry(_ stage: Stage, item: String, attempt: Int, _ reason: String, wait: Duration) {
    let reason = redactor.redact(reason)
    progress.update { $0.retries += 1 }
    journal.add(stage.rawValue, nil, "retried", "\(item): \(reason)")
    event(.retry(item: item, attempt: attempt, reason: reason, wait: wait))
  }

  /// Something happened under a supervisor.
  func supervision(_ happened: SupervisionEvent) {
    if case .restarted = happened.kind { progress.update { $0.restarts += 1 } }
    event(.supervision(happened))
    journal.add(happened)
  }

  /// A program of the user's was started again.
  ///
  /// - Parameters:
  ///   - command: without secrets.
  ///   - reason: without secrets.
  func programRestarted(_ command: String, _ reason: String) {
    progress.update { $0.restarts += 1 }
    journal.add(Stage.transform.rawValue, nil, "program_restarted", "\(command): \(reason)")
    event(.programRestarted(command: command, reason: reason))
  }

  /// An item's columns changed, for the first time in this way.
  func schemaChanged(item: String, _ change: String) {
    journal.add(Stage.parse.rawValue, nil, "schema_changed", "\(item): \(change)")
    event(.schemaChanged(item: item, change: change))
  }

  /// No record had these fields.
  func absentFields(_ names: [String], records: Int) {
    journal.add(Stage.parse.rawValue, nil, "absent_fields", "\(names.joined(separator: ", ")): in none of \(records) records")
    event(.absentFields(names, records: records))
  }

  /// The engine before this one died.
  func engineDied(_ how: String) { journal.add("engine", nil, "died", how) }
}
