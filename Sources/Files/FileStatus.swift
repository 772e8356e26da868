import CFiles
import Foundation

/// The status of a file: the part of stat(2) that this program uses, with the words that messages use.
public struct FileStatus: Sendable {
  /// The type of a file.
  public enum Kind: Sendable {
    case regular, folder, pipe, socket, device, link

    /// Reads the type from `st_mode` (inode(7)). Block and character devices are both ``device``.
    public init(_ mode: mode_t) {
      switch mode & S_IFMT {
      case S_IFREG: self = .regular
      case S_IFDIR: self = .folder
      case S_IFIFO: self = .pipe
      case S_IFSOCK: self = .socket
      case S_IFLNK: self = .link
      default: self = .device
      }
    }

    /// The type with its article, for a sentence: “it is a named pipe”.
    public var words: String {
      switch self {
      case .regular: "a file"
      case .folder: "a folder"
      case .pipe: "a named pipe"
      case .socket: "a socket"
      case .device: "a device"
      case .link: "a symbolic link"
      }
    }
  }

  /// The device and inode of a file. Two names of one file have the same: hard links, and symbolic links that were followed.
  public struct Identity: Sendable, Hashable {
    let device: dev_t
    let inode: ino_t
  }

  /// The file's type. It is never ``Kind/link`` where links were followed.
  public let kind: Kind
  /// Equal for two paths where both lead to one file.
  public let identity: Identity
  /// The permission bits alone (0 to 0o777), without set-user-ID, set-group-ID and sticky bits.
  public let mode: mode_t
  let owner: uid_t
  let group: gid_t
  /// How many names (hard links) the file has.
  let links: Int

  /// Makes the status from the answer of stat(2), lstat(2) or fstat(2).
  public init(_ status: stat) {
    kind = Kind(status.st_mode)
    identity = Identity(device: status.st_dev, inode: status.st_ino)
    mode = status.st_mode & 0o777
    owner = status.st_uid
    group = status.st_gid
    links = Int(status.st_nlink)
  }

  /// Looks at a path; nil where no file has that name.
  ///
  /// - Parameter followsLinks: true looks at the file that a symbolic link leads to, false at the link itself.
  /// - Throws: ``SystemFailure`` for every failure but ENOENT, as a name that is too long, or a folder that the process may not enter.
  public static func of(_ path: String, followsLinks: Bool = true) throws(SystemFailure) -> FileStatus? {
    var status = stat()
    guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else {
      if errno == ENOENT { return nil }
      throw SystemFailure(code: errno)
    }
    return FileStatus(status)
  }

  /// Looks at an open file.
  ///
  /// - Throws: ``SystemFailure`` where fstat(2) fails.
  public static func of(_ descriptor: Int32) throws(SystemFailure) -> FileStatus {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemFailure(code: errno) }
    return FileStatus(status)
  }

  /// Whether this program may have made the file: a regular file with one name, which this process's user owns. On a file system that maps
  /// owners the owner does not count.
  ///
  /// - Parameter descriptor: the open file.
  func isOwn(_ descriptor: Int32) -> Bool {
    guard kind == .regular, links == 1 else { return false }
    return owner == geteuid() || sluice_maps_owners(descriptor) != 0
  }
}

extension FileStatus {
  /// Gives this file's mode, and its owner and group as far as the process may, to the open file that is to replace it.
  func lend(to descriptor: Int32) throws(SystemFailure) {
    let new = try FileStatus.of(descriptor)
    let isSame = new.owner == owner && new.group == group
    // Only root gives files away; a group that one is in may be kept.
    if !isSame, fchown(descriptor, owner, group) != 0 { _ = fchown(descriptor, uid_t.max, group) }
    if !isSame || new.mode != mode, fchmod(descriptor, mode) != 0 { throw SystemFailure(code: errno) }
  }

  /// Gives this file's mode, and its owner and group as far as the process may, to the part that is to replace it. Does nothing where the
  /// part can't be opened: it is missing, or it is a link.
  ///
  /// - Parameter path: the part.
  /// - Throws: ``SystemFailure`` where the mode can't be changed.
  public func lend(toPart path: String) throws(SystemFailure) {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    try lend(to: descriptor)
  }

  /// Checks that this program made the open file: a regular file with one name, which this process's user owns.
  ///
  /// - Throws: ``SystemFailure`` with EEXIST where it is another file.
  public static func requireOwn(_ descriptor: Int32) throws(SystemFailure) {
    guard try of(descriptor).isOwn(descriptor) else { throw SystemFailure(code: EEXIST) }
  }
}

/// Finds the path that an output is written to. Where a symbolic link stands at the output's path, the file behind it is replaced, so
/// that the link stays.
public enum OutputPlace {
  /// As many links in a row as the kernel follows.
  private static let mostLinks = 40

  /// Follows symbolic links at `path`, also one whose destination is missing. It leaves paths of descriptors (``isDescriptor(_:)``) alone.
  ///
  /// - Throws: ``SystemFailure``: ELOOP after 40 links, which is the kernel's limit too; and failures of lstat(2) and readlink(2).
  public static func of(_ path: String) throws(SystemFailure) -> String {
    var path = path
    for _ in 0..<mostLinks {
      if isDescriptor(path) { return path }
      guard try FileStatus.of(path, followsLinks: false)?.kind == .link else { return path }
      var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = bytes.withUnsafeMutableBytes { buffer in
        buffer.withMemoryRebound(to: CChar.self) { chars in chars.baseAddress.map { readlink(path, $0, chars.count) } ?? -1 }
      }
      guard count >= 0 else { throw SystemFailure(code: errno) }
      let destination = String(decoding: bytes.prefix(count), as: UTF8.self)
      path = destination.hasPrefix("/") ? destination : SystemCall.folder(of: path) + "/" + destination
    }
    throw SystemFailure(code: ELOOP)
  }

  /// Whether a path names a descriptor of the process, as `/dev/stdout`, `/dev/fd/3` and `/proc/self/fd/3` do.
  public static func isDescriptor(_ path: String) -> Bool {
    ["/dev/stdin", "/dev/stdout", "/dev/stderr"].contains(path) || path.hasPrefix("/dev/fd/")
      || path.hasPrefix("/proc/") && path.contains("/fd/")
  }

  /// Resolves the links in the path's folder (realpath(3)), and not in its last component. Two spellings of one path give the same, also
  /// where no file has that name. A path whose folder is missing stays as it is.
  public static func canonical(_ path: String) -> String {
    var paths = CanonicalPaths()
    return paths.canonical(path)
  }

  /// Without a slash at its end; nil where there is no such folder.
  fileprivate static func canonicalFolder(_ folder: String) -> String? {
    guard let resolved = realpath(folder, nil) else { return nil }
    defer { free(resolved) }
    let canonical = String(cString: resolved)
    return canonical == "/" ? "" : canonical
  }
}

/// Canonical paths of many files: the links of each folder are followed once.
public struct CanonicalPaths {
  private var folders: [String: String?] = [:]

  /// Knows no folder yet.
  public init() {}

  /// As ``OutputPlace/canonical(_:)``.
  public mutating func canonical(_ path: String) -> String {
    let (folder, name) = SystemCall.parts(of: path)
    let canonical = folders[folder] ?? OutputPlace.canonicalFolder(folder)
    folders[folder] = .some(canonical)
    return canonical.map { $0 + "/" + name } ?? path
  }
}
