import Foundation
import Supervision

/// The message of an engine to its parent, once it has loaded its definition: the paths of its board and of the crash record, and its restart
/// policy.
package struct EngineLink: Codable, Sendable {
  /// The path of the engine's ``Board``.
  package let board: String
  /// The path of the ``CrashRecord``.
  let crashes: String
  let policy: RestartPolicy

  /// The descriptor that the parent gave.
  private static let descriptor: Int32 = 3

  /// Tells the parent; nothing where there is none.
  func send() {
    guard EngineRole.isEngine, let data = try? JSONEncoder().encode(self) else { return }
    let bytes = Array(data) + [0x0A]
    // A pipe takes so little at once.
    _ = write(Self.descriptor, bytes, bytes.count)
    _ = fcntl(Self.descriptor, F_SETFD, FD_CLOEXEC)
  }

  /// Reads the engine's message; nil until the engine has sent it.
  static func read(_ descriptor: Int32) -> EngineLink? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Foundation.read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return try? JSONDecoder().decode(EngineLink.self, from: Data(bytes.prefix(count).prefix { $0 != 0x0A }))
  }
}
