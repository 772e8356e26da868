import Foundation

/// Why a file was not written.
public enum SmallFileError: Error, Sendable, CustomStringConvertible {
  /// What stands there is no file: nothing else is ever replaced.
  case notAFile(String, FileStatus.Kind)
  /// What stands there is not what this program writes.
  case foreign(String, expected: String)
  case system(String, SystemFailure)

  public var description: String {
    switch self {
    case .notAFile(let path, let kind): "can't write \(path): it is \(kind.words), and only a file is replaced"
    case .foreign(let path, let expected):
      "can't write \(path): it is a file and no \(expected), so it is left as it is; move it away, or name another file"
    case .system(let path, let failure): "can't write \(path): \(String(cString: strerror(failure.code)))"
    }
  }
}

/// Files that are written whole, such as reports and metrics. A reader sees the old content or the new one.
public enum SmallFile {
  /// Puts `bytes` in the place of what the file at `path` holds.
  ///
  /// A symbolic link stays, and the file that it leads to is replaced. The file keeps its mode and, where that is allowed, its owner.
  ///
  /// - Parameters:
  ///   - mode: of a file that is new, whatever the umask says; nil for what the umask leaves of 0644.
  ///   - expected: what a file that stands there must be, so that data is never taken for an earlier file of ours: its name in words,
  ///     and whether its first bytes show it. An empty file is always replaced.
  public static func replace(
    _ path: String, with bytes: [UInt8], mode: mode_t? = nil, expected: (name: String, shows: ([UInt8]) -> Bool)? = nil
  ) throws(SmallFileError) {
    do {
      let target = try OutputPlace.of(path)
      let before = try FileStatus.of(target)
      if let before {
        guard before.kind == .regular else { throw SmallFileError.notAFile(path, before.kind) }
        if let expected, let head = try head(target), !head.isEmpty, !expected.shows(head) {
          throw SmallFileError.foreign(path, expected: expected.name)
        }
      }
      try write(bytes, beside: target, before, mode)
    } catch let error as SmallFileError {
      throw error
    } catch let failure as SystemFailure {
      throw .system(path, failure)
    } catch {
      throw .system(path, SystemFailure(code: EIO))
    }
  }

  private static func head(_ path: String) throws(SystemFailure) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw SystemFailure(code: errno) }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: 512)
    let count = read(descriptor, &head, head.count)
    guard count >= 0 else { throw SystemFailure(code: errno) }
    return Array(head.prefix(count))
  }

  private static func write(_ bytes: [UInt8], beside target: String, _ before: FileStatus?, _ mode: mode_t?) throws(SystemFailure) {
    let new = "\(SystemCall.folder(of: target))/.\((target as NSString).lastPathComponent).sluice-new-\(getpid())"
    unlink(new)
    // Nothing that somebody else has put there is followed or written to.
    let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, before?.mode ?? mode ?? 0o644)
    guard descriptor >= 0 else { throw SystemFailure(code: errno) }
    defer { close(descriptor) }
    do throws(SystemFailure) {
      if let before {
        try before.lend(to: descriptor)
      } else if let mode, fchmod(descriptor, mode) != 0 {
        throw SystemFailure(code: errno)
      }
      var done = 0
      while done < bytes.count {
        let count = bytes[done...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw SystemFailure(code: errno) }
        done += count
      }
      guard fsync(descriptor) == 0 || errno == EINVAL, rename(new, target) == 0 else { throw SystemFailure(code: errno) }
    } catch {
      unlink(new)
      throw error
    }
  }
}
