import Configuration
import Files
import Isolation
import Ledger
import Parse
import Records
import Synchronization

/// One attempt at an item, as it goes through the stages: its state, and whether it failed.
final class ItemTask: Sendable {
  private struct State {
    var end: AttemptEnd?
    var version = ""
    var versionMark = ItemTask.mark("")
    var prologue: Prologue?
    var columns: [String]?
    var fetchedBytes = 0
    var decompressedBytes = 0
    var chunkCount: Int?
    var damage: Failure?
    var onEnd: [Int: @Sendable () -> Void] = [:]
    var nextOnEnd = 0
  }

  let planned: PlannedItem
  let start: Checkpoint
  /// Where reading goes on, where `start` says so.
  let continuation: RecordChunker.Continuation?
  let attempt: Int
  /// The item's number in its group, from 0.
  let index: Int
  private let state = Mutex(State())
  private let began = ContinuousClock.now

  init(_ planned: PlannedItem, start: Checkpoint, attempt: Int, index: Int) {
    self.planned = planned
    self.start = start
    continuation = start.continuation.flatMap(RecordChunker.Continuation.of)
    self.attempt = attempt
    self.index = index
    if let refusal = planned.refusal { end(.failed(refusal)) }
  }

  /// Whether another attempt may read other bytes: those of a server may have been damaged on the way, and the reading that a checkpoint kept may
  /// be another library's.
  var mayReadOtherwise: Bool { !planned.item.source.traits.contains(.rereadsFreely) || continuation != nil }

  /// How the attempt ended, where it did not come to the item's end.
  var end: AttemptEnd? { state.withLock { $0.end } }
  var hasEnded: Bool { end != nil }

  /// Ends the attempt. The first end counts; all that works on the item is told.
  func end(_ end: AttemptEnd) {
    let told = state.withLock { state -> [@Sendable () -> Void] in
      guard state.end == nil else { return [] }
      state.end = end
      defer { state.onEnd = [:] }
      return Array(state.onEnd.values)
    }
    for tell in told { tell() }
  }

  /// Ends the attempt with a failure.
  func fail(_ failure: Failure) { end(.failed(failure)) }

  /// Calls `body` when the attempt ends early, at once where it has. `body` ends the waits that are made on the attempt's behalf.
  ///
  /// - Returns: the number by which ``forget(_:)`` takes it back.
  @discardableResult
  func onEnd(_ body: @escaping @Sendable () -> Void) -> Int {
    let (hasEnded, number) = state.withLock { state in
      state.nextOnEnd += 1
      if state.end == nil { state.onEnd[state.nextOnEnd] = body }
      return (state.end != nil, state.nextOnEnd)
    }
    if hasEnded { body() }
    return number
  }

  /// Takes back what ``onEnd(_:)`` was given.
  func forget(_ number: Int) { state.withLock { $0.onEnd[number] = nil } }

  var version: String {
    get { state.withLock { $0.version } }
    set {
      state.withLock {
        $0.version = newValue
        $0.versionMark = Self.mark(newValue)
      }
    }
  }
  /// The item's content as the board knows it, with which every chunk of it is marked.
  var content: ItemContent { ItemContent(item: planned.id.value, version: state.withLock { $0.versionMark }) }

  private static func mark(_ version: String) -> Int64 { Int64(bitPattern: StableHash.of(version)) }
  /// The part of the item before its first record; nil until it is read.
  var prologue: Prologue? {
    get { state.withLock { $0.prologue } }
    set { state.withLock { $0.prologue = newValue } }
  }
  /// The records and lines before the attempt's first chunk. The prologue has to be read.
  var firstPlace: ChunkPlace.Counts {
    ChunkPlace.Counts(records: start.counts.read, lines: start.offset == 0 ? prologue?.lines ?? 0 : start.lines)
  }
  /// The names of its columns; nil where they are not known.
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
  /// The damage of an item whose sound records are kept.
  var damage: Failure? {
    get { state.withLock { $0.damage } }
    set { state.withLock { $0.damage = newValue } }
  }
  var decompressedBytes: Int {
    get { state.withLock { $0.decompressedBytes } }
    set { state.withLock { $0.decompressedBytes = newValue } }
  }
}
