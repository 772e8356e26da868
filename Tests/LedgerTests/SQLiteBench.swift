import Files
import Foundation
import GRDB

@testable import Ledger

/// The flaws that the suite has to find, each in a ledger that is right otherwise.
enum SQLiteFlaw: Sendable {
  /// Statements that are run in the database once it is made, triggers mostly: they work under the ledger's own.
  case sql(String)
  /// A ledger that is opened to read can write.
  case readersWrite
  /// Each who opens it gets a copy of his own of what was there.
  case copies
  /// Nothing is there once it is closed.
  case forgets
  /// Readers see what is not committed.
  case dirtyReads
  /// Bytes that were damaged are made good again before anybody sees them.
  case hidesDamage
}

/// A folder with a ledger in SQLite.
final class SQLiteBench: LedgerBench {
  let folder: String
  let flaw: SQLiteFlaw?
  private var path: String { folder + "/ledger.sqlite" }

  init(_ flaw: SQLiteFlaw? = nil) throws {
    folder = NSTemporaryDirectory() + "sluice-ledger-" + UUID().uuidString
    self.flaw = flaw
    guard case .sql(let statements) = flaw else { return }
    _ = try SQLiteLedger.open(folder)
    try DatabaseQueue(path: path).write { try $0.execute(sql: statements) }
  }

  func open() throws -> any Ledger {
    switch flaw {
    case .copies, .forgets:
      let copy = folder + "/" + UUID().uuidString
      if case .copies? = flaw { try? FileManager.default.copyItem(atPath: path, toPath: copy + "/ledger.sqlite") }
      return try SQLiteLedger.open(copy)
    case .dirtyReads:
      _ = try SQLiteLedger.open(folder)
      var configuration = Configuration()
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA read_uncommitted = 1") }
      let database = try DatabaseQueue(path: "file:\(path)?cache=shared", configuration: configuration)
      return SQLiteLedger(database, place: path)
    default: return try SQLiteLedger.open(folder)
    }
  }

  func openReadOnly() throws -> (any Ledger)? {
    if case .readersWrite? = flaw { return try SQLiteLedger.exists(folder) ? open() : nil }
    return try SQLiteLedger.openReadOnly(folder)
  }

  func damageContinuation(_ item: ItemID) async throws {
    if case .hidesDamage? = flaw { return }
    try await DatabaseQueue(path: path).write { db in
      guard var bytes = try Data.fetchOne(db, sql: "SELECT continuation FROM checkpoints WHERE item = ?", arguments: [item.value]) else {
        return
      }
      bytes[bytes.count / 2] ^= 0x10
      try db.execute(sql: "UPDATE checkpoints SET continuation = ? WHERE item = ?", arguments: [bytes, item.value])
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }
}
