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
  let sinks: RunSinks
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
  func attempt(_ task: ItemTask, _ output: ItemOutputs, _ chunks: inout EncodedChunks) async throws -> Bool {
    var attempt = Attempt(task)
    var isWhole = false
    do {
      isWhole = try await take(task, output, &chunks, &attempt)
    } catch {
      try? await attempt.underWay?.end()
      switch error {
      case let error as WriteError where error.isTransient: task.end(.failed(Failure(error)))
      case is WriteError, is LedgerError, is CancellationError: throw error
      default: task.end(.worker("\(error)", .write))
      }
    }
    if !isWhole, case .failed? = task.end { control.takeBack(attempt.point, since: task.start, progress) }
    return isWhole
  }

  private func take(
    _ task: ItemTask, _ output: ItemOutputs, _ chunks: inout EncodedChunks, _ attempt: inout Attempt
  ) async throws -> Bool {
    try output.begin()
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

  private func append(_ encoded: EncodedChunk, _ task: ItemTask, _ output: ItemOutputs, _ attempt: inout Attempt) async throws {
    if attempt.chunks == 0 { attempt.point.lines = task.firstPlace.lines }
    let refused = task.planned.refused.filter { $0.version == task.version }
    let (chunk, written) = try output.append(encoded, firstRecord: attempt.point.counts.read, refused: refused)
    for letters in chunk.letters {
      let letters = letters.after(records: attempt.point.counts.read, lines: attempt.point.lines)
      if output.takeDeadLetters { try output.append(letters) }
      attempt.letterBytes += letters.bytes
      attempt.letters.append(letters)
    }
    attempt.chunks += 1
    attempt.point.offset = chunk.end
    attempt.point.lines += chunk.lines
    attempt.point.counts = attempt.point.counts + chunk.counts
    attempt.point.bytes.written += written
    if let continuation = chunk.continuation { attempt.continuation = continuation }
    progress.update {
      $0.counts = $0.counts + chunk.counts
      $0.bytes.written += written
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
  private func beginCheckpoint(_ task: ItemTask, _ output: ItemOutputs, _ attempt: inout Attempt) async throws {
    try await attempt.underWay?.end()
    // In one output the items before this one come first.
    if sinks.haveShared { await commits.drain() }
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
      if let error = error as? WriteError, error.isTransient { return task.end(.failed(Failure(error))) }
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

  private func finish(_ task: ItemTask, _ output: ItemOutputs, _ attempt: inout Attempt) async throws {
    try await attempt.underWay?.end()
    let planned = task.planned
    if let damage = task.damage { try note(damage, planned, output, &attempt) }
    // Many outputs may wait for their commit.
    try output.release()
    attempt.point.position = output.position
    var progress = progress(task, &attempt)
    progress.checkpoint.bytes.decompressed = task.decompressedBytes
    var finished = FinishedItem(
      id: planned.id, version: task.version, progress: progress, commits: [], seconds: task.age,
      sourceSchema: try await sourceSchemas.number(of: task.columns))
    finished.marks = output.marks
    try await commits.add(Commits.WrittenItem(planned: planned, output: output, finished: finished)) { [committer] in
      await committer.commit($0)
    }
  }

  /// Adds the damaged rest of an item as a dead letter. The number of its records can't be known: it counts as one record that was read.
  private func note(_ damage: Failure, _ planned: PlannedItem, _ output: ItemOutputs, _ attempt: inout Attempt) throws {
    let letter = DeadLetter(
      run: run, pipeline: definition.name, item: planned.item.key, itemID: planned.id, stage: damage.stage.rawValue,
      offset: attempt.point.offset, code: DeadLetter.damagedItem, reason: definition.redactor.redact(damage.reason))
    try output.append([letter])
    attempt.letters.append([letter])
    var counts = RecordCounts()
    (counts.read, counts.deadLettered) = (1, 1)
    attempt.point.counts = attempt.point.counts + counts
    progress.update { [counts] in $0.counts = $0.counts + counts }
    control.count(counts)
  }
}
