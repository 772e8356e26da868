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

  /// With `count` bytes more, whose checksum is `next`.
  public func followed(by next: Checksum, count: Int) -> FilePrefix {
    FilePrefix(length: length + count, checksum: checksum?.followed(by: next, count: count))
  }

  /// What the file at a path is to it.
  public enum Finding: Sendable { case whole, missing, short, altered }

  /// Whether the file at `path` begins with these bytes. Reads them, and blocks.
  public func find(at path: String) -> Finding {
    var status = stat()
    guard stat(path, &status) == 0 else { return .missing }
    guard Int(status.st_size) >= length else { return .short }
    guard let checksum else { return .whole }
    return Checksum.ofFile(path, length: length) == checksum ? .whole : .altered
  }
}
