import Files
import Foundation
import Records
import Supervision

/// Downloads one item of any source: delivers its content in order while it arrives in a ``Spool``, and continues readings that broke off.
/// It delivers no byte twice. One task uses it.
///
/// A reading that fails is an attempt. Where bytes were delivered, and the source gave no token to continue by, no reading can follow on
/// them: the item has to begin anew, and the failure says so.
package final class Download {
  private let fetcher: Fetcher
  private let source: any ItemSource
  private let location: String
  private let spool: Spool
  private let start: Int
  private let known: String?
  private let expected: ExpectedContent
  private let digest: Digest?
  private let heartbeat: Heartbeat

  /// Takes the version as soon as the source has given it; nil where the source has none.
  package var began: (String?) async throws -> Void = { _ in }
  /// Takes the next piece of content, of at most ``Fetcher/pieceBytes``.
  package var deliver: (ByteBuffer) async throws -> Void = { _ in }

  /// The byte that the next delivery begins at, and the byte that the first began at.
  private var delivered: Int
  private let first: Int
  private var announced: String??
  private var failures: Int
  private var lastError: FetchError?
  private var isLookedAt = false
  /// The spool's count of restarts when bytes were last delivered.
  private var restarts = 0

  /// Makes a download that has not begun.
  ///
  /// - Parameters:
  ///   - start: the byte that is delivered first.
  ///   - spool: the place of the content; it may hold the beginning from an earlier process.
  ///   - known: a version that need not be fetched again.
  ///   - digest: takes all bytes, in order, those before `start` too.
  ///   - failures: readings that failed in earlier attempts at the item.
  ///   - heartbeat: beaten with each piece.
  package init(
    _ fetcher: Fetcher, _ source: any ItemSource, _ location: String, from start: Int, spool: Spool, known: String?,
    expected: ExpectedContent,
    digest: Digest?, failures: Int, _ heartbeat: Heartbeat
  ) {
    self.fetcher = fetcher
    self.source = source
    self.location = location
    self.spool = spool
    self.start = start
    self.known = known
    self.expected = expected
    self.digest = digest
    self.failures = failures
    self.heartbeat = heartbeat
    first = digest == nil ? start : 0
    restarts = spool.restarts
    delivered = first
  }

  /// Reads until all content is delivered, or the source says that the known version is the present one. Waits between tries.
  ///
  /// - Throws: ``DownloadFailure``, and the errors of ``deliver`` and ``began``.
  package func run() async throws -> Fetcher.Outcome {
    do {
      while !spool.isComplete {
        do {
          if try await read() { return .notModified }
        } catch let error as FetchError {
          try await fail(error)
        }
      }
      try await pass()
    } catch {
      // Whole content is not looked at by its head again.
      let isReadable = (try? expected.check(codings: spool.head?.codings ?? [])) != nil
      spool.seal()
      var failure = error as? DownloadFailure
      if failure == nil, let error = error as? FetchError {
        if case .changed = error { failure = end(error, failures + 1, beginsAnew: true) } else { failure = end(error, failures + 1) }
      }
      if case .answer? = failure?.error {
        // A later process must not find bytes that are not the item's content.
        spool.reset()
        Spool.remove(spool.path)
      } else if isReadable, spool.hasNew {
        // A later process need not fetch the bytes again that are here.
        try? await Task.detached { [spool] in try await BlockingThreads.files.run { try spool.sync() } }.value
      }
      throw failure ?? error
    }
    return .delivered(version: spool.version ?? "")
  }

  /// Takes a reading's failure: waits for the next reading, or throws the failure of the item.
  private func fail(_ error: FetchError) async throws {
    failures += 1
    lastError = error
    // Bytes that were delivered can't be gone on with where another version begins, or none is known to be the same.
    if error.isTransient, delivered > first, spool.token == nil { throw end(error, failures, beginsAnew: true) }
    if case .changed = error { throw end(error, failures, beginsAnew: true) }
    do {
      try await fetcher.pause(after: failures, error)
    } catch let error as FetchError {
      throw end(error, failures)
    }
  }

  private func end(_ error: FetchError, _ failures: Int, beginsAnew: Bool = false, isTold: Bool = false) -> DownloadFailure {
    DownloadFailure(error: error, failures: failures, beginsAnew: beginsAnew, isTold: isTold)
  }

  /// The source does not continue where a reading broke off. That reading's failure is the reason to fetch the content anew.
  private func startOver() throws {
    spool.reset()
    if delivered > first {
      throw end(lastError ?? .connection("the server does not go on"), failures, beginsAnew: true, isTold: lastError != nil)
    }
  }

  /// Does one reading, to its end; true where the source says that nothing changed.
  private func read() async throws -> Bool {
    var request = ReadRequest(known: known)
    if spool.length > 0, let token = spool.token {
      try FailPoint.spoolRange.pass(.before)
      request = ReadRequest(from: spool.length, token: token, total: spool.total)
    }
    spool.prepare()
    do {
      let end = try await source.read(location, request, to: spool, in: fetcher.session) { [self] in
        guard let head = spool.head else { return }
        try expected.check(codings: head.codings)
        try await pass()
      }
      switch end {
      case .whole: try spool.finish()
      case .notModified: return true
      case .cannotContinue: try startOver()
      case .stopped: throw FetchError.connection("interrupted")
      }
    } catch let error as FetchError {
      throw spool.failure ?? error
    }
    return false
  }

  /// Content comes from its start again: it has to be the version that was delivered before.
  ///
  /// - Throws: ``FetchError/changed`` where it is of another version, ``DownloadFailure`` where that can't be told.
  private func checkSame() throws {
    if spool.token == nil { try startOver() }
    guard announced == .some(spool.version) else { throw FetchError.changed }
  }

  private func announce() async throws {
    guard announced != .some(spool.version) else { return }
    announced = spool.version
    try await began(spool.version)
  }

  /// Delivers the bytes that came since the last call.
  private func pass() async throws {
    if restarts != spool.restarts, delivered > first { try checkSame() }
    restarts = spool.restarts
    try await announce()
    if !isLookedAt {
      guard spool.length >= ExpectedContent.lookedAt || spool.isComplete else { return }
      let beginning = ByteBuffer(capacity: ExpectedContent.lookedAt)
      beginning.count = try spool.read(at: 0, into: beginning.bytes, min(spool.length, ExpectedContent.lookedAt))
      try expected.check(beginning.copy(0..<beginning.count), mediaType: spool.mediaType)
      isLookedAt = true
    }
    while delivered < spool.length {
      let room = min(Fetcher.pieceBytes, spool.length - delivered)
      let buffer = ByteBuffer(capacity: room)
      buffer.count = try spool.read(at: delivered, into: buffer.bytes, room)
      guard buffer.count > 0 else { return }
      digest?.update(buffer.bytes, buffer.count)
      let at = delivered
      delivered += buffer.count
      heartbeat.beat()
      if let new = Fetcher.piece(buffer, at: at, from: start) { try await deliver(new) }
    }
    if spool.wantsSync { try await BlockingThreads.files.run { [spool] in try spool.sync() } }
  }
}
