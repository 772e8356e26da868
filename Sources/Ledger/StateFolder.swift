import Files
import Foundation

/// The folder of a pipeline's state: its ledger, the spool of its downloads, its lock and its board.
package struct StateFolder: Sendable {
  /// The folder's path, as the user gave it.
  package let path: String

  /// The state folder at a path; it need not be there.
  package init(path: String) { self.path = path }

  /// The folder `.sluice` beside a definition's file.
  package static func beside(_ definition: String) -> StateFolder {
    let folder = (URL(fileURLWithPath: definition).standardizedFileURL.path as NSString).deletingLastPathComponent
    return StateFolder(path: folder + "/.sluice")
  }

  /// The folder of a pipeline's unfinished downloads.
  package func spoolFolder(pipeline: String) -> String { "\(path)/spool/\(pipeline)" }

  /// The folder of a pipeline's rows that wait for their tables.
  package func rowsFolder(pipeline: String) -> String { "\(path)/rows/\(pipeline)" }

  /// The path of a pipeline's lock, on which the process that runs it holds a `flock`.
  package func lockPath(pipeline: String) -> String { "\(path)/\(pipeline).lock" }

  /// The path of the file that a running engine has mapped as its board.
  package func boardPath(pipeline: String) -> String { "\(path)/\(pipeline).board" }

  /// The path of the file in which an engine's parent notes what engines died of.
  package func crashesPath(pipeline: String) -> String { "\(path)/\(pipeline).crashes" }

  /// The process that the pipeline's lock names, where this machine has none of that number any more; else nil.
  package func lostHolder(pipeline: String) -> Int32? {
    guard let text = try? String(contentsOfFile: lockPath(pipeline: pipeline), encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first.flatMap { Int32($0) }.flatMap { ProcessStatus.isGone($0) ? $0 : nil }
  }

  /// The record of a run as it stands: a run whose process is gone is interrupted, though the process could not tell the ledger so.
  package func settled(_ record: RunRecord) -> RunRecord {
    guard record.status == .running, lostHolder(pipeline: record.pipeline) != nil else { return record }
    var record = record
    record.status = .interrupted
    return record
  }

  /// Makes the folder of a pipeline's downloads.
  ///
  /// - Throws: ``LedgerError``.
  package func makeSpoolFolder(pipeline: String) throws {
    let folder = spoolFolder(pipeline: pipeline)
    do {
      try SystemCall.createFolders("\(path)/spool", mode: 0o700)
      try SystemCall.createFolders(folder, mode: 0o700)
    } catch let failure as SystemFailure {
      throw LedgerError(folder, failure)
    }
  }
}
