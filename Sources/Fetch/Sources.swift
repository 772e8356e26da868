import Configuration
import Foundation

/// The registry of sources.
package enum Sources {
  /// The sources, in the order in which `sluice list` has them.
  package static let all: [any Source.Type] = [FileSource.self, HTTPSource.self, S3Source.self]

  /// Returns the source for the scheme of an address or key; nil where none answers to it.
  package static func answering(to address: String) -> (any Source.Type)? {
    let scheme = scheme(of: address)
    return all.first { $0.schemes.contains(scheme) }
  }

  /// Returns the source of this name, as the ledger keeps it; nil where this build has none.
  package static func named(_ name: some StringProtocol) -> (any Source.Type)? { all.first { $0.page.name == name } }

  /// Returns the scheme before `://`, in lower case; empty where there is none.
  static func scheme(of address: String) -> String {
    // There may be a million of them: they are looked at byte by byte.
    var rest = address.utf8[...]
    while let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
      rest = rest[rest.index(after: colon)...]
      if rest.starts(with: "//".utf8) { return address[..<colon].lowercased() }
    }
    return ""
  }

  /// The schemes that users write.
  static var schemes: [String] { all.flatMap { $0.schemes }.filter { !$0.isEmpty } }

  /// Returns the last part of a path, as a name that stays in its folder wherever an output's path has it.
  package static func itemName(path: String) -> String {
    let last = path.utf8.split(separator: 0x2F).last.map { String($0) ?? "item" } ?? "item"
    // Most names are as they should be, and looking at their characters takes time.
    if last.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x80 && $0 != 0x5C }), !last.hasPrefix(".") { return last }
    let safe = String(FileName.shown(last).map { $0 == "\0" || $0 == "/" || $0.isNewline ? "_" : $0 })
    return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe
  }
}
