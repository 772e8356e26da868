import Foundation
import Records
import Supervision
import Synchronization

/// What an item's content is to be: a server may send something else with a status of success.
public struct ExpectedContent: Sendable {
  /// What records look like: a table of text, lines of JSON, or something that a program reads.
  public enum Form: Sendable { case table, lines, other }
  let form: Form
  /// Whether what is compressed can be read.
  let mayBeCompressed: Bool

  public init(_ form: Form, mayBeCompressed: Bool) {
    self.form = form
    self.mayBeCompressed = mayBeCompressed
  }

  /// Bytes that ``check(_:mediaType:)`` needs, where there are so many.
  static let lookedAt = 64

  /// - Throws: ``FetchError/answer(_:isTransient:)`` where the server has compressed the content in a way that can't be read.
  func check(codings: [String]) throws(FetchError) {
    guard let first = codings.first else { return }
    let words = "the server sends its content with Content-Encoding “\(codings.joined(separator: ", "))”, which was not asked for"
    guard codings.count == 1, ["gzip", "x-gzip", "deflate"].contains(first) else {
      throw .answer("\(words) and can't be read", isTransient: false)
    }
    if !mayBeCompressed { throw .answer("\(words); decompress.format: auto reads it", isTransient: false) }
  }

  /// Many servers give a wrong media type, so that it counts only where the content begins like it.
  ///
  /// - Throws: ``FetchError/answer(_:isTransient:)`` where a web page or a JSON document stands in the place of records.
  func check(_ beginning: some Sequence<UInt8>, mediaType: String?) throws(FetchError) {
    guard let mediaType, form != .other else { return }
    let first = beginning.first { ![0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
    switch first {
    case UInt8(ascii: "<") where mediaType == "text/html" || mediaType == "application/xhtml+xml":
      throw .answer("the server sent a web page (\(mediaType)), and no records; it may want a sign-in", isTransient: false)
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard form == .table, mediaType == "application/json" || mediaType.hasSuffix("+json") else { return }
      throw .answer("the server sent JSON (\(mediaType)), and no table; it may be an error of its own", isTransient: false)
    default: return
    }
  }
}

extension Fetcher {
  // MARK: Looking

  /// Asks a server for a source's version and size without its content, again where that may help. With `known` the server
  /// may answer that nothing changed: then the state has that version.
  public func look(_ source: HTTPSource, known: String?) async throws(FetchError) -> SourceState {
    let known = known.flatMap(HTTPVersion.init)
    var failures = 0
    var isHead = true
    while true {
      do throws(FetchError) {
        return try await lookOnce(source, known, isHead: isHead)
      } catch {
        // Some servers refuse HEAD where they answer GET.
        if isHead, case .status(let code, _) = error, !error.isTransient, code >= 400 {
          isHead = false
          continue
        }
        failures += 1
        try await patiently(failures, error)
      }
    }
  }

  private func lookOnce(_ source: HTTPSource, _ known: HTTPVersion?, isHead: Bool) async throws(FetchError) -> SourceState {
    var request = HTTPRequest(source, timeouts)
    request.isHead = isHead
    let conditions = known?.conditions ?? []
    request.headers += conditions
    let receiver = BoundedReceiver(limit: 0)
    do {
      for try await _ in http.send(request, to: receiver) {}
    } catch {
      // The receiver ends a transfer that has said enough.
      if receiver.head == nil { throw error as? FetchError ?? .connection("interrupted") }
    }
    guard let head = receiver.head else { throw .connection("the server gave no answer") }
    if head.status == 304, !conditions.isEmpty { return SourceState(version: known?.description, size: nil) }
    guard head.status == 200 else { throw .status(head.status, retryAfter: head.retryAfter) }
    let length = try head.contentLength()
    let found = HTTPValidators(etag: head.etag, lastModified: head.lastModified, date: head.date).version(length: length)
    if let found, let known, found.matches(known) { return SourceState(version: known.description, size: length) }
    return SourceState(version: found?.description, size: length)
  }

  /// The first `bytes` bytes of a source's content, tried again as a fetch is.
  public func head(_ source: HTTPSource, bytes: Int, expected: ExpectedContent) async throws(FetchError) -> ByteBuffer {
    var failures = 0
    while true {
      do throws(FetchError) {
        return try await headOnce(source, bytes, expected)
      } catch {
        failures += 1
        try await patiently(failures, error)
      }
    }
  }

  private func headOnce(_ source: HTTPSource, _ bytes: Int, _ expected: ExpectedContent) async throws(FetchError) -> ByteBuffer {
    var request = HTTPRequest(source, timeouts)
    request.headers.append(("Range", "bytes=0-\(bytes - 1)"))
    let receiver = BoundedReceiver(limit: bytes)
    do {
      for try await _ in http.send(request, to: receiver) {}
    } catch {
      // The receiver ends a transfer that has given enough.
      if receiver.content.count < bytes { throw error as? FetchError ?? .connection("interrupted") }
    }
    guard let head = receiver.head else { throw .connection("the server gave no answer") }
    guard head.status == 200 || head.status == 206 else { throw .status(head.status, retryAfter: head.retryAfter) }
    if head.status == 206, head.contentRange?.first != 0 {
      throw .answer("the server sends another part (206) than was asked for", isTransient: true)
    }
    try expected.check(codings: head.contentCodings)
    let content = receiver.content
    try expected.check(content.prefix(ExpectedContent.lookedAt), mediaType: head.mediaType)
    let buffer = ByteBuffer(capacity: content.count)
    buffer.append(content)
    return buffer
  }

  private func patiently(_ failures: Int, _ error: FetchError) async throws(FetchError) {
    do { try await pause(after: failures, error) } catch { throw error as? FetchError ?? .connection("interrupted") }
  }

  /// Waits before another try; throws `error` where none may help or none is left. A server's own wait is obeyed up to the
  /// longest of the backoff's.
  func pause(after failures: Int, _ error: FetchError) async throws {
    var wait = retry.backoff.wait(after: failures, random: .random(in: 0..<1))
    if error.isTransient, case .status(let code, let asked?) = error {
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
}

/// Keeps a response's head, and the first bytes of a good one's content.
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
