import Synchronization

/// A sign of life that a worker gives as it gets on with its unit.
public final class Heartbeat: Sendable {
  /// What a worker waits for.
  public enum Want: Sendable {
    /// What the stage before it makes.
    case input
    /// Room for what it has made.
    case room
    /// Something outside, as a server or a pause.
    case other
  }

  private struct State {
    var last: Duration
    var waits = 0
    var want: Want?
  }
  private let state: Mutex<State>
  private let now: @Sendable () -> Duration

  public init(_ conditions: Conditions = .system) {
    now = conditions.now
    state = Mutex(State(last: conditions.now()))
  }

  /// The unit made progress.
  public func beat() {
    let now = now()
    state.withLock { $0.last = now }
  }

  /// From here on until ``resume()`` standing still is no fault of the worker's.
  public func pause() { state.withLock { $0.waits += 1 } }

  /// Standing still is the worker's fault again, counted from now where nothing else is paused.
  public func resume() {
    let now = now()
    state.withLock {
      $0.waits -= 1
      $0.last = now
    }
  }

  /// Runs `body`, during which standing still is no fault of the worker's: it waits for room or for its input.
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

  /// What the worker waits for; nil while it works.
  var want: Want? { state.withLock { $0.want } }

  /// How long the worker has stood still; nil while it waits.
  func stillness(at now: Duration) -> Duration? { state.withLock { $0.waits == 0 ? now - $0.last : nil } }
}

/// Looks after heartbeats: one that stands still for too long is told so, and told again where that brought no end.
///
/// It has a thread of its own, since what stands still may hold Swift's.
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

  /// Watches until what is returned is called.
  func start() -> @Sendable () -> Void {
    conditions.every(min(limit, grace) / 4) { [self] in check() }
  }

  func watch(
    _ id: UInt64, _ heartbeat: Heartbeat, stalled: @escaping @Sendable () -> Void, stuck: @escaping @Sendable () -> Void
  ) {
    entries.withLock { $0[id] = Entry(heartbeat: heartbeat, stalled: stalled, stuck: stuck) }
  }

  /// The unit's worker was told to end, for whatever reason: it has the grace to do so.
  func told(_ id: UInt64) {
    let now = conditions.now()
    entries.withLock { if case .watched? = $0[id]?.phase { $0[id]?.phase = .told(now) } }
  }

  func forget(_ id: UInt64) { entries.withLock { $0[id] = nil } }

  /// What the workers that have a unit wait for, one for each.
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

/// A unit's worker made no progress for the watchdog's time.
public struct Stalled: Error, Sendable, CustomStringConvertible {
  public let limit: Duration
  public var description: String { "no progress for \(limit.formatted)" }
}

/// A worker was told to end and did not.
public struct Stuck: Error, Sendable, CustomStringConvertible {
  public let grace: Duration
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
