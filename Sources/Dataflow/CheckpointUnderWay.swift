import Synchronization

/// A checkpoint that is being made while its item goes on.
final class CheckpointUnderWay: Sendable {
  private let work: Task<Void, any Error>
  private let signal = Signal()

  /// Begins `body`, and calls `failed` with its error at once: the writer may not ask for the checkpoint's end for long.
  init(_ body: @escaping @Sendable () async throws -> Void, failed: @escaping @Sendable (any Error) -> Void) {
    work = Task { [signal] in
      defer { signal.set() }
      do {
        try await body()
      } catch {
        failed(error)
        throw error
      }
    }
  }

  private final class Signal: Sendable {
    private let value = Mutex(false)
    func set() { value.withLock { $0 = true } }
    var isSet: Bool { value.withLock { $0 } }
  }

  var isOver: Bool { signal.isSet }

  /// Waits for its end; throws what it failed with.
  func end() async throws { try await work.value }
}
