import Files
import Foundation
import Synchronization

/// One database file. Staged rows wait in a transaction of the connection; every other use of the connection ends that first.
final class SQLiteDatabase: Sendable {
  let name: String
  let path: String
  private struct State {
    var connection: SQLiteConnection?
    /// The first failure of a transaction in which staged rows waited.
    var failure: WriteError?
  }
  private let state = Mutex(State())

  init(_ name: String, path: String) {
    self.name = name
    self.path = path
  }

  private struct Weak { weak var database: SQLiteDatabase? }
  private static let open = Mutex<[String: Weak]>([:])

  /// The database of a file. All sinks of the process share it while one of them works: SQLite takes one writer at a time, and two connections
  /// would wait for each other.
  static func at(_ path: String, named name: String) -> SQLiteDatabase {
    let place = OutputPlace.canonical(path)
    return open.withLock { open in
      if let known = open[place]?.database { return known }
      let new = SQLiteDatabase(name, path: path)
      open = open.filter { $0.value.database != nil }
      open[place] = Weak(database: new)
      return new
    }
  }

  /// The treatment of the transaction in which staged rows wait.
  enum Staging { case ends, goesOn, leavesAlone }

  /// Calls `body` with the connection, alone at a time.
  ///
  /// All writers' staged rows wait in one transaction, and SQLite may roll it back when a write in it fails (sqlite.org/lang_transaction.html).
  /// The writers have counted those rows. So the database is of no use after such a failure: each later call throws it again.
  ///
  /// - Throws: ``WriteError`` in the place of SQLite's and the system's errors, but for a constraint that rows break.
  func use<T>(staging: Staging = .ends, _ body: (SQLiteConnection) throws -> T) throws -> T {
    try state.withLock { state in
      if let failure = state.failure, staging != .leavesAlone { throw failure }
      var isStaging = false
      func note(_ failure: WriteError) -> WriteError {
        if isStaging { state.failure = failure }
        return failure
      }
      do {
        let open: SQLiteConnection
        if let known = state.connection {
          open = known
        } else {
          try SystemCall.createFolders((path as NSString).deletingLastPathComponent)
          open = try SQLiteConnection(path)
          state.connection = open
        }
        switch staging {
        case .ends:
          isStaging = open.isInTransaction
          if isStaging { try Self.endStaging(open) }
          isStaging = false
        case .goesOn:
          if !open.isInTransaction { try open.run("BEGIN IMMEDIATE") }
          isStaging = true
        case .leavesAlone: break
        }
        return try body(open)
      } catch let failure as SQLiteConnection.Failure where !failure.isConstraint {
        throw note(WriteError(action: "write to", path: name, reason: Self.words(failure)))
      } catch let failure as SystemFailure {
        throw note(WriteError(action: "write to", path: name, code: failure.code))
      }
    }
  }

  /// Calls `body` where the database is there; else returns nil, and does not make it.
  func useExisting<T>(_ body: (SQLiteConnection) throws -> T) throws -> T? {
    FileManager.default.fileExists(atPath: path) ? try use(body) : nil
  }

  private static func endStaging(_ connection: SQLiteConnection) throws {
    try FailPoint.tableStage.pass(.before)
    try connection.run("COMMIT")
    try FailPoint.tableStage.pass(.after)
  }

  /// SQLite's words for a failure, with the remedy.
  static func words(_ failure: SQLiteConnection.Failure) -> String {
    switch failure.code & 0xFF {
    case 13: failure.message + SystemFailure(code: ENOSPC).remedy
    case 5, 6: failure.message + "; another process holds it: try again"
    case 8, 14: failure.message + "; is it writable, and its folder?"
    case 26: failure.message + "; give write.database another name"
    default: failure.message
    }
  }
}
