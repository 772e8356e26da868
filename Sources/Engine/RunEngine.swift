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
/// Items go to fetch, decompress and write in one order, so that the item that write waits for is always served by the
/// others. A chunk takes one of its item's credits before parse and gives it back when it is written. So nothing grows,
/// and nothing can wait for itself.
final class RunEngine: Sendable {
  struct Chunk: Sendable {
    let task: ItemTask
    let chunk: RecordChunk
    let layout: Layout
    let format: any RecordFormat
    let continuation: RecordCutter.Continuation?
  }
  struct Batch: Sendable {
    let unit: Chunk
    let batch: RecordBatch
  }
  private struct Control {
    var isStopping = false
    var fatal: RunFailure?
    var active: [ObjectIdentifier: ItemTask] = [:]
    var deadLetters = 0
    var exceeded = false
    var placed: [String] = []
  }

  let definition: PipelineDefinition
  let plan: TransformPlan
  let schema: Schema
  let ledger: Ledger
  let run: RunID
  let state: StateFolder
  let progress: RunProgress
  let event: @Sendable (RunEvent) -> Void
  let encoding: BatchEncoding
  /// The one part of a run that writes one file; nil where each item has its own.
  let sharedPart: PartFile?
  private let control = Mutex(Control())
  private let http: HTTPClient

  private let fetchItems: Channel<ItemTask>
  private let decompressItems: Channel<ItemTask>
  private let writeItems: Channel<ItemTask>
  private let chunks: Channel<Chunk>
  private let batches: Channel<Batch>
  private let fetchPool: WorkerPool<ItemTask>
  private let decompressPool: WorkerPool<ItemTask>
  private let parsePool: WorkerPool<Chunk>
  private let transformPool: WorkerPool<Batch>
  private let writePool: WorkerPool<ItemTask>

  init(
    _ definition: PipelineDefinition, plan: TransformPlan, ledger: Ledger, run: RunID, state: StateFolder,
    http: HTTPClient, sharedPart: PartFile?, progress: RunProgress, event: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.definition = definition
    self.plan = plan
    schema = plan.input
    self.ledger = ledger
    self.run = run
    self.state = state
    self.http = http
    self.sharedPart = sharedPart
    self.progress = progress
    self.event = event
    encoding = BatchEncoding(definition)
    fetchItems = Channel(messages: 1)
    decompressItems = Channel(messages: 1)
    writeItems = Channel(messages: 1)
    chunks = Channel(messages: definition.stage(.parse).buffer)
    batches = Channel(messages: definition.stage(.transform).buffer)
    let tell: @Sendable (PoolEvent) -> Void = { poolEvent in
      if case .restarted(let pool, let wait, _, let cause) = poolEvent {
        progress.update { $0.restarts += 1 }
        event(.restarted(stage: pool, reason: cause, wait: wait))
      }
    }
    func pool<Unit>(_ stage: PipelineDefinition.StageName, _ channel: Channel<Unit>, size: Int? = nil) -> WorkerPool<Unit> {
      let options = definition.stage(stage)
      return WorkerPool(
        stage.rawValue, size: size ?? options.workers, channel: channel, policy: options.policy, attempts: options.attempts, event: tell)
    }
    fetchPool = pool(.fetch, fetchItems)
    decompressPool = pool(.decompress, decompressItems)
    parsePool = pool(.parse, chunks)
    transformPool = pool(.transform, batches)
    // One file is written by one worker, item after item.
    writePool = pool(.write, writeItems, size: sharedPart == nil ? nil : 1)
  }

  /// How many chunks of one item may be between decompress and write. About 2 MiB each with what is made of it.
  private var chunksPerItem: Int {
    let items = max(definition.stage(.fetch).workers, 1)
    let cores = max(2, ProcessInfo.processInfo.activeProcessorCount)
    return max(2, min(2 * cores + 4, definition.memory / (items * 4 * RecordCutter.chunkBytes)))
  }

  func task(_ planned: PlannedItem, start: Checkpoint, attempt: Int) -> ItemTask {
    let task = ItemTask(planned, start: start, attempt: attempt, chunks: chunksPerItem, buffer: definition.stage(.decompress).buffer)
    let isStopping = control.withLock { control in
      control.active[ObjectIdentifier(task)] = task
      return control.isStopping
    }
    if isStopping { task.fail(.stopped) }
    return task
  }

  func forget(_ task: ItemTask) { control.withLock { $0.active[ObjectIdentifier(task)] = nil } }

  // MARK: Stopping

  var isStopping: Bool { control.withLock { $0.isStopping } }
  var fatal: RunFailure? { control.withLock { $0.fatal } }
  var exceeded: Bool { control.withLock { $0.exceeded } }

  /// Takes no more items; those under way are checkpointed and left.
  func stop() {
    let tasks = control.withLock { control in
      control.isStopping = true
      return Array(control.active.values)
    }
    for task in tasks { task.fail(.stopped) }
    fetchItems.close()
    decompressItems.close()
    writeItems.close()
  }

  /// The run can't go on: it stops, resumable.
  func abort(_ failure: RunFailure) {
    control.withLock { if $0.fatal == nil { $0.fatal = failure } }
    stop()
  }

  /// Parts that are in their places: the next transaction of the ledger tells it.
  func takePlaced() -> [String] {
    control.withLock { control in
      defer { control.placed = [] }
      return control.placed
    }
  }

  func notePlaced(_ part: String) { control.withLock { $0.placed.append(part) } }

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

  // MARK: Flow

  /// Takes the items through all stages; returns when the last is written, or the run was stopped.
  func run(_ items: [PlannedItem]) async {
    await withTaskGroup(of: Void.self) { outer in
      outer.addTask { [self] in await guarded { try await dispatch(items) } }
      outer.addTask { [self] in
        await guarded {
          try await parsePool.run(parse) { [self] unit, error in giveUp(unit.task, error, "parse") }
        }
        batches.finish()
      }
      outer.addTask { [self] in
        await guarded {
          try await transformPool.run(transform) { [self] batch, error in giveUp(batch.unit.task, error, "transform") }
        }
      }
      outer.addTask { [self] in
        await withTaskGroup(of: Void.self) { inner in
          inner.addTask { [self] in await guarded { try await fetchPool.run(fetch, exhausted: fetchExhausted) } }
          inner.addTask { [self] in await guarded { try await decompressPool.run(decompress, exhausted: decompressExhausted) } }
          inner.addTask { [self] in
            await guarded { try await writePool.run(write) { [self] _, error in abort(.from(error)) } }
          }
        }
        // The source side has ended and write has what it waits for: the stages between end in order.
        chunks.finish()
      }
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
      fetchItems.finish()
      decompressItems.finish()
      writeItems.finish()
    }
    for planned in items {
      if isStopping { return }
      let task = task(planned, start: planned.start, attempt: 1)
      try await writeItems.send(task)
      try await decompressItems.send(task)
      try await fetchItems.send(task)
    }
  }

  private func giveUp(_ task: ItemTask, _ error: any Error, _ stage: String) {
    task.fail(.worker("its worker failed every attempt; the last: \(error)", stage: stage))
  }

  private var fetchExhausted: @Sendable (ItemTask, any Error) async -> Void {
    { [self] task, error in giveUp(task, error, "fetch") }
  }
  private var decompressExhausted: @Sendable (ItemTask, any Error) async -> Void {
    { [self] task, error in giveUp(task, error, "decompress") }
  }

  /// Another attempt at an item whose place in the order is kept: served by workers beside the pools, while `body`
  /// writes what comes.
  func serveAgain(_ task: ItemTask, _ body: () async throws -> Void) async throws {
    async let fetched: Void = fetchPool.serve(task, fetch, exhausted: fetchExhausted)
    async let decompressed: Void = decompressPool.serve(task, decompress, exhausted: decompressExhausted)
    try await body()
    _ = try await (fetched, decompressed)
  }

  // MARK: Stages

  private var fetch: @Sendable (ItemTask, Heartbeat) async throws -> Void {
    { [self] task, heartbeat in
      guard task.claim(.fetch) else { return }
      do {
        let work = Task { try await fetchSource(task, heartbeat) }
        task.onFailure { work.cancel() }
        let outcome = try await withTaskCancellationHandler {
          try await work.value
        } onCancel: {
          work.cancel()
        }
        switch outcome {
        case .notModified: task.fail(.unchanged)
        case .delivered(let version):
          task.version = version
          task.fetched.finish()
        }
      } catch is Closed {
        // Somebody behind has failed the item.
      } catch  where task.isFailed {
        // The same, told while it waited.
      } catch let error as FetchError {
        task.fail(.fetch(error))
      } catch let failure as ItemFailure {
        task.fail(failure)
      } catch let error as CancellationError {
        throw error
      } catch {
        // What was delivered can't be delivered again: the item begins anew, with channels of its own.
        task.fail(.worker("\(error)", stage: "fetch"))
        throw error
      }
    }
  }

  /// Where an item's download is kept; nil for a file, which needs none.
  func spool(_ planned: PlannedItem) throws(FetchError) -> Spool? {
    guard planned.item.isHTTP else { return nil }
    var rule = Spool.SyncRule()
    rule.bytes = min(rule.bytes, definition.checkpoint.bytes)
    rule.every = min(rule.every, definition.checkpoint.every)
    return try Spool(path: spoolPath(planned), rule: rule)
  }

  /// Nothing of the item's download is wanted any more.
  func removeSpool(_ planned: PlannedItem) {
    if planned.item.isHTTP { Spool.remove(spoolPath(planned)) }
  }

  private func spoolPath(_ planned: PlannedItem) -> String { state.spoolPath(pipeline: definition.name, key: planned.item.key) }

  private func fetchSource(_ task: ItemTask, _ heartbeat: Heartbeat) async throws -> Fetcher.Outcome {
    let planned = task.planned
    let key = planned.item.key
    let fetcher = Fetcher(http: http, timeouts: definition.timeouts, retry: definition.fetchRetry) { [self] attempt, error, wait in
      progress.update { $0.retries += 1 }
      event(.retry(item: key, attempt: attempt, reason: definition.redactor.redact(error.description), wait: wait))
    }
    let digest = planned.item.sha256 == nil ? nil : Digest()
    let from = task.continuation?.compressedBytes ?? 0
    task.fetchedBytes = from
    let deliver: (ByteBuffer) async throws -> Void = { [self] piece in
      task.fetchedBytes += piece.count
      progress.update { $0.bytes.fetched += piece.count }
      try await heartbeat.waiting { try await task.fetched.send(piece) }
    }
    func begin(_ version: String?) async throws {
      if task.start.offset > 0, version != planned.startVersion { throw FetchError.changed }
      if let version { task.version = version }
      try await ledger.begin(planned.id, version: version)
    }
    let outcome: Fetcher.Outcome
    switch planned.item.source {
    case .file(let path):
      try await begin(try Fetcher.state(ofFile: path).version)
      outcome = try await fetcher.fetchFile(path, from: from, digest: digest, heartbeat, deliver: deliver)
    case .http(let url, let headers):
      guard let spool = try spool(planned) else { throw FetchError.address(url) }
      outcome = try await heartbeat.waiting {
        try await fetcher.fetchHTTP(
          url, headers, from: from, spool: spool, known: planned.knownVersion, digest: digest, heartbeat, began: begin, deliver: deliver)
      }
    }
    if let expected = planned.item.sha256, let found = digest?.finish(), outcome != .notModified, found != expected {
      throw FetchError.checksum(expected: expected, found: found)
    }
    return outcome
  }

  private var decompress: @Sendable (ItemTask, Heartbeat) async throws -> Void {
    { [self] task, heartbeat in
      guard task.claim(.decompress) else { return }
      let format = definition.recordFormat(itemName: task.planned.item.name)
      var cutter = RecordCutter(definition, itemName: task.planned.item.name, format: format, skipTo: task.start.offset) {
        [self] beginning in
        task.beginning = beginning
        return try Layout(schema: schema, beginning: beginning, decoded: plan.decoded)
      }
      let emit: RecordCutter.Emit = { [self] chunk, layout, continuation in
        heartbeat.beat()
        try await heartbeat.waiting {
          try await task.credits.take()
          try await chunks.send(Chunk(task: task, chunk: chunk, layout: layout, format: format, continuation: continuation))
        }
      }
      do {
        if let continuation = task.continuation, try !cutter.resume(continuation) { return task.fail(.notResumable) }
        heartbeat.pause()
        for await piece in task.fetched {
          heartbeat.resume()
          try await cutter.feed(piece, emit)
          heartbeat.pause()
        }
        heartbeat.resume()
        if task.isFailed { return }
        try await cutter.finish(emit)
      } catch is Closed {
        return
      } catch let error as DecompressError {
        guard definition.onDamage == .keepRecords else { return task.fail(.damaged(error.description, stage: "decompress")) }
        try await keep(&cutter, task, error, emit)
      } catch let error as ParseError {
        return task.fail(.damaged(error.description, stage: "parse"))
      } catch let error as CancellationError {
        throw error
      } catch {
        task.fail(.worker("\(error)", stage: "decompress"))
        throw error
      }
      task.decompressedBytes = cutter.decompressedBytes
      try? await task.encoded.send(.end(chunks: cutter.chunkCount))
    }
  }

  /// `on_error: keep_records`: what was whole goes on, and the damage becomes a dead letter.
  private func keep(
    _ cutter: inout RecordCutter, _ task: ItemTask, _ error: DecompressError, _ emit: RecordCutter.Emit
  ) async throws {
    do {
      try await cutter.flushWhole(emit)
    } catch is ParseError {}
    task.damage = error.description
    // What was not taken of the item is wanted no more, but fetch may still be at it.
    task.fetched.close()
  }

  private var parse: @Sendable (Chunk, Heartbeat) async throws -> Void {
    { [self] unit, heartbeat in
      if unit.task.isFailed { return }
      let batch = unit.format.parse(unit.chunk, unit.layout)
      heartbeat.beat()
      try await heartbeat.waiting { try await batches.send(Batch(unit: unit, batch: batch)) }
    }
  }

  private var transform: @Sendable (Batch, Heartbeat) async throws -> Void {
    { [self] parsed, heartbeat in
      let unit = parsed.unit
      if unit.task.isFailed { return }
      let batch = plan.apply(parsed.batch)
      heartbeat.beat()
      do {
        let encoded = try encode(batch, unit)
        try await heartbeat.waiting { try await unit.task.encoded.send(.chunk(encoded)) }
      } catch is Closed {
      } catch let error as ParseError {
        unit.task.fail(.damaged(error.description, stage: "parse"))
      }
    }
  }
}
