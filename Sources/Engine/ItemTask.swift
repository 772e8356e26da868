import Definition
import Fetch
import Ledger
import Parse
import Records
import Synchronization

/// One attempt at an item, as it goes through the stages: what is known of it, and whether it failed.
final class ItemTask: Sendable {
  private struct State {
    var failure: ItemFailure?
    var version = ""
    var versionMark = ItemTask.mark("")
    var prologue: Prologue?
    var columns: [String]?
    var fetchedBytes = 0
    var decompressedBytes = 0
    var chunkCount: Int?
    var damage: Damage?
    var onFailure: [@Sendable () -> Void] = []
  }

  let planned: PlannedItem
  let start: Checkpoint
  /// Where reading goes on, where `start` says so.
  let continuation: RecordChunker.Continuation?
  let attempt: Int
  /// In its group, from 0.
  let place: Int
  private let state = Mutex(State())
  private let began = ContinuousClock.now

  init(_ planned: PlannedItem, start: Checkpoint, attempt: Int, place: Int) {
    self.planned = planned
    self.start = start
    continuation = start.continuation.flatMap(RecordChunker.Continuation.of)
    self.attempt = attempt
    self.place = place
    if let refusal = planned.refusal { fail(.refused(refusal)) }
  }

  var failure: ItemFailure? { state.withLock { $0.failure } }
  var isFailed: Bool { failure != nil }

  /// The first failure counts; all that works on the item is told.
  func fail(_ failure: ItemFailure) {
    let told = state.withLock { state -> [@Sendable () -> Void] in
      guard state.failure == nil else { return [] }
      state.failure = failure
      defer { state.onFailure = [] }
      return state.onFailure
    }
    for tell in told { tell() }
  }

  /// Calls `body` when the item fails, at once where it has: what waits on its behalf is to stop waiting then.
  func onFailure(_ body: @escaping @Sendable () -> Void) {
    let isFailed = state.withLock { state in
      if state.failure == nil { state.onFailure.append(body) }
      return state.failure != nil
    }
    if isFailed { body() }
  }

  var version: String {
    get { state.withLock { $0.version } }
    set {
      state.withLock {
        $0.version = newValue
        $0.versionMark = Self.mark(newValue)
      }
    }
  }
  /// The version as a number, which every chunk of the item is marked with.
  var versionMark: Int64 { state.withLock { $0.versionMark } }

  private static func mark(_ version: String) -> Int64 { Int64(bitPattern: StableHash.of(version)) }
  /// What stands before the first record, once it is read.
  var prologue: Prologue? {
    get { state.withLock { $0.prologue } }
    set { state.withLock { $0.prologue = newValue } }
  }
  /// What its columns are called, where that is known.
  var columns: [String]? {
    get { state.withLock { $0.columns } }
    set { state.withLock { $0.columns = newValue } }
  }
  /// How long the attempt has been under way, in seconds.
  var age: Double { began.duration(to: .now) / .seconds(1) }
  var fetchedBytes: Int {
    get { state.withLock { $0.fetchedBytes } }
    set { state.withLock { $0.fetchedBytes = newValue } }
  }
  /// How many chunks it came to; nil until it is decompressed to its end.
  var chunkCount: Int? {
    get { state.withLock { $0.chunkCount } }
    set { state.withLock { $0.chunkCount = newValue } }
  }
  /// What is wrong with an item whose sound records are kept, and the stage that found it.
  struct Damage: Sendable {
    var reason: String
    var stage: String
  }

  /// What of a damaged item was kept is kept with this dead letter.
  var damage: Damage? {
    get { state.withLock { $0.damage } }
    set { state.withLock { $0.damage = newValue } }
  }
  var decompressedBytes: Int {
    get { state.withLock { $0.decompressedBytes } }
    set { state.withLock { $0.decompressedBytes = newValue } }
  }
}
