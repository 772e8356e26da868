import Files
import Foundation
import Ledger
import Supervision
import Write

/// Ends what a run that was killed had begun to commit: parts that the ledger calls whole go to their places.
struct Recovery {
  let ledger: Ledger
  let pipeline: String
  let event: @Sendable (RunEvent) -> Void

  /// Comes before all other work on a pipeline, under its lock.
  ///
  /// - Throws: ``WriteError``, ``LedgerError``.
  func settle() async throws {
    var placed: [String] = []
    for placement in try await ledger.placements(pipeline: pipeline) {
      let finding = try await BlockingThreads.files.run {
        let finding = placement.prefix.find(at: placement.part)
        switch finding {
        case .whole: try PartFile.place(placement.part, at: placement.target)
        // Only a rename takes a part away. Whether its name is on the disk is not known.
        case .missing: try PartFile.syncPlace(of: placement.target)
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
    let stale = try await ledger.staleOutputs(pipeline: pipeline)
    for path in stale { unlink(path) }
    try await ledger.forgetOutputs(stale)
  }
}
