import Dataflow
import Planning
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Supervision
import Write

/// Ends the commits that a killed run had begun: outputs that the ledger calls done are committed by their sink.
struct Recovery {
  let ledger: any Ledger
  let state: StateFolder
  let definition: PipelineDefinition
  let event: @Sendable (RunEvent) -> Void

  /// Settles a pipeline. Comes before all other work on it, under its lock.
  ///
  /// - Throws: ``WriteError``, ``LedgerError``.
  func settle() async throws {
    var committed: [Committable] = []
    let committers = SinkCommitters(definition)
    for pending in try await ledger.pendingCommits(pipeline: definition.name) {
      if let lost = try await settle(pending.committable, committers) {
        try await ledger.revoke(pending, refusing: lost.rows.map { RefusedRecord($0, definition.redactor) })
        event(.startsOver(item: pending.committable.target, reason: definition.redactor.redact(lost.reason)))
      } else {
        committed.append(pending.committable)
      }
    }
    try await ledger.committed(committed)
    try await BlockingThreads.files.run { [definition, committed] in
      try committers.forget(committed)
      try SinkSessions(definition, definition.sinks).settle()
    }
    try await removeStale()
    try await removeSpools()
    try await listOutputs()
  }

  /// Commits an output that an earlier process had prepared.
  ///
  /// - Returns: why it can't be committed, where it can't, and the rows that are refused.
  private func settle(
    _ committable: Committable, _ committers: SinkCommitters
  ) async throws -> (reason: String, rows: [RowRefusal])? {
    try await BlockingThreads.files.run { [ledger] in
      guard let committer = committers.named(committable.sink) else {
        throw LedgerError(ledger.place, reason: "it speaks of a sink “\(committable.sink)”, which this build does not have")
      }
      switch try committer.inspect(committable) {
      case .committed: return nil
      case .missing: return ("what was prepared for it, \(committable.name), is gone", [])
      case .short, .altered: return ("its part \(committable.name) was changed from outside", [])
      case .whole: return try committer.commit([committable], forgetting: []).first.map { ($0.reason, $0.rows) }
      }
    }
  }

  /// Removes downloads that no item goes on with: those of items that are done, where a process ended before it had removed them.
  private func removeSpools() async throws {
    let folder = state.spoolFolder(pipeline: definition.name)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    if names.isEmpty { return }
    let open = Set(try await ledger.openKeys(pipeline: definition.name).map(StateFolder.spoolName))
    let left = Set(names.map { String($0.prefix { $0 != "." }) }).subtracting(open)
    try await BlockingThreads.files.run { for name in left { Spool.remove(folder + "/" + name) } }
  }

  /// Writes down which outputs there are, where a ledger was made before it knew of them.
  private func listOutputs() async throws {
    guard try await ledger.hasUnlistedOutputs(pipeline: definition.name) else { return }
    var runs: [RunID: OutputNaming] = [:]
    for run in try await ledger.runs(pipeline: definition.name, limit: .max) {
      runs[run.id] = OutputNaming(definition: definition, run: run.id.description, date: run.startedAt)
    }
    func output(_ slot: OutputSlot, _ run: RunID, _ item: ItemID?) -> Output? {
      guard let file = slot.file, FileManager.default.fileExists(atPath: file) else { return nil }
      return Output(file, definition, run: run, item: item, isReplay: false)
    }
    for entry in definition.sinks {
      switch entry.sink.grouping {
      case .item:
        try await ledger.forEachPage(.done(pipeline: definition.name)) { items in
          let outputs = zip(items, Discovery(definition: definition).named(items.map(\.key))).compactMap { row, item in
            runs[row.run].flatMap { output($0.slot(item, in: entry), row.run, row.id) }
          }
          try await ledger.list(outputs, pipeline: definition.name, isLast: false)
        }
      case .run:
        try await ledger.list(
          runs.sorted { $0.key.value > $1.key.value }.compactMap { output($1.slot(nil, in: entry), $0, nil) }, pipeline: definition.name,
          isLast: false)
      case .stream: break
      }
    }
    try await ledger.list([], pipeline: definition.name, isLast: true)
  }

  /// Removes outputs of replays that newer outputs hold too.
  func removeStale() async throws {
    let stale = try await ledger.staleOutputs(pipeline: definition.name)
    for path in stale { unlink(definition.absolute(path)) }
    try await ledger.forgetOutputs(stale)
  }
}
