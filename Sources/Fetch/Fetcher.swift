import Configuration
import Foundation
import Records
import Supervision
import Synchronization

/// Asks sources, again where that may help.
package struct Fetcher: Sendable {
  /// How often a fetch is tried, and the waits between.
  package struct Retry: Sendable, Hashable {
    package var attempts = 5
    package var backoff = Backoff(first: .milliseconds(500), longest: .seconds(60))
    package init() {}
  }

  /// How a fetch ended that did not fail.
  package enum Outcome: Sendable, Equatable {
    /// All bytes were delivered; the version may only now be known.
    case delivered(version: String)
    /// The source says that the version asked about is the present one.
    case notModified
  }

  package let session: FetchSession
  let retry: Retry
  /// Told of each retry: the attempt that failed, why, and the wait.
  let retried: @Sendable (Int, FetchError, Duration) -> Void

  /// Bytes a piece that is delivered holds at most.
  package static let pieceBytes = 256 << 10

  package init(_ session: FetchSession, _ retry: Retry, retried: @escaping @Sendable (Int, FetchError, Duration) -> Void = { _, _, _ in }) {
    self.session = session
    self.retry = retry
    self.retried = retried
  }

  // MARK: Trying again

  /// Runs `body` again while that may help and tries are left.
  func patiently<T>(_ body: () async throws(FetchError) -> T) async throws(FetchError) -> T {
    var failures = 0
    while true {
      do throws(FetchError) {
        return try await body()
      } catch {
        failures += 1
        do { try await pause(after: failures, error) } catch { throw error as? FetchError ?? .connection("interrupted") }
      }
    }
  }

  /// Waits before another try; throws `error` where none may help or none is left. A server's own wait is obeyed up to the
  /// longest of the backoff's.
  func pause(after failures: Int, _ error: FetchError) async throws {
    var wait = retry.backoff.wait(after: failures, random: .random(in: 0..<1))
    if error.isTransient, let (code, asked) = error.askedWait {
      switch asked {
      case .wait(let asked) where asked > retry.backoff.longest: throw FetchError.comeAgain(code, after: asked)
      case .wait(let asked): wait = max(wait, asked)
      case .unreadable: wait = retry.backoff.longest
      }
    }
    guard error.isTransient, failures < retry.attempts else { throw error }
    try Task.checkCancellation()
    retried(failures, error, wait)
    try await Task.sleep(for: wait)
  }

  // MARK: Looking

  /// An item's version and size, without its content. With `known` the source may tell that nothing changed: then the state has that
  /// version.
  package func head(_ source: any Source, _ location: String, known: String?) async throws(FetchError) -> SourceState {
    if source.traits.contains(.answersAtOnce) { return try await source.head(location, ifChangedSince: known, in: session) }
    return try await patiently { () async throws(FetchError) in try await source.head(location, ifChangedSince: known, in: session) }
  }

  /// The items of a pattern, each page asked for again as a fetch is.
  package func list(_ source: any Source, _ pattern: SourcePattern) -> any Listing {
    let listing = source.list(pattern, in: session)
    return source.traits.contains(.answersAtOnce) ? listing : PatientListing(listing, self)
  }

  private final class PatientListing: Listing {
    private let listing: any Listing
    private let fetcher: Fetcher

    init(_ listing: any Listing, _ fetcher: Fetcher) {
      self.listing = listing
      self.fetcher = fetcher
    }

    func next() async throws(FetchError) -> [ListedItem]? {
      try await fetcher.patiently { () async throws(FetchError) in try await listing.next() }
    }
  }

  /// Bytes of an item's content from `start` on, `count` at most; tried again as a fetch is.
  package func bytes(
    _ source: any Source, _ location: String, from start: Int = 0, count: Int, expected: ExpectedContent? = nil
  ) async throws(FetchError) -> ByteBuffer {
    if source.traits.contains(.rereadsFreely) { return try await bytesOnce(source, location, start, count, expected) }
    return try await patiently { () async throws(FetchError) in try await bytesOnce(source, location, start, count, expected) }
  }

  private func bytesOnce(
    _ source: any Source, _ location: String, _ start: Int, _ count: Int, _ expected: ExpectedContent?
  ) async throws(FetchError) -> ByteBuffer {
    let receiver = BoundedReceiver(from: start, limit: count)
    do {
      _ = try await withTaskExecutorPreference(BlockingThreads.files) {
        try await source.read(location, ReadRequest(from: start, limit: count), to: receiver, in: session) {}
      }
    } catch {
      // A source may take the receiver's having enough for a broken connection.
      if !receiver.isFull { throw error as? FetchError ?? .connection("interrupted") }
    }
    try expected?.check(codings: receiver.head.codings)
    let content = receiver.content
    try expected?.check(content.prefix(ExpectedContent.lookedAt), mediaType: receiver.head.mediaType)
    let buffer = ByteBuffer(capacity: content.count)
    content.withUnsafeBufferPointer { if let start = $0.baseAddress { buffer.append(start, $0.count) } }
    return buffer
  }

  // MARK: Reading without a spool

  /// Delivers an item's bytes in order, from byte `start` on; `digest` is told those before it too. It is for sources that reread
  /// freely: nothing is kept, and nothing tried again. It blocks as the source does.
  ///
  /// - Parameter began: told the version that is read.
  /// - Throws: ``FetchError``: ``FetchError/changed`` where the item was written to meanwhile. Whatever `deliver` and `began` throw.
  package func read(
    _ source: any Source, _ location: String, from start: Int, digest: Digest?, _ heartbeat: Heartbeat,
    began: (String?) async throws -> Void, deliver: (ByteBuffer) async throws -> Void
  ) async throws -> Outcome {
    let pieces = Pieces()
    var offset: Int?
    let end = try await source.read(location, ReadRequest(from: digest == nil ? start : 0), to: pieces, in: session) {
      if offset == nil {
        try await began(pieces.head.version)
        offset = pieces.head.start
      }
      for buffer in pieces.taken() {
        let at = offset ?? 0
        offset = at + buffer.count
        heartbeat.beat()
        digest?.update(buffer.bytes, buffer.count)
        if let new = Self.piece(buffer, at: at, from: start) { try await deliver(new) }
      }
    }
    guard case .whole = end, let version = pieces.head.version else { throw FetchError.changed }
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

/// Keeps the bytes that were read until they are passed on.
private final class Pieces: ContentReceiver {
  private struct State {
    var head = ContentHead()
    var buffers: [ByteBuffer] = []
  }
  private let state = Mutex(State())

  var head: ContentHead { state.withLock { $0.head } }

  func begin(_ head: ContentHead) -> Bool {
    state.withLock { $0.head = head }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let buffer = ByteBuffer(capacity: bytes.count)
    if let start = bytes.baseAddress { buffer.append(start.assumingMemoryBound(to: UInt8.self), bytes.count) }
    return take(buffer)
  }

  func take(_ buffer: ByteBuffer) -> Bool {
    state.withLock { $0.buffers.append(buffer) }
    return true
  }

  func taken() -> [ByteBuffer] {
    state.withLock { state in
      defer { state.buffers = [] }
      return state.buffers
    }
  }
}

/// Keeps bytes from one on, so many at most, and then has enough.
private final class BoundedReceiver: ContentReceiver {
  private struct State {
    var head = ContentHead()
    var content: [UInt8] = []
    /// Bytes before the first that is wanted.
    var skipped = 0
  }
  private let state = Mutex(State())
  private let from: Int
  private let limit: Int

  init(from: Int, limit: Int) {
    self.from = from
    self.limit = limit
  }

  var head: ContentHead { state.withLock { $0.head } }
  var content: [UInt8] { state.withLock { $0.content } }
  var isFull: Bool { state.withLock { $0.content.count >= limit } }

  func begin(_ head: ContentHead) -> Bool {
    state.withLock { state in
      state.head = head
      state.skipped = from - head.start
    }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      let skipped = min(max(0, state.skipped), bytes.count)
      state.skipped -= skipped
      state.content.append(contentsOf: bytes.dropFirst(skipped).prefix(limit - state.content.count))
      return state.content.count < limit
    }
  }
}
