import Files
import Foundation
import GRDB

extension LedgerError {
  /// Makes an error of what SQLite or the system refused, with the remedy.
  init(_ place: String, of error: any Error) {
    switch error {
    case let error as SystemFailure: self.init(place, error)
    case let error as DatabaseError: self.init(place, reason: (error.message ?? "\(error.resultCode)") + Self.remedy(error))
    case let error as DamagedValue:
      self.init(place, reason: "it is damaged: its column \(error.column) holds what it can't hold" + Self.damageRemedy)
    // Its words would tell the row.
    case is RowDecodingError: self.init(place, reason: "it is damaged: it holds what it can't hold" + Self.damageRemedy)
    default: self.init(place, reason: (error as NSError).localizedFailureReason ?? "\(error)")
    }
  }

  private static let damageRemedy = "; restore it from a backup, or move it away and run with --full"

  private static func remedy(_ error: DatabaseError) -> String {
    switch error.resultCode {
    case .SQLITE_FULL: remedy(ENOSPC)
    case .SQLITE_READONLY, .SQLITE_PERM: remedy(EACCES)
    // SQLite doesn't tell why: whether there is room for one more open file does.
    case .SQLITE_CANTOPEN: remedy(ProcessLimits.areDescriptorsUsedUp ? EMFILE : EACCES)
    case .SQLITE_BUSY, .SQLITE_LOCKED: "; another process holds it: try again"
    case .SQLITE_IOERR: remedy(EIO)
    case .SQLITE_NOMEM: remedy(ENOMEM)
    case .SQLITE_INTERRUPT, .SQLITE_ABORT: ""
    // With sound tables nothing of what is asked can go wrong otherwise.
    default: damageRemedy
    }
  }
}
