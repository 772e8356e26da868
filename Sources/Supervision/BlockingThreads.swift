import Dispatch

/// Threads for calls that block (files, fsync), so that Swift's cooperative threads never do.
public struct BlockingThreads: Sendable {
  /// For file reads and writes; at most `width` at once.
  public static let files = BlockingThreads(width: 8)

  private let queue = DispatchQueue(label: "sluice.blocking", attributes: .concurrent)
  private let credits: Credits

  public init(width: Int) { credits = Credits(messages: width) }

  /// Runs `body` on a thread that may block, and waits for it without holding one.
  public func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await credits.take()
    defer { credits.give() }
    return try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result { try body() }) }
    }
  }
}
