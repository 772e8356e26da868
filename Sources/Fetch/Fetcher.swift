import Configuration
import Foundation
import Records
import Supervision
import Synchronization

/// Asks sources for items, and again where that may help.
package struct Fetcher: Sendable {
  /// The tries of a fetch, and the waits between them (`fetch.retry`).
  package struct Retry: Sendable, Hashable {
    /// How often a reading is tried, from 1.
    package var attempts = 5
    /// The waits between tries, with full jitter. A server's own wait is obeyed up to the longest of these.
    package var backoff = Backoff(first: .milliseconds(500), longest: .seconds(60))
    /// Makes the rule of a definition that says nothing: 5 tries, 500 ms to 60 s between them.
    package init() {}
  }

  /// The end of a fetch that did not fail.
  package enum Outcome: Sendable, Equatable {
    /// All bytes were delivered. The version may only be known now; empty where the source has none.
    case delivered(version: String)
    /// The source says that the version asked about is the present one.
    case notModified
  }

  /// The clients for its sources.
  package let session: FetchSession
  let retry: Retry
  /// Takes each retry: the attempt that failed, from 1, its error, and the wait.
  let retried: @Sendable (Int, FetchError, Duration) -> Void

  /// The most bytes in a piece of content that is delivered.
  package static let pieceBytes = 256 << 10

  /// Makes a fetcher.
  ///
  /// - Parameter retried: takes each retry: the attempt that failed, from 1, its error, and the wait before the next.
  package init(_ session: FetchSession, _ retry: Retry, retried: @escaping @Sendable (Int, FetchError, Duration) -> Void = { _, _, _ in }) {
    self.session = session
    self.retry = retry
    self.retried = retried
  }

  // MARK: Trying again

  /// Asks a source: once where it answers at once, else again while that may help and tries are left.
  ///
  /// - Throws: the last error of `body`, or ``FetchError/comeAgain(_:after:)``.
  package func ask<T>(_ source: any ItemSource, _ body: () async throws(FetchError) -> T) async throws(FetchError) -> T {
    if source.traits.contains(.answersAtOnce) { return try await body() }
    return try await patiently(body)
  }

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

  /// Waits before another try. A server's own wait is obeyed up to the longest of the backoff's.
  ///
  /// - Throws: `error` where no try may help or none is left, ``FetchError/comeAgain(_:after:)`` where the server asks for a longer wait.
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

  /// Returns an item's version and size, without its content. With `known` the source may say that nothing changed: then the state has that
  /// version.
  ///
  /// - Throws: ``FetchError``, after all tries.
  package func head(_ source: any ItemSource, _ location: String, known: String?) async throws(FetchError) -> SourceState {
    try await ask(source) { () async throws(FetchError) in try await source.head(location, ifChangedSince: known, in: session) }
  }

  /// Lists the items of a pattern. Each page gets the tries of a fetch.
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

  /// Reads at most `count` bytes of an item's content from `start` on, and keeps them in memory.
  ///
  /// - Parameter expected: the kinds of content to accept; nil for any.
  /// - Throws: ``FetchError``, after all tries.
  package func bytes(
    _ source: any ItemSource, _ location: String, from start: Int = 0, count: Int, expected: ExpectedContent? = nil
  ) async throws(FetchError) -> ByteBuffer {
    if source.traits.contains(.rereadsFreely) { return try await bytesOnce(source, location, start, count, expected) }
    return try await patiently { () async throws(FetchError) in try await bytesOnce(source, location, start, count, expected) }
  }

  private func bytesOnce(
    _ source: any ItemSource, _ location: String, _ start: Int, _ count: Int, _ expected: ExpectedContent?
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

  /// Delivers an item's bytes in order, from byte `start` on; `digest` takes the bytes before it too. It is for sources that reread freely:
  /// it keeps nothing, and tries nothing again. It blocks as the source does.
  ///
  /// - Parameter began: takes the version that is read.
  /// - Throws: ``FetchError``: ``FetchError/changed`` where another program wrote to the item meanwhile. The errors of `deliver` and
  ///   `began`.
  package func read(
    _ source: any ItemSource, _ location: String, from start: Int, digest: Digest?, _ heartbeat: Heartbeat,
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

  /// Returns the part of a piece that is at `start` or after it; nil for none.
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

/// Keeps at most so many bytes, from one on, and then ends the reading.
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
