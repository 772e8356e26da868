import CFiles
import Foundation

/// What stands at a path: stat(2), in the words of messages.
public struct FileStatus: Sendable {
  /// What stands at a path.
  public enum Kind: Sendable {
    case regular, folder, pipe, socket, device, link

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

    /// As in “it is a named pipe”.
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

  /// What two names of one file have in common: hard links, and symbolic ones that were followed.
  public struct Identity: Sendable, Hashable {
    let device: dev_t
    let inode: ino_t
  }

  public let kind: Kind
  public let identity: Identity
  /// The permissions alone.
  public let mode: mode_t
  public let owner: uid_t
  public let group: gid_t
  /// How many names the file has.
  public let links: Int

  public init(_ status: stat) {
    kind = Kind(status.st_mode)
    identity = Identity(device: status.st_dev, inode: status.st_ino)
    mode = status.st_mode & 0o777
    owner = status.st_uid
    group = status.st_gid
    links = Int(status.st_nlink)
  }

  /// Nil where nothing stands at the path.
  ///
  /// - Parameter followsLinks: whether a symbolic link is followed, or looked at itself.
  /// - Throws: ``SystemFailure`` where that can't be found out: a name too long, a folder that may not be entered.
  public static func of(_ path: String, followsLinks: Bool = true) throws(SystemFailure) -> FileStatus? {
    var status = stat()
    guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else {
      if errno == ENOENT { return nil }
      throw SystemFailure(code: errno)
    }
    return FileStatus(status)
  }

  /// Of an open file.
  public static func of(_ descriptor: Int32) throws(SystemFailure) -> FileStatus {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemFailure(code: errno) }
    return FileStatus(status)
  }

  /// Whether a file that we made can have this status: nobody gave it another name, and it is ours.
  ///
  /// - Parameter descriptor: the file, open.
  func isOwn(_ descriptor: Int32) -> Bool {
    guard kind == .regular, links == 1 else { return false }
    return owner == geteuid() || sluice_maps_owners(descriptor) != 0
  }
}

extension FileStatus {
  /// Gives an open file, which is to take this one's place, its owner, where that is allowed, and its mode.
  func lend(to descriptor: Int32) throws(SystemFailure) {
    let new = try FileStatus.of(descriptor)
    let isSame = new.owner == owner && new.group == group
    // Only root gives files away; a group that one is in may be kept.
    if !isSame, fchown(descriptor, owner, group) != 0 { _ = fchown(descriptor, uid_t.max, group) }
    if !isSame || new.mode != mode, fchmod(descriptor, mode) != 0 { throw SystemFailure(code: errno) }
  }

  /// The same for a part by its path; nothing where there is none, or a link.
  public func lend(toPart path: String) throws(SystemFailure) {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    try lend(to: descriptor)
  }

  /// - Throws: ``SystemFailure``, EEXIST, where the open file is not one that only we have written to.
  public static func requireOwn(_ descriptor: Int32) throws(SystemFailure) {
    guard try of(descriptor).isOwn(descriptor) else { throw SystemFailure(code: EEXIST) }
  }
}

/// Where an output goes: the path itself, or where a symbolic link at it leads, so that the link stays.
public enum OutputPlace {
  /// As many links in a row as the kernel follows.
  private static let mostLinks = 40

  /// - Throws: ``SystemFailure``: ELOOP for links that go round in circles.
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

  /// Whether a path stands for a descriptor of the process, whatever that leads to.
  public static func isDescriptor(_ path: String) -> Bool {
    ["/dev/stdin", "/dev/stdout", "/dev/stderr"].contains(path) || path.hasPrefix("/dev/fd/")
      || path.hasPrefix("/proc/") && path.contains("/fd/")
  }

  /// The path with its folder's links followed: what two spellings of one path have in common, whether a file stands there or not.
  public static func canonical(_ path: String) -> String {
    let folder = SystemCall.folder(of: path)
    guard let resolved = realpath(folder, nil) else { return path }
    defer { free(resolved) }
    let canonical = String(cString: resolved)
    return (canonical == "/" ? "" : canonical) + "/" + (path as NSString).lastPathComponent
  }
}
