import Files
import Foundation
import Records
import Supervision
import Synchronization

/// Where an item's bytes are.
public enum Source: Sendable, Hashable {
  case file(path: String)
  case http(HTTPSource)
}

/// What is known of a source without fetching it.
public struct SourceState: Sendable {
  public var version: String?
  public var size: Int?

  public init(version: String? = nil, size: Int? = nil) {
    self.version = version
    self.size = size
  }
}

/// Fetches items: from files as they are, over HTTP through a ``Spool``.
public struct Fetcher: Sendable {
  /// How often a fetch is tried, and the waits between.
  public struct Retry: Sendable, Hashable {
    public var attempts = 5
    public var backoff = Backoff(first: .milliseconds(500), longest: .seconds(60))
    public init() {}
  }

  /// How a fetch ended that did not fail.
  public enum Outcome: Sendable, Equatable {
    /// All bytes were delivered; the version may only now be known.
    case delivered(version: String)
    /// The server says that the version asked about is the present one.
    case notModified
  }

  let http: HTTPClient
  let timeouts: HTTPRequest.Timeouts
  let retry: Retry
  /// Told of each retry: the attempt that failed, why, and the wait.
  let retried: @Sendable (Int, FetchError, Duration) -> Void

  /// Bytes a piece that is delivered holds at most.
  public static let pieceBytes = 256 << 10

  public init(
    http: HTTPClient, timeouts: HTTPRequest.Timeouts, retry: Retry,
    retried: @escaping @Sendable (Int, FetchError, Duration) -> Void
  ) {
    self.http = http
    self.timeouts = timeouts
    self.retry = retry
    self.retried = retried
  }

  // MARK: Looking

  /// A file's version and size.
  public static func state(ofFile path: String) throws(FetchError) -> SourceState {
    var status = stat()
    guard FileName.withBytes(path, { stat($0, &status) }) == 0 else { throw .file(FileName.shown(path), code: errno) }
    return try state(path, status)
  }

  private static func state(ofOpen descriptor: Int32, _ path: String) throws(FetchError) -> SourceState {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .file(FileName.shown(path), code: errno) }
    return try state(path, status)
  }

  private static func state(_ path: String, _ status: stat) throws(FetchError) -> SourceState {
    try SourceFile.requireFile(path, status)
    return SourceState(version: "file:\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec):\(status.st_size)", size: Int(status.st_size))
  }

  // MARK: Fetching

  /// Delivers a file's bytes in order, from byte `start` on; `digest` is told those before it too. It blocks as it reads: it
  /// is for a thread that may.
  ///
  /// A file that is replaced meanwhile is read on as it was when it was opened.
  ///
  /// - Parameter began: told the version that is read.
  /// - Throws: ``FetchError``: ``FetchError/changed`` where the file itself was written to meanwhile. Whatever `deliver` and
  ///   `began` throw.
  public func fetchFile(
    _ path: String, from start: Int, digest: Digest?, _ heartbeat: Heartbeat, began: (String?) async throws -> Void,
    deliver: (ByteBuffer) async throws -> Void
  ) async throws -> Outcome {
    let descriptor = try SourceFile.open(path)
    defer { close(descriptor) }
    let state = try Self.state(ofOpen: descriptor, path)
    try await began(state.version)
    let size = state.size ?? 0
    var offset = digest == nil ? start : 0
    // Files of the system may have content and no size.
    while offset < size || size == 0 {
      let room = size == 0 ? Self.pieceBytes : min(Self.pieceBytes, size - offset)
      let buffer = ByteBuffer(capacity: room)
      let count = pread(descriptor, buffer.bytes, room, off_t(offset))
      guard count >= 0 else { throw FetchError.file(FileName.shown(path), code: errno) }
      if count == 0 { break }
      buffer.count = count
      heartbeat.beat()
      digest?.update(buffer.bytes, count)
      if let new = Self.piece(buffer, at: offset, from: start) { try await deliver(new) }
      offset += count
    }
    guard let version = state.version, try Self.state(ofOpen: descriptor, path).version == version else { throw FetchError.changed }
    return .delivered(version: version)
  }

  /// What of a piece is at `start` or after it.
  static func piece(_ buffer: ByteBuffer, at offset: Int, from start: Int) -> ByteBuffer? {
    if offset >= start { return buffer }
    let skipped = start - offset
    guard skipped < buffer.count else { return nil }
    let rest = ByteBuffer(capacity: buffer.count - skipped)
    rest.append(buffer.bytes + skipped, buffer.count - skipped)
    return rest
  }
}
