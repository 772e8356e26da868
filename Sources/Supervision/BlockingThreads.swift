import Dispatch
import Foundation
import Synchronization

/// Threads for calls that block (files, fsync, programs), so that Swift's cooperative threads never do.
///
/// They are its own: Dispatch has only so many for all, and calls that wait for a program could take those that files need.
/// Tasks that do little but block can be run on them as a whole: then they need not go to and fro.
public final class BlockingThreads: TaskExecutor, Sendable {
  /// For file reads and writes; at most `width` at once.
  public static let files = BlockingThreads(width: 8)
  /// For conversations with programs.
  public static let programs = BlockingThreads(width: 4096)

  private struct State {
    /// Those before `next` have been taken.
    var jobs: [(@Sendable () -> Void)?] = []
    var next = 0
    var running = 0
    var threads = 0
  }
  private let state = Mutex(State())
  private let available = DispatchSemaphore(value: 0)
  private let width: Int

  public init(width: Int) { self.width = width }

  /// Runs `body` on a thread that may block, and waits for it without holding one.
  public func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      add { continuation.resume(with: Result { try body() }) }
    }
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    add { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  private func add(_ job: @escaping @Sendable () -> Void) {
    let isThreadWanted = state.withLock { state in
      state.jobs.append(job)
      guard state.jobs.count - state.next + state.running > state.threads, state.threads < width else { return false }
      state.threads += 1
      return true
    }
    if isThreadWanted {
      let thread = Thread { [self] in serve() }
      thread.stackSize = 512 << 10
      thread.start()
    }
    available.signal()
  }

  private func serve() {
    while true {
      available.wait()
      let job = state.withLock { state in
        let job = state.jobs[state.next]
        state.jobs[state.next] = nil
        state.next += 1
        state.running += 1
        if state.next == state.jobs.count || state.next > 64 {
          state.jobs.removeFirst(state.next)
          state.next = 0
        }
        return job
      }
      job?()
      state.withLock { $0.running -= 1 }
    }
  }
}
