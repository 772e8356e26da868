import Configuration
import Decompress
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Records
import Supervision
import Synchronization
import Write

/// The write stage: an item's chunks in order into its part, checkpoints, and what becomes of an item at its end.
/// What is done in which order, and why, is in `Sources/Ledger/README.md`. Write workers run on threads that may block.
extension RunEngine {
  var write: @Sendable (ItemGroup, Assignment) async throws -> Void {
    { [self] group, assignment in
      assignment.heartbeat.pause()
      defer { assignment.heartbeat.resume() }
      // What another worker had taken of the group's chunks is gone with it: then what is left of it begins anew.
      _ = group.claim(.write)
      var chunks = EncodedChunks(group, assignment.heartbeat)
      do {
        while let task = group.nextToWrite {
          let mark = marks.begin(.write, assignment, task)
          defer { marks.end(mark) }
          try await writeItem(task, &chunks, assignment.heartbeat)
          group.noteWritten()
        }
      } catch let error as WriteError {
        abort(.from(error))
      } catch let error as LedgerError {
        abort(.ledger(error))
      }
      forget(group)
    }
  }

  /// Writes an item, trying again what another attempt may mend.
  private func writeItem(_ first: ItemTask, _ chunks: inout EncodedChunks, _ heartbeat: Heartbeat) async throws {
    // Of what was stopped before it began nothing is to be made.
    if case .stopped? = first.failure, first.start.offset == 0 { return }
    var planned = first.planned
    if let refusal = planned.refusal { return try await end(first, nil, planned, .refused(refusal)) }
    let output: any SinkWriter
    do {
      output = try open(first)
    } catch let error as WriteError where shared == nil && error.concernsOneOutput {
      let refusal = OutputGuard.Refusal(error.description, .cannotWrite)
      first.fail(.refused(refusal))
      return try await end(first, nil, planned, .refused(refusal))
    }
    // In a shared part an item that begins now begins where the one before it ended.
    if shared != nil, first.start.offset == 0 { planned.base = output.position }
    var isWhole = try await attempt(first, output, &chunks)
    var task = first
    // What is whole has been handed on: nothing that comes later of its workers matters.
    while !isWhole, let failure = task.failure, mayTryAgain(failure, task), canGoBack(output, to: planned.base) {
      let attempts = attempts(failure, task)
      if !failure.isTold {
        let wait = definition.fetch.retry.backoff.wait(after: attempts, random: .random(in: 0..<1))
        progress.update { $0.retries += 1 }
        journal.add("write", nil, "retried", "\(planned.item.key): \(definition.redactor.redact(failure.reason))")
        event(.retry(item: planned.item.key, attempt: attempts, reason: definition.redactor.redact(failure.reason), wait: wait))
        try await pause(wait)
      }
      if isStopping { return }
      try await ledger.startOver(planned.id)
      if output.canTruncate { try output.truncate(to: planned.base) }
      let again = group([planned], attempt: attempts + 1)
      task = again.tasks[0]
      let attempted = task
      try await serveAgain(again) {
        var chunks = EncodedChunks(again, heartbeat)
        isWhole = try await attempt(attempted, output, &chunks)
      }
      forget(again)
    }
    if !isWhole, let failure = task.failure { try await end(task, output, planned, failure) }
  }

  /// Waits, but not past the run's being stopped.
  private func pause(_ wait: Duration) async throws {
    let end = ContinuousClock.now + wait
    while ContinuousClock.now < end, !isStopping {
      try await Task.sleep(for: min(.milliseconds(100), ContinuousClock.now.duration(to: end)))
    }
  }

  /// How often the item was tried: a request that failed is an attempt too.
  private func attempts(_ failure: ItemFailure, _ task: ItemTask) -> Int {
    if case .download(let failure) = failure { return failure.failures }
    return task.attempt
  }

  private func mayTryAgain(_ failure: ItemFailure, _ task: ItemTask) -> Bool {
    guard attempts(failure, task) < definition.fetch.retry.attempts, !isStopping else { return false }
    switch failure {
    case .download(let failure): return failure.beginsAnew
    case .fetch(.changed), .fetch(.checksum), .worker, .notResumable: return true
    // Bytes from a server may have been damaged on the way; a file stays as it is. What a checkpoint kept of the reading
    // may be another library's.
    case .damaged(_, _, stage: "decompress"):
      return !task.planned.item.source.traits.contains(.rereadsFreely) || task.continuation != nil
    default: return false
    }
  }

  private func open(_ task: ItemTask) throws -> any SinkWriter {
    try shared ?? session.open(task.planned.slot, chain.output, at: task.start.position)
  }

  /// Whether what was written since can be taken back, or nothing was.
  private func canGoBack(_ output: any SinkWriter, to position: SinkPosition) -> Bool {
    output.canTruncate || output.position == position
  }

  /// Where an attempt is.
  struct Position {
    var next = 0
    var point: Checkpoint
    /// Where reading goes on, at ``point`` or before it.
    var continuation: RecordChunker.Continuation?
    /// Dead letters since the last checkpoint.
    var letters: [any Sequence<DeadLetter> & Sendable] = []
    var letterBytes = 0
    /// The last checkpoint that was begun, and when.
    var saved: Checkpoint
    var savedAt = ContinuousClock.now
    var underWay: CheckpointUnderWay?

    init(_ task: ItemTask) {
      point = task.start
      saved = task.start
      continuation = task.continuation
    }
  }

  /// Writes an attempt's chunks; true where it came to the item's end and handed it on.
  private func attempt(_ task: ItemTask, _ output: any SinkWriter, _ chunks: inout EncodedChunks) async throws -> Bool {
    var position = Position(task)
    do {
      return try await take(task, output, &chunks, &position)
    } catch {
      try? await position.underWay?.end()
      switch error {
      case is WriteError, is LedgerError, is CancellationError: throw error
      default: task.fail(.worker("\(error)", stage: "write"))
      }
      return false
    }
  }

  private func take(_ task: ItemTask, _ output: any SinkWriter, _ chunks: inout EncodedChunks, _ position: inout Position) async throws
    -> Bool
  {
    try writeHeader(output)
    while let chunk = await chunks.next(task, taken: position.next) {
      try await append(chunk, task, output, &position)
    }
    if task.failure == nil {
      try await finish(task, output, &position)
      return true
    }
    if case .stopped? = task.failure, position.next > 0 || task.start.offset > 0 {
      try await beginCheckpoint(task, output, &position)
    }
    try await position.underWay?.end()
    return false
  }

  private func writeHeader(_ output: any SinkWriter) throws {
    guard output.isEmpty else { return }
    let header = try encoding.header(chain.output)
    guard header.count > 0 else { return }
    try output.append(header)
  }

  private func append(_ chunk: EncodedChunk, _ task: ItemTask, _ output: any SinkWriter, _ position: inout Position) async throws {
    if position.next == 0, task.start.offset == 0 { position.point.lines = task.prologue?.lines ?? 0 }
    if chunk.output.count > 0 {
      try output.append(chunk.output, checksum: chunk.checksum)
    }
    for letters in chunk.letters {
      position.letterBytes += letters.bytes
      position.letters.append(letters.after(records: position.point.counts.read, lines: position.point.lines))
    }
    position.next += 1
    position.point.offset = chunk.end
    position.point.lines += chunk.lines
    position.point.counts = position.point.counts + chunk.counts
    position.point.bytes.written += chunk.output.count
    if let continuation = chunk.continuation { position.continuation = continuation }
    progress.update {
      $0.counts = $0.counts + chunk.counts
      $0.bytes.written += chunk.output.count
    }
    countDeadLetters(chunk.counts.deadLettered)
    if isDue(position) { try await beginCheckpoint(task, output, &position) }
  }

  private func isDue(_ position: Position) -> Bool {
    let letterBytes = 4 << 20
    // One at a time: a slow disk makes them rarer, and only dead letters that pile up are waited for.
    if position.underWay?.isOver == false, position.letterBytes < 2 * letterBytes { return false }
    let rule = definition.write.checkpoint
    return ContinuousClock.now - position.savedAt >= rule.every || position.letterBytes >= letterBytes
      || position.point.counts.read - position.saved.counts.read >= rule.records
      || position.point.bytes.written - position.saved.bytes.written >= rule.bytes
  }

  /// Output first (fsync), then the ledger: what the ledger says is always on the disk. Chunks go on being written
  /// meanwhile, past what the checkpoint speaks of.
  private func beginCheckpoint(_ task: ItemTask, _ output: any SinkWriter, _ position: inout Position) async throws {
    try await position.underWay?.end()
    // In one output the items before this one come first.
    if shared != nil { await commits.drain() }
    position.point.position = output.position
    let progress = progress(task, &position)
    let id = task.planned.id
    let version = task.version
    position.underWay = CheckpointUnderWay { [ledger, continuation = position.continuation] in
      try await BlockingThreads.files.run { try output.flush() }
      var progress = progress
      progress.checkpoint.continuation = continuation?.bytes()
      try await ledger.checkpoint(id, version: version, progress)
    }
  }

  /// What the ledger is to hear, which then is no longer new.
  private func progress(_ task: ItemTask, _ position: inout Position) -> ItemProgress {
    position.point.bytes.fetched = task.fetchedBytes
    position.point.bytes.decompressed = position.point.offset
    var progress = ItemProgress(position.point)
    progress.letters = position.letters
    if !position.letters.isEmpty { progress.header = task.prologue.flatMap(ReplayHeader.text) }
    position.saved = position.point
    position.savedAt = .now
    position.letters = []
    position.letterBytes = 0
    return progress
  }

  private func finish(_ task: ItemTask, _ output: any SinkWriter, _ position: inout Position) async throws {
    try await position.underWay?.end()
    // Many outputs may wait for their commit.
    let own = shared == nil ? output : nil
    try own?.release()
    position.point.position = output.position
    let planned = task.planned
    if let damage = task.damage {
      let letter = DeadLetter(
        run: run, pipeline: definition.name, item: planned.item.key, itemID: planned.id, stage: damage.stage,
        offset: position.point.offset, code: "damaged_item", reason: damage.reason)
      position.letters.append([letter])
      // How many records the damaged rest would have been nobody knows: it counts as one that was read, and is a dead letter.
      position.point.counts.read += 1
      position.point.counts.deadLettered += 1
      progress.update {
        $0.counts.read += 1
        $0.counts.deadLettered += 1
      }
      countDeadLetters(1)
    }
    var progress = progress(task, &position)
    progress.checkpoint.bytes.decompressed = task.decompressedBytes
    let pending = own?.committable.map { PendingCommit($0, definition, run: run, item: planned.id, file: planned.slot.file) }
    let finished = FinishedItem(
      id: planned.id, version: task.version, progress: progress, commit: pending, seconds: task.age, sourceSchema: try await number(task)
    )
    try await commits.add(Commits.Whole(planned: planned, output: output, finished: finished)) { [self] in await commit($0) }
  }

  /// The ledger's number for the item's columns; nil where its format names none.
  private func number(_ task: ItemTask) async throws -> Int64? {
    guard let columns = task.columns else { return nil }
    return try await sourceSchemas.number(columns) { [self] in try await ledger.sourceSchema(pipeline: definition.name, $0) }
  }

  /// An attempt that was the last ended without the item being done. The ledger hears of it first: a part that it does
  /// not speak of does no harm.
  private func end(_ task: ItemTask, _ output: (any SinkWriter)?, _ planned: PlannedItem, _ failure: ItemFailure) async throws {
    switch failure {
    case .stopped: return
    case .unchanged:
      try await ledger.unchanged(planned.id, version: planned.knownVersion ?? "")
      removeSpool(planned)
      try discard(output, planned)
      progress.update { $0.itemsSkipped += 1 }
    // What fails after the run has stopped for failures is for the next run to try.
    case _ where hasFailedTooOften: return
    // Nor is it the item's fault where the process may open no more files.
    case .fetch(let error) where error.lacksDescriptors:
      abort(.limits("\(planned.item.key): \(definition.redactor.redact(error.description))\(SystemFailure(code: EMFILE).remedy)"))
    default:
      var reason = definition.redactor.redact(failure.reason)
      if let output, !canGoBack(output, to: planned.base) { reason += "; records of it are in \(planned.slot.shown) already" }
      try await fail(planned, failure, reason: reason, attempts: attempts(failure, task)) { [self] in try discard(output, planned) }
    }
  }

  /// An item has failed: the ledger hears of it first, then what it has written goes, then the user and the limits are told.
  ///
  /// - Parameters:
  ///   - reason: without secrets.
  ///   - refused: what the sink will never commit.
  func fail(
    _ planned: PlannedItem, _ failure: ItemFailure, reason: String, attempts: Int, refused: Committable? = nil,
    discarding discard: () throws -> Void = {}
  ) async throws {
    try await ledger.fail(
      planned.id, error: reason,
      DeadLetter(
        run: run, pipeline: definition.name, item: planned.item.key, itemID: planned.id, stage: failure.stage, code: failure.code,
        reason: reason, attempts: attempts), refused: refused)
    try discard()
    progress.update { $0.itemsFailed += 1 }
    event(.itemFailed(item: planned.item.key, stage: failure.stage, reason: reason, code: failure.errorCode))
    countFailedItem()
  }

  /// Takes away what an item that is not done has written.
  private func discard(_ output: (any SinkWriter)?, _ planned: PlannedItem) throws {
    guard let output, output.canTruncate else { return }
    if shared != nil { try output.truncate(to: planned.base) } else { try output.discard() }
  }
}

/// A checkpoint that is being made while its item goes on.
final class CheckpointUnderWay: Sendable {
  private let work: Task<Void, any Error>
  private let signal = Signal()

  init(_ body: @escaping @Sendable () async throws -> Void) {
    work = Task { [signal] in
      defer { signal.set() }
      try await body()
    }
  }

  private final class Signal: Sendable {
    private let value = Mutex(false)
    func set() { value.withLock { $0 = true } }
    var isSet: Bool { value.withLock { $0 } }
  }

  var isOver: Bool { signal.isSet }

  /// Waits for its end; throws what it failed with.
  func end() async throws { try await work.value }
}
