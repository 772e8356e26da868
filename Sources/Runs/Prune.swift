import Dataflow
import Foundation
import Ledger

/// The result of `prune`: the numbers of things that it took away.
package struct PruneResult: Sendable {
  /// Ended runs of which nothing is left.
  package var runs = 0
  /// Dead letters: resolved ones and, where asked for, open ones.
  package var deadLetters = 0
  /// Files of downloads.
  package var spoolFiles = 0
  /// The bytes of those files.
  package var spoolBytes = 0
  /// The bytes that the ledger is smaller by.
  package var ledgerBytes = 0
  /// Pipelines whose spool was left alone since a run of them is under way.
  package var busy: [String] = []
}

/// Takes old things out of a state folder.
package struct Prune: Sendable {
  let state: StateFolder

  /// Prunes a state folder.
  package init(_ state: StateFolder) { self.state = state }

  /// Takes away ended runs, resolved dead letters and unfinished downloads that are older than `date`.
  ///
  /// - Parameters:
  ///   - pipeline: the pipeline whose things are taken away; nil for all.
  ///   - includingOpen: whether dead letters that are not resolved are taken away as well.
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
          withExtendedLifetime(lock) {
            for folder in [state.spoolFolder(pipeline: name), state.rowsFolder(pipeline: name)] { prune(folder, before: date, &result) }
          }
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

  /// Removes old files of a folder: downloads, or rows on their way into tables, that no run went on with.
  private func prune(_ folder: String, before date: Date, _ result: inout PruneResult) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      var status = stat()
      guard stat("\(folder)/\(name)", &status) == 0, Double(status.st_mtim.tv_sec) < date.timeIntervalSince1970 else { continue }
      guard unlink("\(folder)/\(name)") == 0 else { continue }
      result.spoolFiles += 1
      result.spoolBytes += Int(status.st_size)
    }
  }
}
