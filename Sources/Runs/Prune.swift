import Dataflow
import Isolation
import Planning
import Foundation
import Ledger

/// What `prune` took away.
package struct PruneResult: Sendable {
  package var runs = 0
  package var deadLetters = 0
  package var spoolFiles = 0
  package var spoolBytes = 0
  /// How much smaller the ledger is.
  package var ledgerBytes = 0
  /// Pipelines whose spool was left alone since a run of them is under way.
  package var busy: [String] = []
}

/// Takes old things out of a state folder.
package struct Prune: Sendable {
  let state: StateFolder

  package init(_ state: StateFolder) { self.state = state }

  /// Takes away what is older than `date`: ended runs, resolved dead letters, downloads that were never finished.
  ///
  /// - Parameter includingOpen: dead letters that nobody worked off as well.
  package func perform(before date: Date, pipeline: String?, includingOpen: Bool) async throws(RunFailure) -> PruneResult {
    do {
      let ledger = try Ledgers.open(state.path)
      var result = PruneResult()
      let pruned = try await ledger.prune(before: date, pipeline: pipeline, includingOpen: includingOpen)
      result.runs = pruned.runs
      result.deadLetters = pruned.deadLetters
      result.ledgerBytes = pruned.bytes
      var names: [String] = []
      if let pipeline { names = [pipeline] } else { names = try await ledger.pipelines() }
      for name in names {
        do throws(RunFailure) {
          let lock = try RunLock(state, pipeline: name)
          withExtendedLifetime(lock) { pruneSpool(of: name, before: date, &result) }
        } catch {
          guard error.code == .locked else { throw error }
          result.busy.append(name)
        }
      }
      return result
    } catch {
      throw .from(error)
    }
  }

  private func pruneSpool(of pipeline: String, before date: Date, _ result: inout PruneResult) {
    let folder = "\(state.path)/spool/\(pipeline)"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      var status = stat()
      guard stat("\(folder)/\(name)", &status) == 0, Double(status.st_mtim.tv_sec) < date.timeIntervalSince1970 else { continue }
      guard unlink("\(folder)/\(name)") == 0 else { continue }
      result.spoolFiles += 1
      result.spoolBytes += Int(status.st_size)
    }
  }
}
