import Foundation

/// Why a file was not written.
public enum SmallFileError: Error, Sendable, CustomStringConvertible {
  /// A folder, pipe or device stands at the path. Only regular files are replaced.
  case notAFile(String, FileStatus.Kind)
  /// A file of another kind stands at the path, so another program may have written it. `expected` names the kind that may be replaced.
  case foreign(String, expected: String)
  /// A system call failed for the file at this path.
  case system(String, SystemFailure)

  /// The failure as a sentence for the user, with the path and, where there is one, a remedy.
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
  /// Replaces the content of the file at `path` by `bytes`, or makes the file. It writes a new file beside it, syncs it and renames it.
  /// Blocks.
  ///
  /// A symbolic link stays, and the file that it leads to is replaced. The file keeps its mode and, where that is allowed, its owner.
  ///
  /// - Parameters:
  ///   - mode: the mode of a new file, without regard to the umask; nil leaves 0644 to the umask.
  ///   - expected: the kind of file that may be replaced, so that a wrong path costs no data: its name in words, and a check of a file's
  ///     first 512 bytes. An empty file is always replaced. Nil replaces any regular file.
  /// - Throws: ``SmallFileError``; the old content is still there.
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
    // A link or a file that another user has put there is neither followed nor written to.
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
