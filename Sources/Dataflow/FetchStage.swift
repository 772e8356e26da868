import Configuration
import Definition
import Fetch
import Files
import Foundation
import Isolation
import Ledger
import Records
import Supervision

/// The fetch stage: reads each item's bytes from its source, in order, and hands them to decompress.
final class FetchStage: Sendable {
  private let definition: PipelineDefinition
  private let session: FetchSession
  private let spools: Spools
  private let downloads: Downloads
  private let suspects: Suspects
  private let board: EngineBoard
  private let reporter: Reporter

  init(
    definition: PipelineDefinition, session: FetchSession, spools: Spools, downloads: Downloads, suspects: Suspects, board: EngineBoard,
    reporter: Reporter
  ) {
    self.definition = definition
    self.session = session
    self.spools = spools
    self.downloads = downloads
    self.suspects = suspects
    self.board = board
    self.reporter = reporter
  }

  /// Fetches the items of a group. One worker serves a group once.
  func work(_ group: ItemGroup, _ assignment: Assignment) async throws {
    guard group.claim(.fetch) else { return }
    let outgoing = FetchedMessages(group, assignment.heartbeat)
    do {
      for task in group.tasks where !task.hasEnded {
        let mark = board.begin(.fetch, assignment, task.content)
        defer { board.end(mark) }
        try await fetch(task, outgoing, assignment.heartbeat)
      }
      try await outgoing.send()
      group.fetched.finish()
    } catch is Closed {
      // A later stage has ended the group.
    } catch let error as CancellationError {
      throw error
    } catch {
      // Bytes that were delivered can't be delivered again: the items begin anew, with channels of their own.
      group.end(.worker("\(error)", .fetch))
      throw error
    }
  }

  private func fetch(_ task: ItemTask, _ outgoing: FetchedMessages, _ heartbeat: Heartbeat) async throws {
    do {
      let outcome =
        task.planned.item.source.traits.contains(.rereadsFreely)
        ? try await read(task, outgoing, heartbeat)
        : try await untilEnd(of: task) { [self] in try await read(task, outgoing, heartbeat) }
      switch outcome {
      case .notModified: task.end(.unchanged)
      case .delivered(let version):
        task.version = version
        if task.planned.size == nil { downloads.note(task.fetchedBytes) }
        try await outgoing.add(.init(item: task.index, bytes: nil))
      }
    } catch  where task.hasEnded {
      // A later stage has ended the attempt, while fetch waited.
    } catch let error as FetchError where isKept(error) {
      try await end(task, atDamage: error, outgoing)
    } catch let download as DownloadFailure where isKept(download.error) {
      try await end(task, atDamage: download.error, outgoing)
    } catch let error as FetchError {
      task.fail(failure(error, task))
    } catch let download as DownloadFailure {
      var failure = failure(download.error, task)
      failure.isTransient = download.beginsAnew
      task.end(.failed(failure, attempts: download.failures, isTold: download.isTold))
    } catch let failure as Failure {
      task.fail(failure)
    }
  }

  private func isKept(_ error: FetchError) -> Bool { error.isDamage && definition.decompress.onDamage == .keepRecords }

  /// Says that an item's rest is damaged, behind the bytes that were delivered.
  private func end(_ task: ItemTask, atDamage error: FetchError, _ outgoing: FetchedMessages) async throws {
    do {
      try await outgoing.add(.init(item: task.index, bytes: nil, damage: Failure(error, isTransient: false)))
    } catch is Closed where task.hasEnded {}
  }

  /// The failure that is left after all tries of the fetcher.
  private func failure(_ error: FetchError, _ task: ItemTask) -> Failure {
    // It is not the item's fault where the process may open no more files.
    if error.lacksDescriptors {
      return Failure(.processLimit, .fetch, error.description + SystemFailure(code: EMFILE).remedy)
    }
    switch error {
    // Nor where the state folder takes no more.
    case .spool(_, let code): return Failure(.ledger, .fetch, error.description + SystemFailure(code: code).remedy)
    // Another attempt reads the new version, and all of the content again.
    case .changed, .checksum: return Failure(error, isTransient: true)
    // A member's bytes may have been damaged on the way from a server.
    case .member, .memberContent:
      return Failure(error, isTransient: task.mayReadOtherwise)
    default: return Failure(error, isTransient: false)
    }
  }

  /// Runs `body` until it ends or the attempt does, so that it waits for a server no longer than the attempt lasts.
  private func untilEnd<T: Sendable>(of task: ItemTask, _ body: @escaping @Sendable () async throws -> T) async throws -> T {
    let work = Task(executorPreference: BlockingThreads.files, operation: body)
    task.onEnd { work.cancel() }
    return try await withTaskCancellationHandler {
      try await work.value
    } onCancel: {
      work.cancel()
    }
  }

  private func read(_ task: ItemTask, _ outgoing: FetchedMessages, _ heartbeat: Heartbeat) async throws -> Fetcher.Outcome {
    let planned = task.planned
    let fetcher = Fetcher(session, definition.fetch.retry) { [reporter] attempt, error, wait in
      reporter.retry(.fetch, item: planned.item.key, attempt: attempt, error.description, wait: wait)
    }
    let digest = planned.item.sha256 == nil ? nil : Digest()
    let from = task.continuation?.compressedBytes ?? 0
    task.fetchedBytes = from
    let deliver: (ByteBuffer) async throws -> Void = { [reporter] piece in
      task.fetchedBytes += piece.count
      reporter.progress.update { $0.bytes.fetched += piece.count }
      try await outgoing.add(.init(item: task.index, bytes: piece))
    }
    func begin(_ version: String?) async throws {
      if task.start.offset > 0, version != planned.startVersion { throw FetchError.changed }
      if let version { task.version = version }
      if let verdict = suspects.verdict(task.content) { throw Failure(.poison, .decompress, verdict.reason) }
    }
    let outcome: Fetcher.Outcome
    let (source, location) = (planned.item.source, planned.item.location)
    if source.traits.contains(.rereadsFreely) {
      outcome = try await fetcher.read(source, location, from: from, digest: digest, heartbeat, began: begin, deliver: deliver)
    } else {
      let download = Download(
        fetcher, source, location, from: from, spool: try spools.open(task), known: planned.knownVersion,
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
}

/// The places of a pipeline's downloads on the disk.
struct Spools {
  let state: StateFolder
  let pipeline: String
  let rule: Spool.SyncRule

  init(_ definition: PipelineDefinition, _ state: StateFolder) {
    self.state = state
    pipeline = definition.name
    var rule = Spool.SyncRule()
    rule.bytes = min(rule.bytes, definition.write.checkpoint.bytes)
    rule.every = min(rule.every, definition.write.checkpoint.every)
    self.rule = rule
  }

  /// Opens the spool of an attempt. A second attempt begins with nothing; an item that failed in an earlier run does not believe content that
  /// it failed of.
  func open(_ task: ItemTask) throws(FetchError) -> Spool {
    let belief: Spool.Belief = task.attempt > 1 ? .none : task.planned.failedBefore ? .partial : .all
    return try Spool(path: path(task.planned), rule: rule, believing: belief)
  }

  /// Removes the download of an item that is done.
  func remove(_ planned: PlannedItem) {
    if !planned.item.source.traits.contains(.rereadsFreely) { Spool.remove(path(planned)) }
  }

  private func path(_ planned: PlannedItem) -> String { state.spoolPath(pipeline: pipeline, key: planned.item.key) }
}
