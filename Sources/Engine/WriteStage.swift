import Decompress
import Definition
import Fetch
import Foundation
import Ledger
import Records
import Supervision
import Write

/// The write stage: an item's chunks in order into its part, checkpoints, and what becomes of an item at its end.
extension RunEngine {
  var write: @Sendable (ItemTask, Heartbeat) async throws -> Void {
    { [self] task, heartbeat in
      heartbeat.pause()
      defer { heartbeat.resume() }
      do {
        try await writeItem(task)
      } catch let error as WriteError {
        abort(.write(error))
      } catch let error as LedgerError {
        abort(.ledger(error))
      }
    }
  }

  /// Writes an item, trying again what another attempt may mend.
  private func writeItem(_ first: ItemTask) async throws {
    let part = try await open(first)
    var planned = first.planned
    // In a shared part an item that begins now begins where the one before it ended.
    if sharedPart != nil, first.start.offset == 0 { planned.base = part.length }
    try await attempt(first, part)
    forget(first)
    var task = first
    while let failure = task.failure, mayTryAgain(failure, task) {
      let wait = definition.fetchRetry.backoff.wait(after: task.attempt, random: .random(in: 0..<1))
      progress.update { $0.retries += 1 }
      event(.retry(item: planned.item.key, attempt: task.attempt, reason: definition.redactor.redact(failure.reason), wait: wait))
      try await Task.sleep(for: wait)
      try spool(planned)?.reset()
      try await ledger.startOver(planned.id)
      try await BlockingThreads.files.run { [base = planned.base] in try part.cut(to: base) }
      task = self.task(planned, start: Checkpoint(), attempt: task.attempt + 1)
      let again = task
      try await serveAgain(again) { try await attempt(again, part) }
      forget(again)
    }
    if let failure = task.failure { try await end(task, part, planned, failure) }
  }

  private func mayTryAgain(_ failure: ItemFailure, _ task: ItemTask) -> Bool {
    guard task.attempt < definition.fetchRetry.attempts, !isStopping else { return false }
    switch failure {
    case .fetch(.changed), .fetch(.checksum), .worker: return true
    // Bytes from a server may have been damaged on the way, or by a crash in the spool; a file stays as it is.
    case .damaged(_, stage: "decompress"):
      if case .http = task.planned.item.source { return true }
      return false
    default: return false
    }
  }

  private func open(_ task: ItemTask) async throws -> PartFile {
    if let sharedPart { return sharedPart }
    let target = task.planned.target
    let length = task.start.partLength
    return try await BlockingThreads.files.run { try PartFile(target: target, path: OutputNaming.part(of: target), length: length) }
  }

  /// Takes an attempt's chunks as they come, in any order, and writes them in the item's.
  private func attempt(_ task: ItemTask, _ part: PartFile) async throws {
    var position = Position(task: task, part: part)
    try await writeHeader(task, part)
    var waiting: [Int: EncodedChunk] = [:]
    var chunkCount: Int?
    for await encoded in task.encoded {
      switch encoded {
      case .end(let chunks): chunkCount = chunks
      case .chunk(let chunk): waiting[chunk.sequence] = chunk
      }
      while let chunk = waiting.removeValue(forKey: position.next) {
        try await append(chunk, task, part, &position)
        task.credits.give()
      }
      if position.next == chunkCount { break }
    }
    if task.failure == nil { return try await finish(task, part, &position) }
    if case .stopped? = task.failure, position.next > 0 || task.start.offset > 0 { try await checkpoint(task, part, &position) }
  }

  /// Where an attempt is.
  struct Position {
    var next = 0
    var point: Checkpoint
    /// Dead letters since the last checkpoint.
    var letters: [DeadLetter] = []
    var letterBytes = 0
    var saved: Checkpoint
    var savedAt = ContinuousClock.now

    init(task: ItemTask, part: PartFile) {
      point = task.start
      saved = task.start
    }
  }

  private func writeHeader(_ task: ItemTask, _ part: PartFile) async throws {
    let header = encoder.header(plan.output)
    guard part.length == 0, !header.isEmpty else { return }
    let buffer = ByteBuffer(capacity: header.count)
    buffer.append(header)
    var output = buffer
    if definition.compressesOutput {
      output = ByteBuffer(capacity: header.count + 64)
      try Gzip.member(of: buffer, to: output)
    }
    let bytes = output
    try await BlockingThreads.files.run { try part.append(bytes.bytes, bytes.count) }
  }

  private func append(_ chunk: EncodedChunk, _ task: ItemTask, _ part: PartFile, _ position: inout Position) async throws {
    if position.next == 0, task.start.offset == 0 { position.point.lines = task.linesBefore }
    if chunk.output.count > 0 {
      try await BlockingThreads.files.run { try part.append(chunk.output.bytes, chunk.output.count) }
    }
    for var letter in chunk.letters {
      letter.record = letter.record.map { $0 + position.point.counts.read }
      letter.line = letter.line.map { $0 + position.point.lines }
      position.letterBytes += letter.raw.count + 200
      position.letters.append(letter)
    }
    position.next += 1
    position.point.offset = chunk.end
    position.point.lines += chunk.lines
    position.point.counts = position.point.counts + chunk.counts
    position.point.bytes.written += chunk.output.count
    position.point.partLength = part.length
    progress.update {
      $0.counts = $0.counts + chunk.counts
      $0.bytes.written += chunk.output.count
    }
    countDeadLetters(chunk.letters.count)
    let rule = definition.checkpoint
    let isDue =
      ContinuousClock.now - position.savedAt >= rule.every || position.letterBytes > 4 << 20
      || position.point.counts.read - position.saved.counts.read >= rule.records
      || position.point.bytes.written - position.saved.bytes.written >= rule.bytes
    if isDue { try await checkpoint(task, part, &position) }
  }

  /// Output first (fsync), then the ledger: what the ledger says is always on the disk.
  private func checkpoint(_ task: ItemTask, _ part: PartFile, _ position: inout Position) async throws {
    try await BlockingThreads.files.run { try part.sync() }
    position.point.bytes.fetched = task.fetchedBytes
    position.point.bytes.decompressed = position.point.offset
    try await ledger.checkpoint(task.planned.id, position.point, position.letters)
    position.saved = position.point
    position.savedAt = .now
    position.letters = []
    position.letterBytes = 0
  }

  private func finish(_ task: ItemTask, _ part: PartFile, _ position: inout Position) async throws {
    position.point.bytes.fetched = task.fetchedBytes
    position.point.bytes.decompressed = task.decompressedBytes
    position.point.partLength = part.length
    if let damage = task.damage {
      position.letters.append(
        DeadLetter(
          run: run, pipeline: definition.name, item: task.planned.item.key, itemID: task.planned.id, stage: "decompress",
          offset: position.point.offset, code: "damaged_item", reason: damage))
      countDeadLetters(1)
    }
    if sharedPart == nil {
      try await BlockingThreads.files.run { try part.commit() }
    } else {
      try await BlockingThreads.files.run { try part.sync() }
    }
    try await ledger.finish(task.planned.id, version: task.version, position.point, position.letters)
    try? spool(task.planned)?.remove()
    let counts = position.point.counts
    progress.update { $0.itemsDone += 1 }
    event(.itemDone(item: task.planned.item.key, counts: counts))
  }

  /// An attempt that was the last ended without the item being done.
  private func end(_ task: ItemTask, _ part: PartFile, _ planned: PlannedItem, _ failure: ItemFailure) async throws {
    switch failure {
    case .stopped: return
    case .unchanged:
      try await ledger.unchanged(planned.id, version: planned.knownVersion ?? "")
      try? spool(planned)?.remove()
      try await discard(part, planned)
      progress.update { $0.itemsSkipped += 1 }
    default:
      let reason = definition.redactor.redact(failure.reason)
      try await discard(part, planned)
      try await ledger.fail(
        planned.id, error: reason,
        DeadLetter(
          run: run, pipeline: definition.name, item: planned.item.key, itemID: planned.id, stage: failure.stage,
          code: failure.code, reason: reason, attempts: max(task.attempt, failure.stage == "fetch" ? definition.fetchRetry.attempts : 1)))
      progress.update { $0.itemsFailed += 1 }
      event(.itemFailed(item: planned.item.key, stage: failure.stage, reason: reason))
    }
  }

  /// Takes away what an item that is not done has written.
  private func discard(_ part: PartFile, _ planned: PlannedItem) async throws {
    let isShared = sharedPart != nil
    try await BlockingThreads.files.run {
      if isShared { try part.cut(to: planned.base) } else { unlink(part.path) }
    }
  }
}
