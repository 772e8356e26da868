/// The supervisor above the stages: starts its children in order, restarts by its strategy those that fail, and gives up when that happens
/// too often.
///
/// A child that returns is done, and is not started again. One that throws has failed; those that the strategy restarts with it are
/// cancelled, the last first, and started again in order (OTP, Supervisor Behaviour).
public struct Supervisor: Sendable {
  /// Work that a supervisor starts, with its name for events and errors.
  public struct Child: Sendable {
    let name: String
    let run: @Sendable () async throws -> Void

    /// Makes a child from a body that returns when its work is done and throws when it fails. The supervisor may call it several times.
    public init(_ name: String, run: @escaping @Sendable () async throws -> Void) {
      self.name = name
      self.run = run
    }
  }

  private struct Ended: Sendable {
    let child: Int
    let start: Int
    let result: Result<Void, any Error>
  }

  private let name: String
  private let policy: RestartPolicy
  private let conditions: Conditions
  private let event: @Sendable (SupervisionEvent) -> Void

  /// Makes a supervisor that has no children yet; ``run(_:)`` gives it some.
  ///
  /// - Parameter event: takes each event; the worker's number in it is the child's place.
  public init(
    _ name: String, policy: RestartPolicy, conditions: Conditions = .system, event: @escaping @Sendable (SupervisionEvent) -> Void
  ) {
    self.name = name
    self.policy = policy
    self.conditions = conditions
    self.event = event
  }

  /// Runs the children until each is done.
  ///
  /// - Throws: ``GaveUp`` after too many failures, `CancellationError` where the caller's task is cancelled. By then all children have
  ///   ended.
  public func run(_ children: [Child]) async throws {
    let (ends, mailbox) = AsyncStream.makeStream(of: Ended.self)
    var restarts = RestartState(policy)
    var running: [Int: (start: Int, task: Task<Void, Never>)] = [:]
    var starts = 0

    func start(_ child: Int) {
      starts += 1
      let start = starts
      let body = children[child].run
      let task = conditions.task {
        do {
          try await body()
          mailbox.yield(Ended(child: child, start: start, result: .success(())))
        } catch {
          mailbox.yield(Ended(child: child, start: start, result: .failure(error)))
        }
      }
      running[child] = (start, task)
    }
    /// Ends children, the last first, and says which they were.
    func stop(where isMeant: (Int) -> Bool = { _ in true }) async -> [Int] {
      let stopped = running.keys.filter(isMeant).sorted(by: >)
      for child in stopped {
        guard let (_, task) = running.removeValue(forKey: child) else { continue }
        task.cancel()
        await task.value
      }
      return stopped
    }

    for child in children.indices { start(child) }
    for await ended in ends {
      guard running[ended.child]?.start == ended.start else { continue }
      running[ended.child] = nil
      if case .failure(let error) = ended.result {
        let cause = "\(children[ended.child].name): \(error)"
        event(SupervisionEvent(pool: name, worker: ended.child, kind: .failed(cause: cause, attempt: 1)))
        guard case .restart(let wait) = restarts.failed(at: conditions.now(), random: conditions.random()) else {
          event(SupervisionEvent(pool: name, worker: ended.child, kind: .gaveUp(cause: cause)))
          _ = await stop()
          throw GaveUp(pool: name, last: cause)
        }
        let others = await stop { policy.strategy.restarts($0, with: ended.child) }
        event(SupervisionEvent(pool: name, worker: ended.child, kind: .restarted(after: wait, attempt: 1)))
        do {
          try await conditions.sleep(wait)
        } catch {
          break
        }
        for child in ([ended.child] + others).sorted() { start(child) }
      }
      if running.isEmpty { return }
    }
    _ = await stop()
    throw CancellationError()
  }
}
