import Configuration
import Fetch
import Foundation
import Ledger

extension StateFolder {
  /// The name of an item's files in the spool, without their endings.
  package static func spoolName(key: String) -> String { String(Digest.of(key).prefix(40)) }

  /// The path of an item's files in the spool, without their endings.
  package func spoolPath(pipeline: String, key: String) -> String { spoolFolder(pipeline: pipeline) + "/" + Self.spoolName(key: key) }

  /// A command about this folder, as a user types it.
  ///
  /// - Parameter anywhere: whether it has to work in any folder; else it is as short as it can be in the present one.
  package func command(_ words: String..., anywhere: Bool = false) -> String {
    let whole = URL(fileURLWithPath: path).standardizedFileURL.path
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath).standardizedFileURL.path
    var words = ["sluice"] + words
    if anywhere {
      words += ["--state", whole]
    } else if whole != here + "/.sluice" {
      words += ["--state", whole.hasPrefix(here + "/") ? String(whole.dropFirst(here.count + 1)) : whole]
    }
    return words.map(ShellText.word).joined(separator: " ")
  }
}
