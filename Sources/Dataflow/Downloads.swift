import Synchronization

/// The lengths of this run's downloads, by which the lengths of the next ones are guessed.
final class Downloads: Sendable {
  /// The number of downloads that a guess needs.
  private static let least = 32
  private let seen = Mutex((count: 0, most: 0))

  func note(_ bytes: Int) {
    seen.withLock {
      $0.count += 1
      $0.most = max($0.most, bytes)
    }
  }

  /// The length of the longest so far, in bytes; nil until there were enough.
  var usualBytes: Int? { seen.withLock { $0.count < Self.least ? nil : $0.most } }
}
