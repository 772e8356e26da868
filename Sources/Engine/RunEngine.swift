import Decompress
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Synchronization
import Transform
import Write

/// A run in flow: the five stages' pools, joined by channels.
///
/// Groups of items go to fetch, decompress and write in one order, so that the one that write waits for is always served by
/// the others. A message of chunks takes one of its group's credits before parse and gives it back when it is written. So
/// nothing grows, and nothing can wait for itself.
final class RunEngine: Sendable {
  struct Chunk: Sendable {
    let task: ItemTask
    let chunk: RecordChunk
    let mapping: ColumnMapping
    let format: any RecordFormat
    let continuation: RecordChunker.Continuation?
  }
  /// What goes to parse: one chunk of a large item, or those of small ones that come together.
  struct Chunks: Sendable {
    let group: ItemGroup
    /// From 0, in the group's order.
    let number: Int
    let chunks: [Chunk]
  }
  struct Batches: Sendable {
    let group: ItemGroup
    let number: Int
    let batches: [(unit: Chunk, batch: RecordBatch)]
  }
  private struct Control {
    var isStopping = false
    var fatal: RunFailure?
    var active: [ObjectIdentifier: ItemGroup] = [:]
    var deadLetters = 0
    var failedItems = 0
    var exceeded = false
    var committed: [Committable] = []
  }

  let definition: PipelineDefinition
  let chain: TransformChain
  let ledger: any Ledger
  let run: RunID
  let state: StateFolder
  let progress: RunProgress
  let event: @Sendable (RunEvent) -> Void
  let mappings: ColumnMappings
  let schemaWatch: SchemaWatch
  let sourceSchemas = SourceSchemas()
  private let timeline: Timeline
  let encoding: BatchEncoding
  let session: any SinkSession
  /// What the records of all items go into; nil where each item has an output of its own.
  let shared: (any SinkWriter)?
  private let chunksPerItem: Int
  private let control = Mutex(Control())
  let tell: @Sendable (SupervisionEvent) -> Void
  let fetching: FetchSession
  /// What the engine is at, for its parent and for whoever watches.
  let marks: Marks
  let journal = Journal()
  let downloads = Downloads()
  let suspicion: Suspicion
  let solitude = Solitude()
  let programs: Programs
  /// Where items that are written to their end are handed to.
  let commits: Commits

  /// Groups that may wait before a stage: many flow without a stage waiting for the one before it, and what is fetched of
  /// them ahead is bounded too.
  private static let groupsAhead = 16
  private let fetchGroups: Channel<ItemGroup>
  private let decompressGroups: Channel<ItemGroup>
  private let writeGroups: Channel<ItemGroup>
  let chunks: Channel<Chunks>
  let batches: Channel<Batches>
  private let fetchPool: WorkerPool<ItemGroup>
  private let decompressPool: WorkerPool<ItemGroup>
  private let parsePool: WorkerPool<Chunks>
  private let transformPool: WorkerPool<Batches>
  private let writePool: WorkerPool<ItemGroup>

  init(
    _ definition: PipelineDefinition, chain: TransformChain, ledger: any Ledger, run: RunID, state: StateFolder,
    fetching: FetchSession, session: any SinkSession, shared: (any SinkWriter)?, columns: [String]?, timeline: Timeline,
    progress: RunProgress,
    event: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.definition = definition
    self.chain = chain
    self.ledger = ledger
    self.run = run
    self.state = state
    self.fetching = fetching
    self.session = session
    self.shared = shared
    self.progress = progress
    self.event = event
    mappings = ColumnMappings(definition, chain)
    schemaWatch = SchemaWatch(expected: columns, fields: chain.input, looksAtValues: definition.parse.onSchemaChange != nil)
    self.timeline = timeline
    encoding = BatchEncoding(definition)
    chunksPerItem = Self.chunksPerItem(definition)
    // An item with a part of its own holds it open until it is committed.
    commits = Commits(limit: shared == nil ? 256 : 4096)
    marks = Marks(state, definition)
    suspicion = Suspicion(marks.crashes, poisonAfter: definition.poisonAfter)
    let crashes = suspicion.restarts
    progress.update { $0.restarts += crashes }
    if let death = suspicion.lastDeath { journal.add("engine", nil, "died", death) }
    programs = Programs(
      chain,
      Programs.Setting(definition) {
        event(.programSaid(command: $0, line: $1))
      } restarted: { [journal] command, why in
        progress.update { $0.restarts += 1 }
        // What it said is told without secrets already.
        journal.add("transform", nil, "program_restarted", "\(command): \(why)")
        event(.programRestarted(command: command, reason: why))
      })
    fetchGroups = Channel(messages: Self.groupsAhead)
    decompressGroups = Channel(messages: Self.groupsAhead)
    writeGroups = Channel(messages: Self.groupsAhead)
    chunks = Channel(messages: definition.stage(.parse).buffer)
    batches = Channel(messages: definition.stage(.transform).buffer)
    let tell: @Sendable (SupervisionEvent) -> Void = { [marks, journal] happened in
      let supervision = happened.telling(definition.redactor.redact)
      if case .restarted = supervision.kind { progress.update { $0.restarts += 1 } }
      event(.supervision(supervision))
      journal.add(supervision)
      marks.note(supervision)
    }
    self.tell = tell
    func pool<Unit>(
      _ stage: PipelineDefinition.StageName, _ channel: Channel<Unit>, size: PoolSize? = nil, conditions: Conditions = .system,
      hasRoom: @escaping @Sendable () -> Bool = { true }
    ) -> WorkerPool<Unit> {
      let options = definition.stage(stage)
      return WorkerPool(
        stage.rawValue, size: size ?? options.workers, channel: channel, policy: options.policy, attempts: options.attempts,
        conditions: conditions, hasRoom: hasRoom, event: tell)
    }
    fetchPool = pool(.fetch, fetchGroups, conditions: .blocking)
    decompressPool = pool(.decompress, decompressGroups) { [chunks] in !chunks.isFull }
    parsePool = pool(.parse, chunks) { [batches] in !batches.isFull }
    transformPool = pool(.transform, batches)
    // One output is written by one worker, item after item.
    writePool = pool(.write, writeGroups, size: definition.sink.isSerial ? PoolSize(min: 1, max: 1) : nil, conditions: .blocking)
  }

  /// How many chunks of one item may be between decompress and write. About 2 MiB each with what is made of it.
  private static func chunksPerItem(_ definition: PipelineDefinition) -> Int {
    let items = definition.stage(.fetch).workers.max
    let cores = max(2, ProcessInfo.processInfo.activeProcessorCount)
    return max(2, min(2 * cores + 4, definition.memory / (items * 4 * RecordChunker.chunkBytes)))
  }

  /// An attempt at items that go together.
  func group(_ planned: some Collection<PlannedItem>, attempt: Int = 1) -> ItemGroup {
    let group = ItemGroup(planned, attempt: attempt, messages: chunksPerItem, buffer: definition.stage(.decompress).buffer)
    let isStopping = control.withLock { control in
      control.active[ObjectIdentifier(group)] = group
      return control.isStopping
    }
    if isStopping { group.fail(.stopped) }
    return group
  }

  func forget(_ group: ItemGroup) { control.withLock { $0.active[ObjectIdentifier(group)] = nil } }

  // MARK: Stopping

  var isStopping: Bool { control.withLock { $0.isStopping } }
  var fatal: RunFailure? { control.withLock { $0.fatal } }
  var exceeded: Bool { control.withLock { $0.exceeded } }

  /// Takes no more items; those under way are checkpointed and left.
  func stop() {
    let groups = control.withLock { control in
      control.isStopping = true
      return Array(control.active.values)
    }
    for group in groups { group.fail(.stopped) }
    programs.interrupt()
    session.interrupt()
    fetchGroups.close()
    decompressGroups.close()
    writeGroups.close()
  }

  /// The run can't go on: it stops, resumable.
  func abort(_ failure: RunFailure) {
    control.withLock { if $0.fatal == nil { $0.fatal = failure } }
    stop()
  }

  /// What the sink has committed: the next transaction of the ledger tells it.
  func takeCommitted() -> [Committable] {
    control.withLock { control in
      defer { control.committed = [] }
      return control.committed
    }
  }

  func noteCommitted(_ committables: [Committable]) { control.withLock { $0.committed += committables } }

  /// More dead letters: with `on_exceed: stop` too many stop the run.
  func countDeadLetters(_ count: Int) {
    guard count > 0 else { return }
    let total = control.withLock { control in
      control.deadLetters += count
      return control.deadLetters
    }
    guard definition.onExceed == .stop, case .count(let limit) = definition.deadLetterLimit, total > limit else { return }
    control.withLock { $0.exceeded = true }
    stop()
  }

  /// What the ledger knows of an engine before this one, which died: limits hold for the run, and not for an engine.
  func noteCounts(deadLetters: Int, failedItems: Int) {
    control.withLock {
      $0.deadLetters += deadLetters
      $0.failedItems += failedItems
    }
    progress.update { $0.itemsFailed += failedItems }
  }

  /// One more item failed: more than `limits.failed_items` stop the run.
  func countFailedItem() {
    control.withLock { $0.failedItems += 1 }
    if hasFailedTooOften { stop() }
  }

  var hasFailedTooOften: Bool { control.withLock { $0.failedItems } > definition.failedItemLimit }

  // MARK: Flow

  /// Takes the items through all stages; returns when the last is written, or the run was stopped.
  ///
  /// A supervisor has the stages as its children, in the order of the flow, and restarts those that give up. Each is
  /// finished by the one before: nobody looks whether it is over.
  func run(_ items: [PlannedItem]) async {
    let source = Countdown(3) { [self] in
      // The source side has ended and write has what it waits for: the stages between end in order.
      chunks.finish()
    }
    let supervisor = Supervisor("run", policy: definition.policy, event: tell)
    let reporting = Task { [self] in await report() }
    defer { reporting.cancel() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [self] in await guarded { try await dispatch(items) } }
      group.addTask { [self] in
        await guarded {
          try await supervisor.run([
            .init("fetch") { [self] in
              try await fetchPool.run(fetchService)
              source.one()
            },
            .init("decompress") { [self] in
              try await decompressPool.run(decompressService)
              source.one()
            },
            .init("parse") { [self] in
              try await parsePool.run(.init(work: parse) { [self] unit, error in giveUp(unit.group, error, "parse") })
              batches.finish()
            },
            .init("transform") { [self] in
              try await transformPool.run(.init(work: transform) { [self] unit, error in giveUp(unit.group, error, "transform") })
            },
            .init("write") { [self] in
              try await writePool.run(.init(work: write) { [self] _, error in abort(.from(error)) })
              source.one()
            },
          ])
        }
        // However it ended: nobody is to wait for who is gone.
        chunks.finish()
        batches.finish()
        await programs.finish()
        await commits.drain()
      }
    }
  }

  /// Calls a body when all of a number of things have happened.
  private final class Countdown: Sendable {
    private let left: Mutex<Int>
    private let body: @Sendable () -> Void

    init(_ count: Int, _ body: @escaping @Sendable () -> Void) {
      left = Mutex(count)
      self.body = body
    }

    func one() {
      let isLast = left.withLock { left in
        left -= 1
        return left == 0
      }
      if isLast { body() }
    }
  }

  /// Puts the run's figures and the channels' fills on the board, and notes them for later, now and then.
  private func report() async {
    for tick in 0... {
      if Task.isCancelled { return }
      let snapshot = progress.snapshot
      timeline.add(
        snapshot, [fetchPool.activity, decompressPool.activity, parsePool.activity, transformPool.activity, writePool.activity])
      if tick % 5 == 0 {
        let fills = [fetchGroups.fill, decompressGroups.fill, chunks.fill, batches.fill, writeGroups.fill]
        marks.report(run, snapshot, fills: fills)
        await journal.write(to: ledger, run)
      }
      // A run that is killed has its figures up to half a minute before.
      if tick % 300 == 299 { await timeline.write(to: ledger, run) }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  private func guarded(_ body: () async throws -> Void) async {
    do {
      try await body()
    } catch is CancellationError {
    } catch is Closed {
    } catch {
      abort(.from(error))
    }
  }

  private func dispatch(_ items: [PlannedItem]) async throws {
    defer {
      fetchGroups.finish()
      decompressGroups.finish()
      writeGroups.finish()
    }
    // What is slow for each record, or to be watched one by one, is not held up by what it goes with.
    let isEachAlone = !chain.links.isEmpty || !suspicion.isEmpty
    var next = 0
    while next < items.count {
      if isStopping { return }
      let start = next
      next = isEachAlone ? start + 1 : ItemGroup.end(ofRunFrom: start, items, usual: downloads.usualBytes)
      let group = group(items[start..<next])
      try await writeGroups.send(group)
      try await decompressGroups.send(group)
      try await fetchGroups.send(group)
    }
  }

  func giveUp(_ group: ItemGroup, _ error: any Error, _ stage: String) {
    group.fail(.worker("its worker failed every attempt; the last: \(error)", stage: stage))
  }

  private var fetchService: WorkerPool<ItemGroup>.Service {
    .init(work: fetch) { [self] group, error in giveUp(group, error, "fetch") }
  }
  private var decompressService: WorkerPool<ItemGroup>.Service {
    .init(work: decompress) { [self] group, error in giveUp(group, error, "decompress") }
  }

  /// Another attempt at an item whose place in the order is kept: served by workers beside the pools, while `body`
  /// writes what comes.
  func serveAgain(_ group: ItemGroup, _ body: () async throws -> Void) async throws {
    async let fetched: Void = fetchPool.serve(group, fetchService)
    async let decompressed: Void = decompressPool.serve(group, decompressService)
    try await body()
    _ = try await (fetched, decompressed)
  }
}
