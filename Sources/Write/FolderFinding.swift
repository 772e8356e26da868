import Configuration
import Files
import Foundation

extension Finding {
  /// The room that a folder of outputs or of state has to have, in bytes: what one checkpoint may write.
  private static let leastRoom = 32_000_000

  /// Finds whether files can be made in a folder, which need not be there itself.
  ///
  /// - Parameters:
  ///   - path: the folder, absolute.
  ///   - shown: the folder as the user knows it.
  ///   - owner: the thing that is to be in it, as it is shown.
  package static func folder(_ path: String, shown: String, of owner: String) -> Finding {
    let look = FolderLook(path)
    let folder = "\(owner): the folder \(shown)"
    if let failure = look.failure {
      let place = look.existing == path ? "it" : look.existing
      let remedy =
        switch failure.code {
        case EACCES, EPERM, EROFS: "make it writable for the user that runs sluice"
        case ENOTDIR: "a folder has to stand there; give the path another name"
        default: "look at it with ls -ld"
        }
      return Finding(folder, problem: "\(place) can't be written to: \(String(cString: strerror(failure.code)))", remedy: remedy)
    }
    let room = SizeText.of(look.freeBytes)
    guard look.freeBytes >= leastRoom, !look.hasNoFileLeft else {
      let problem = look.hasNoFileLeft ? "its file system takes no further file" : "there are only \(room) left"
      return Finding(folder, problem: problem, remedy: "make room; a checkpoint alone may write \(SizeText.of(leastRoom))")
    }
    let state = look.isThere ? "can be written to" : "is not there, and can be made"
    return Finding("\(folder) \(state); \(room) are free\(look.mount.map { " (\($0.type))" } ?? "")")
  }
}
