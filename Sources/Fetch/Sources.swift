import Configuration
import Foundation

/// The sources that there are.
package enum Sources {
  package static let all: [any Source.Type] = [FileSource.self, HTTPSource.self, S3Source.self]

  /// The source that answers to an address, or to a key; nil where none answers to its scheme.
  package static func answering(to address: String) -> (any Source.Type)? {
    let scheme = scheme(of: address)
    return all.first { $0.schemes.contains(scheme) }
  }

  /// The source with this name.
  package static func named(_ name: some StringProtocol) -> (any Source.Type)? { all.first { $0.page.name == name } }

  /// What stands before `://`, in lower case; empty where nothing does.
  static func scheme(of address: String) -> String {
    // Most texts are paths, of which there may be a million.
    guard address.utf8.contains(UInt8(ascii: ":")), let end = address.range(of: "://") else { return "" }
    return address[..<end.lowerBound].lowercased()
  }

  /// The schemes that people write.
  static var schemes: [String] { all.flatMap { $0.schemes }.filter { !$0.isEmpty } }

  /// The last part of a path, as a name that stays in its folder whatever it is put into.
  package static func itemName(path: String) -> String {
    let last = path.utf8.split(separator: 0x2F).last.map { String($0) ?? "item" } ?? "item"
    // Most names are as they should be, and looking at their characters takes time.
    if last.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x80 && $0 != 0x5C }), !last.hasPrefix(".") { return last }
    let safe = String(FileName.shown(last).map { $0 == "\0" || $0 == "/" || $0.isNewline ? "_" : $0 })
    return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe
  }
}
