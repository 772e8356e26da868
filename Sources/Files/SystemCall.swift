import Foundation

/// What the system answered to a call.
public struct SystemFailure: Error, Sendable, Hashable {
  /// As in errno(3).
  public let code: Int32

  public init(code: Int32) { self.code = code }

  /// What to do about it, to be put behind what failed; nothing where there is nothing to say.
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

/// The system calls that what we promise rests on; every write, sync and rename of output, spool and folders is made here.
/// Calls block: they are made on threads for that. Each is tried again after EINTR, and each is a ``FailPoint``.
///
/// All throw ``SystemFailure``.
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

  /// open(2), never inherited by children.
  public static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o644, _ point: FailPoint) throws -> Int32 {
    Int32(try perform(point) { _ in Int(Foundation.open(path, flags | O_CLOEXEC, mode)) })
  }

  /// Writes all of it at `offset`.
  public static func write(
    _ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int, at offset: Int, _ point: FailPoint
  ) throws {
    var done = 0
    while done < count { done += try writeOnce(descriptor, start + done, count - done, at: offset + done, point) }
  }

  /// Writes some of it at `offset` (pwrite(2)), and returns how much.
  public static func writeOnce(
    _ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int, at offset: Int, _ point: FailPoint
  ) throws -> Int {
    try perform(point) { isShort in pwrite(descriptor, start, isShort ? max(1, count / 2) : count, off_t(offset)) }
  }

  /// Puts what is written on the disk (fsync(2)).
  public static func sync(_ descriptor: Int32, _ point: FailPoint) throws {
    _ = try perform(point) { _ in Int(fsync(descriptor)) }
  }

  /// ftruncate(2).
  public static func cut(_ descriptor: Int32, to length: Int, _ point: FailPoint) throws {
    _ = try perform(point) { _ in Int(ftruncate(descriptor, off_t(length))) }
  }

  /// rename(2).
  public static func rename(_ path: String, to target: String, _ point: FailPoint) throws {
    _ = try perform(point) { _ in Int(Foundation.rename(path, target)) }
  }

  /// Takes a name away; one that is not there is no failure.
  public static func remove(_ path: String, _ point: FailPoint) throws {
    do {
      _ = try perform(point) { _ in Int(unlink(path)) }
    } catch let failure as SystemFailure where failure.code == ENOENT {}
  }

  /// Puts the names in the folder of `path` on the disk: a new, renamed or removed file's name is a part of its folder.
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

  /// Makes a folder and those above it, and puts their names on the disk.
  ///
  /// - Parameter mode: of the folder itself; one that is there keeps its own.
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

  /// “.” for a name alone.
  public static func folder(of path: String) -> String {
    let folder = (path as NSString).deletingLastPathComponent
    return folder.isEmpty ? "." : folder
  }
}
