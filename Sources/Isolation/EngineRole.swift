import Foundation

/// The role of this process: an engine under a ``ParentProcess``, or a command that does its own work.
///
/// A parent says so by the command's first word, since programs inherit an environment and users set it.
package enum EngineRole {
  private struct Own {
    let restart: Int
    let since: Int64
  }

  private static let name = "--engine-of="

  /// The role that the command's first word gives; nil without one. A word that does not name this process's parent is not believed.
  private static let own: Own? = {
    guard let word = CommandLine.arguments.dropFirst().first, word.hasPrefix(name) else { return nil }
    let numbers = word.dropFirst(name.count).split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
    guard numbers.count == 3, let parent = numbers[0], let restart = numbers[1], let since = numbers[2], parent == getppid() else {
      return nil
    }
    return Own(restart: Int(restart), since: since)
  }()

  /// The word that makes a child of this process its engine.
  ///
  /// - Parameters:
  ///   - restart: the number of engines before this one.
  ///   - since: the parent's start, as ``Board/milliseconds()`` counts.
  static func argument(restart: Int, since: Int64) -> String { "\(name)\(getpid()):\(restart):\(since)" }

  /// Whether this process is an engine under a parent.
  package static let isEngine = own != nil

  /// The command line's words, without the parent's.
  package static let arguments = Array(CommandLine.arguments.dropFirst(isEngine ? 2 : 1))

  /// The start of the command; engines that are started again have their parent's.
  package static let started: ContinuousClock.Instant = .now - .milliseconds(own.map { max(0, Board.milliseconds() - $0.since) } ?? 0)

  /// The number of engines that the parent has started before this one; nil in a process without a parent.
  package static let restart = own?.restart

  /// Whether this engine goes on with the work of one that died.
  package static let isStartedAgain = own.map { $0.restart > 0 } ?? false

  /// The process that a user started: this one, or an engine's parent.
  package static var command: Int32 { isEngine ? getppid() : getpid() }
}
