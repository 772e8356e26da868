import Decompress
import Definition
import Fetch
import Foundation
import Ledger
import Parse
import Records
import Supervision

/// The fetch and decompress stages: an item's bytes, in order, by one worker of each.
extension RunEngine {
  var fetch: @Sendable (ItemTask, Assignment) async throws -> Void {
    { [self] task, assignment in
      let heartbeat = assignment.heartbeat
      guard task.claim(.fetch) else { return }
      let mark = marks.begin(.fetch, assignment, task)
      defer { marks.end(mark) }
      do {
        let outcome =
          task.planned.item.isHTTP
          ? try await untilFailure(task) { [self] in try await fetchSource(task, heartbeat) } : try await fetchSource(task, heartbeat)
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
      try await heartbeat.waiting { try await task.fetched.send(piece, bytes: piece.count) }
    }
    func begin(_ version: String?) async throws {
      if task.start.offset > 0, version != planned.startVersion { throw FetchError.changed }
      if let version { task.version = version }
      if let verdict = suspicion.verdict(planned.id, task.versionMark) { throw ItemFailure.damaged(verdict.reason, stage: "decompress") }
    }
    let outcome: Fetcher.Outcome
    switch planned.item.source {
    case .file(let path):
      outcome = try await fetcher.fetchFile(path, from: from, digest: digest, heartbeat, began: begin, deliver: deliver)
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

  var decompress: @Sendable (ItemTask, Assignment) async throws -> Void {
    { [self] task, assignment in
      let heartbeat = assignment.heartbeat
      guard task.claim(.decompress) else { return }
      let mark = marks.begin(
        .decompress, assignment, task, isAlone: suspicion.concerns(task.planned.id, task.versionMark))
      defer { marks.end(mark) }
      let format = definition.recordFormat(itemName: task.planned.item.name)
      var cutter = RecordCutter(definition, itemName: task.planned.item.name, format: format, skipTo: task.start.offset) {
        [self] beginning in
        task.beginning = beginning
        return try Layout(schema: schema, beginning: beginning, decoded: chain.decoded)
      }
      let emit: RecordCutter.Emit = { [self] chunk, layout, continuation in
        heartbeat.beat()
        try await heartbeat.waiting {
          try await task.credits.take()
          try await chunks.send(Chunk(task: task, chunk: chunk, layout: layout, format: format, continuation: continuation))
        }
      }
      do {
        cutter.inside = { try mark.inside($0) }
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
}
