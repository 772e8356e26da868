/// A bounded queue between two stages, on top of an `AsyncStream`.
///
/// AsyncStream drops elements when its buffer is full. Here ``send(_:bytes:)`` takes a credit first and suspends while there is none; the
/// receiver gives it back when it takes the element. Several tasks may iterate one channel: each element goes to one of them. After
/// ``finish()`` they take the elements that are left, and end.
public final class Channel<Element: Sendable>: Sendable, AsyncSequence {
  fileprivate struct Message: Sendable {
    let element: Element
    let bytes: Int
  }
  private let stream: AsyncStream<Message>
  private let continuation: AsyncStream<Message>.Continuation
  private let credits: Credits

  /// Makes an empty channel.
  ///
  /// - Parameters:
  ///   - messages: how many elements may wait in the channel, at least 1.
  ///   - bytes: the bound of their sizes' sum, in bytes, by the sizes that ``send(_:bytes:)`` gives. A larger element goes alone.
  public init(messages: Int, bytes: Int = .max) {
    (stream, continuation) = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .unbounded)
    credits = Credits(messages: messages, bytes: bytes)
  }

  /// Puts an element into the channel, after it has waited for room.
  ///
  /// - Parameter bytes: the element's size, which counts against the channel's bound in bytes.
  /// - Throws: `CancellationError` where the sender's task is cancelled while it waits, ``Closed`` after ``close()`` or ``finish()``.
  public func send(_ element: Element, bytes: Int = 0) async throws {
    try await credits.take(bytes: bytes)
    if case .terminated = continuation.yield(Message(element: element, bytes: bytes)) { throw Closed() }
  }

  /// Whether a sender would have to wait: the bound in messages or the one in bytes is reached.
  public var isFull: Bool { credits.isUsedUp }

  /// The number of elements that wait in the channel, and the most that may.
  public var fill: (messages: Int, of: Int) { credits.used }

  /// Ends the channel for receivers once they have taken the elements in it. The sender calls it, after its last element.
  public func finish() { continuation.finish() }

  /// Ends the channel for senders: those that wait, and those that come later, get ``Closed``. The receiving side calls it when it takes no
  /// more.
  public func close() {
    credits.close()
    continuation.finish()
  }

  /// Takes elements for one task. Do not cancel a task that waits in it: an AsyncStream then ends for all of its readers.
  public struct Iterator: AsyncIteratorProtocol {
    private var inner: AsyncStream<Message>.Iterator
    private let credits: Credits

    fileprivate init(_ inner: AsyncStream<Message>.Iterator, _ credits: Credits) {
      self.inner = inner
      self.credits = credits
    }

    /// Takes the next element and gives its credit back; nil once the channel is finished and empty.
    public mutating func next() async -> Element? {
      guard let message = await inner.next() else { return nil }
      credits.give(bytes: message.bytes)
      return message.element
    }

    /// Takes the next element and gives its credit back, without leaving the caller's actor; nil once the channel is finished and empty.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(Never) -> Element? {
      guard let message = await inner.next(isolation: actor) else { return nil }
      credits.give(bytes: message.bytes)
      return message.element
    }
  }

  /// Makes an iterator. All iterators of a channel share its elements.
  public func makeAsyncIterator() -> Iterator { Iterator(stream.makeAsyncIterator(), credits) }
}
