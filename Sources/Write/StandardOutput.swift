import Files
import Foundation
import Records
import Synchronization

/// Records on their way to standard output. What is written is out of our hands: it can't be taken back, and what reads it may go away.
///
/// Calls block: they are made on threads for that.
public final class StandardOutput: Sendable {
  public static let name = "standard output"

  /// The run stops while the reader does not read.
  public struct Interrupted: Error {}

  private struct State {
    var length = 0
    var isInterrupted = false
  }
  private let state = Mutex(State())
  /// So much can be written to a pipe that has room without waiting (pipe(7)).
  private static let pieceBytes = 4096
  private static let patience: Int32 = 200

  /// - Throws: ``WriteError`` where standard output is closed, or open for reading only.
  public init() throws(WriteError) {
    let flags = fcntl(STDOUT_FILENO, F_GETFL)
    guard flags >= 0, flags & O_ACCMODE != O_RDONLY else { throw WriteError(action: "write to", path: Self.name, code: EBADF) }
  }

  /// Bytes that were written.
  public var length: Int { state.withLock { $0.length } }

  /// Whoever waits for a reader stops waiting.
  public func interrupt() { state.withLock { $0.isInterrupted = true } }

  public func append(_ start: UnsafePointer<UInt8>, _ count: Int) throws {
    var done = 0
    defer { state.withLock { $0.length += done } }
    while done < count {
      try awaitRoom()
      let written = write(STDOUT_FILENO, start + done, min(count - done, Self.pieceBytes))
      if written < 0, errno == EINTR || errno == EAGAIN { continue }
      guard written >= 0 else { throw WriteError(action: "write to", path: Self.name, code: errno) }
      done += written
    }
  }

  private func awaitRoom() throws {
    var descriptor = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    while poll(&descriptor, 1, Self.patience) <= 0 {
      if state.withLock({ $0.isInterrupted }) { throw Interrupted() }
    }
  }
}
