import Foundation

/// The length and checksum of a file's first bytes, as the file sink wrote them. A checkpoint describes a part by it.
public struct FilePrefix: Sendable, Hashable {
  /// The number of bytes.
  public var length: Int
  /// Nil in ledgers of builds that kept no checksums. ``find(at:isPart:)`` then compares lengths alone.
  public var checksum: Checksum?

  /// Makes the prefix of no bytes.
  init() { self.init(length: 0, checksum: Checksum()) }

  /// Makes a prefix from its length and checksum.
  public init(length: Int, checksum: Checksum?) {
    self.length = length
    self.checksum = checksum
  }

  /// The prefix spelled as a sink's position: `LENGTH:CHECKSUM` in decimal digits, `LENGTH` without a checksum, and
  /// ``SinkPosition/start`` for no bytes.
  public var position: SinkPosition {
    length == 0 ? .start : SinkPosition(checksum.map { "\(length):\($0.value)" } ?? "\(length)")
  }

  /// Reads the prefix from a sink's position, spelled as ``position`` does; nil where another sink wrote the position.
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

  /// Computes the prefix that is `count` bytes longer, where `next` is the checksum of these bytes.
  public func followed(by next: Checksum, count: Int) -> FilePrefix {
    FilePrefix(length: length + count, checksum: checksum?.followed(by: next, count: count))
  }

  /// Checks whether the file at `path` begins with these bytes. It reads all of them, and blocks.
  ///
  /// - Parameters:
  ///   - offset: where the bytes begin, in a file that several outputs share.
  ///   - isPart: whether only this program may have written the file. Then a symbolic link, a file with a second name and a file of
  ///     another owner count as altered.
  public func find(at path: String, offset: Int = 0, isPart: Bool = true) -> OutputFinding {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (isPart ? O_NOFOLLOW : 0))
    guard descriptor >= 0 else { return errno == ENOENT || errno == ENOTDIR ? .missing : .altered }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .altered }
    let found = FileStatus(status)
    guard isPart ? found.isOwn(descriptor) : found.kind == .regular else { return .altered }
    guard Int(status.st_size) >= offset + length else { return .short }
    guard let checksum else { return .whole }
    return Checksum.ofFile(descriptor, from: offset, length: length) == checksum ? .whole : .altered
  }
}
