import Synchronization

/// How long this run's downloads are, which nobody knows before: what comes will be like what came.
final class Downloads: Sendable {
  /// So many have to be alike.
  private static let least = 32
  private let seen = Mutex((count: 0, most: 0))

  func note(_ bytes: Int) {
    seen.withLock {
      $0.count += 1
      $0.most = max($0.most, bytes)
    }
  }

  /// What none was longer than, once there were enough.
  var usualBytes: Int? { seen.withLock { $0.count < Self.least ? nil : $0.most } }
}
