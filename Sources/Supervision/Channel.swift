/// An arrow between stages: an `AsyncStream` with a bound.
///
/// AsyncStream's own buffering drops elements when full. Here ``send(_:bytes:)`` takes a credit and suspends while there
/// is none; the receiver gives it back as it takes the element. Several tasks may iterate one channel: each element goes
/// to one of them. ``finish()`` ends them once what was sent is taken.
public final class Channel<Element: Sendable>: Sendable, AsyncSequence {
  fileprivate struct Message: Sendable {
    let element: Element
    let bytes: Int
  }
  private let stream: AsyncStream<Message>
  private let continuation: AsyncStream<Message>.Continuation
  private let credits: Credits

  /// - Parameters:
  ///   - messages: how many elements may wait in the channel.
  ///   - bytes: how large they may be together, by what ``send(_:bytes:)`` says of each.
  public init(messages: Int, bytes: Int = .max) {
    (stream, continuation) = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .unbounded)
    credits = Credits(messages: messages, bytes: bytes)
  }

  /// Hands an element on, after waiting for room.
  ///
  /// - Throws: `CancellationError` where the sender is cancelled as it waits, ``Closed`` after ``close()``.
  public func send(_ element: Element, bytes: Int = 0) async throws {
    try await credits.take(bytes: bytes)
    if case .terminated = continuation.yield(Message(element: element, bytes: bytes)) { throw Closed() }
  }

  /// Whether a sender would have to wait.
  public var isFull: Bool { credits.isUsedUp }

  /// How full it is, and of how much.
  public var fill: (messages: Int, of: Int) { credits.used }

  /// No more will be sent; receivers end after what is there.
  public func finish() { continuation.finish() }

  /// Nobody will receive any more: senders are woken with ``Closed``.
  public func close() {
    credits.close()
    continuation.finish()
  }

  public struct Iterator: AsyncIteratorProtocol {
    private var inner: AsyncStream<Message>.Iterator
    private let credits: Credits

    fileprivate init(_ inner: AsyncStream<Message>.Iterator, _ credits: Credits) {
      self.inner = inner
      self.credits = credits
    }

    public mutating func next() async -> Element? {
      guard let message = await inner.next() else { return nil }
      credits.give(bytes: message.bytes)
      return message.element
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(Never) -> Element? {
      guard let message = await inner.next(isolation: actor) else { return nil }
      credits.give(bytes: message.bytes)
      return message.element
    }
  }

  public func makeAsyncIterator() -> Iterator { Iterator(stream.makeAsyncIterator(), credits) }
}
