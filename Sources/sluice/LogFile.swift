import Foundation

/// A log that several processes may write to, which begins anew when it is long.
struct LogFile: Sendable {
  /// How many old ones are kept: NAME.1 is the newest.
  static let kept = 5

  let path: String
  /// In bytes.
  let limit: Int

  /// Adds a line; what can't be written is lost, as a log's line is no reason to stop.
  func add(_ line: String) {
    var descriptor = Self.open(path)
    guard descriptor >= 0 else { return }
    flock(descriptor, LOCK_EX)
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_size > 0, Int(status.st_size) + line.utf8.count > limit {
      // Another process may have made room while this one waited for the lock.
      var named = stat()
      if stat(path, &named) == 0, named.st_ino == status.st_ino { rotate() }
      close(descriptor)
      descriptor = Self.open(path)
      guard descriptor >= 0 else { return }
      flock(descriptor, LOCK_EX)
    }
    let bytes = Array(line.utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
  }

  private static func open(_ path: String) -> Int32 { Foundation.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644) }

  private func rotate() {
    for number in stride(from: Self.kept - 1, through: 1, by: -1) { rename("\(path).\(number)", "\(path).\(number + 1)") }
    rename(path, "\(path).1")
  }
}
