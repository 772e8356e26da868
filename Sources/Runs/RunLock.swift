import Dataflow
import Files
import Foundation
import Isolation
import Ledger

/// The right to run a pipeline: a lock on a file, which the kernel lets go when the process dies, however it dies.
final class RunLock: Sendable {
  private let descriptor: Int32

  /// - Throws: ``RunFailure/locked(pid:since:)`` where another process holds it.
  init(_ state: StateFolder, pipeline: String) throws(RunFailure) {
    let path = state.lockPath(pipeline: pipeline)
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .ledger(LedgerError(path, SystemFailure(code: errno)))
    }
    let deadline = ContinuousClock.now + .seconds(10)
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      var bytes = [UInt8](repeating: 0, count: 200)
      let count = pread(descriptor, &bytes, bytes.count, 0)
      let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(String.init)
      // An engine whose parent was killed is about to die of that. One in another container only looks so, and stays.
      if let holder = words.first.flatMap({ Int32($0) }), ProcessStatus.isGone(holder), ContinuousClock.now < deadline {
        usleep(10_000)
        continue
      }
      close(descriptor)
      throw .locked(pid: words.first ?? "unknown", since: words.dropFirst().first ?? "unknown")
    }
    // The process that the user started is named, and for an engine that is its parent.
    let text = "\(EngineRole.command)\n\(Date().ISO8601Format())\n"
    ftruncate(descriptor, 0)
    _ = Array(text.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  deinit { close(descriptor) }
}
