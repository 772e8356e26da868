import Files
import Foundation
import GRDB

/// The ledger of a state folder: one SQLite database in it, `ledger.sqlite`, in WAL mode with `synchronous=FULL`, so that a transaction is
/// on the disk when its call returns (https://www.sqlite.org/pragma.html#pragma_synchronous). Calls run on a thread of the database's own.
struct SQLiteLedger: Ledger {
  private let access: Access
  /// The path of the database.
  let place: String

  private enum Access {
    case writing(DatabaseQueue)
    case reading(ReadOnlyDatabase)
  }

  /// Makes a ledger of a database that is open and has the present tables.
  init(_ database: DatabaseQueue, place: String) {
    access = .writing(database)
    self.place = place
  }

  private init(reading place: String) throws {
    access = .reading(try ReadOnlyDatabase(place))
    self.place = place
  }

  var isReadOnly: Bool {
    switch access {
    case .writing: false
    case .reading: true
    }
  }

  /// A state folder is a path, and no address.
  static func isKind(of place: String) -> Bool { !place.contains("://") }

  static func exists(_ folder: String) -> Bool { FileManager.default.fileExists(atPath: path(in: folder)) }

  /// Where a state folder has its database.
  private static func path(in folder: String) -> String { folder + "/ledger.sqlite" }

  static func open(_ folder: String) throws(LedgerError) -> SQLiteLedger {
    let path = Self.path(in: folder)
    return try wrap(path) {
      // Dead letters hold what the source has: a new folder is its owner's alone.
      try SystemCall.createFolders(folder, mode: 0o700)
      if try !isThere(path) { try create(path) }
      let database = try DatabaseQueue(path: path, configuration: configuration())
      try refuseForeign(database)
      try Migrations.all.migrate(database)
      return SQLiteLedger(database, place: path)
    }
  }

  static func openReadOnly(_ folder: String) throws(LedgerError) -> SQLiteLedger? {
    let path = Self.path(in: folder)
    return try wrap(path) {
      try isThere(path) ? try SQLiteLedger(reading: path) : nil
    }
  }

  private static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    configuration.prepareDatabase { db in
      let synchronous = FailPoint.ledgerSync.isSkipped ? "NORMAL" : "FULL"
      try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = \(synchronous)")
    }
    return configuration
  }

  /// Whether there is a ledger.
  ///
  /// - Throws: ``Reason`` where one was there, and what is left of it is no ledger: to begin anew would do again what is done.
  private static func isThere(_ path: String) throws -> Bool {
    // The log is looked for first: it comes after the ledger.
    let hasLog = FileManager.default.fileExists(atPath: path + "-wal")
    var status = stat()
    guard stat(path, &status) == 0 else {
      let code = errno
      guard code == ENOENT || code == ENOTDIR else { throw SystemFailure(code: code) }
      if hasLog {
        throw Reason("it is gone, but its log \(path)-wal is there; restore both from a backup, or move the log away too\(anew)")
      }
      return false
    }
    if status.st_size == 0 { throw Reason("it is empty, which no ledger is; restore it from a backup, or move it away\(anew)") }
    return true
  }

  private static let anew = " and run with --full, which does everything again"

  /// Makes a ledger with all its tables beside its place and moves it there: so whatever is found in its place is whole, and
  /// an empty one was not left by a run that was killed.
  private static func create(_ path: String) throws {
    let new = "\(path).new-\(getpid())"
    func remove() { for end in ["", "-wal", "-shm", "-journal"] { unlink(new + end) } }
    remove()
    defer { remove() }
    // It is its owner's alone, and SQLite gives its other files the ledger's mode.
    let empty = try SystemCall.open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600, .ledgerCreate)
    Foundation.close(empty)
    let database = try DatabaseQueue(path: new, configuration: configuration())
    try Migrations.all.migrate(database)
    // Its log is brought into it here: where there is no room for that, closing it says nothing.
    _ = try database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    try database.close()
    // Another pipeline of the folder may be making one too: the first counts. (Where a folder can't be locked, this call does not wait.)
    let lock = Foundation.open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if lock >= 0 { flock(lock, LOCK_EX) }
    defer { if lock >= 0 { Foundation.close(lock) } }
    if try isThere(path) { return }
    try SystemCall.rename(new, to: path, .ledgerCreate)
    try SystemCall.syncFolder(of: path, .ledgerCreate)
  }

  /// Refuses what is not a ledger of this version or an earlier one.
  static func refuseForeign(_ database: DatabaseQueue) throws {
    if try database.read({ try Migrations.all.hasBeenSuperseded($0) }) {
      throw Reason("it was written by a newer sluice; use that one, or another --state")
    }
    if try !database.read({ try $0.tableExists("runs") && $0.tableExists("items") }) {
      throw Reason("it has no tables of a ledger; restore it from a backup, or move it away\(anew)")
    }
  }

  private struct Reason: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  private static func wrap<T>(_ path: String, _ body: () throws -> T) throws(LedgerError) -> T {
    do {
      return try body()
    } catch {
      throw LedgerError(path, of: error)
    }
  }

  /// The database, to be written.
  ///
  /// - Throws: ``LedgerError`` where the ledger is only read.
  var writable: DatabaseQueue {
    get throws(LedgerError) {
      guard case .writing(let database) = access else { throw LedgerError(place, reason: "it was opened to be read alone") }
      return database
    }
  }

  /// One transaction, all of which is on the disk when it returns; `point` names it.
  func write<T: Sendable>(_ point: FailPoint, _ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do {
      try point.pass(.before)
      let result = try await writable.write(body)
      try point.pass(.after)
      return result
    } catch {
      throw told(error)
    }
  }

  /// Reads what one transaction sees.
  ///
  /// - Parameter isRepeatable: whether `body` may be called again, where the ledger was written meanwhile.
  func read<T: Sendable>(isRepeatable: Bool = true, _ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do {
      switch access {
      case .writing(let database): return try await database.read(body)
      case .reading(let database): return try await database.read(isRepeatable: isRepeatable, body)
      }
    } catch {
      throw told(error)
    }
  }

  /// Makes a ``LedgerError`` of an error of SQLite or the system; returns any other as it is.
  func told(_ error: any Error) -> any Error {
    switch error {
    case is DatabaseError, is SystemFailure, is DamagedValue, is RowDecodingError: LedgerError(place, of: error)
    default: error
    }
  }
}
