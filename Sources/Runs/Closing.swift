import Dataflow
import Planning
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Supervision

/// Gives up items and runs: removes their parts and downloads, and no run or message names them again.
struct Closing {
  let definition: PipelineDefinition
  let state: StateFolder
  let ledger: any Ledger

  /// Closes the items that are not done and that no run of this definition will find again: their file is gone, or the definition was
  /// edited and names others.
  ///
  /// An item that is there and is not found stays open: the same definition finds it with the variables of its own run.
  ///
  /// - Parameters:
  ///   - found: the keys of all items that were found and are not done.
  ///   - continued: the run that goes on.
  /// - Returns: the keys of those that were closed, and the runs of those that stay open.
  func closeGone(found: [String], continued: RunID?) async throws -> (closed: [String], open: Set<RunID>) {
    var gone: [OpenItem] = []
    var open: Set<RunID> = []
    for item in try await ledger.openItems(pipeline: definition.name, without: found) {
      let isEdited = item.definition != definition.text && item.variables == definition.variables
      let isOver = if isEdited { true } else { try await isGone(item.key) }
      if isOver { gone.append(item) } else { open.insert(item.run) }
    }
    try await close(gone, runs: [], continued: continued)
    return (gone.map(\.key), open)
  }

  /// Closes a run with all that is left of it.
  func close(_ run: RunRecord) async throws {
    var items = try await ledger.openItems(pipeline: run.pipeline, without: []).filter { $0.run == run.id }
    let lacksOutput = definition.hasOutputOfRun && (run.status == .running || run.status == .interrupted)
    if lacksOutput {
      // The items that are done for an output which never was in its place have to be done again.
      let done = try await ledger.items(run: run.id).filter { $0.status == .done }
      items += done.map { OpenItem(id: $0.id, key: $0.key, run: run.id, status: $0.status) }
    }
    try await close(items, runs: [run.id], continued: nil)
    guard lacksOutput else { return }
    let naming = OutputNaming(definition: definition, run: run.id.description, date: run.startedAt)
    try await BlockingThreads.files.run { [definition] in
      for (entry, slot) in naming.ofRun { try entry.sink.start(definition.sinkContext).abandon(slot) }
    }
  }

  private func close(_ items: [OpenItem], runs: [RunID], continued: RunID?) async throws {
    guard !items.isEmpty || !runs.isEmpty else { return }
    try await ledger.close(items.map(\.id), runs: runs, continued: continued)
    // The ledger speaks of neither any more.
    try await BlockingThreads.files.run { [definition, state] in
      for (record, item) in zip(items, Discovery(definition: definition).named(items.map(\.key))) {
        Spool.remove(state.spoolPath(pipeline: definition.name, key: record.key))
        guard record.status != .failed else { continue }
        let naming = OutputNaming(definition: definition, run: record.run.description, date: Date())
        for entry in definition.sinks where entry.sink.grouping == .item {
          try entry.sink.start(definition.sinkContext).abandon(naming.slot(item, in: entry))
        }
      }
    }
  }

  /// Whether an item is not there any more; false for one of a source that does not answer at once, which is not asked.
  private func isGone(_ key: String) async throws -> Bool {
    let item = Discovery(definition: definition).named([key])[0]
    // An archive is an item as long as it can't be read, and was found then.
    if definition.isArchive(item) { return true }
    guard item.source.traits.contains(.answersAtOnce) else { return false }
    do throws(FetchError) {
      _ = try await Fetcher(FetchSession(definition.redactor), definition.fetch.retry).head(item.source, item.location, known: nil)
      return false
    } catch {
      return error.isMissing
    }
  }
}

extension Runner {
  /// Closes a run that is not done, with the definition that it began with (which this runner must have been made with).
  package func close(_ record: RunRecord) async throws(RunFailure) {
    do {
      try await locked { ledger in
        guard let record = try await ledger.run(record.id) else { throw RunFailure.nothingLeft(of: record, state) }
        let isUnfinished = try await ledger.isUnfinished(record)
        // One whose dead letters are too many has nothing left to do, and is closed for its state's sake.
        guard isUnfinished || record.status == .failed else { throw RunFailure.nothingLeft(of: record, state) }
        try await Closing(definition: definition, state: state, ledger: ledger).close(record)
      }
    } catch {
      throw .from(error)
    }
  }
}

extension RunFailure {
  /// The failure of resuming or closing a run of which nothing is left to do.
  package static func nothingLeft(of record: RunRecord, _ state: StateFolder) -> RunFailure {
    switch record.status {
    case .closed: .nothingToResume("run \(record.id) is closed; nothing of it is left to do")
    case .failed:
      .nothingToResume(
        "run \(record.id) failed, and resuming it would change nothing: \(record.error ?? "its items are done"); close it with: \(state.command("runs", "close", "\(record.id)"))"
      )
    case .done, .running, .interrupted: .nothingToResume("run \(record.id) is finished; nothing of it is left to do")
    }
  }
}
