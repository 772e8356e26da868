import Foundation

/// A log that several processes may write to, which begins anew when it is long.
struct LogFile: Sendable {
  /// How many old ones are kept: NAME.1 is the newest.
  static let kept = 5

  let path: String
  /// In bytes.
  let limit: Int

  /// Why it can't be written, as in errno(3).
  struct Failure: Error {
    let code: Int32
  }

  /// - Throws: ``Failure`` where it can't be opened.
  init(path: String, limit: Int) throws(Failure) {
    self.path = path
    self.limit = limit
    close(try Self.open(path))
  }

  /// Adds lines.
  func add(_ text: String) throws(Failure) {
    var descriptor = try Self.open(path)
    defer { close(descriptor) }
    flock(descriptor, LOCK_EX)
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_size > 0, Int(status.st_size) + text.utf8.count > limit {
      // Another process may have made room while this one waited for the lock.
      var named = stat()
      if stat(path, &named) == 0, named.st_ino == status.st_ino { rotate() }
      let new = try Self.open(path, mode: status.st_mode & 0o777)
      close(descriptor)
      descriptor = new
      flock(descriptor, LOCK_EX)
    }
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure(code: errno) }
      done += count
    }
  }

  /// - Parameter mode: of a new one; messages may hold private data.
  private static func open(_ path: String, mode: mode_t = 0o600) throws(Failure) -> Int32 {
    let descriptor = Foundation.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw Failure(code: errno) }
    return descriptor
  }

  private func rotate() {
    for number in stride(from: Self.kept - 1, through: 1, by: -1) { rename("\(path).\(number)", "\(path).\(number + 1)") }
    rename(path, "\(path).1")
  }
}
