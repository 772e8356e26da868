import Files
import Configuration
import Foundation

/// Opens files that are sources. It refuses a named pipe, a device, a socket or a folder before it opens it: to open one may wait for ever,
/// or do something.
public enum SourceFile {
  /// Returns the status of the file at a path, links followed; nil where there is none, or it can't be asked for.
  public static func status(_ path: String) -> stat? {
    var status = stat()
    return FileName.withBytes(path) { stat($0, &status) } == 0 ? status : nil
  }

  /// Opens a regular file for reading. The caller closes the descriptor.
  static func open(_ path: String) throws(FetchError) -> Int32 {
    var status = stat()
    guard FileName.withBytes(path, { stat($0, &status) }) == 0 else { throw .file(FileName.shown(path), code: errno) }
    try requireFile(path, status)
    let descriptor = FileName.withBytes(path) { Foundation.open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
    guard descriptor >= 0 else { throw .file(FileName.shown(path), code: errno) }
    return descriptor
  }

  static func requireFile(_ path: String, _ status: stat) throws(FetchError) {
    let kind = FileStatus.Kind(status.st_mode)
    guard kind == .regular else { throw .notAFile(FileName.shown(path), kind) }
  }
}
