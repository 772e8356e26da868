import Configuration
import Records
import Supervision
import Synchronization

/// Items that go through the stages together: a large one by itself, or small ones in a row, so that each message between stages carries
/// enough bytes to be worth its cost.
///
/// An item that fails leaves the others alone. Where a worker fails with a group in its hands, all of it that is not written
/// yet begins anew, each item by itself.
final class ItemGroup: Sendable {
  /// Bytes of one of the items; nil says that nothing more of it comes.
  struct Fetched: Sendable {
    /// The item's number in its group, from 0.
    let item: Int
    let bytes: ByteBuffer?
    /// Why its rest can't be had, with nil for bytes; nil where it is whole.
    var damage: Failure?
  }
  /// The input of write: messages in any order, and how many there are.
  enum Encoded: Sendable {
    case chunks([EncodedChunk], number: Int)
    case end(count: Int)
  }
  private struct State {
    var claimed: Set<Stage> = []
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
    tasks = planned.enumerated().map { index, planned in
      ItemTask(planned, start: planned.start, attempt: attempt, index: index)
    }
    fetched = Channel(messages: buffer, bytes: 1 << 20)
    credits = Credits(messages: messages)
    encoded = Channel(messages: messages + 1)
    if tasks.count == 1 { tasks[0].onEnd { [fetched, credits, encoded] in Self.close(fetched, credits, encoded) } }
  }

  /// Whether an item has it to itself.
  var isSingle: Bool { tasks.count == 1 }

  /// Ends the attempts at those of its items that are not written.
  func end(_ end: AttemptEnd) {
    for task in tasks[state.withLock({ $0.written })...] { task.end(end) }
    Self.close(fetched, credits, encoded)
  }

  /// Ends them since a stage's workers failed at the group as often as they may.
  func giveUp(_ stage: Stage, _ error: any Error) {
    end(.worker("its worker failed every attempt; the last: \(error)", stage))
  }

  private static func close(_ fetched: Channel<[Fetched]>, _ credits: Credits, _ encoded: Channel<Encoded>) {
    fetched.close()
    credits.close()
    encoded.close()
  }

  /// A worker takes it up; false where there is nothing for it to do. A group is served once by a stage: after a worker failure the stage can't
  /// know what was passed on, so the group begins anew.
  func claim(_ stage: Stage) -> Bool {
    if !state.withLock({ $0.claimed.insert(stage).inserted }) {
      end(.worker("its worker was restarted", stage))
      return false
    }
    return tasks.contains { !$0.hasEnded }
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
    /// The most bytes, as they are stored, of an item that goes with others, and of all of them together.
    private static let (smallBytes, mostBytes) = (64 << 10, 256 << 10)
    /// How many may go together, and how many runs there are to be at least.
    private static let (items, share) = (32, 64)
  #endif

  /// Where the run ends that begins with item `start`: small items that begin at their start go together, and so few in a run that
  /// there are many runs for the workers to share.
  ///
  /// - Parameter usual: the size to go by where an item's is not known.
  static func end(ofRunFrom start: Int, _ items: [PlannedItem], usual: Int?) -> Int {
    // Downloads come in any order, and those that come before their turn wait in memory.
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

/// The groups that are in flow, so that a stop reaches them.
final class ItemGroups: Sendable {
  private struct State {
    var active: [ObjectIdentifier: ItemGroup] = [:]
    var isStopped = false
  }
  private let messages: Int
  private let buffer: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - messages: how many messages of a group may be between decompress and write.
  ///   - buffer: how many may be between fetch and decompress.
  init(messages: Int, buffer: Int) {
    self.messages = messages
    self.buffer = buffer
  }

  /// Makes an attempt at items that go together; ``forget(_:)`` must follow.
  func make(_ planned: some Collection<PlannedItem>, attempt: Int = 1) -> ItemGroup {
    let group = ItemGroup(planned, attempt: attempt, messages: messages, buffer: buffer)
    let isStopped = state.withLock { state in
      state.active[ObjectIdentifier(group)] = group
      return state.isStopped
    }
    if isStopped { group.end(.stopped) }
    return group
  }

  /// Lets go of a group that write has dealt with.
  func forget(_ group: ItemGroup) { state.withLock { $0.active[ObjectIdentifier(group)] = nil } }

  /// Ends all groups, and those that are still made.
  func stop() {
    let groups = state.withLock { state in
      state.isStopped = true
      return Array(state.active.values)
    }
    for group in groups { group.end(.stopped) }
  }
}
