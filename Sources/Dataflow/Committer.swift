import Files
import Configuration
import Ledger
import Supervision
import Synchronization
import Write

/// Commits written items: prepares their outputs, tells the ledger that they are done, and lets the sink commit the prepared outputs.
/// `Sources/Ledger/README.md` gives the order of the steps, and its reasons.
final class Committer: Sendable {
  private let ledger: any ItemLedger & CommitLedger
  private let sinks: SinkSessions
  private let committed: CommittedOutputs
  private let failing: ItemFailing
  private let spools: Spools
  private let control: RunControl
  private let reporter: Reporter
  private let repeated: RepeatedItems
  private let run: RunID
  private let retry: SinkRetry

  init(
    run: RunID, ledger: any ItemLedger & CommitLedger, sinks: SinkSessions, committed: CommittedOutputs, failing: ItemFailing,
    spools: Spools,
    retry: SinkRetry, control: RunControl, reporter: Reporter, repeated: RepeatedItems
  ) {
    self.ledger = ledger
    self.sinks = sinks
    self.committed = committed
    self.failing = failing
    self.spools = spools
    self.control = control
    self.reporter = reporter
    self.repeated = repeated
    self.run = run
    self.retry = retry
  }

  /// Commits items together. A failure stops the run.
  func commit(_ written: [Commits.WrittenItem]) async {
    // After a failure no item is said to be done: their parts stand, and resuming goes on with them.
    if control.failure != nil { return }
    var refused: [Committable: CommitRefusal] = [:]
    var items = written
    do {
      let writers = items.flatMap(\.output.writers)
      try await BlockingThreads.files.run { [sinks] in try sinks.prepare(writers) }
      // A committable says where its rows were put, so it is made once they are.
      for i in items.indices { items[i].finished.commits = items[i].output.commits(run: run) }
      let before = committed.take()
      try await ledger.finish(items.map(\.finished), committed: before.map(\.committable))
      let commits = items.flatMap(\.finished.commits)
      if !commits.isEmpty {
        let refusals = try await retry { [sinks] in try sinks.commit(commits, forgetting: before) }
        refused = Dictionary(refusals.map { ($0.commit.committable, $0.refusal) }) { first, _ in first }
      }
      committed.add(commits.filter { refused[$0.committable] == nil })
    } catch {
      return control.abort(.from(error))
    }
    for item in items {
      let refusals = refused.isEmpty ? [] : item.finished.commits.compactMap { commit in refused[commit.committable].map { (commit, $0) } }
      if !refusals.isEmpty {
        await refuse(item, refusals)
        continue
      }
      spools.remove(item.planned)
      reporter.progress.update { $0.itemsDone += 1 }
      reporter.event(
        .itemDone(item: item.planned.item.key, counts: item.finished.progress.checkpoint.counts, seconds: item.finished.seconds))
    }
  }

  /// Takes back an item whose output a target does not take, though the ledger had called the item done: it is written again without the rows
  /// that are refused, or fails.
  private func refuse(_ item: Commits.WrittenItem, _ refusals: [(commit: PendingCommit, refusal: CommitRefusal)]) async {
    control.takeBack(item.finished.progress.checkpoint, since: item.planned.start, reporter.progress)
    do {
      if refusals.allSatisfy({ !$0.refusal.rows.isEmpty }) {
        for (commit, refusal) in refusals {
          try await ledger.revoke(commit, refusing: refusal.rows.map { RefusedRecord($0, reporter.redactor) })
        }
        return repeated.add(item.planned)
      }
      let reason = refusals.map(\.refusal.reason).joined(separator: "; ")
      try await failing.fail(item.planned, Failure(.cannotWrite, .write, reason), attempts: 1, refused: refusals.map(\.commit))
    } catch {
      control.abort(.from(error))
    }
  }
}

/// The committables that the sink has committed, until the next transaction of the ledger tells of them.
final class CommittedOutputs: Sendable {
  private let waiting = Mutex<[PendingCommit]>([])

  func add(_ commits: [PendingCommit]) { waiting.withLock { $0 += commits } }

  func take() -> [PendingCommit] {
    waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
  }
}

/// The items that have to be written again, since a target refused rows of them at its commit.
final class RepeatedItems: Sendable {
  private let items = Mutex<[PlannedItem]>([])

  func add(_ item: PlannedItem) { items.withLock { $0.append(item) } }

  func take() -> [PlannedItem] {
    items.withLock { items in
      defer { items = [] }
      return items
    }
  }
}

extension RefusedRecord {
  /// The record of a row that a target refused.
  package init(_ refusal: RowRefusal, _ redactor: Redactor) {
    self.init(record: refusal.record, field: refusal.field, reason: redactor.redact(refusal.reason))
  }
}
