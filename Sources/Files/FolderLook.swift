import Foundation

/// A look at a folder in which files are to be made. The folder need not be there; nothing is made.
package struct FolderLook: Sendable {
  /// The folder itself, or the nearest one above it that is there.
  package private(set) var existing: String
  /// Whether the folder itself is there.
  package private(set) var isThere = true
  /// The failure that a file or folder in ``existing`` would meet; nil where the process may make one.
  package private(set) var failure: SystemFailure?
  /// How many bytes this user may still write there.
  package private(set) var freeBytes = 0
  /// Whether the file system takes no further file.
  package private(set) var hasNoFileLeft = false
  /// The file system of ``existing``; nil where the kernel does not tell.
  package private(set) var mount: Mount?

  /// Looks at the folder of this path.
  package init(_ path: String) {
    existing = path
    var status = stat()
    while stat(existing, &status) != 0 {
      let code = errno
      let above = SystemCall.folder(of: existing)
      var own = stat()
      // A link that leads nowhere has the name that a folder would need.
      guard code == ENOENT, above != existing, lstat(existing, &own) != 0 else {
        failure = SystemFailure(code: code)
        return
      }
      isThere = false
      existing = above
    }
    guard FileStatus(status).kind == .folder else {
      failure = SystemFailure(code: ENOTDIR)
      return
    }
    if access(existing, W_OK | X_OK) != 0 { failure = SystemFailure(code: errno) }
    var space = statvfs()
    if statvfs(existing, &space) == 0 {
      freeBytes = Int(clamping: UInt64(space.f_bavail).multipliedReportingOverflow(by: UInt64(space.f_frsize)).partialValue)
      hasNoFileLeft = space.f_files > 0 && space.f_favail == 0
    }
    mount = Mount.holding(existing)
  }
}
