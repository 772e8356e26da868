import Fetch
import Files
import Foundation
import Ledger

/// The folder that holds the ledger, the spool and the locks.
package struct StateFolder: Sendable {
  package let path: String

  package init(path: String) { self.path = path }

  /// `.sluice` beside a definition.
  package static func beside(_ definition: String) -> StateFolder {
    let folder = (URL(fileURLWithPath: definition).standardizedFileURL.path as NSString).deletingLastPathComponent
    return StateFolder(path: folder + "/.sluice")
  }

  /// A command about what is in this folder that works as it stands where it is read: in the present folder, as short as it can be; or
  /// anywhere, for whoever reads it elsewhere.
  package func command(_ words: String..., anywhere: Bool = false) -> String {
    let whole = URL(fileURLWithPath: path).standardizedFileURL.path
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath).standardizedFileURL.path
    var words = ["sluice"] + words
    if anywhere {
      words += ["--state", whole]
    } else if whole != here + "/.sluice" {
      words += ["--state", whole.hasPrefix(here + "/") ? String(whole.dropFirst(here.count + 1)) : whole]
    }
    return words.map(ShellText.word).joined(separator: " ")
  }

  /// Whether a file at `path`, which is absolute, is or would be in it.
  func contains(_ path: String) -> Bool {
    let folder = URL(fileURLWithPath: self.path).standardizedFileURL.path
    return path.hasPrefix(folder + "/") || OutputPlace.canonical(path).hasPrefix(OutputPlace.canonical(folder) + "/")
  }

  func spoolFolder(pipeline: String) -> String { "\(path)/spool/\(pipeline)" }

  /// What an item's files in the spool are called, but for their endings.
  static func spoolName(key: String) -> String { String(Digest.of(key).prefix(40)) }

  func spoolPath(pipeline: String, key: String) -> String { spoolFolder(pipeline: pipeline) + "/" + Self.spoolName(key: key) }

  /// Where a running engine shows what it is at.
  package func boardPath(pipeline: String) -> String { "\(path)/\(pipeline).board" }

  /// The process that holds a pipeline's lock, or held it last, where this machine has none of that number any more.
  package func lostHolder(pipeline: String) -> Int32? {
    guard let text = try? String(contentsOfFile: "\(path)/\(pipeline).lock", encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first.flatMap { Int32($0) }.flatMap { RunLock.isGone($0) ? $0 : nil }
  }

  /// A run as it stands: one whose process is gone is interrupted, though nobody was left to say so in the ledger.
  package func settled(_ record: RunRecord) -> RunRecord {
    guard record.status == .running, lostHolder(pipeline: record.pipeline) != nil else { return record }
    var record = record
    record.status = .interrupted
    return record
  }

  /// Where an engine's parent keeps what engines died of.
  func crashesPath(pipeline: String) -> String { "\(path)/\(pipeline).crashes" }

  /// Puts a small file in the place of the one at `path`. It is its owner's alone, or keeps the mode that somebody gave the one before.
  static func replace(_ path: String, with data: Data) throws(SystemFailure) {
    let new = path + ".new"
    unlink(new)
    let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemFailure(code: errno) }
    defer { close(descriptor) }
    var status = stat()
    if stat(path, &status) == 0 { fchmod(descriptor, status.st_mode & 0o777) }
    let count = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count == data.count, rename(new, path) == 0 else { throw SystemFailure(code: count < 0 || count == data.count ? errno : ENOSPC) }
  }

  /// - Throws: ``LedgerError``.
  func makeSpoolFolder(pipeline: String) throws {
    let folder = "\(path)/spool/\(pipeline)"
    do {
      try SystemCall.createFolders("\(path)/spool", mode: 0o700)
      try SystemCall.createFolders(folder, mode: 0o700)
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
      if let holder = words.first.flatMap({ Int32($0) }), Self.isGone(holder), ContinuousClock.now < deadline {
        usleep(10_000)
        continue
      }
      close(descriptor)
      throw .locked(pid: words.first ?? "unknown", since: words.dropFirst().first ?? "unknown")
    }
    // The process that somebody started is named, and for an engine that is its parent.
    let text = "\(EngineProcess.isEngine ? getppid() : getpid())\n\(Date().ISO8601Format())\n"
    ftruncate(descriptor, 0)
    _ = Array(text.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  /// Whether a process is no more, or waits only to be noticed.
  static func isGone(_ process: Int32) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
    // The state follows the name, which may hold anything but ends at the last parenthesis: proc(5).
    return status.split(separator: ")").last?.hasPrefix(" Z") == true
  }

  deinit { close(descriptor) }
}
