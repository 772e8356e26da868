import Definition
import Parse
import Records
import Supervision
import Synchronization
import Transform

/// Items that go through the stages together: a large one by itself, or small ones in a row, so that what travels between
/// stages is always worth its way.
///
/// An item that fails leaves the others alone. Where a worker fails with a group in its hands, all of it that is not written
/// yet begins anew, each item by itself.
final class ItemGroup: Sendable {
  /// Bytes of one of the items; nil says that it is whole.
  struct Fetched: Sendable {
    let place: Int
    let bytes: ByteBuffer?
  }
  /// What comes to write: messages in any order, and how many there are.
  enum Encoded: Sendable {
    case chunks([EncodedChunk], number: Int)
    case end(count: Int)
  }
  private struct State {
    var claimed: Set<PipelineDefinition.StageName> = []
    var written = 0
  }

  let tasks: [ItemTask]
  /// Bytes as they come, from fetch to decompress.
  let fetched: Channel<[Fetched]>
  /// A message's credit is given back when it is written: nothing piles up behind a slow one.
  let credits: Credits
  /// Chunks on their way to write; bounded by `credits`.
  let encoded: Channel<Encoded>
  private let state = Mutex(State())

  /// - Parameters:
  ///   - messages: how many may be between decompress and write.
  ///   - buffer: how many may be between fetch and decompress.
  init(_ planned: some Collection<PlannedItem>, attempt: Int, messages: Int, buffer: Int) {
    tasks = planned.enumerated().map { place, planned in
      ItemTask(planned, start: attempt == 1 ? planned.start : .init(), attempt: attempt, place: place)
    }
    fetched = Channel(messages: buffer, bytes: 1 << 20)
    credits = Credits(messages: messages)
    encoded = Channel(messages: messages + 1)
    if tasks.count == 1 { tasks[0].onFailure { [fetched, credits, encoded] in Self.close(fetched, credits, encoded) } }
  }

  /// Whether an item has it to itself.
  var isSingle: Bool { tasks.count == 1 }

  /// Those of its items that are not written fail.
  func fail(_ failure: ItemFailure) {
    for task in tasks[state.withLock({ $0.written })...] { task.fail(failure) }
    Self.close(fetched, credits, encoded)
  }

  private static func close(_ fetched: Channel<[Fetched]>, _ credits: Credits, _ encoded: Channel<Encoded>) {
    fetched.close()
    credits.close()
    encoded.close()
  }

  /// A worker takes it up; false where there is nothing for it to do. A group is served once by a stage: of one whose
  /// worker threw or stood still nobody knows what it passed on last, so it begins anew.
  func claim(_ stage: PipelineDefinition.StageName) -> Bool {
    if !state.withLock({ $0.claimed.insert(stage).inserted }) {
      fail(.worker("its worker was restarted", stage: stage.rawValue))
      return false
    }
    return tasks.contains { !$0.isFailed }
  }

  /// The first item that write has not dealt with.
  var nextToWrite: ItemTask? {
    let written = state.withLock { $0.written }
    return written < tasks.count ? tasks[written] : nil
  }

  func noteWritten() { state.withLock { $0.written += 1 } }

  // MARK: Forming groups

  #if FAILPOINTS
    // Small numbers of items and large ones, so that tests of few come here, and fill several messages.
    private static let (smallBytes, mostBytes, items, share) = (1 << 20, 2 << 20, 3, 4)
  #else
    /// What an item may have, as it is stored, so that it goes with others, and what they may have together.
    private static let (smallBytes, mostBytes) = (64 << 10, 256 << 10)
    /// How many may go together, and how many runs there are to be at least.
    private static let (items, share) = (32, 64)
  #endif

  /// Where the run ends that begins with item `start`: small items that begin at their start go together, and so few in a run that
  /// there are many runs for the workers to share.
  ///
  /// - Parameter usual: the size to go by where an item's is not known.
  static func end(ofRunFrom start: Int, _ items: [PlannedItem], usual: Int?) -> Int {
    // Downloads come in any order, and what comes before its turn waits in memory.
    let most = min(items[start].size == nil ? self.items / 4 : self.items, items.count / share)
    var end = start
    var bytes = 0
    while end < items.count {
      let size = items[end].start.offset == 0 ? items[end].size ?? usual ?? .max : .max
      if end > start, end - start >= most || size > smallBytes || bytes + size > mostBytes { break }
      // One that is not small is by itself: none joins it.
      bytes += min(size, mostBytes + 1)
      end += 1
    }
    return end
  }
}

/// The layouts of items, most of which begin as the one before.
final class ColumnMappings: Sendable {
  private let definition: PipelineDefinition
  private let chain: TransformChain
  private let last = Mutex<(prologue: Prologue, mapping: ColumnMapping)?>(nil)

  init(_ definition: PipelineDefinition, _ chain: TransformChain) {
    self.definition = definition
    self.chain = chain
  }

  func mapping(_ prologue: Prologue) throws -> ColumnMapping {
    let known = last.withLock { last in
      last.flatMap {
        $0.prologue.header == prologue.header && $0.prologue.endsInReturn == prologue.endsInReturn
          && $0.prologue.hasReturnRuns == prologue.hasReturnRuns ? $0.mapping : nil
      }
    }
    if let known { return known }
    let mapping = try definition.mapping(chain, prologue)
    last.withLock { $0 = (prologue, mapping) }
    return mapping
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
      while let first = pieces.first, first.place <= task.place {
        pieces.removeFirst()
        if first.place == task.place { return first }
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

  /// The item's next chunk, after waiting for it; nil where it is whole, or failed.
  ///
  /// - Parameter taken: how many of the item's were taken already.
  mutating func next(_ task: ItemTask, taken: Int) async -> EncodedChunk? {
    while !task.isFailed, taken != task.chunkCount {
      while let first = chunks.first, first.place <= task.place {
        chunks.removeFirst()
        if first.place == task.place { return first }
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
