import Foundation

/// A system call that failed.
public struct SystemFailure: Error, Sendable, Hashable {
  /// The number of the error, as in errno(3).
  public let code: Int32

  /// Makes a failure from errno.
  public init(code: Int32) { self.code = code }

  /// Advice for the user that begins with a semicolon, to follow the failure in a message; empty for errors without a remedy.
  public var remedy: String {
    switch code {
    case ENOSPC, EDQUOT: "; make room, then resume"
    case EACCES, EPERM, EROFS: "; make it writable, then resume"
    case EMFILE, ENFILE: "; raise the limit of open files (ulimit -n), then resume"
    case ENOMEM, EAGAIN: "; give the process more memory (ulimit -v) or more processes (ulimit -u), then resume"
    case EIO: "; look at the disk, then resume"
    default: ""
    }
  }
}

/// The system calls on which durability rests: every write, sync and rename of outputs, spool and folders goes through here. They block,
/// so callers run them on threads of their own. Each call is repeated after EINTR, and each is a ``FailPoint``.
///
/// All throw ``SystemFailure``. In builds with failpoints they may throw ``InjectedFailure`` too.
public enum SystemCall {
  private static func perform(_ point: FailPoint, _ call: (_ isShort: Bool) -> Int) throws -> Int {
    var isShort = false
    #if FAILPOINTS
      switch try Injection.shared.passage(point, .before) {
      case .none: break
      case .short: isShort = true
      case .skip: return 0
      case .fail(let code): throw SystemFailure(code: code)
      }
    #endif
    var result = call(isShort)
    while result < 0, errno == EINTR { result = call(isShort) }
    guard result >= 0 else { throw SystemFailure(code: errno) }
    try point.pass(.after)
    return result
  }

  /// Opens a file (open(2)) that children do not inherit (O_CLOEXEC).
  ///
  /// - Parameters:
  ///   - mode: the mode of a file that the call makes, before the umask.
  ///   - point: the step that this call is.
  /// - Returns: the descriptor, which the caller closes.
  public static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o644, _ point: FailPoint) throws -> Int32 {
    Int32(try perform(point) { _ in Int(Foundation.open(path, flags | O_CLOEXEC, mode)) })
  }

  /// Writes the `count` bytes at `start` to the file's `offset`, by as many calls of pwrite(2) as it takes.
  public static func write(
    _ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int, at offset: Int, _ point: FailPoint
  ) throws {
    var done = 0
    while done < count { done += try writeOnce(descriptor, start + done, count - done, at: offset + done, point) }
  }

  /// Writes some of the `count` bytes at `start` to the file's `offset` (one pwrite(2)), and returns how many.
  public static func writeOnce(
    _ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int, at offset: Int, _ point: FailPoint
  ) throws -> Int {
    try perform(point) { isShort in pwrite(descriptor, start, isShort ? max(1, count / 2) : count, off_t(offset)) }
  }

  /// Makes a file's content and length durable (fsync(2)).
  public static func sync(_ descriptor: Int32, _ point: FailPoint) throws {
    _ = try perform(point) { _ in Int(fsync(descriptor)) }
  }

  /// Cuts a file to `length` bytes, or extends it with NULs to that length (ftruncate(2)).
  public static func cut(_ descriptor: Int32, to length: Int, _ point: FailPoint) throws {
    _ = try perform(point) { _ in Int(ftruncate(descriptor, off_t(length))) }
  }

  /// Gives a file the name `target` and replaces the file that has it (rename(2)). The name is durable after ``syncFolder(of:_:)``.
  public static func rename(_ path: String, to target: String, _ point: FailPoint) throws {
    _ = try perform(point) { _ in Int(Foundation.rename(path, target)) }
  }

  /// Removes a name (unlink(2)). A name that is missing is no failure.
  public static func remove(_ path: String, _ point: FailPoint) throws {
    do {
      _ = try perform(point) { _ in Int(unlink(path)) }
    } catch let failure as SystemFailure where failure.code == ENOENT {}
  }

  /// Makes the names in the folder of `path` durable. A file's name belongs to its folder, so this follows each creation, rename and
  /// removal that has to last (fsync(2)). File systems that can't sync a folder are passed over.
  public static func syncFolder(of path: String, _ point: FailPoint) throws {
    try syncFolder(folder(of: path), point)
  }

  static func syncFolder(_ folder: String, _ point: FailPoint) throws {
    let descriptor = Foundation.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemFailure(code: errno) }
    defer { close(descriptor) }
    do {
      try sync(descriptor, point)
    } catch let failure as SystemFailure where failure.code == EINVAL {
      // Some file systems can't sync a folder (fsync(2)); what they promise of names we can't make more.
    }
  }

  /// Makes a folder and the missing folders above it, and makes their names durable. A folder that exists is left as it is.
  ///
  /// - Parameter mode: the mode of the folder itself; folders above it get 0755. The umask applies to both.
  public static func createFolders(_ path: String, mode: mode_t = 0o755) throws {
    var missing: [String] = []
    var at = path
    var status = stat()
    while !at.isEmpty, at != "/", stat(at, &status) != 0 {
      guard errno == ENOENT else { throw SystemFailure(code: errno) }
      missing.append(at)
      at = folder(of: at)
      if at == "." { break }
    }
    for folder in missing.reversed() {
      do {
        _ = try perform(.folderCreate) { _ in Int(mkdir(folder, folder == path ? mode : 0o755)) }
      } catch let failure as SystemFailure where failure.code == EEXIST {}
    }
    for folder in missing.reversed() { try syncFolder(of: folder, .folderSync) }
  }

  /// The folder that a path lies in, by its text alone; “.” for a name without a folder.
  public static func folder(of path: String) -> String {
    parts(of: path).folder
  }

  /// The folder that holds a path, `.` for a name alone, and the path's last name. By bytes: Foundation looks at characters, which takes
  /// fifty times as long.
  static func parts(of path: String) -> (folder: String, name: String) {
    let slash = UInt8(ascii: "/")
    let bytes = path.utf8
    func trimmed(_ end: String.Index) -> String.Index {
      var end = end
      while end > bytes.startIndex, bytes[bytes.index(before: end)] == slash { end = bytes.index(before: end) }
      return end
    }
    let end = trimmed(bytes.endIndex)
    guard let last = bytes[..<end].lastIndex(of: slash) else {
      return (end < bytes.endIndex && end == bytes.startIndex ? "/" : ".", String(path[..<end]))
    }
    let folder = path[..<trimmed(last)]
    return (folder.isEmpty ? "/" : String(folder), String(path[bytes.index(after: last)..<end]))
  }
}
