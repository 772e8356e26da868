import Configuration
import Foundation

/// The archives there are. To add one: a file beside this with a type that conforms to ``Archive``, and a line here.
package enum Archives {
  package static let all: [any Archive.Type] = [
    ZipArchive.self
  ]

  package static func named(_ name: String) -> (any Archive.Type)? { all.first { $0.name == name } }

  /// The archive that a file's name promises, by its last ending.
  package static func promised(by fileName: String) -> (any Archive.Type)? {
    let ending = (fileName as NSString).pathExtension.lowercased()
    return all.first { $0.page.endings.contains(ending) }
  }

  /// Members that are taken of an archive at most.
  package static let mostMembers = 1_000_000
}

/// A pattern for the names of members (`decompress.members`): glob(7). One without a slash is for the last part of a name, in whatever folder;
/// in one with a slash each part is for one part of the name, and `**` for any number of them.
package struct MemberPattern: Sendable, Hashable {
  private let parts: [String]
  private let isForNames: Bool

  package init(_ text: String) {
    parts = text.split(separator: "/").map(String.init)
    isForNames = !text.contains("/")
  }

  package func matches(_ name: String) -> Bool {
    let names = name.split(separator: "/").map(String.init)
    return isForNames ? Self.match(parts[...], names.suffix(1)) : Self.match(parts[...], names[...])
  }

  private static func match(_ parts: ArraySlice<String>, _ names: ArraySlice<String>) -> Bool {
    guard let part = parts.first else { return names.isEmpty }
    if part == "**" { return (names.startIndex...names.endIndex).contains { match(parts.dropFirst(), names[$0...]) } }
    guard let name = names.first, FileName.withBytes(name, { fnmatch(part, $0, FNM_PERIOD) == 0 }) else { return false }
    return match(parts.dropFirst(), names.dropFirst())
  }
}
