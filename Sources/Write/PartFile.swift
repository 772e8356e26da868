import Foundation
import Records

/// What the system refused while output was written.
public struct WriteError: Error, Sendable, CustomStringConvertible {
  public let action: String
  public let path: String
  public let code: Int32

  public init(action: String, path: String, code: Int32 = errno) {
    self.action = action
    self.path = path
    self.code = code
  }

  public var description: String {
    let remedy =
      switch code {
      case ENOSPC, EDQUOT: "; make room, then resume"
      case EACCES, EPERM, EROFS: "; make it writable, then resume"
      case ENOTDIR: "; a part of the path is a file"
      default: ""
      }
    return "can't \(action) \(path): \(String(cString: strerror(code)))\(remedy)"
  }
}

/// A file being written under a temporary name in its target's folder, and put in the target's place whole.
///
/// Calls block: they are made on threads for that.
///
/// `@unchecked Sendable`: one write worker owns it at a time and awaits each call before the next.
public final class PartFile: @unchecked Sendable {
  public let target: String
  public let path: String
  private var descriptor: Int32
  /// Bytes written so far.
  public private(set) var length: Int

  /// Opens the part and cuts it to `length` bytes.
  ///
  /// - Throws: ``WriteError``; also where the part that a checkpoint speaks of is gone or shorter (`ENOENT`, `ERANGE`).
  public init(target: String, path: String, length: Int) throws {
    self.target = target
    self.path = path
    self.length = length
    let folder = (target as NSString).deletingLastPathComponent
    if length == 0 {
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      } catch {
        let code = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError)?.code ?? Int(errno)
        throw WriteError(action: "create folder", path: folder, code: Int32(code))
      }
    }
    descriptor = open(path, O_WRONLY | O_CLOEXEC | (length == 0 ? O_CREAT : 0), 0o644)
    guard descriptor >= 0 else { throw WriteError(action: "open", path: path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw WriteError(action: "look at", path: path) }
    guard Int(status.st_size) >= length else {
      close(descriptor)
      descriptor = -1
      throw WriteError(action: "continue", path: path, code: ERANGE)
    }
    try cut(to: length)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Drops what is past `length` bytes.
  public func cut(to length: Int) throws {
    guard ftruncate(descriptor, off_t(length)) == 0 else { throw WriteError(action: "cut", path: path) }
    guard lseek(descriptor, off_t(length), SEEK_SET) >= 0 else { throw WriteError(action: "seek in", path: path) }
    self.length = length
  }

  public func append(_ start: UnsafePointer<UInt8>, _ count: Int) throws {
    var done = 0
    while done < count {
      let n = write(descriptor, start + done, count - done)
      if n < 0 {
        if errno == EINTR { continue }
        throw WriteError(action: "write", path: path)
      }
      done += n
    }
    length += count
  }

  /// Puts what is written on the disk.
  public func sync() throws {
    guard fsync(descriptor) == 0 else { throw WriteError(action: "sync", path: path) }
  }

  /// Puts the part in the target's place: whole before (fsync), then the name (rename), then the name on disk.
  public func commit() throws {
    try sync()
    guard rename(path, target) == 0 else { throw WriteError(action: "rename to", path: target) }
    try Self.syncFolder(of: target)
    close(descriptor)
    descriptor = -1
  }

  public static func syncFolder(of path: String) throws {
    let folder = (path as NSString).deletingLastPathComponent
    let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw WriteError(action: "open folder", path: folder) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw WriteError(action: "sync folder", path: folder) }
  }
}
