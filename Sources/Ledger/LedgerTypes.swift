import Files
import Foundation

/// A run's number in its ledger.
public struct RunID: Sendable, Hashable, Codable, CustomStringConvertible {
  public let value: Int64
  public init(_ value: Int64) { self.value = value }
  public var description: String { String(value) }
}

/// An item's number in its ledger.
public struct ItemID: Sendable, Hashable, Codable {
  public let value: Int64
  public init(_ value: Int64) { self.value = value }
}

/// `closed` is a run that was not done, and is not to be.
public enum RunStatus: String, Sendable, Codable { case running, done, failed, interrupted, closed }
/// `closed` is an item that was not done, and is not to be unless a run finds it again.
public enum ItemStatus: String, Sendable, Codable { case pending, working, done, failed, closed }

/// How many records of an item or a run went where: `read` is the sum of `written`, `filtered` and `deadLettered`.
public struct RecordCounts: Sendable, Hashable, Codable {
  public var read = 0
  public var written = 0
  public var filtered = 0
  public var deadLettered = 0
  /// Lines that are blank, and no records.
  public var blankLines = 0

  public init() {}

  public static func + (a: RecordCounts, b: RecordCounts) -> RecordCounts {
    var sum = a
    sum.read += b.read
    sum.written += b.written
    sum.filtered += b.filtered
    sum.deadLettered += b.deadLettered
    sum.blankLines += b.blankLines
    return sum
  }
}

/// Bytes of an item or a run by stage.
public struct ByteCounts: Sendable, Hashable, Codable {
  public var fetched = 0
  public var decompressed = 0
  public var written = 0

  public init() {}

  public static func + (a: ByteCounts, b: ByteCounts) -> ByteCounts {
    var sum = a
    sum.fetched += b.fetched
    sum.decompressed += b.decompressed
    sum.written += b.written
    return sum
  }
}

/// A point in an item up to which output and ledger agree on disk.
public struct Checkpoint: Sendable {
  /// Bytes of the decompressed item that are done; a record begins here.
  public var offset = 0
  /// Lines before it.
  public var lines = 0
  public var counts = RecordCounts()
  public var bytes = ByteCounts()
  /// Where the output is with all of that.
  public var position = SinkPosition.start
  /// How reading goes on from here, or from a little before, without going through what comes before; opaque, and
  /// loaded by ``Ledger/continuation(_:)`` alone. About 90 KB for gzip.
  public var continuation: [UInt8]?

  public init() {}
}

/// A run as the ledger holds it.
public struct RunRecord: Sendable, Codable {
  public var id: RunID
  public var pipeline: String
  public var status: RunStatus
  public var startedAt: Date
  public var endedAt: Date?
  /// The definition's text and the `--var` values of that run.
  public var definition: String
  public var definitionPath: String
  public var variables: [String: String]
  /// The schema of the source, where it was inferred.
  public var schema: String?
  public var counts: RecordCounts
  public var bytes: ByteCounts
  public var retries: Int
  public var restarts: Int
  public var error: String?
}

/// An item as the ledger holds it.
public struct ItemRecord: Sendable {
  public var id: ItemID
  public var pipeline: String
  public var key: String
  public var version: String?
  public var run: RunID
  /// The item's place in its run's order.
  public var ordinal: Int
  public var status: ItemStatus
  /// What the definition's parse, transform and write were.
  public var definitionHash: String
  public var checkpoint: Checkpoint?
  public var counts: RecordCounts
  public var error: String?
  public var attempts: Int
  /// What it takes to open it again, without secrets; nil where its key says it all, and in ledgers of earlier builds.
  public var location: String?
}

/// A record or an item that will not be tried again in its run, kept whole, with why.
public struct DeadLetter: Sendable {
  public var id: Int64 = 0
  public var run: RunID
  public var pipeline: String
  public var item: String
  public var itemID: ItemID?
  public var stage: String
  public var record: Int?
  public var line: Int?
  public var offset: Int?
  public var field: String?
  public var code: String
  public var reason: String
  public var attempts: Int
  public var at: Date
  public var raw: [UInt8]
  /// What stands before and after the record, where it is known: at most ``neighbourBytes`` of each.
  public var previous: [UInt8]?
  public var next: [UInt8]?
  public var resolved = false

  public static let neighbourBytes = 512

  public init(
    run: RunID, pipeline: String, item: String, itemID: ItemID?, stage: String, record: Int? = nil, line: Int? = nil,
    offset: Int? = nil, field: String? = nil, code: String, reason: String, attempts: Int = 1, at: Date = Date(), raw: [UInt8] = []
  ) {
    self.run = run
    self.pipeline = pipeline
    self.item = item
    self.itemID = itemID
    self.stage = stage
    self.record = record
    self.line = line
    self.offset = offset
    self.field = field
    self.code = code
    self.reason = reason
    self.attempts = attempts
    self.at = at
    self.raw = raw
  }
}

/// What the ledger could not do.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
  public let path: String
  public let reason: String

  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  public var description: String { "the ledger \(path): \(reason)" }
}
