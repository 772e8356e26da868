import Configuration
import Decompress
import Definition
import Fetch
import Files
import Foundation
import Isolation
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
package final class Flow: Sendable {
  private let definition: PipelineDefinition
  private let ledger: any HistoryLedger
  private let run: RunID
  private let timeline: Timeline
  private let control: RunControl
  private let reporter: Reporter
  private let board: EngineBoard
  private let programs: Programs
  private let groups: ItemGroups
  private let commits: Commits
  private let committed = CommittedOutputs()
  private let repeated = RepeatedItems()
  private let downloads = Downloads()
  /// Whether each item goes by itself: work that is slow for each record, or is watched one by one, holds up no other item.
  private let isEachAlone: Bool

  /// Groups that may wait before a stage: enough that no stage waits for the one before it, and few enough to bound the bytes that are
  /// fetched ahead.
  private static let groupsAhead = 16
  private let fetchGroups = Channel<ItemGroup>(messages: groupsAhead)
  private let decompressGroups = Channel<ItemGroup>(messages: groupsAhead)
  private let writeGroups = Channel<ItemGroup>(messages: groupsAhead)
  private let chunks: Channel<ChunkMessage>
  private let batches: Channel<BatchMessage>
  private let sources: SourcePools
  private let parsePool: WorkerPool<ChunkMessage>
  private let transformPool: WorkerPool<BatchMessage>
  private let writePool: WorkerPool<ItemGroup>
  private let absentFields = AbsentFields()
  private let parse: ParseStage
  private let transform: TransformStage
  private let write: WriteStage
  /// Repeats commits while a sink is away.
  package let retry: SinkRetry
  private let supervisor: Supervisor

  /// Makes the stages, without a worker yet.
  ///
  /// - Parameters:
  ///   - chain: the definition's steps, checked for the fields that are read.
  ///   - fetching: the connections to the sources; the caller closes them.
  ///   - sinks: the definition's sinks at work.
  ///   - columns: those that items are expected to have; nil to go by the first item that comes.
  ///   - startedAt: when the run began first, as the ledger has it.
  ///   - event: takes the run's events, from any thread.
  package init(
    definition: PipelineDefinition, chain: TransformChain, ledger: any Ledger, run: RunID, startedAt: Date, state: StateFolder,
    fetching: FetchSession, sinks: RunSinks, columns: [String]?, timeline: Timeline, progress: RunProgress,
    event: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.definition = definition
    self.ledger = ledger
    self.run = run
    self.timeline = timeline
    let control = RunControl(definition)
    let reporter = Reporter(progress: progress, journal: Journal(), redactor: definition.redactor, event: event)
    let board = EngineBoard(
      path: state.boardPath(pipeline: definition.name), crashesPath: state.crashesPath(pipeline: definition.name),
      workers: { definition.stage($0).workers }, memory: definition.processMemory, policy: definition.policy)
    let suspects = Suspects(board.crashes, poisonAfter: definition.poisonAfter)
    let crashes = suspects.restarts
    progress.update { $0.restarts += crashes }
    if let death = suspects.lastDeath { reporter.engineDied(death) }
    let programs = Programs(
      chain,
      Programs.Setting(definition) {
        event(.programSaid(command: $0, line: $1))
      } restarted: {
        reporter.programRestarted($0, $1)
      })
    let groups = ItemGroups(messages: Self.chunksPerItem(definition), buffer: definition.stage(.decompress).buffer)
    (self.control, self.reporter, self.board, self.programs, self.groups) = (control, reporter, board, programs, groups)
    isEachAlone = !chain.links.isEmpty || !suspects.isEmpty
    // An item with a part of its own holds it open until it is committed.
    commits = Commits(limit: sinks.haveOwn ? 256 : 4096)
    let chunks = Channel<ChunkMessage>(messages: definition.stage(.parse).buffer)
    let batches = Channel<BatchMessage>(messages: definition.stage(.transform).buffer)
    (self.chunks, self.batches) = (chunks, batches)

    let pools = Pools(definition) { happened in
      let told = happened.telling(definition.redactor.redact)
      reporter.supervision(told)
      board.note(told)
    }
    supervisor = Supervisor("run", policy: definition.policy, event: pools.event)
    let spools = Spools(definition, state)
    sources = SourcePools(
      fetchPool: pools.make(.fetch, fetchGroups, conditions: .blocking),
      decompressPool: pools.make(.decompress, decompressGroups) { !chunks.isFull },
      fetch: FetchStage(
        definition: definition, session: fetching, spools: spools, downloads: downloads, suspects: suspects, board: board,
        reporter: reporter),
      decompress: DecompressStage(
        definition: definition, chunks: chunks, mappings: ColumnMappings(definition, chain),
        schemaWatch: SchemaWatch(expected: columns, fields: chain.input, looksAtValues: definition.parse.onSchemaChange != nil),
        suspects: suspects, board: board, reporter: reporter, control: control,
        acceptCommand: state.command("resume", "\(run)", "--accept-schema-changes"), countsRecords: chain.reads.contains(.numbers)))
    parsePool = pools.make(.parse, chunks) { !batches.isFull }
    transformPool = pools.make(.transform, batches)
    // One output is written by one worker, item after item.
    writePool = pools.make(
      .write, writeGroups, size: sinks.areSerial ? PoolSize(min: 1, max: 1) : nil, conditions: .blocking)

    let encoder = ChunkEncoder(definition, chain, run: run, SinkEncodings(definition, chain))
    let steps = TransformStage.Steps(chain: chain, programs: programs)
    let provenance = Provenance(run: run, startedAt: startedAt, reads: chain.reads)
    let careful = CarefulParsing(
      suspects: suspects, lock: SharedLock(), transform: steps, provenance: provenance, encoder: encoder, absentFields: absentFields)
    let output = EncodedOutput(control: control)
    parse = ParseStage(batches: batches, board: board, careful: careful, absentFields: absentFields, output: output)
    transform = TransformStage(
      board: board, steps: steps, provenance: provenance, careful: careful, encoder: encoder, output: output)
    retry = SinkRetry(definition.fetch.retry, control) { attempt, error, wait in
      reporter.retry(.write, item: error.path, attempt: attempt, error.description, wait: wait)
    }
    let failing = ItemFailing(ledger: ledger, run: run, pipeline: definition.name, control: control, reporter: reporter)
    let committer = Committer(
      run: run, ledger: ledger, sinks: sinks.sessions, committed: committed, failing: failing, spools: spools,
      retry: retry,
      control: control, reporter: reporter, repeated: repeated)
    let items = ItemWriter(
      definition: definition, run: run, ledger: ledger, sinks: sinks,
      sourceSchemas: SourceSchemas(ledger, pipeline: definition.name), commits: commits, committer: committer, control: control,
      progress: progress)
    write = WriteStage(
      definition: definition, ledger: ledger, sinks: sinks, items: items,
      failing: failing, groups: groups, sources: sources, spools: spools, board: board, control: control, reporter: reporter)

    control.onStop { [sinks, fetchGroups, decompressGroups, writeGroups] in
      groups.stop()
      programs.interrupt()
      sinks.sessions.interrupt()
      for channel in [fetchGroups, decompressGroups, writeGroups] { channel.close() }
    }
  }

  /// How many chunks of one item may be between decompress and write. Each takes about 2 MiB, its batch and encoded bytes included.
  private static func chunksPerItem(_ definition: PipelineDefinition) -> Int {
    let items = definition.stage(.fetch).workers.max
    let cores = max(2, ProcessInfo.processInfo.activeProcessorCount)
    return max(2, min(2 * cores + 4, definition.memory / (items * 4 * RecordChunker.chunkBytes)))
  }

  // MARK: The end of a run

  /// Takes no more items; those under way are checkpointed and left.
  package func stop() { control.stop() }

  /// Stops the run, since it can't go on; it can be resumed.
  package func abort(_ failure: RunFailure) { control.abort(failure) }

  /// The failure that the run could not go on after.
  package var failure: RunFailure? { control.failure }
  /// Whether too many dead letters stopped the run.
  package var hasTooManyDeadLetters: Bool { control.hasTooManyDeadLetters }
  /// Whether more items failed than may.
  package var hasTooManyFailedItems: Bool { control.hasTooManyFailedItems }

  /// The commits that their sinks have done, and of which the ledger was not told yet.
  package func takeCommitted() -> [PendingCommit] { committed.take() }

  /// The items that have to be written again, since a target refused rows of them at its commit.
  package func takeRepeated() -> [PlannedItem] { repeated.take() }

  /// Adds the counts of an engine before this one, which died: limits hold for the run, and not for an engine.
  package func add(_ counts: RecordCounts, failedItems: Int) {
    control.add(counts, failedItems: failedItems)
    reporter.progress.update { $0.itemsFailed += failedItems }
  }

  /// Tells of the fields that no record had, where this flow read all records of the run: a record that an earlier process read may have them.
  package func tellAbsentFields() {
    guard !control.isStopping, let absent = absentFields.found else { return }
    reporter.absentFields(absent.names, records: absent.records)
  }

  /// Takes the board away, and tells the ledger the rest of journal and timeline.
  package func finish() async {
    board.remove()
    await reporter.journal.write(to: ledger, run)
    await timeline.write(to: ledger, run)
  }

  // MARK: Flow

  /// Takes the items through all stages; returns when the last is written, or the run was stopped.
  ///
  /// A supervisor has the stages as its children, in the order of the flow, and restarts those that give up. Each is
  /// finished by the one before, so that the supervisor need not look whether it is over.
  package func run(_ items: [PlannedItem]) async {
    let sourcesLeft = Countdown(3) { [chunks] in
      // The source side has ended and write has all that it waits for: the stages between end in order.
      chunks.finish()
    }
    let reporting = Task { await report() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [self] in await guarded { try await dispatch(items) } }
      group.addTask { [self] in
        await guarded {
          try await supervisor.run([
            .init(Stage.fetch.rawValue) { [self] in
              try await sources.fetchPool.run(sources.fetchService)
              sourcesLeft.one()
            },
            .init(Stage.decompress.rawValue) { [self] in
              try await sources.decompressPool.run(sources.decompressService)
              sourcesLeft.one()
            },
            .init(Stage.parse.rawValue) { [self] in
              try await parsePool.run(.init(work: parse.work) { unit, error in unit.group.giveUp(.parse, error) })
              batches.finish()
            },
            .init(Stage.transform.rawValue) { [self] in
              try await transformPool.run(.init(work: transform.work) { unit, error in unit.group.giveUp(.transform, error) })
            },
            .init(Stage.write.rawValue) { [self] in
              try await writePool.run(.init(work: write.work) { [self] _, error in control.abort(.from(error)) })
              sourcesLeft.one()
            },
          ])
        }
        // However it ended, no stage is to wait for one that is gone.
        chunks.finish()
        batches.finish()
        await programs.finish()
        await commits.drain()
      }
    }
    // Only when no task has the ledger any more is it closed with the run, and its log brought into it.
    reporting.cancel()
    await reporting.value
  }

  private func guarded(_ body: () async throws -> Void) async {
    do {
      try await body()
    } catch is CancellationError {
    } catch is Closed {
    } catch {
      control.abort(.from(error))
    }
  }

  private func dispatch(_ items: [PlannedItem]) async throws {
    defer {
      fetchGroups.finish()
      decompressGroups.finish()
      writeGroups.finish()
    }
    var next = 0
    while next < items.count {
      if control.isStopping { return }
      let start = next
      next = isEachAlone ? start + 1 : ItemGroup.end(ofRunFrom: start, items, usual: downloads.usualBytes)
      let group = groups.make(items[start..<next])
      try await writeGroups.send(group)
      try await decompressGroups.send(group)
      try await fetchGroups.send(group)
    }
  }

  /// Shows the run's figures and the channels' fills on the board, and notes them for later, now and then.
  private func report() async {
    for tick in 0... {
      if Task.isCancelled { return }
      let snapshot = reporter.progress.snapshot
      timeline.add(
        snapshot,
        [sources.fetchPool.activity, sources.decompressPool.activity, parsePool.activity, transformPool.activity, writePool.activity])
      if tick % 5 == 0 {
        board.show(
          EngineBoard.Figures(snapshot, run),
          fills: [
            (.fetch, fetchGroups.fill), (.decompress, decompressGroups.fill), (.parse, chunks.fill), (.transform, batches.fill),
            (.write, writeGroups.fill),
          ])
        await reporter.journal.write(to: ledger, run)
      }
      // A run that is killed has its figures up to half a minute before.
      if tick % 300 == 299 { await timeline.write(to: ledger, run) }
      try? await Task.sleep(for: .milliseconds(100))
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

extension EngineBoard.Figures {
  fileprivate init(_ progress: ProgressSnapshot, _ run: RunID) {
    self.init(
      run: run.value, itemsTotal: progress.itemsTotal, itemsDone: progress.itemsDone + progress.itemsSkipped,
      itemsFailed: progress.itemsFailed, read: progress.counts.read, written: progress.counts.written)
  }
}
