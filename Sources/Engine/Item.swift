import Configuration
import Decompress
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Parse
import Records
import Write

/// One source object that a run works on.
struct Item: Sendable {
  var key: String
  /// The last part of its path or address.
  var name: String
  var source: any Source
  /// What it takes to open it: its identity within a run. Opaque to all but its source.
  var location: String
  /// What the ledger keeps of the location.
  var kept: String
  /// What the listing told of it.
  var listed: SourceState?
  var sha256: String?
  /// What earlier builds may have called it.
  var formerKeys: [String] = []

  init(_ listed: ListedItem, _ source: any Source, sha256: String? = nil) {
    key = listed.key
    name = listed.name
    self.source = source
    location = listed.location
    kept = listed.kept
    self.listed = listed.state
    self.sha256 = sha256
    formerKeys = listed.formerKeys
  }

  /// Its path, where it is a file of this machine.
  var localPath: String? { source.localPath(location) }

  /// What the ledger keeps beside the key: nil where the key says it all.
  var keptLocation: String? {
    let type = Swift.type(of: source)
    return kept == key && Sources.answering(to: key) == type ? nil : "\(type.name) \(kept)"
  }

  /// The name without what says how it is compressed and written.
  var stem: String { NameEndings.stem(of: name, formats: RecordFormats.endings) }
}

/// An item that a run will work on, and from where.
struct PlannedItem: Sendable {
  var item: Item
  var id: ItemID
  /// The output; the same for all where the run has one.
  var slot: OutputSlot
  /// Where the item's share of the output begins.
  var base = SinkPosition.start
  /// Where to go on, or the start.
  var start: Checkpoint
  /// The version that `start` is of.
  var startVersion: String?
  /// Whether an earlier run's attempts at it all failed.
  var failedBefore = false
  /// A version that need not be fetched again.
  var knownVersion: String?
  /// Of the source, in bytes, where that is known before it is fetched.
  var size: Int?
  /// Why its output can't be written.
  var refusal: OutputGuard.Refusal?
}

/// What a chunk has become: bytes for the sink, and what happened to its records.
struct EncodedChunk: Sendable {
  /// The item's place in its group.
  var place: Int
  var output: ByteBuffer
  /// Of the output.
  var checksum: Checksum
  /// Where reading goes on behind the chunk, where that is known.
  var continuation: RecordChunker.Continuation?
  /// The end of the chunk in the decompressed item.
  var end: Int
  var lines: Int
  var counts: RecordCounts
  var letters: [ChunkLetters]
}

/// Why an item's attempt ended early.
enum ItemFailure: Error, Sendable {
  case fetch(FetchError)
  case download(DownloadFailure)
  case damaged(String, ErrorCode, stage: String)
  case worker(String, stage: String)
  /// Its output can't be put where it is to go.
  case refused(OutputGuard.Refusal)
  /// The run stops; the item goes on from its checkpoint later.
  case stopped
  /// The server says that nothing changed.
  case unchanged
  /// This build can't go on where a checkpoint says.
  case notResumable

  var stage: String {
    switch self {
    case .fetch, .download, .stopped, .unchanged: "fetch"
    case .refused: "write"
    case .notResumable: "decompress"
    case .damaged(_, _, let stage), .worker(_, let stage): stage
    }
  }
  var reason: String {
    switch self {
    case .fetch(let error): error.description
    case .download(let failure): failure.error.description
    case .damaged(let words, _, _), .worker(let words, _): words
    case .refused(let refusal): refusal.reason
    case .stopped: "stopped"
    case .unchanged: "unchanged"
    case .notResumable: "its checkpoint was made by another build of sluice"
    }
  }
  /// Whether it was told of before.
  var isTold: Bool {
    if case .download(let failure) = self { return failure.isTold }
    return false
  }
  var errorCode: ErrorCode {
    switch self {
    case .fetch(let error): error.errorCode
    case .download(let failure): failure.error.errorCode
    case .damaged(_, let code, _): code
    case .refused(let refusal): refusal.code
    default: .workerFailed
    }
  }
  /// The dead letter's.
  var code: String {
    switch self {
    case .fetch(.checksum): "checksum_mismatch"
    case .fetch, .download: "fetch_failed"
    case .damaged: "damaged_item"
    case .refused: "output_refused"
    default: "worker_failed"
    }
  }
}
