import Synchronization

/// Checks an answer against the request, and hands its content on as libcurl brings it.
final class HTTPAnswer: HTTPReceiver {
  /// The content that was asked for.
  enum Asked: Sendable {
    case whole
    /// Some bytes, of any version.
    case part(ReadRequest)
    /// The rest of content with these validators.
    case rest(of: HTTPValidators?, ReadRequest)
  }

  private struct State {
    var head: HTTPHead?
    var isAccepted = false
    var isStopped = false
    var isRefused = false
    var failure: FetchError?
  }
  private let state = Mutex(State())
  private let asked: Asked
  private let receiver: any ContentReceiver

  init(_ asked: Asked, _ receiver: any ContentReceiver) {
    self.asked = asked
    self.receiver = receiver
  }

  var head: HTTPHead? { state.withLock { $0.head } }
  /// Whether the content is the one that was asked for.
  var isAccepted: Bool { state.withLock { $0.isAccepted } }
  /// Whether the receiver wanted no more.
  var isStopped: Bool { state.withLock { $0.isStopped } }
  /// Whether the answer's content does not continue the known one.
  var isRefused: Bool { state.withLock { $0.isRefused } }
  /// The reason why the answer can't be used.
  var failure: FetchError? { state.withLock { $0.failure } }

  func begin(_ head: HTTPHead) -> Bool {
    state.withLock { state in
      state.head = head
      do throws(FetchError) {
        guard let content = try content(head) else { return true }
        state.isAccepted = true
        state.isStopped = !receiver.begin(content)
        return !state.isStopped
      } catch {
        state.failure = error
        if case .rest = asked, head.status == 206 { state.isRefused = true }
        return false
      }
    }
  }

  /// The head of the content; nil where the answer has none that was asked for.
  private func content(_ head: HTTPHead) throws(FetchError) -> ContentHead? {
    var content = ContentHead()
    let validators = HTTPValidators(head)
    switch (head.status, asked) {
    case (200, _):
      content.total = try head.contentLength()
      content.end = content.total
    case (206, .rest(let known, let request)):
      let range = try Self.continuation(head, known, request)
      (content.start, content.end, content.total) = (range.first, range.last + 1, range.total)
    case (206, .part(let request)):
      guard let range = head.contentRange, range.first == request.from else {
        throw .answer("the server sends another part (206) than was asked for", isTransient: true)
      }
      (content.start, content.total) = (range.first, range.total)
    default: return nil
    }
    content.version = validators.version(length: content.total)?.description
    content.token = validators.strong == nil ? nil : validators.token
    content.mediaType = head.mediaType
    content.codings = head.contentCodings
    return content
  }

  /// The range that a 206 holds, where it goes on with the bytes of what is known (RFC 9110 §15.3.7).
  ///
  /// - Throws: ``FetchError/answer(_:isTransient:)``.
  private static func continuation(
    _ head: HTTPHead, _ known: HTTPValidators?, _ request: ReadRequest
  ) throws(FetchError) -> HTTPHead.ContentRange {
    func no(_ words: String) -> FetchError { .answer("the server sends a part (206) \(words)", isTransient: true) }
    guard var range = head.contentRange else { throw no("and does not say which: its Content-Range is missing or unreadable") }
    guard range.first == request.from else { throw no("from byte \(range.first) on, and was asked for byte \(request.from)") }
    if let total = range.total, let known = request.total, total != known { throw no("of \(total) bytes; before it was \(known)") }
    range.total = range.total ?? request.total
    guard let total = range.total, range.last < total else { throw no("and does not say how long the whole is") }
    if let count = try head.contentLength(), count != range.last - range.first + 1 {
      throw no("of \(range.last - range.first + 1) bytes by its Content-Range, and of \(count) by its Content-Length")
    }
    if let etag = head.etag, etag != known?.etag { throw no("of another version") }
    if head.etag == nil, let modified = head.lastModified, modified != known?.lastModified { throw no("of another version") }
    return range
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard isAccepted else { return true }
    let goesOn = receiver.receive(bytes)
    if !goesOn { state.withLock { $0.isStopped = true } }
    return goesOn
  }
}

extension HTTPClient {
  /// Asks for content once.
  ///
  /// - Parameters:
  ///   - receiver: takes the answer from the client: `answer`, or a receiver that passes it on to that.
  ///   - progress: called on the caller's task. Its error ends the reading, and is thrown before any other.
  /// - Returns: nil where the answer has no content, and its status gives the reason.
  /// - Throws: ``FetchError``, and the errors of `progress`.
  func read(
    _ request: HTTPRequest, to receiver: any HTTPReceiver, _ answer: HTTPAnswer, _ progress: () async throws -> Void
  ) async throws -> ReadEnd? {
    var thrown: (any Error)?
    var broken: FetchError?
    do {
      for try await _ in send(request, to: receiver) {
        do { try await progress() } catch {
          thrown = error
          throw error
        }
      }
    } catch let error as FetchError {
      if let thrown { throw thrown }
      broken = error
    }
    // An answer without content ends like a good one, whatever its head says.
    if answer.isRefused { return .cannotContinue }
    if answer.isStopped { return .stopped }
    if let failure = answer.failure ?? broken { throw failure }
    return answer.isAccepted ? .whole : nil
  }
}
