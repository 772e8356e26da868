import Definition
import Files
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Write

/// What of an item's beginning its dead letters need to be read again.
enum ReplayHeader {
  static func text(_ beginning: Beginning) -> String? { (try? JSONEncoder().encode(beginning)).map { String(decoding: $0, as: UTF8.self) } }
  static func beginning(_ text: String?) -> Beginning {
    text.flatMap { try? JSONDecoder().decode(Beginning.self, from: Data($0.utf8)) } ?? Beginning(bytes: 0, lines: 0)
  }
}
