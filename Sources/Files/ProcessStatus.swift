import Foundation

/// Other processes of this machine.
package enum ProcessStatus {
  /// Whether no process has this number, or only one that has ended and waits for its parent to notice.
  package static func isGone(_ process: Int32) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
    // The state follows the name, which may hold anything but ends at the last parenthesis: proc(5).
    return status.split(separator: ")").last?.hasPrefix(" Z") == true
  }
}
