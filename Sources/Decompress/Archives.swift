import Configuration
import Foundation

/// The registry of archives. To add one: a file beside this with a type that conforms to ``Archive``, and a line here.
package enum Archives {
  /// The archives, in the order in which `sluice list` and `decompress.archive` have them.
  package static let all: [any Archive.Type] = [
    ZipArchive.self
  ]

  /// Returns the archive of this name, as `decompress.archive` spells it; nil where there is none.
  package static func named(_ name: String) -> (any Archive.Type)? { all.first { $0.name == name } }

  /// Returns the archive that a file's name promises by its last ending, in upper or lower case; nil where it promises none.
  package static func promised(by fileName: String) -> (any Archive.Type)? {
    guard let dot = fileName.utf8.lastIndex(of: UInt8(ascii: ".")), dot > fileName.startIndex else { return nil }
    return byEnding[fileName[fileName.utf8.index(after: dot)...].lowercased()]
  }

  private static let byEnding: [String: any Archive.Type] = Dictionary(
    all.flatMap { archive in archive.page.endings.map { ($0, archive) } }, uniquingKeysWith: { first, _ in first })

  /// The most members that an archive may have.
  static let mostMembers = 1_000_000
}

/// A pattern for the names of members (`decompress.members`), by the rules of glob(7). One without a slash is for the last part of a name,
/// in any folder. In one with a slash each part is for one part of the name, and `**` for any number of them.
package struct MemberPattern: Sendable, Hashable {
  private let parts: [String]
  private let isForNames: Bool

  /// Makes a pattern from its text. Every text is a pattern.
  package init(_ text: String) {
    parts = text.split(separator: "/").map(String.init)
    isForNames = !text.contains("/")
  }

  /// Whether a member's name matches, with its folders: `2026/orders.csv`.
  package func matches(_ name: String) -> Bool {
    let names = name.split(separator: "/").map(String.init)
    return PathGlob.matches(parts, isForNames ? names.suffix(1) : names, flags: FNM_PERIOD)
  }
}
