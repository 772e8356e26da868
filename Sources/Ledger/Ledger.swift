import Files
import Foundation
import GRDB

/// The durable state of the pipelines of one state folder: runs, items, checkpoints, dead letters.
///
/// A SQLite database (WAL, synchronous=FULL): when a call has returned, what it wrote survives a crash of the machine.
/// Each call is one transaction, on a thread of the database's own.
public struct Ledger: Sendable {
  let database: DatabaseQueue
  public let path: String

  /// Opens the ledger in `folder`, made where it is missing, and brings its tables to the present version.
  public static func open(folder: String) throws(LedgerError) -> Ledger {
    let path = folder + "/ledger.sqlite"
    return try wrap(path) {
      try SystemCall.createFolders(folder)
      var configuration = Configuration()
      configuration.busyMode = .timeout(10)
      configuration.prepareDatabase { db in
        let synchronous = FailPoint.ledgerSync.isSkipped ? "NORMAL" : "FULL"
        try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = \(synchronous)")
      }
      let database = try DatabaseQueue(path: path, configuration: configuration)
      try refuseNewer(database)
      try Migrations.all.migrate(database)
      return Ledger(database: database, path: path)
    }
  }

  /// Opens the ledger without writing a byte; nil where there is none, or one that was killed before it had its tables.
  public static func openReadOnly(folder: String) throws(LedgerError) -> Ledger? {
    let path = folder + "/ledger.sqlite"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try wrap(path) {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(10)
      // Without its -wal file a database in WAL mode can be read only as one that nobody writes.
      let isIdle = !FileManager.default.fileExists(atPath: path + "-wal")
      let name = isIdle ? "file:\(path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path)?immutable=1" : path
      let database = try DatabaseQueue(path: name, configuration: configuration)
      try refuseNewer(database)
      guard try database.read({ try $0.tableExists("runs") }) else { return nil }
      return Ledger(database: database, path: path)
    }
  }

  private static func refuseNewer(_ database: DatabaseQueue) throws {
    let isNewer = try database.read { try Migrations.all.hasBeenSuperseded($0) }
    if isNewer { throw Reason("it was written by a newer sluice; use that one, or another --state") }
  }

  private struct Reason: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  private static func wrap<T>(_ path: String, _ body: () throws -> T) throws(LedgerError) -> T {
    do {
      return try body()
    } catch {
      throw LedgerError(path, error)
    }
  }

  /// One transaction, all of which is on the disk when it returns; `point` names it.
  func write<T: Sendable>(_ point: FailPoint, _ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do {
      try point.pass(.before)
      let result = try await database.write(body)
      try point.pass(.after)
      return result
    } catch let error where error is DatabaseError || error is SystemFailure {
      throw LedgerError(path, error)
    }
  }

  func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do {
      return try await database.read(body)
    } catch let error as DatabaseError {
      throw LedgerError(path, error)
    }
  }
}

extension LedgerError {
  /// What SQLite or the system refused, and what to do about it.
  public init(_ path: String, _ error: any Error) {
    let words: String
    switch error {
    case let error as SystemFailure: words = String(cString: strerror(error.code)) + Self.remedy(error.code)
    case let error as DatabaseError:
      let remedy =
        switch error.resultCode {
        case .SQLITE_FULL: Self.remedy(ENOSPC)
        case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM: Self.remedy(EACCES)
        case .SQLITE_BUSY, .SQLITE_LOCKED: "; another process holds it: try again"
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: "; restore it from a backup, or move it away and run with --full"
        case .SQLITE_IOERR: Self.remedy(EIO)
        default: ""
        }
      words = (error.message ?? "\(error)") + remedy
    default: words = (error as NSError).localizedFailureReason ?? "\(error)"
    }
    self.init(path: path, reason: words)
  }

  private static func remedy(_ code: Int32) -> String {
    switch code {
    case EACCES, EPERM, EROFS: "; make it writable, or give another --state"
    default: SystemFailure(code: code).remedy
    }
  }
}
