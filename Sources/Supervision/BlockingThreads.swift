import Dispatch
import Foundation
import Synchronization

/// Threads for calls that block (files, fsync, programs), so that Swift's cooperative threads never do.
///
/// An instance starts threads as jobs need them, up to its width, and keeps them until the process ends. Dispatch's threads do not serve:
/// it has one limit for the whole process, and calls that wait for a program could take the threads that files need.
///
/// It is a task executor as well: a task that does little but block can run on these threads from begin to end (``Conditions/blocking``).
public final class BlockingThreads: TaskExecutor, Sendable {
  /// Threads for reads and writes of files, at most 8 at once.
  public static let files = BlockingThreads(width: 8)
  /// Threads for conversations with programs. The width of 4096 is no limit in practice: each program holds a thread while it is asked.
  public static let programs = BlockingThreads(width: 4096)

  private struct State {
    /// The jobs, of which those before `next` are taken.
    var jobs: [(@Sendable () -> Void)?] = []
    var next = 0
    var running = 0
    var threads = 0
  }
  private let state = Mutex(State())
  private let available = DispatchSemaphore(value: 0)
  private let width: Int

  /// Makes an executor that has no thread yet, and never more than `width`.
  public init(width: Int) { self.width = width }

  /// Runs `body` on one of the threads. The caller's task suspends meanwhile and holds no thread; it can't be cancelled.
  ///
  /// - Throws: the errors of `body`.
  public func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      add { continuation.resume(with: Result { try body() }) }
    }
  }

  /// Runs a task's job on one of the threads, as `TaskExecutor` requires. The Swift runtime calls it.
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
