import Configuration
import Decompress
import Definition
import Fetch
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Synchronization

/// The fetch and decompress stages: an item's bytes, in order, by one worker of each.
extension RunEngine {
  var fetch: @Sendable (ItemGroup, Assignment) async throws -> Void {
    { [self] group, assignment in
      guard group.claim(.fetch) else { return }
      let outgoing = FetchedMessages(group, assignment.heartbeat)
      do {
        for task in group.tasks where !task.isFailed {
          let mark = marks.begin(.fetch, assignment, task)
          defer { marks.end(mark) }
          try await fetchItem(task, outgoing, assignment.heartbeat)
        }
        try await outgoing.send()
        group.fetched.finish()
      } catch is Closed {
        // Somebody behind has failed the group.
      } catch let error as CancellationError {
        throw error
      } catch {
        // What was delivered can't be delivered again: the items begin anew, with channels of their own.
        group.fail(.worker("\(error)", stage: "fetch"))
        throw error
      }
    }
  }

  private func fetchItem(_ task: ItemTask, _ outgoing: FetchedMessages, _ heartbeat: Heartbeat) async throws {
    do {
      let outcome =
        task.planned.item.source.traits.contains(.rereadsFreely)
        ? try await fetchSource(task, outgoing, heartbeat)
        : try await untilFailure(task) { [self] in try await fetchSource(task, outgoing, heartbeat) }
      switch outcome {
      case .notModified: task.fail(.unchanged)
      case .delivered(let version):
        task.version = version
        if task.planned.size == nil { downloads.note(task.fetchedBytes) }
        try await outgoing.add(.init(place: task.place, bytes: nil))
      }
    } catch  where task.isFailed {
      // Somebody behind has failed the item, told while it waited.
    } catch FetchError.member(let words, let code) {
      task.fail(.damaged(words, code, stage: "decompress"))
    } catch let error as FetchError {
      task.fail(.fetch(error))
    } catch let failure as DownloadFailure {
      task.fail(.download(failure))
    } catch let failure as ItemFailure {
      task.fail(failure)
    }
  }

  /// Where an item's download is kept. Another attempt begins with nothing; an item that failed in an earlier run does not believe
  /// content that it failed of.
  private func spool(_ task: ItemTask) throws(FetchError) -> Spool {
    var rule = Spool.SyncRule()
    rule.bytes = min(rule.bytes, definition.write.checkpoint.bytes)
    rule.every = min(rule.every, definition.write.checkpoint.every)
    let belief: Spool.Belief = task.attempt > 1 ? .none : task.planned.failedBefore ? .partial : .all
    return try Spool(path: spoolPath(task.planned), rule: rule, believing: belief)
  }

  /// Nothing of the item's download is wanted any more.
  func removeSpool(_ planned: PlannedItem) {
    if !planned.item.source.traits.contains(.rereadsFreely) { Spool.remove(spoolPath(planned)) }
  }

  private func spoolPath(_ planned: PlannedItem) -> String { state.spoolPath(pipeline: definition.name, key: planned.item.key) }

  /// Runs `body` until it ends or the item fails: what waits for a server is to stop waiting then.
  private func untilFailure<T: Sendable>(_ task: ItemTask, _ body: @escaping @Sendable () async throws -> T) async throws -> T {
    let work = Task(executorPreference: BlockingThreads.files, operation: body)
    task.onFailure { work.cancel() }
    return try await withTaskCancellationHandler {
      try await work.value
    } onCancel: {
      work.cancel()
    }
  }

  private func fetchSource(_ task: ItemTask, _ outgoing: FetchedMessages, _ heartbeat: Heartbeat) async throws -> Fetcher.Outcome {
    let planned = task.planned
    let key = planned.item.key
    let fetcher = Fetcher(fetching, definition.fetch.retry) { [self] attempt, error, wait in
      progress.update { $0.retries += 1 }
      journal.add("fetch", nil, "retried", "\(key): \(definition.redactor.redact(error.description))")
      event(.retry(item: key, attempt: attempt, reason: definition.redactor.redact(error.description), wait: wait))
    }
    let digest = planned.item.sha256 == nil ? nil : Digest()
    let from = task.continuation?.compressedBytes ?? 0
    task.fetchedBytes = from
    let deliver: (ByteBuffer) async throws -> Void = { [self] piece in
      task.fetchedBytes += piece.count
      progress.update { $0.bytes.fetched += piece.count }
      try await outgoing.add(.init(place: task.place, bytes: piece))
    }
    func begin(_ version: String?) async throws {
      if task.start.offset > 0, version != planned.startVersion { throw FetchError.changed }
      if let version { task.version = version }
      if let verdict = suspicion.verdict(planned.id, task.versionMark) {
        throw ItemFailure.damaged(verdict.reason, .poison, stage: "decompress")
      }
    }
    let outcome: Fetcher.Outcome
    let (source, location) = (planned.item.source, planned.item.location)
    if source.traits.contains(.rereadsFreely) {
      outcome = try await fetcher.read(source, location, from: from, digest: digest, heartbeat, began: begin, deliver: deliver)
    } else {
      let download = Download(
        fetcher, source, location, from: from, spool: try spool(task), known: planned.knownVersion,
        expected: definition.expectedContent(itemName: planned.item.name), digest: digest, failures: task.attempt - 1, heartbeat)
      download.began = begin
      download.deliver = deliver
      outcome = try await heartbeat.waiting(for: .other) { try await download.run() }
    }
    if let expected = planned.item.sha256, let found = digest?.finish(), outcome != .notModified, found != expected {
      throw FetchError.checksum(expected: expected, found: found)
    }
    return outcome
  }

  var decompress: @Sendable (ItemGroup, Assignment) async throws -> Void {
    { [self] group, assignment in
      guard group.claim(.decompress) else { return }
      var pieces = FetchedPieces(group)
      let outgoing = ChunkMessages(group, chunks, assignment.heartbeat)
      do {
        for task in group.tasks where !task.isFailed {
          let mark = marks.begin(.decompress, assignment, task, isAlone: suspicion.concerns(task.planned.id, task.versionMark))
          defer { marks.end(mark) }
          try await decompressItem(task, &pieces, outgoing, mark, assignment.heartbeat)
        }
        try await outgoing.finish()
      } catch is Closed {
        // Somebody behind has failed the group.
      } catch let error as CancellationError {
        throw error
      } catch {
        group.fail(.worker("\(error)", stage: "decompress"))
        throw error
      }
    }
  }

  /// Compares the item's columns with those that the source had before.
  private func look(_ task: ItemTask, _ chunk: RecordChunk, _ format: any RecordFormat) throws {
    let finding = schemaWatch.look(chunk, task.prologue, format)
    task.columns = finding.columns
    guard let change = finding.change else { return }
    let words = definition.redactor.redact(change.description)
    if !finding.isKnown {
      journal.add("parse", nil, "schema_changed", "\(task.planned.item.key): \(words)")
      event(.schemaChanged(item: task.planned.item.key, change: words))
    }
    switch definition.parse.onSchemaChange {
    case nil, .evolve: return
    case .deadLetter: throw SchemaChanged(words)
    case .fail:
      abort(.schemaChanged(item: task.planned.item.key, change: words, resumeCommand))
      throw SchemaChanged(words)
    }
  }

  /// The records of a damaged item up to the damage are its records, and the damage is a dead letter.
  private func keepSound(_ task: ItemTask, _ reason: String, stage: String, _ outgoing: ChunkMessages) {
    task.damage = ItemTask.Damage(reason: reason, stage: stage)
    // What was not taken of the item is wanted no more, but fetch may still be at it.
    if outgoing.group.isSingle { outgoing.group.fetched.close() }
  }

  private var resumeCommand: String { state.command("resume", "\(run)", "--accept-schema-changes") }

  private func decompressItem(
    _ task: ItemTask, _ pieces: inout FetchedPieces, _ outgoing: ChunkMessages, _ mark: Marks.Unit, _ heartbeat: Heartbeat
  ) async throws {
    let format = definition.parse.recordFormat(itemName: task.planned.item.name)
    var chunker = RecordChunker(
      definition, itemName: task.planned.item.name, itemBytes: task.planned.size, format: format, skipTo: task.start.offset
    ) { [self] prologue in
      task.prologue = prologue
      return try mappings.mapping(prologue)
    }
    var isLookedAt = false
    let emit: RecordChunker.Emit = { [self] chunk, mapping, continuation in
      heartbeat.beat()
      if !isLookedAt, chunk.mayHoldRecords {
        isLookedAt = true
        try look(task, chunk, format)
      }
      try await outgoing.add(Chunk(task: task, chunk: chunk, mapping: mapping, format: format, continuation: continuation))
    }
    do {
      chunker.inside = { try mark.inside($0) }
      if let continuation = task.continuation, try !chunker.resume(continuation) { return task.fail(.notResumable) }
      var isWhole = false
      while !isWhole, let piece = await pieces.next(task, heartbeat) {
        if let bytes = piece.bytes { try await chunker.feed(bytes, emit) } else { isWhole = true }
      }
      if !isWhole || task.isFailed { return }
      try await chunker.finish(emit)
    } catch let error as DecompressError {
      guard definition.decompress.onDamage == .keepRecords, error.isDamage else {
        return task.fail(.damaged(error.description, error.errorCode, stage: "decompress"))
      }
      do {
        try await chunker.flushWhole(emit)
      } catch is ParseError {
      } catch let error as DecompressError {
        return task.fail(.damaged(error.description, error.errorCode, stage: "decompress"))
      }
      keepSound(task, error.description, stage: "decompress", outgoing)
    } catch let error as SchemaChanged {
      return task.fail(.damaged(error.description, .schemaChanged, stage: "parse"))
    } catch let error as ParseError where error.isDamage && definition.decompress.onDamage == .keepRecords {
      keepSound(task, error.description, stage: "parse", outgoing)
    } catch let error as ParseError {
      if case .missingColumn(let name, _) = error, definition.parse.onSchemaChange == .fail {
        abort(.schemaChanged(item: task.planned.item.key, change: "missing: \(name)", resumeCommand))
      }
      return task.fail(.damaged(error.description, error.errorCode, stage: "parse"))
    }
    task.decompressedBytes = chunker.decompressedBytes
    task.chunkCount = chunker.chunkCount
  }
}

/// How long this run's downloads are, which nobody knows before: what comes will be like what came.
final class Downloads: Sendable {
  /// So many have to be alike.
  private static let least = 32
  private let seen = Mutex((count: 0, most: 0))

  func note(_ bytes: Int) {
    seen.withLock {
      $0.count += 1
      $0.most = max($0.most, bytes)
    }
  }

  /// What none was longer than, once there were enough.
  var usualBytes: Int? { seen.withLock { $0.count < Self.least ? nil : $0.most } }
}

/// A group's bytes on their way to decompress: those of small items go together.
private final class FetchedMessages: Sendable {
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
private final class ChunkMessages {
  let group: ItemGroup
  private let channel: Channel<RunEngine.Chunks>
  private let heartbeat: Heartbeat
  private var chunks: [RunEngine.Chunk] = []
  private var bytes = 0
  private var count = 0

  init(_ group: ItemGroup, _ channel: Channel<RunEngine.Chunks>, _ heartbeat: Heartbeat) {
    self.group = group
    self.channel = channel
    self.heartbeat = heartbeat
  }

  func add(_ chunk: RunEngine.Chunk) async throws {
    chunks.append(chunk)
    bytes += chunk.chunk.buffer.count
    if group.isSingle || bytes >= RecordChunker.chunkBytes { try await send() }
  }

  private func send() async throws {
    if chunks.isEmpty { return }
    let message = RunEngine.Chunks(group: group, number: count, chunks: chunks)
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
