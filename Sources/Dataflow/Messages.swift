import Fetch
import Parse
import Records
import Supervision
import Synchronization

/// A chunk of whole records on its way to parse.
struct ItemChunk: Sendable {
  let task: ItemTask
  let chunk: RecordChunk
  let mapping: ColumnMapping
  let format: any RecordFormat
  let continuation: RecordChunker.Continuation?
  /// Where it stands in its item; nil where no step asks for numbers.
  var place: ChunkPlace?

  /// Its bytes in the decompressed item.
  var bytes: Range<Int> { chunk.offset..<chunk.offset + chunk.buffer.count }
}

/// A message to parse: one chunk of a large item, or those of small ones that come together.
struct ChunkMessage: Sendable {
  let group: ItemGroup
  /// From 0, in the group's order.
  let number: Int
  let chunks: [ItemChunk]
}

/// A message to transform: the batches of a message's chunks.
struct BatchMessage: Sendable {
  let group: ItemGroup
  let number: Int
  let batches: [(chunk: ItemChunk, batch: RecordBatch)]
}

/// A group's bytes on their way to decompress: those of small items go together.
final class FetchedMessages: Sendable {
  private let group: ItemGroup
  private let heartbeat: Heartbeat
  private let pending = Mutex((pieces: [ItemGroup.Fetched](), bytes: 0))

  init(_ group: ItemGroup, _ heartbeat: Heartbeat) {
    self.group = group
    self.heartbeat = heartbeat
  }

  func add(_ piece: ItemGroup.Fetched) async throws {
    let bytes = pending.withLock { pending in
      pending.pieces.append(piece)
      pending.bytes += piece.bytes?.count ?? 0
      return pending.bytes
    }
    // One that was taken for small may be large.
    if group.isSingle || bytes >= Fetcher.pieceBytes { try await send() }
  }

  func send() async throws {
    let (pieces, bytes) = pending.withLock { pending in
      defer { pending = ([], 0) }
      return pending
    }
    if pieces.isEmpty { return }
    try await heartbeat.waiting(for: .room) { try await group.fetched.send(pieces, bytes: bytes) }
  }
}

/// A group's chunks on their way to parse: those of small items go together, up to the size of a large one's.
final class ChunkMessages {
  let group: ItemGroup
  private let channel: Channel<ChunkMessage>
  private let heartbeat: Heartbeat
  private var chunks: [ItemChunk] = []
  private var bytes = 0
  private var count = 0

  init(_ group: ItemGroup, _ channel: Channel<ChunkMessage>, _ heartbeat: Heartbeat) {
    self.group = group
    self.channel = channel
    self.heartbeat = heartbeat
  }

  func add(_ chunk: ItemChunk) async throws {
    chunks.append(chunk)
    bytes += chunk.chunk.buffer.count
    if group.isSingle || bytes >= RecordChunker.chunkBytes { try await send() }
  }

  private func send() async throws {
    if chunks.isEmpty { return }
    let message = ChunkMessage(group: group, number: count, chunks: chunks)
    (chunks, bytes, count) = ([], 0, count + 1)
    try await heartbeat.waiting(for: .room) {
      try await group.credits.take()
      try await channel.send(message)
    }
  }

  /// All items are decompressed.
  func finish() async throws {
    try await send()
    try await group.encoded.send(.end(count: count))
  }
}

/// A group's bytes, item after item.
struct FetchedPieces {
  private var messages: Channel<[ItemGroup.Fetched]>.Iterator
  private var pieces: ArraySlice<ItemGroup.Fetched> = []

  init(_ group: ItemGroup) { messages = group.fetched.makeAsyncIterator() }

  /// The next piece of the item, after waiting for it; nil where nothing more of it comes.
  mutating func next(_ task: ItemTask, _ heartbeat: Heartbeat) async -> ItemGroup.Fetched? {
    while true {
      while let first = pieces.first, first.item <= task.index {
        pieces.removeFirst()
        if first.item == task.index { return first }
      }
      if !pieces.isEmpty { return nil }
      let message = await heartbeat.waiting(for: .input) { await messages.next() }
      guard let message else { return nil }
      pieces = message[...]
    }
  }
}

/// A group's encoded chunks, put in order.
struct EncodedChunks {
  private let credits: Credits
  private let heartbeat: Heartbeat
  private var messages: Channel<ItemGroup.Encoded>.Iterator
  private var waiting: [Int: [EncodedChunk]] = [:]
  private var count: Int?
  private var number = 0
  private var holdsCredit = false
  private var chunks: ArraySlice<EncodedChunk> = []

  init(_ group: ItemGroup, _ heartbeat: Heartbeat) {
    self.heartbeat = heartbeat
    credits = group.credits
    messages = group.encoded.makeAsyncIterator()
  }

  /// Waits for the item's first chunk, or its end: then its version is known.
  mutating func awaitFirst(_ task: ItemTask) async {
    while !task.hasEnded, task.chunkCount != 0 {
      while let first = chunks.first, first.item < task.index { chunks.removeFirst() }
      guard chunks.isEmpty, await takeMessage() else { return }
    }
  }

  /// The item's next chunk, after waiting for it; nil where it is whole, or failed.
  ///
  /// - Parameter taken: how many of the item's were taken already.
  mutating func next(_ task: ItemTask, taken: Int) async -> EncodedChunk? {
    while !task.hasEnded, taken != task.chunkCount {
      while let first = chunks.first, first.item <= task.index {
        chunks.removeFirst()
        if first.item == task.index { return first }
      }
      guard chunks.isEmpty, await takeMessage() else { return nil }
    }
    return nil
  }

  private mutating func takeMessage() async -> Bool {
    if holdsCredit { credits.give() }
    holdsCredit = false
    while true {
      if let next = waiting.removeValue(forKey: number) {
        number += 1
        chunks = next[...]
        holdsCredit = true
        return true
      }
      if number == count { return false }
      switch await heartbeat.waiting(for: .input, { await messages.next() }) {
      case .chunks(let chunks, let number): waiting[number] = chunks
      case .end(let count): self.count = count
      case nil: return false
      }
    }
  }
}
