import Files
import Foundation
import Synchronization

/// One database file. Staged rows wait in a transaction of the connection; whatever else is done with it ends that first.
final class SQLiteDatabase: Sendable {
  let name: String
  let path: String
  private let connection = Mutex<SQLiteConnection?>(nil)

  init(_ name: String, path: String) {
    self.name = name
    self.path = path
  }

  /// What a use of the connection does about the transaction that staged rows wait in.
  enum Staging { case ends, goesOn, leavesAlone }

  /// - Throws: ``WriteError`` in the place of what SQLite said.
  func use<T>(staging: Staging = .ends, _ body: (SQLiteConnection) throws -> T) throws -> T {
    try connection.withLock { connection in
      do {
        let open: SQLiteConnection
        if let known = connection {
          open = known
        } else {
          try SystemCall.createFolders((path as NSString).deletingLastPathComponent)
          open = try SQLiteConnection(path)
          connection = open
        }
        switch staging {
        case .ends: if open.isInTransaction { try Self.endStaging(open) }
        case .goesOn: if !open.isInTransaction { try open.run("BEGIN IMMEDIATE") }
        case .leavesAlone: break
        }
        return try body(open)
      } catch let failure as SQLiteConnection.Failure where !failure.isConstraint {
        throw WriteError(action: "write to", path: name, reason: Self.words(failure))
      } catch let failure as SystemFailure {
        throw WriteError(action: "write to", path: name, code: failure.code)
      }
    }
  }

  /// The same where the database is there already; nil where it is not, which is not made.
  func useExisting<T>(_ body: (SQLiteConnection) throws -> T) throws -> T? {
    FileManager.default.fileExists(atPath: path) ? try use(body) : nil
  }

  private static func endStaging(_ connection: SQLiteConnection) throws {
    try FailPoint.tableStage.pass(.before)
    try connection.run("COMMIT")
    try FailPoint.tableStage.pass(.after)
  }

  private static func words(_ failure: SQLiteConnection.Failure) -> String {
    switch failure.code & 0xFF {
    case 13: failure.message + SystemFailure(code: ENOSPC).remedy
    case 5, 6: failure.message + "; another process holds it: try again"
    case 8, 14: failure.message + "; is it writable, and its folder?"
    case 26: failure.message + "; give write.database another name"
    default: failure.message
    }
  }
}
