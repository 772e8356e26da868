import Files
import Foundation
import Records
import Supervision
import Synchronization

/// Where an item's bytes are.
public enum Source: Sendable, Hashable {
  case file(path: String)
  case http(url: String, headers: [HTTPHeader])
}

public struct HTTPHeader: Sendable, Hashable {
  public var name: String
  public var value: String
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
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
  public struct Retry: Sendable, Hashable {
    public var attempts = 5
    public var backoff = Backoff(first: .milliseconds(500), longest: .seconds(60))
    public init() {}
  }

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
    guard stat(path, &status) == 0 else { throw .file(path, code: errno) }
    return try state(path, status)
  }

  private static func state(ofOpen descriptor: Int32, _ path: String) throws(FetchError) -> SourceState {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .file(path, code: errno) }
    return try state(path, status)
  }

  private static func state(_ path: String, _ status: stat) throws(FetchError) -> SourceState {
    guard status.st_mode & S_IFMT != S_IFDIR else { throw .file(path, code: EISDIR) }
    return SourceState(version: "file:\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec):\(status.st_size)", size: Int(status.st_size))
  }

  /// Asks a server for an address's version and size without its content. With `known` the server may answer that
  /// nothing changed: then the state has that version.
  public func look(_ url: String, _ headers: [HTTPHeader], known: String?) async throws(FetchError) -> SourceState {
    var request = HTTPRequest(url: url)
    request.isHead = true
    request.timeouts = timeouts
    request.headers = headers.map { ($0.name, $0.value) } + Self.conditions(known)
    let receiver = HeadReceiver()
    try await Self.drain(http.send(request, to: receiver)) {}
    guard let head = receiver.head else { throw .connection("the server gave no answer") }
    if head.status == 304 { return SourceState(version: known, size: nil) }
    guard head.status == 200 else { throw .status(head.status, retryAfter: head.retryAfter) }
    let found = Spool.Description(etag: head.etag, lastModified: head.lastModified, total: head.contentLength)
    return SourceState(version: found.version, size: head.contentLength)
  }

  private static func conditions(_ known: String?) -> [(String, String)] {
    guard let known else { return [] }
    if known.hasPrefix("etag:") { return [("If-None-Match", String(known.dropFirst(5)))] }
    if known.hasPrefix("modified:") {
      // "modified:Tue, 01 Jan 2013 00:00:00 GMT:12345": the date ends in GMT.
      let date = known.dropFirst(9)
      return [("If-Modified-Since", date.range(of: "GMT").map { String(date[..<$0.upperBound]) } ?? String(date))]
    }
    return []
  }

  private static func drain(
    _ events: AsyncThrowingStream<HTTPEvent, any Error>, _ each: () async throws -> Void
  ) async throws(FetchError) {
    do {
      for try await _ in events { try await each() }
    } catch let error as FetchError {
      throw error
    } catch {
      throw .connection("interrupted")
    }
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
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FetchError.file(path, code: errno) }
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
      guard count >= 0 else { throw FetchError.file(path, code: errno) }
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
  private static func piece(_ buffer: ByteBuffer, at offset: Int, from start: Int) -> ByteBuffer? {
    if offset >= start { return buffer }
    let skipped = start - offset
    guard skipped < buffer.count else { return nil }
    let rest = ByteBuffer(capacity: buffer.count - skipped)
    rest.append(buffer.bytes + skipped, buffer.count - skipped)
    return rest
  }

  /// Delivers an address's content in order, from byte `start` on, while it arrives. A transfer that breaks goes on by Range with If-Range
  /// after a wait; what was delivered is not delivered again.
  ///
  /// - Parameters:
  ///   - known: a version that need not be fetched again.
  ///   - digest: told all bytes, in order.
  ///   - began: told the version as soon as the server has said it.
  /// - Throws: ``FetchError``: permanent ones at once, transient ones after all attempts, ``FetchError/changed`` where
  ///   bytes were delivered and the source is another now. Whatever `deliver` and `began` throw.
  public func fetchHTTP(
    _ url: String, _ headers: [HTTPHeader], from start: Int, spool: Spool, known: String?, digest: Digest?, _ heartbeat: Heartbeat,
    began: (String?) async throws -> Void, deliver: (ByteBuffer) async throws -> Void
  ) async throws -> Outcome {
    var delivered = digest == nil ? start : 0
    let begin = delivered
    var announced: String??
    var failures = 0
    func pass() async throws {
      while delivered < spool.length {
        let room = min(Self.pieceBytes, spool.length - delivered)
        let buffer = ByteBuffer(capacity: room)
        buffer.count = try spool.read(at: delivered, into: buffer.bytes, room)
        guard buffer.count > 0 else { return }
        digest?.update(buffer.bytes, buffer.count)
        let at = delivered
        delivered += buffer.count
        heartbeat.beat()
        if let new = Self.piece(buffer, at: at, from: start) { try await deliver(new) }
      }
      if spool.wantsSync { try await BlockingThreads.files.run { try spool.sync() } }
    }
    func announce() async throws {
      guard announced != .some(spool.version) else { return }
      announced = spool.version
      try await began(spool.version)
    }
    /// One request, to its end; true where the server says that nothing changed.
    func request() async throws -> Bool {
      spool.prepare()
      let isAgain = delivered > begin
      var request = HTTPRequest(url: url)
      request.timeouts = timeouts
      request.headers = headers.map { ($0.name, $0.value) }
      if spool.length > 0, let validator = spool.validator {
        try FailPoint.spoolRange.pass(.before)
        request.offset = spool.length
        request.headers.append(("If-Range", validator))
      } else {
        request.headers += Self.conditions(known)
      }
      do {
        for try await _ in http.send(request, to: spool) {
          guard let head = spool.head, head.status == 200 || head.status == 206 else { continue }
          // From the start again is as good as a range, where the server vouches for the bytes being the same.
          if isAgain, announced != .some(spool.version) || head.status == 200 && spool.validator == nil {
            throw FetchError.changed
          }
          try await announce()
          try await pass()
        }
      } catch let error as FetchError {
        throw spool.failure ?? error
      }
      guard let head = spool.head else { throw FetchError.connection("the server gave no answer") }
      switch head.status {
      case 200, 206:
        if let total = spool.total, spool.length < total { throw FetchError.connection("the content ended early") }
        spool.complete()
        return false
      case 304: return true
      case 416:
        // The server has fewer bytes than we hold: they are of another version.
        spool.reset()
        throw delivered > begin ? FetchError.changed : FetchError.connection("the server refused the range")
      default: throw FetchError.status(head.status, retryAfter: head.retryAfter)
      }
    }
    do {
      while !spool.isComplete {
        do {
          if try await request() { return .notModified }
        } catch let error as FetchError {
          failures += 1
          if case .changed = error { throw error }
          try await pause(after: failures, error)
        }
      }
      try await announce()
      try await pass()
    } catch {
      // What is here already need not be fetched again by a later process.
      if spool.hasNew { try? await Task.detached { try await BlockingThreads.files.run { try spool.sync() } }.value }
      throw error
    }
    return .delivered(version: spool.version ?? "")
  }
}

extension Fetcher {
  /// Waits before another try; throws `error` where none may help or none is left.
  private func pause(after failures: Int, _ error: FetchError) async throws {
    guard error.isTransient, failures < retry.attempts else { throw error }
    var wait = retry.backoff.wait(after: failures, random: .random(in: 0..<1))
    if case .status(_, let after?) = error { wait = max(wait, after) }
    retried(failures, error, wait)
    try await Task.sleep(for: wait)
  }
}

/// Keeps a response's head and drops its content.
private final class HeadReceiver: HTTPReceiver {
  private let kept = Mutex<HTTPHead?>(nil)
  var head: HTTPHead? { kept.withLock { $0 } }

  func begin(_ head: HTTPHead) -> Bool {
    kept.withLock { $0 = head }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool { true }
}

extension Fetcher {
  /// The first `bytes` bytes of an address's content, tried again as a fetch is.
  public func head(_ url: String, _ headers: [HTTPHeader], bytes: Int) async throws -> ByteBuffer {
    var failures = 0
    while true {
      do {
        return try await headOnce(url, headers, bytes)
      } catch let error as FetchError {
        failures += 1
        try await pause(after: failures, error)
      }
    }
  }

  private func headOnce(_ url: String, _ headers: [HTTPHeader], _ bytes: Int) async throws -> ByteBuffer {
    var request = HTTPRequest(url: url)
    request.timeouts = timeouts
    request.headers = headers.map { ($0.name, $0.value) } + [("Range", "bytes=0-\(bytes - 1)")]
    let receiver = BoundedReceiver(limit: bytes)
    do {
      for try await _ in http.send(request, to: receiver) {}
    } catch let error as FetchError {
      // The receiver ends a transfer that has given enough.
      if receiver.content.count < bytes { throw error }
    }
    guard let head = receiver.head else { throw FetchError.connection("the server gave no answer") }
    guard head.status == 200 || head.status == 206 else { throw FetchError.status(head.status, retryAfter: head.retryAfter) }
    let content = receiver.content
    let buffer = ByteBuffer(capacity: content.count)
    buffer.append(content)
    return buffer
  }
}

/// Keeps a response's first bytes.
private final class BoundedReceiver: HTTPReceiver {
  private struct State {
    var head: HTTPHead?
    var content: [UInt8] = []
  }
  private let state = Mutex(State())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  var head: HTTPHead? { state.withLock { $0.head } }
  var content: [UInt8] { state.withLock { $0.content } }

  func begin(_ head: HTTPHead) -> Bool {
    state.withLock { $0.head = head }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      guard state.head.map({ $0.status == 200 || $0.status == 206 }) == true else { return true }
      state.content.append(contentsOf: bytes.prefix(limit - state.content.count))
      return state.content.count < limit
    }
  }
}
