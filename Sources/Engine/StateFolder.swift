import Fetch
import Files
import Foundation
import Ledger

/// The folder that holds the ledger, the spool and the locks.
public struct StateFolder: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  /// `.sluice` beside a definition.
  public static func beside(_ definition: String) -> StateFolder {
    let folder = (URL(fileURLWithPath: definition).standardizedFileURL.path as NSString).deletingLastPathComponent
    return StateFolder(path: folder + "/.sluice")
  }

  func spoolPath(pipeline: String, key: String) -> String { "\(path)/spool/\(pipeline)/\(Digest.of(key).prefix(40))" }

  /// - Throws: ``LedgerError``.
  func makeSpoolFolder(pipeline: String) throws {
    let folder = "\(path)/spool/\(pipeline)"
    do {
      try SystemCall.createFolders(folder)
    } catch let failure as SystemFailure {
      throw LedgerError(folder, failure)
    }
  }
}

/// The right to run a pipeline: a lock on a file, which the kernel lets go when the process dies, however it dies.
final class RunLock: Sendable {
  private let descriptor: Int32

  /// - Throws: ``RunFailure/locked(pid:since:)`` where another process holds it.
  init(_ state: StateFolder, pipeline: String) throws(RunFailure) {
    let path = "\(state.path)/\(pipeline).lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw .ledger(LedgerError(path, SystemFailure(code: errno)))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      var bytes = [UInt8](repeating: 0, count: 200)
      let count = pread(descriptor, &bytes, bytes.count, 0)
      let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
      close(descriptor)
      throw .locked(pid: words.first.map(String.init) ?? "unknown", since: words.dropFirst().first.map(String.init) ?? "unknown")
    }
    let text = "\(getpid())\n\(Date().ISO8601Format())\n"
    ftruncate(descriptor, 0)
    _ = Array(text.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  deinit { close(descriptor) }
}
