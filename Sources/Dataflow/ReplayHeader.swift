import Foundation
import Parse

/// The part of an item's prologue that reading its dead letters again needs. The ledger keeps it with the first of them.
package enum ReplayHeader {
  /// The prologue as the ledger keeps it.
  package static func text(_ prologue: Prologue) -> String? {
    (try? JSONEncoder().encode(prologue)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The prologue that the ledger kept; an empty one where it kept none.
  package static func prologue(_ text: String?) -> Prologue {
    text.flatMap { try? JSONDecoder().decode(Prologue.self, from: Data($0.utf8)) } ?? Prologue(bytes: 0, lines: 0)
  }

  /// The header as it stands in the item; nothing where there is none.
  package static func bytes(_ text: String?) -> [UInt8] { Array(prologue(text).text) }
}
