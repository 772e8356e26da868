import Ledger
import Synchronization

/// The ledger's numbers for lists of columns, each asked for once.
final class SourceSchemas: Sendable {
  private let ledger: any HistoryLedger
  private let pipeline: String
  private let numbers = Mutex<[[String]: Int64]>([:])

  init(_ ledger: any HistoryLedger, pipeline: String) {
    self.ledger = ledger
    self.pipeline = pipeline
  }

  /// The number of an item's columns; nil where its format names none.
  func number(of columns: [String]?) async throws -> Int64? {
    guard let columns else { return nil }
    if let known = numbers.withLock({ $0[columns] }) { return known }
    let number = try await ledger.sourceSchema(pipeline: pipeline, columns)
    numbers.withLock { $0[columns] = number }
    return number
  }
}
