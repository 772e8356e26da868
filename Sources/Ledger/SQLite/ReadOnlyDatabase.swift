import Foundation
import GRDB
import Synchronization

/// The database of a ledger that is only read.
///
/// SQLite reads a database in WAL mode by way of two files beside it, and makes them where they are missing. A reader of ours writes nothing.
/// So it reads a ledger that no process has open, and that has no such files, as one that does not change (`immutable=1`), without locks. Once
/// a writer opens it, its log is there, and the next call opens it again, to share it.
final class ReadOnlyDatabase: Sendable {
  private let path: String
  private let opened: Mutex<Opened>

  /// The ledger was written while it was read without locks: what was read may be of two states.
  private struct Changed: Error {}

  private struct Opened {
    let queue: DatabaseQueue
    /// The state of the file when it was opened without locks; nil where it is shared.
    let idle: FileState?
  }

  /// The marks of a file that change when it is written.
  private struct FileState: Equatable {
    private let (inode, size, seconds, nanoseconds): (UInt64, Int, Int, Int)

    init(_ path: String) {
      var status = stat()
      _ = stat(path, &status)
      (inode, size) = (UInt64(status.st_ino), Int(status.st_size))
      (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
  }

  /// Opens the database at a path.
  init(_ path: String) throws {
    self.path = path
    opened = Mutex(try Self.open(path))
  }

  /// Reads what one transaction sees.
  ///
  /// - Parameter isRepeatable: whether `body` may be called again, where the ledger was written meanwhile.
  func read<T: Sendable>(isRepeatable: Bool, _ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    var tries = isRepeatable ? 5 : 1
    while true {
      do { return try await once(body) } catch is Changed {
        tries -= 1
        if tries == 0 { throw LedgerError(path, reason: "another process wrote it meanwhile; try again") }
      }
    }
  }

  private func once<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    let (queue, idle) = try opened.withLock { opened in
      if let idle = opened.idle, Self.hasLog(path) || FileState(path) != idle { opened = try Self.open(path) }
      return (opened.queue, opened.idle)
    }
    // Between two states all may be wrong, so an error may be of that.
    let result: Result<T, any Error>
    do { result = .success(try await queue.read(body)) } catch { result = .failure(error) }
    if let idle, FileState(path) != idle { throw Changed() }
    return try result.get()
  }

  private static func open(_ path: String) throws -> Opened {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(10)
    let isIdle = !hasLog(path)
    let state = FileState(path)
    let name = isIdle ? "file:\(path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path)?immutable=1" : path
    let queue = try DatabaseQueue(path: name, configuration: configuration)
    try SQLiteLedger.refuseForeign(queue)
    try queue.inDatabase { try OlderLedger.show($0) }
    return Opened(queue: queue, idle: isIdle ? state : nil)
  }

  /// Whether somebody has the ledger open, or had it open and was killed.
  private static func hasLog(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path + "-wal") }
}
