import Foundation

/// The first bytes of a file, as they were written: what a checkpoint says of a part.
public struct FilePrefix: Sendable, Hashable {
  public var length: Int
  /// Nil where it was not kept, as in ledgers made before there were checksums.
  public var checksum: Checksum?

  /// Nothing.
  public init() { self.init(length: 0, checksum: Checksum()) }

  public init(length: Int, checksum: Checksum?) {
    self.length = length
    self.checksum = checksum
  }

  /// The prefix as a sink's position: `LENGTH:CHECKSUM`, and nothing for nothing.
  public var position: SinkPosition {
    length == 0 ? .start : SinkPosition(checksum.map { "\(length):\($0.value)" } ?? "\(length)")
  }

  /// Nil where the position is none of a file's.
  public init?(_ position: SinkPosition) {
    if position == .start {
      self.init()
      return
    }
    let parts = position.token.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, let length = Int(parts[0]), length >= 0 else { return nil }
    if parts.count == 1 {
      self.init(length: length, checksum: nil)
    } else {
      guard let value = UInt32(parts[1]) else { return nil }
      self.init(length: length, checksum: Checksum(value: value))
    }
  }

  /// With `count` bytes more, whose checksum is `next`.
  public func followed(by next: Checksum, count: Int) -> FilePrefix {
    FilePrefix(length: length + count, checksum: checksum?.followed(by: next, count: count))
  }

  /// Whether the file at `path` begins with these bytes. Reads them, and blocks.
  ///
  /// - Parameter isPart: whether it must be a file that only we have written to: a link that somebody has put in its place, and a file
  ///   with a second name, count as altered.
  public func find(at path: String, isPart: Bool = true) -> OutputFinding {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (isPart ? O_NOFOLLOW : 0))
    guard descriptor >= 0 else { return errno == ENOENT || errno == ENOTDIR ? .missing : .altered }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .altered }
    let found = FileStatus(status)
    guard isPart ? found.isOwn(descriptor) : found.kind == .regular else { return .altered }
    guard Int(status.st_size) >= length else { return .short }
    guard let checksum else { return .whole }
    return Checksum.ofFile(descriptor, length: length) == checksum ? .whole : .altered
  }
}
