import Synchronization

/// A sign of life that a worker gives as it gets on with its unit. A worker that gives none for the watchdog's time is told to end.
public final class Heartbeat: Sendable {
  /// The thing that a worker waits for.
  public enum Want: Sendable {
    /// The output of the stage before it.
    case input
    /// The next stage has to take output first.
    case room
    /// Something outside, such as a server or a pause.
    case other
  }

  private struct State {
    var last: Duration
    var waits = 0
    var want: Want?
  }
  private let state: Mutex<State>
  private let now: @Sendable () -> Duration

  /// Makes a heartbeat that begins now, on the clock of these conditions.
  public init(_ conditions: Conditions = .system) {
    now = conditions.now
    state = Mutex(State(last: conditions.now()))
  }

  /// Tells that the unit made progress: the watchdog's time begins anew.
  public func beat() {
    let now = now()
    state.withLock { $0.last = now }
  }

  /// Stops the watchdog's clock until ``resume()``: the worker waits for something that is not its fault. Pauses nest.
  public func pause() { state.withLock { $0.waits += 1 } }

  /// Ends a pause. When the last one ends, the watchdog's time begins anew.
  public func resume() {
    let now = now()
    state.withLock {
      $0.waits -= 1
      $0.last = now
    }
  }

  /// Runs `body` as a pause, and notes what the worker waits for, which ``WorkerPool/activity`` counts.
  ///
  /// - Throws: the errors of `body`.
  public func waiting<T: Sendable>(for want: Want, _ body: () async throws -> T) async rethrows -> T {
    let before = state.withLock { state in
      defer {
        state.waits += 1
        state.want = want
      }
      return state.want
    }
    defer {
      state.withLock { $0.want = before }
      resume()
    }
    return try await body()
  }

  /// The thing that the worker waits for; nil while it works.
  var want: Want? { state.withLock { $0.want } }

  /// The time since the last sign of progress; nil during a pause.
  func stillness(at now: Duration) -> Duration? { state.withLock { $0.waits == 0 ? now - $0.last : nil } }
}

/// Watches heartbeats. It tells a worker to end that makes no progress for too long, and reports it as stuck where it does not end.
///
/// It has a thread of its own, since a worker that does not get on may hold Swift's.
final class Watchdog: Sendable {
  private enum Phase {
    case watched
    /// Told to end, at this time.
    case told(Duration)
    case stuck
  }
  private struct Entry {
    let heartbeat: Heartbeat
    var phase = Phase.watched
    let stalled: @Sendable () -> Void
    let stuck: @Sendable () -> Void
  }
  private let limit: Duration
  private let grace: Duration
  private let conditions: Conditions
  private let entries = Mutex<[UInt64: Entry]>([:])

  init(limit: Duration, grace: Duration, _ conditions: Conditions) {
    self.limit = limit
    self.grace = grace
    self.conditions = conditions
  }

  /// Begins to watch. Call the closure that it returns to end this.
  func start() -> @Sendable () -> Void {
    conditions.every(min(limit, grace) / 4) { [self] in check() }
  }

  func watch(
    _ id: UInt64, _ heartbeat: Heartbeat, stalled: @escaping @Sendable () -> Void, stuck: @escaping @Sendable () -> Void
  ) {
    entries.withLock { $0[id] = Entry(heartbeat: heartbeat, stalled: stalled, stuck: stuck) }
  }

  /// Notes that the unit's worker was told to end, for whatever reason: it has the grace to do so.
  func told(_ id: UInt64) {
    let now = conditions.now()
    entries.withLock { if case .watched? = $0[id]?.phase { $0[id]?.phase = .told(now) } }
  }

  func forget(_ id: UInt64) { entries.withLock { $0[id] = nil } }

  /// The wants of all workers that have a unit.
  var wants: [Heartbeat.Want?] { entries.withLock { $0.values.map(\.heartbeat.want) } }

  private func check() {
    let now = conditions.now()
    let due = entries.withLock { entries in
      var due: [@Sendable () -> Void] = []
      for (id, entry) in entries {
        switch entry.phase {
        case .watched:
          guard let stillness = entry.heartbeat.stillness(at: now), stillness > limit else { continue }
          entries[id]?.phase = .told(now)
          due.append(entry.stalled)
        case .told(let since):
          guard now - since > grace else { continue }
          entries[id]?.phase = .stuck
          due.append(entry.stuck)
        case .stuck: continue
        }
      }
      return due
    }
    for tell in due { tell() }
  }
}

/// The error of a unit whose worker made no progress for the watchdog's time.
public struct Stalled: Error, Sendable, CustomStringConvertible {
  /// The watchdog's time that was passed.
  public let limit: Duration
  /// The sentence for logs and dead letters, with the time.
  public var description: String { "no progress for \(limit.formatted)" }
}

/// The error of a unit whose worker was told to end and did not.
public struct Stuck: Error, Sendable, CustomStringConvertible {
  /// The grace that was passed.
  public let grace: Duration
  /// The sentence for logs and dead letters, with the time.
  public var description: String { "it was told to end and had not after \(grace.formatted)" }
}

extension Duration {
  /// In seconds, or in milliseconds below one.
  var formatted: String {
    let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    return milliseconds < 1000
      ? "\(milliseconds) ms" : milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(Double(milliseconds) / 1000) s"
  }
}
