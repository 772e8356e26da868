import Files
import Foundation
import Synchronization

@testable import Ledger

/// An empty place for one kind of ledger, and what a test can do to the ledger there.
protocol LedgerBench: Sendable {
  /// Opens the ledger to write, as one more process does; makes it where there is none.
  func open() throws -> any Ledger

  /// Opens the ledger to read; nil where there is none.
  func openReadOnly() throws -> (any Ledger)?

  /// Changes one byte in the middle of what the ledger keeps of an item's continuation.
  func damageContinuation(_ item: ItemID) async throws

  /// Takes the ledger away for good.
  func remove()
}

/// A fault that a check found.
struct Findings {
  private(set) var wrong: [String] = []

  /// Notes `what` where `isRight` is false.
  mutating func expect(_ isRight: Bool, _ what: @autoclosure () -> String) { if !isRight { wrong.append(what()) } }

  /// Notes two values that should be the same.
  mutating func same<T: Equatable>(_ got: T, _ want: T, _ what: String) {
    if got != want { wrong.append("\(what): \(Self.short(got)) in place of \(Self.short(want))") }
  }

  /// Notes two values that print differently, of types that can't be compared.
  mutating func alike<T>(_ got: T, _ want: T, _ what: String) {
    if !"\(got)".utf8.elementsEqual("\(want)".utf8) { wrong.append("\(what): \(Self.short(got)) in place of \(Self.short(want))") }
  }

  /// Notes texts that differ in a byte: Swift takes “é” for the same in either spelling.
  mutating func sameBytes(_ got: [String], _ want: [String], _ what: String) {
    if got.map({ Array($0.utf8) }) != want.map({ Array($0.utf8) }) {
      wrong.append("\(what): \(Self.short(got)) in place of \(Self.short(want))")
    }
  }

  /// Notes a call that does not throw a ``LedgerError``.
  mutating func refuses(_ what: String, _ call: () async throws -> Void) async {
    do {
      try await call()
      wrong.append("\(what) is not refused")
    } catch {
      if !(error is LedgerError) { wrong.append("\(what) is refused by another error: \(error)") }
    }
  }

  private static func short<T>(_ value: T) -> String { String("\(value)".prefix(300)) }
}

/// Steps that many checks take with a ledger.
extension Ledger {
  /// Begins a run, or continues one, with items of these keys.
  func start(
    _ keys: [String], pipeline: String = "p", continuing: RunID? = nil, startsOver: Bool = false, definition: String = "h"
  ) async throws -> (run: RunID, items: [ItemID]) {
    let known = try await items(pipeline: pipeline, keys: keys.map { [$0] })
    return try await begin(
      NewRun(definition: "pipeline: \(pipeline)", definitionPath: "p.yaml", variables: [:], schema: nil), continuing: continuing,
      pipeline: pipeline, definitionHash: definition,
      zip(keys, known).enumerated().map {
        ItemEntry(key: $1.0, location: nil, ordinal: $0, startsOver: startsOver, isKnown: $1.1 != nil)
      })
  }

  /// Makes an item done.
  func finish(_ id: ItemID, read: Int = 1, commit: PendingCommit? = nil, seconds: Double = 1, schema: Int64? = nil) async throws {
    var point = Checkpoint()
    point.offset = read
    (point.counts.read, point.counts.written) = (read, read)
    try await finish(
      [
        FinishedItem(
          id: id, version: "v", progress: ItemProgress(point), commits: [commit].compactMap { $0 }, seconds: seconds, sourceSchema: schema)
      ], committed: [])
  }

  /// Writes a checkpoint with dead letters.
  func checkpoint(_ id: ItemID, at offset: Int, _ letters: [DeadLetter] = [], header: String? = nil) async throws {
    var point = Checkpoint()
    point.offset = offset
    point.counts.read = offset
    var progress = ItemProgress(point)
    progress.letters = [letters]
    progress.header = header
    try await checkpoint(id, version: "v", progress)
  }

  /// Ends a run.
  func end(_ run: RunID, _ status: RunStatus = .done, commit: PendingCommit? = nil, committed: [Committable] = []) async throws {
    try await endRun(
      run, RunEnd(status: status, counts: RecordCounts(), bytes: ByteCounts(), retries: 0, restarts: 0, error: nil),
      commits: [commit].compactMap { $0 },
      committed: committed)
  }

  /// An item by its key.
  func item(_ key: String, pipeline: String = "p") async throws -> ItemRecord? {
    try await items(pipeline: pipeline, keys: [[key]])[0]
  }

  /// The state of an item.
  func status(_ key: String, pipeline: String = "p") async throws -> ItemStatus? { try await item(key, pipeline: pipeline)?.status }

  /// The dead letters that a filter takes; all without one.
  func letters(_ change: (inout DeadLetterFilter) -> Void = { _ in }) async throws -> [DeadLetter] {
    let collected = Collected()
    try await deadLetters(.with(change)) { letter in collected.letters.withLock { $0.append(letter) } }
    return collected.letters.withLock { $0 }
  }

  /// How many dead letters a filter takes.
  func count(_ change: (inout DeadLetterFilter) -> Void) async throws -> Int { try await letters(change).count }
}

extension DeadLetterFilter {
  /// A filter that differs from that for all.
  static func with(_ change: (inout DeadLetterFilter) -> Void) -> DeadLetterFilter {
    var filter = DeadLetterFilter()
    change(&filter)
    return filter
  }
}

private final class Collected: Sendable {
  let letters = Mutex<[DeadLetter]>([])
}

extension DeadLetter {
  /// A dead letter of a record, at a whole second, for dates lose what is below a microsecond.
  static func sample(
    _ run: RunID, _ item: String, _ id: ItemID?, record: Int?, pipeline: String = "p", stage: String = "parse", field: String? = nil,
    code: String = "bad_value", reason: String = "is no number", at: Double = 1_700_000_000
  ) -> DeadLetter {
    DeadLetter(
      run: run, pipeline: pipeline, item: item, itemID: id, stage: stage, record: record, line: record.map { $0 + 1 },
      offset: record.map { $0 * 10 }, field: field, code: code, reason: reason, at: Date(timeIntervalSince1970: at),
      raw: Array("\(record ?? 0)".utf8))
  }
}

extension PendingCommit {
  /// A commit of a file.
  static func sample(
    _ name: String, run: RunID?, item: ItemID?, replay: Int? = nil, sink: String = "file", pipeline: String = "p"
  ) -> PendingCommit {
    PendingCommit(
      Committable(sink: sink, name: ".\(name).part", target: name, token: "12:34"), pipeline: pipeline, run: run, item: item,
      replay: replay,
      output: Output(
        place: "/data/\(name)", path: name, pipeline: pipeline, definition: "/data/p.yaml", run: run, item: item, isReplay: replay != nil))
  }
}
