import Foundation

/// A file system, and the place where it is mounted (proc(5), `mountinfo`).
package struct Mount: Sendable, Hashable {
  /// The absolute path of its root.
  package let point: String
  /// The kind of file system, as the kernel calls it: `ext4`, `nfs4`, `tmpfs`.
  package let type: String

  /// Kinds whose files another machine has. SQLite's WAL works in none of them, since it needs memory that all processes share
  /// (sqlite.org/wal.html).
  private static let remoteTypes: Set<String> = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse",
  ]

  /// Whether another machine has its files.
  package var isRemote: Bool { Self.remoteTypes.contains(type) }

  /// Returns the file system of a path that exists; nil where the kernel does not tell.
  package static func holding(_ path: String) -> Mount? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    let place = String(cString: resolved)
    // Of two with one root the later covers the earlier.
    return all.filter { $0.point == "/" || place == $0.point || place.hasPrefix($0.point + "/") }
      .reduce(nil) { best, mount in best.map { mount.point.utf8.count >= $0.point.utf8.count } ?? true ? mount : best }
  }

  /// Whether a path is the root of a mount of its own, as a file that a container is given. No rename puts another file in its place.
  package static func isPoint(_ path: String) -> Bool {
    let place = OutputPlace.canonical(path)
    return all.contains { $0.point == place }
  }

  private static var all: [Mount] {
    mounts(FileManager.default.contents(atPath: "/proc/self/mountinfo").map { String(decoding: $0, as: UTF8.self) } ?? "")
  }

  /// Reads `mountinfo`. Its lines have the root as their fifth field, and the kind as the first behind a lone dash.
  package static func mounts(_ text: String) -> [Mount] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 5, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { return nil }
      return Mount(point: unescaped(fields[4]), type: String(fields[dash + 1]))
    }
  }

  /// Blanks, tabs, line ends and backslashes are written as a backslash and three octal digits.
  private static func unescaped(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = field.utf8[...]
    while let byte = rest.first {
      rest = rest.dropFirst()
      if byte == UInt8(ascii: "\\"), rest.count >= 3, let digits = String(rest.prefix(3)), let value = UInt8(digits, radix: 8) {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
