import Files
import Foundation

/// A ledger that can't be opened, read or written: which it is, what is wrong with it, and the remedy.
package struct LedgerError: Error, Sendable, CustomStringConvertible {
  /// The ledger, or the file beside it, as its user gave it.
  package let place: String
  /// The fault and its remedy, in one sentence.
  package let reason: String

  /// Makes an error of a ledger with a reason in words.
  package init(_ place: String, reason: String) {
    self.place = place
    self.reason = reason
  }

  /// Makes an error of what the system refused, with the remedy.
  package init(_ place: String, _ failure: SystemFailure) {
    self.init(place, reason: String(cString: strerror(failure.code)) + Self.remedy(failure.code))
  }

  /// The sentence that the user sees.
  package var description: String { "the ledger \(place): \(reason)" }

  /// The end of a sentence that says what to do about an error of the system.
  static func remedy(_ code: Int32) -> String {
    switch code {
    case EACCES, EPERM, EROFS: "; make it writable, or give another --state"
    default: SystemFailure(code: code).remedy
    }
  }
}
