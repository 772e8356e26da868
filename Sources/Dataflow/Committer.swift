import Files
import Configuration
import Ledger
import Supervision
import Synchronization
import Write

/// Commits written items: prepares their outputs, tells the ledger that they are done, and lets the sink commit the prepared outputs.
/// `Sources/Ledger/README.md` gives the order of the steps, and its reasons.
final class Committer: Sendable {
  private let ledger: any ItemLedger
  private let session: any SinkSession
  private let committed: CommittedOutputs
  private let failing: ItemFailing
  private let spools: Spools
  private let control: RunControl
  private let reporter: Reporter

  init(
    ledger: any ItemLedger, session: any SinkSession, committed: CommittedOutputs, failing: ItemFailing, spools: Spools,
    control: RunControl, reporter: Reporter
  ) {
    self.ledger = ledger
    self.session = session
    self.committed = committed
    self.failing = failing
    self.spools = spools
    self.control = control
    self.reporter = reporter
  }

  /// Commits items together. A failure stops the run.
  func commit(_ items: [Commits.WrittenItem]) async {
    // After a failure no item is said to be done: their parts stand, and resuming goes on with them.
    if control.failure != nil { return }
    var refused: [Committable: String] = [:]
    do {
      let writers = Dictionary(grouping: items.map(\.output), by: ObjectIdentifier.init).values.compactMap(\.first)
      try await BlockingThreads.files.run { [session] in try session.prepare(writers) }
      let before = committed.take()
      try await ledger.finish(items.map(\.finished), committed: before)
      let committables = items.compactMap(\.finished.commit?.committable)
      let refusals = try await BlockingThreads.files.run { [session] in
        try committables.isEmpty ? [] : session.commit(committables, forgetting: before)
      }
      refused = Dictionary(refusals.map { ($0.committable, $0.reason) }) { first, _ in first }
      committed.add(committables.filter { refused[$0] == nil })
    } catch {
      return control.abort(.from(error))
    }
    for item in items {
      if let committable = item.finished.commit?.committable, let reason = refused[committable] {
        await refuse(item, committable, reason)
        continue
      }
      spools.remove(item.planned)
      reporter.progress.update { $0.itemsDone += 1 }
      reporter.event(
        .itemDone(item: item.planned.item.key, counts: item.finished.progress.checkpoint.counts, seconds: item.finished.seconds))
    }
  }

  /// Fails an item whose output the target does not take, though the ledger had called the item done.
  private func refuse(_ item: Commits.WrittenItem, _ committable: Committable, _ reason: String) async {
    control.takeBack(item.finished.progress.checkpoint, since: item.planned.start, reporter.progress)
    do {
      try await failing.fail(item.planned, Failure(.cannotWrite, .write, reason), attempts: 1, refused: committable)
    } catch {
      control.abort(.from(error))
    }
  }
}

/// The committables that the sink has committed, until the next transaction of the ledger tells of them.
final class CommittedOutputs: Sendable {
  private let waiting = Mutex<[Committable]>([])

  func add(_ committables: [Committable]) { waiting.withLock { $0 += committables } }

  func take() -> [Committable] {
    waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
  }
}
