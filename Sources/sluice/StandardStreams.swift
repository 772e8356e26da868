import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation
import Synchronization

/// Writes to standard output and error. A failed write to standard output is a failure of the command: ``status(_:)`` says so at the end.
enum StandardStreams {
  /// Why standard output takes no more, as in errno(3).
  private static let failure = Mutex<Int32?>(nil)
  /// Keeps lines whole.
  private static let lock = Mutex(())

  /// Takes the places of standard descriptors that were closed when this process started. Else the first file that is opened, the ledger for
  /// one, would get the number of standard output, and results would be written into it.
  static func prepare() {
    // A closed descriptor stays unusable: writing to a descriptor that is open for reading is EBADF, as writing to a closed one is.
    for (number, flags) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)] where fcntl(number, F_GETFD) < 0
    {
      let descriptor = open("/dev/null", flags)
      if descriptor >= 0, descriptor != number {
        dup2(descriptor, number)
        close(descriptor)
      }
    }
  }

  /// Whether standard output takes no more, since it failed or since its reader has gone.
  static var isOutputGone: Bool { failure.withLock { $0 != nil } }

  private static let isDiverted = Mutex(false)

  /// Standard output carries records from here on: results go to standard error.
  static func divertResults() { isDiverted.withLock { $0 = true } }

  /// Writes a result. After a failure nothing more is written, so that what is there has no gap.
  static func print(_ bytes: [UInt8]) {
    if isDiverted.withLock({ $0 }) { return _ = write(bytes, STDERR_FILENO) }
    if isOutputGone { return }
    if let code = write(bytes, STDOUT_FILENO) { failure.withLock { $0 = code } }
  }

  static func print(_ text: String) { print(Array(text.utf8)) }

  /// Writes a message. A failure to write it has no place to be told.
  static func tell(_ text: String) { _ = write(Array(text.utf8), STDERR_FILENO) }

  /// The status to exit with, where the command itself would exit with `code`.
  static func status(_ code: Int32) -> Int32 {
    // A file system over the network may say only now that it has no room: close(2).
    let copy = dup(STDOUT_FILENO)
    if copy >= 0, close(copy) != 0, errno != EINTR, !isOutputGone {
      let reason = errno
      failure.withLock { $0 = reason }
    }
    // A reader that has seen enough is no failure.
    guard let reason = failure.withLock({ $0 }), reason != EPIPE else { return code }
    tell("error: can't write to standard output: \(String(cString: strerror(reason))) [\(ErrorCode.cannotWrite.rawValue)]\n")
    return ExitStatus.cannotWrite.rawValue
  }

  /// - Returns: why it can't be, as in errno(3).
  private static func write(_ bytes: [UInt8], _ descriptor: Int32) -> Int32? {
    lock.withLock { _ in
      var done = 0
      while done < bytes.count {
        let count = bytes[done...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 {
          done += count
          continue
        }
        switch errno {
        case EINTR: continue
        case EAGAIN:
          // Somebody else has made the pipe or terminal one that does not wait.
          var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&waiting, 1, -1)
        case let code: return code
        }
      }
      return nil
    }
  }
}
