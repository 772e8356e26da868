import Configuration
import Definition
import Ledger
import Records
import Supervision
import Write

/// Writes one attempt at an item: its chunks in order, checkpoints on the way, and its end handed to ``Commits``.
struct ItemWriter {
  let definition: PipelineDefinition
  let run: RunID
  let ledger: any ItemLedger
  /// The writer of the run's one output; nil where each item has an output of its own.
  let shared: (any SinkWriter)?
  /// The bytes before an output's first record; empty where there are none.
  let header: ByteBuffer
  let sourceSchemas: SourceSchemas
  let commits: Commits
  let committer: Committer
  let control: RunControl
  let progress: RunProgress

  /// The state of an attempt.
  private struct Attempt {
    /// Chunks that were written.
    var chunks = 0
    var point: Checkpoint
    /// Where reading goes on, at ``point`` or before it.
    var continuation: RecordChunker.Continuation?
    /// Dead letters since the last checkpoint.
    var letters: [any Sequence<DeadLetter> & Sendable] = []
    var letterBytes = 0
    /// Whether it is of new content, of which the ledger has not heard.
    var isNew: Bool
    /// The last checkpoint that was begun, and when.
    var saved: Checkpoint
    var savedAt = ContinuousClock.now
    var underWay: CheckpointUnderWay?

    init(_ task: ItemTask) {
      point = task.start
      saved = task.start
      continuation = task.continuation
      isNew = task.planned.knownVersion != nil
    }
  }

  /// Writes an attempt's chunks; true where it came to the item's end and handed it on.
  func attempt(_ task: ItemTask, _ output: any SinkWriter, _ chunks: inout EncodedChunks) async throws -> Bool {
    var attempt = Attempt(task)
    var isWhole = false
    do {
      isWhole = try await take(task, output, &chunks, &attempt)
    } catch {
      try? await attempt.underWay?.end()
      switch error {
      case is WriteError, is LedgerError, is CancellationError: throw error
      default: task.end(.worker("\(error)", .write))
      }
    }
    if !isWhole, case .failed? = task.end { control.takeBack(attempt.point, since: task.start, progress) }
    return isWhole
  }

  private func take(
    _ task: ItemTask, _ output: any SinkWriter, _ chunks: inout EncodedChunks, _ attempt: inout Attempt
  ) async throws -> Bool {
    if output.isEmpty, header.count > 0 { _ = try output.append(SinkChunk(header)) }
    while let chunk = await chunks.next(task, taken: attempt.chunks) {
      try await append(chunk, task, output, &attempt)
    }
    guard let end = task.end else {
      try await finish(task, output, &attempt)
      return true
    }
    if case .stopped = end, attempt.chunks > 0 || task.start.offset > 0 { try await beginCheckpoint(task, output, &attempt) }
    try await attempt.underWay?.end()
    return false
  }

  private func append(_ chunk: EncodedChunk, _ task: ItemTask, _ output: any SinkWriter, _ attempt: inout Attempt) async throws {
    if attempt.chunks == 0, task.start.offset == 0 { attempt.point.lines = task.prologue?.lines ?? 0 }
    if chunk.output.count > 0 {
      let refused = try output.append(SinkChunk(chunk.output, checksum: chunk.checksum, firstRecord: attempt.point.counts.read))
      if let first = refused.first { throw Failure(.cannotWrite, .write, first.reason) }
    }
    for letters in chunk.letters {
      attempt.letterBytes += letters.bytes
      attempt.letters.append(letters.after(records: attempt.point.counts.read, lines: attempt.point.lines))
    }
    attempt.chunks += 1
    attempt.point.offset = chunk.end
    attempt.point.lines += chunk.lines
    attempt.point.counts = attempt.point.counts + chunk.counts
    attempt.point.bytes.written += chunk.output.count
    if let continuation = chunk.continuation { attempt.continuation = continuation }
    progress.update {
      $0.counts = $0.counts + chunk.counts
      $0.bytes.written += chunk.output.count
    }
    control.count(chunk.counts)
    if isDue(attempt) { try await beginCheckpoint(task, output, &attempt) }
  }

  // MARK: Checkpoints

  /// Dead letters that a checkpoint is made for.
  private static let letterBytes = 4 << 20

  private func isDue(_ attempt: Attempt) -> Bool {
    // One at a time: a slow disk makes them rarer, and only dead letters that pile up are waited for.
    if attempt.underWay?.isOver == false, attempt.letterBytes < 2 * Self.letterBytes { return false }
    let rule = definition.write.checkpoint
    return ContinuousClock.now - attempt.savedAt >= rule.every || attempt.letterBytes >= Self.letterBytes
      || attempt.point.counts.read - attempt.saved.counts.read >= rule.records
      || attempt.point.bytes.written - attempt.saved.bytes.written >= rule.bytes
  }

  /// Flushes the output, then tells the ledger, which must never speak of bytes that are not on the disk. Chunks go on being written meanwhile, past the
  /// checkpoint's position.
  private func beginCheckpoint(_ task: ItemTask, _ output: any SinkWriter, _ attempt: inout Attempt) async throws {
    try await attempt.underWay?.end()
    // In one output the items before this one come first.
    if shared != nil { await commits.drain() }
    attempt.point.position = output.position
    let progress = progress(task, &attempt)
    let id = task.planned.id
    let version = task.version
    attempt.underWay = CheckpointUnderWay { [ledger, continuation = attempt.continuation] in
      try await BlockingThreads.files.run { try output.flush() }
      var progress = progress
      progress.checkpoint.continuation = continuation?.bytes()
      try await ledger.checkpoint(id, version: version, progress)
    } failed: { [control] error in
      if let failure = RunFailure(told: error) { control.abort(failure) }
    }
  }

  /// The news for the ledger, which then are news no longer.
  private func progress(_ task: ItemTask, _ attempt: inout Attempt) -> ItemProgress {
    attempt.point.bytes.fetched = task.fetchedBytes
    attempt.point.bytes.decompressed = attempt.point.offset
    var progress = ItemProgress(attempt.point)
    progress.replacesEarlier = attempt.isNew
    attempt.isNew = false
    progress.letters = attempt.letters
    if !attempt.letters.isEmpty { progress.header = task.prologue.flatMap(ReplayHeader.text) }
    attempt.saved = attempt.point
    attempt.savedAt = .now
    attempt.letters = []
    attempt.letterBytes = 0
    return progress
  }

  // MARK: The end

  private func finish(_ task: ItemTask, _ output: any SinkWriter, _ attempt: inout Attempt) async throws {
    try await attempt.underWay?.end()
    // Many outputs may wait for their commit.
    let own = shared == nil ? output : nil
    try own?.release()
    attempt.point.position = output.position
    let planned = task.planned
    if let damage = task.damage { note(damage, planned, &attempt) }
    var progress = progress(task, &attempt)
    progress.checkpoint.bytes.decompressed = task.decompressedBytes
    let pending = own?.committable.map { PendingCommit($0, definition, run: run, item: planned.id, file: planned.slot.file) }
    let finished = FinishedItem(
      id: planned.id, version: task.version, progress: progress, commit: pending, seconds: task.age,
      sourceSchema: try await sourceSchemas.number(of: task.columns))
    try await commits.add(Commits.WrittenItem(planned: planned, output: output, finished: finished)) { [committer] in
      await committer.commit($0)
    }
  }

  /// Adds the damaged rest of an item as a dead letter. The number of its records can't be known: it counts as one record that was read.
  private func note(_ damage: Failure, _ planned: PlannedItem, _ attempt: inout Attempt) {
    let letter = DeadLetter(
      run: run, pipeline: definition.name, item: planned.item.key, itemID: planned.id, stage: damage.stage.rawValue,
      offset: attempt.point.offset, code: DeadLetter.damagedItem, reason: definition.redactor.redact(damage.reason))
    attempt.letters.append([letter])
    var counts = RecordCounts()
    (counts.read, counts.deadLettered) = (1, 1)
    attempt.point.counts = attempt.point.counts + counts
    progress.update { [counts] in $0.counts = $0.counts + counts }
    control.count(counts)
  }
}
