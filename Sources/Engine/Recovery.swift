import Definition
import Fetch
import Files
import Foundation
import Ledger
import Supervision
import Write

/// Ends what a run that was killed had begun to commit: parts that the ledger calls whole go to their places.
struct Recovery {
  let ledger: Ledger
  let state: StateFolder
  let definition: PipelineDefinition
  let event: @Sendable (RunEvent) -> Void

  /// Comes before all other work on a pipeline, under its lock.
  ///
  /// - Throws: ``WriteError``, ``LedgerError``.
  func settle() async throws {
    var placed: [String] = []
    for placement in try await ledger.placements(pipeline: definition.name) {
      let finding = try await BlockingThreads.files.run { [definition] in
        let (part, target) = (definition.absolute(placement.part), definition.absolute(placement.target))
        let finding = placement.prefix.find(at: part)
        switch finding {
        case .whole: try PartFile.place([(part, target)])
        // Only a rename takes a part away. Whether its name is on the disk is not known.
        case .missing: try PartFile.syncPlace(of: target)
        case .short, .altered: break
        }
        return finding
      }
      if finding == .short || finding == .altered {
        try await ledger.revoke(placement)
        event(.startsOver(item: placement.target, reason: "its part \(placement.part) was changed from outside"))
      } else {
        placed.append(placement.part)
      }
    }
    try await ledger.placed(placed)
    try await removeStale()
    try await removeSpools()
    try await listOutputs()
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
    func output(_ target: String, _ run: RunID, _ item: ItemID?) -> Output? {
      guard FileManager.default.fileExists(atPath: target) else { return nil }
      return Output(
        place: OutputPlace.canonical(target), path: definition.relative(target), pipeline: definition.name, definition: definition.file,
        run: run, item: item, isReplay: false)
    }
    if definition.write.writesPerItem {
      try await ledger.doneItems(pipeline: definition.name) { items in
        let outputs = zip(items, Discovery(definition: definition).named(items.map(\.key))).compactMap { row, item in
          runs[row.run].flatMap { output($0.target(item), row.run, row.id) }
        }
        try await ledger.list(outputs, pipeline: definition.name, isLast: false)
      }
    } else if definition.write.writesOneFile {
      try await ledger.list(
        runs.sorted { $0.key.value > $1.key.value }.compactMap { output($1.target(nil), $0, nil) }, pipeline: definition.name, isLast: false
      )
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

extension PartFile {
  /// The part of `target`, cut to what is kept of it. Blocks.
  convenience init(_ target: String, keeping prefix: FilePrefix) throws {
    try self.init(target: target, path: OutputNaming.part(of: target), keeping: prefix)
  }

  /// The same on a thread that may block.
  static func open(_ target: String, keeping prefix: FilePrefix) async throws -> PartFile {
    try await BlockingThreads.files.run { try PartFile(target, keeping: prefix) }
  }
}

extension Placement {
  /// A part that is whole and on the disk. Paths are kept as the definition has them, so that folders may move.
  init(_ part: PartFile, _ definition: PipelineDefinition, run: RunID?, item: ItemID?, isReplay: Bool = false) {
    let target = definition.relative(part.target)
    self.init(
      part: definition.relative(part.path), target: target, pipeline: definition.name, run: run, item: item, prefix: part.written,
      output: Output(
        place: OutputPlace.canonical(part.target), path: target, pipeline: definition.name, definition: definition.file, run: run,
        item: item,
        isReplay: isReplay))
  }
}
