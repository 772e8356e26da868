import Definition
import Files
import Foundation
import Ledger
import Supervision
import Write

/// Ends what a run that was killed had begun to commit: parts that the ledger calls whole go to their places.
struct Recovery {
  let ledger: Ledger
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
  init(_ part: PartFile, _ definition: PipelineDefinition, run: RunID?, item: ItemID?) {
    self.init(
      part: definition.relative(part.path), target: definition.relative(part.target), pipeline: definition.name, run: run, item: item,
      prefix: part.written)
  }
}
