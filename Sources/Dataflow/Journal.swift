import Ledger
import Supervision
import Synchronization

/// The events under a run's supervisors, on their way to the ledger.
final class Journal: Sendable {
  private let pending = Mutex<[SupervisionRecord]>([])

  func add(_ stage: String, _ worker: Int?, _ kind: String, _ detail: String) {
    pending.withLock { pending in
      guard pending.count < SupervisionRecord.mostKept else { return }
      pending.append(SupervisionRecord(stage: stage, worker: worker, kind: kind, detail: detail))
    }
  }

  func add(_ event: SupervisionEvent) {
    let (kind, detail) =
      switch event.kind {
      case .started: ("started", "")
      case .failed(let cause, let attempt): ("failed", "attempt \(attempt): \(cause)")
      case .restarted(let wait, let attempt): ("restarted", "after \(wait), for attempt \(attempt)")
      case .stalled(let limit): ("stalled", "no progress for \(limit)")
      case .stuck: ("stuck", "it does not end although it was told to")
      case .gaveUp(let cause): ("gave_up", cause)
      case .left: ("left", "")
      }
    add(event.pool, event.worker, kind, detail)
  }

  /// Tells the ledger all new events. A failure loses them: it is no reason to stop a run.
  func write(to ledger: any HistoryLedger, _ run: RunID) async {
    let events = pending.withLock { pending in
      defer { pending = [] }
      return pending
    }
    if !events.isEmpty { try? await ledger.note(run, events) }
  }
}
