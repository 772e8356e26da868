import Definition
import Fetch
import Files
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Synchronization

/// One source object that a run works on.
struct Item: Sendable {
  var key: String
  /// The last part of its path or address.
  var name: String
  var source: Source
  var sha256: String?

  var isHTTP: Bool {
    if case .http = source { return true }
    return false
  }

  /// The name without what says how it is compressed and written.
  var stem: String {
    var stem = name
    for suffixes in [[".gz", ".gzip", ".zz", ".zlib"], [".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt"]] {
      if let suffix = suffixes.first(where: { stem.lowercased().hasSuffix($0) }), stem.count > suffix.count {
        stem = String(stem.dropLast(suffix.count))
      }
    }
    return stem
  }
}

/// An item that a run will work on, and from where.
struct PlannedItem: Sendable {
  var item: Item
  var id: ItemID
  /// The output file; the same for all where the run has one.
  var target: String
  /// Where the item's share of the part begins.
  var base = FilePrefix()
  /// Where to go on, or the start.
  var start: Checkpoint
  /// The version that `start` is of.
  var startVersion: String?
  /// A version that need not be fetched again.
  var knownVersion: String?
}

/// What a chunk has become: bytes for the sink, and what happened to its records.
struct EncodedChunk: Sendable {
  var sequence: Int
  var output: ByteBuffer
  /// Of the output.
  var checksum: Checksum
  /// Where reading goes on behind the chunk, where that is known.
  var continuation: RecordCutter.Continuation?
  /// The end of the chunk in the decompressed item.
  var end: Int
  var lines: Int
  var counts: RecordCounts
  var letters: [DeadLetter]
}

/// What comes to write.
enum Encoded: Sendable {
  case chunk(EncodedChunk)
  /// The item is whole: it has so many chunks.
  case end(chunks: Int)
}

/// Why an item's attempt ended early.
enum ItemFailure: Error, Sendable {
  case fetch(FetchError)
  case damaged(String, stage: String)
  case worker(String, stage: String)
  /// The run stops; the item goes on from its checkpoint later.
  case stopped
  /// The server says that nothing changed.
  case unchanged
  /// This build can't go on where a checkpoint says.
  case notResumable

  var stage: String {
    switch self {
    case .fetch, .stopped, .unchanged: "fetch"
    case .notResumable: "decompress"
    case .damaged(_, let stage), .worker(_, let stage): stage
    }
  }
  var reason: String {
    switch self {
    case .fetch(let error): error.description
    case .damaged(let words, _), .worker(let words, _): words
    case .stopped: "stopped"
    case .unchanged: "unchanged"
    case .notResumable: "its checkpoint was made by another build of sluice"
    }
  }
  var code: String {
    switch self {
    case .fetch(.checksum): "checksum_mismatch"
    case .fetch: "fetch_failed"
    case .damaged: "damaged_item"
    default: "worker_failed"
    }
  }
}

/// One attempt at an item, as it goes through the stages: its own channels, its credits, and whether it failed.
final class ItemTask: Sendable {
  private struct State {
    var failure: ItemFailure?
    var version = ""
    var versionMark = ItemTask.mark("")
    var beginning: Beginning?
    var fetchedBytes = 0
    var decompressedBytes = 0
    var damage: String?
    var onFailure: (@Sendable () -> Void)?
    var claimed: Set<PipelineDefinition.StageName> = []
  }

  let planned: PlannedItem
  let start: Checkpoint
  /// Where reading goes on, where `start` says so.
  let continuation: RecordCutter.Continuation?
  let attempt: Int
  /// Bytes as they come, from fetch to decompress.
  let fetched: Channel<ByteBuffer>
  /// A chunk's credit is given back when it is written: nothing piles up behind a slow one.
  let credits: Credits
  /// Chunks on their way to write, in any order; bounded by `credits`.
  let encoded: Channel<Encoded>
  private let state = Mutex(State())

  init(_ planned: PlannedItem, start: Checkpoint, attempt: Int, chunks: Int, buffer: Int) {
    self.planned = planned
    self.start = start
    continuation = start.continuation.flatMap(RecordCutter.Continuation.of)
    self.attempt = attempt
    fetched = Channel(messages: buffer, bytes: 1 << 20)
    credits = Credits(messages: chunks)
    encoded = Channel(messages: chunks + 1)
  }

  /// A worker takes up the attempt; false where there is nothing for it to do. An attempt is served once by a stage: of
  /// one whose worker threw or stood still nobody knows what it passed on last, so the item begins anew.
  func claim(_ stage: PipelineDefinition.StageName) -> Bool {
    let (isFirst, isFailed) = state.withLock { ($0.claimed.insert(stage).inserted, $0.failure != nil) }
    if isFailed { return false }
    if !isFirst { fail(.worker("its worker was restarted", stage: stage.rawValue)) }
    return isFirst
  }

  var failure: ItemFailure? { state.withLock { $0.failure } }
  var isFailed: Bool { failure != nil }

  /// The first failure counts; all that works on the item is told.
  func fail(_ failure: ItemFailure) {
    let told = state.withLock { state -> (@Sendable () -> Void)? in
      guard state.failure == nil else { return nil }
      state.failure = failure
      return state.onFailure ?? {}
    }
    guard let told else { return }
    told()
    fetched.close()
    credits.close()
    encoded.close()
  }

  /// Calls `body` when the item fails, at once where it has: what fetches it is to stop waiting.
  func onFailure(_ body: @escaping @Sendable () -> Void) {
    let isFailed = state.withLock { state in
      state.onFailure = body
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

  /// FNV-1a (Fowler, Noll and Vo).
  private static func mark(_ version: String) -> Int64 {
    let hash = version.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return Int64(bitPattern: hash)
  }
  /// What stands before the first record, once it is read.
  var beginning: Beginning? {
    get { state.withLock { $0.beginning } }
    set { state.withLock { $0.beginning = newValue } }
  }
  var fetchedBytes: Int {
    get { state.withLock { $0.fetchedBytes } }
    set { state.withLock { $0.fetchedBytes = newValue } }
  }
  /// What of a damaged item was kept is kept with this dead letter.
  var damage: String? {
    get { state.withLock { $0.damage } }
    set { state.withLock { $0.damage = newValue } }
  }
  var decompressedBytes: Int {
    get { state.withLock { $0.decompressedBytes } }
    set { state.withLock { $0.decompressedBytes = newValue } }
  }
}
