import Configuration
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Records
import Supervision
import Synchronization
import Transform
import Write

/// What a run came to.
package struct RunResult: Sendable {
  /// Nil where nothing was new: then there was no run.
  package var run: RunID?
  /// The last run, where nothing is new since.
  package var last: RunRecord?
  package var pipeline: String
  package var status: RunStatus
  package var exitCode: Int32
  package var items: (total: Int, done: Int, skipped: Int, failed: Int)
  package var counts: RecordCounts
  package var bytes: ByteCounts
  package var seconds: Double
  package var restarts: Int
  package var retries: Int
  /// What happened under its supervisors: how often of each kind.
  package var events: [String: Int] = [:]
  /// Items that are done, but for what was damaged of them: each rest counts as one record, read and dead-lettered.
  package var damagedItems = 0
  /// The pipeline's other runs of which something is left to do, the newest first.
  package var unfinishedRuns: [RunID] = []
  /// Why it is not done, in a sentence or two.
  package var problem: String?
  package var problemCode: ErrorCode?
  /// Whether it ended since what read standard output went away.
  package var isReaderGone = false

  /// Items that are done, and could not be asked about, keep a run from being a success; nothing of it is left to resume.
  mutating func note(unasked: Int, isStopping: Bool, _ path: String) {
    guard unasked > 0, exitCode == ExitStatus.done.rawValue else { return }
    exitCode = (isStopping ? ExitStatus.unfinished : .failedItems).rawValue
    problem =
      "\(unasked) item\(unasked == 1 ? " that is done" : "s that are done") could not be asked about\(isStopping ? " before the run was stopped" : ""); what is known stays; ask again with: sluice run \(path)"
    problemCode = .notAsked
  }
}

extension Schema {
  /// A schema that a run inferred, as the ledger has it.
  static func recorded(_ text: String?) -> Schema? {
    text.flatMap { try? JSONDecoder().decode(Schema.self, from: Data($0.utf8)) }
  }
}

/// Runs and resumes pipelines.
package final class Runner: Sendable {
  /// What a command line may ask of a run beside the definition.
  package struct Options: Sendable {
    package var isFull = false
    package var limitItems: Int?
    /// How long to wait for another run of the pipeline to end.
    package var lockWait = Duration.zero
    /// Whether changes of the source's columns are taken as they come, whatever the definition says.
    package var acceptsSchemaChanges = false
    package init() {}
  }

  let definition: PipelineDefinition
  let state: StateFolder
  let options: Options
  package let progress = RunProgress()
  let event: @Sendable (RunEvent) -> Void
  private let engine = Mutex<RunEngine?>(nil)
  private let stopAsked = Mutex(false)

  package init(
    _ definition: PipelineDefinition, state: StateFolder, options: Options, event: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.definition = options.acceptsSchemaChanges ? definition.acceptingSchemaChanges() : definition
    self.state = state
    self.options = options
    self.event = event
  }

  /// Stops taking items, checkpoints what is under way and lets ``run()`` return. May be called from anywhere.
  package func stop() {
    stopAsked.withLock { $0 = true }
    engine.withLock { $0 }?.stop()
  }

  /// Discovers items and works on those that are not done.
  package func run() async throws(RunFailure) -> RunResult {
    do {
      try await OutputGuard(definition, state).check()
      return try await locked { ledger in
        let continued = try await Self.continued(definition, options, ledger)
        return try await work(ledger, continuing: continued, resuming: nil)
      }
    } catch {
      throw .from(error)
    }
  }

  /// Finishes a run, with the definition that it began with (which this runner must have been made with).
  package func resume(_ record: RunRecord) async throws(RunFailure) -> RunResult {
    do {
      try await OutputGuard(definition, state).check()
      return try await locked { ledger in
        // Whoever held the lock before may have finished it; what was left may have been no more than a rename, done by now.
        guard let record = try await ledger.run(record.id), try await ledger.isUnfinished(record) else {
          throw RunFailure.nothingLeft(of: try await ledger.run(record.id) ?? record, state)
        }
        // Records of one run are not to see two contents of a table.
        if !definition.loadedFiles.isEmpty, !(try await ledger.hasDefinition(definition.fingerprint, run: record.id)) {
          let files = definition.loadedFiles.map(\.name).joined(separator: ", ")
          throw RunFailure.nothingToResume(
            "what run \(record.id) loads (\(files)) has changed since it began; put the former content back, or work on what is left in a new run, with the new content: sluice run \(ShellText.word(definition.shownPath))"
          )
        }
        let open = try await ledger.items(run: record.id, onlyOpen: definition.sink.grouping != .run)
        return try await work(ledger, continuing: record, resuming: try Discovery(definition: definition).items(open))
      }
    } catch {
      throw .from(error)
    }
  }

  /// The run that `run` goes on with: the newest, where something of it is left and the definition is the same.
  static func continued(_ definition: PipelineDefinition, _ options: Options, _ ledger: any Ledger) async throws -> RunRecord? {
    guard !options.isFull, let last = try await ledger.runs(pipeline: definition.name, limit: 1).first,
      try await ledger.isUnfinished(last), try await ledger.hasDefinition(definition.fingerprint, run: last.id)
    else { return nil }
    return last
  }

  /// Does work on the pipeline as the only one, after what a run that was killed had begun to commit is settled.
  func locked<T>(_ body: (Ledger) async throws -> T) async throws -> T {
    do {
      try await BlockingThreads.files.run { [state] in try SystemCall.createFolders(state.path, mode: 0o700) }
    } catch let failure as SystemFailure {
      throw LedgerError(state.path, failure)
    }
    // The lock comes first: what holds it may be changing the ledger.
    let lock = try await lock()
    defer { withExtendedLifetime(lock) {} }
    let ledger = try Ledgers.open(state.path)
    try await Recovery(ledger: ledger, state: state, definition: definition, event: event).settle()
    return try await body(ledger)
  }

  /// The right to run the pipeline, as soon as nobody else has it, but not later than the options say.
  private func lock() async throws -> RunLock {
    let deadline = ContinuousClock.now + options.lockWait
    while true {
      do throws(RunFailure) {
        return try RunLock(state, pipeline: definition.name)
      } catch {
        guard case .locked = error, ContinuousClock.now < deadline, !stopAsked.withLock({ $0 }) else { throw error }
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  // MARK: Work

  /// - Parameter resuming: the items, where none are to be discovered.
  private func work(_ ledger: any Ledger, continuing: RunRecord?, resuming: [Item]?) async throws -> RunResult {
    let fetching = FetchSession(definition.redactor)
    defer { fetching.close() }
    let date = continuing?.startedAt ?? Date()
    let naming: @Sendable (String) -> OutputNaming = { [definition] run in OutputNaming(definition: definition, run: run, date: date) }
    let next = try await ledger.nextRun()
    let planning = Planning(
      definition: definition, options: options, ledger: ledger, continuing: continuing,
      naming: naming((continuing?.id ?? next).description),
      planner: Planner(
        definition: definition, session: fetching, isFull: options.isFull, continues: continuing != nil,
        failedIn: EngineProcess.isStartedAgain ? continuing?.id : nil, looksAtAll: false,
        isStopping: { [self] in stopAsked.withLock { $0 } }, event: event),
      outputs: OutputGuard(definition, state), excluded: try await OwnFiles(definition, state, ledger),
      event: event)
    let plan = try await planning.plan(resuming)
    if resuming == nil, options.limitItems == nil, try await ledger.hasOpenItems(pipeline: definition.name) {
      let found = Set(plan.work.map(\.item.key) + plan.failed)
      let (closed, open) = try await Closing(definition: definition, state: state, ledger: ledger)
        .closeGone(found: found, continued: continuing?.id)
      if !closed.isEmpty { event(.closed(items: closed)) }
      // A run is gone on with where all that is left of it was found. Else it stays as it is, to be resumed with its own variables.
      if let run = continuing?.id, open.contains(run) { return try await work(ledger, continuing: nil, resuming: nil) }
    }
    if plan.outdated > 0, continuing == nil { event(.outdated(count: plan.outdated, definition: definition.shownPath)) }
    progress.update {
      $0.itemsTotal = plan.total
      $0.itemsSkipped = plan.total - plan.work.count - plan.failed.count
      $0.bytesTotal = plan.work.reduce(0) { $0 + ($1.state.size ?? 0) }
    }
    if plan.work.isEmpty, continuing == nil, let last = try await ledger.runs(pipeline: definition.name, limit: 1).first {
      var result = result(nil, .done, .done, (plan.total, 0, plan.total, 0), RecordCounts(), ByteCounts(), nil)
      result.last = last
      result.note(unasked: plan.unasked, isStopping: stopAsked.withLock { $0 }, definition.shownPath)
      result.unfinishedRuns = try await ledger.unfinishedRuns(pipeline: definition.name).map(\.id)
      return result
    }
    let (schema, isInferred) = try await schema(plan.work, continuing, ledger, fetching)
    let chain = try definition.transformChain(for: schema)
    let new = NewRun(
      definition: definition.text, definitionPath: definition.file, variables: definition.variables,
      schema: isInferred ? String(decoding: try JSONEncoder().encode(schema), as: UTF8.self) : nil)
    let (run, ids) = try await ledger.begin(
      new, continuing: continuing?.id, pipeline: definition.name, definitionHash: definition.fingerprint,
      plan.work.map {
        ItemEntry(
          key: $0.item.key, location: $0.item.keptLocation, ordinal: $0.order, startsOver: $0.action != .resume, isKnown: $0.record != nil)
      }
    )
    let targets = naming(run.description)
    let planned = try await planned(plan, ids, targets, ledger)
    try state.makeSpoolFolder(pipeline: definition.name)
    let session = try await BlockingThreads.files.run { [definition] in try definition.sink.start(definition.sinkContext) }
    var shared: (any SinkWriter)?
    if definition.sink.grouping != .item, !plan.isInPlace {
      shared = try await BlockingThreads.files.run { try session.open(targets.slot(nil), chain.output, at: plan.kept) }
    }
    if definition.sink.grouping == .stream { event(.toStandardOutput) }
    let timeline = Timeline(try await ledger.timeline(run))
    let engine = RunEngine(
      definition, chain: chain, ledger: ledger, run: run, state: state, fetching: fetching, session: session, shared: shared,
      columns: try await columns(ledger, plan.work.first?.item, fetching), timeline: timeline, progress: progress, event: event)
    if EngineProcess.isStartedAgain {
      engine.noteCounts(deadLetters: try await ledger.totals(run).counts.deadLettered, failedItems: plan.failed.count)
    }
    self.engine.withLock { $0 = engine }
    if stopAsked.withLock({ $0 }) { engine.stop() }
    await engine.run(planned)
    engine.marks.remove()
    await engine.journal.write(to: ledger, run)
    await timeline.write(to: ledger, run)
    self.engine.withLock { $0 = nil }
    var result = try await end(engine, run, ledger, targets.slot(nil), skipped: plan.total - plan.work.count - plan.failed.count)
    result.note(unasked: plan.unasked, isStopping: stopAsked.withLock { $0 }, definition.shownPath)
    return result
  }

  /// The fields that records are read by, and whether they are to be kept for the runs after.
  private func schema(
    _ worked: [Planner.Decision], _ continuing: RunRecord?, _ ledger: any Ledger, _ fetching: FetchSession
  ) async throws -> (schema: Schema, isInferred: Bool) {
    if let fields = definition.parse.fields { return (fields, false) }
    if let schema = Schema.recorded(continuing?.schema) { return (schema, true) }
    let inferred = await Sampler(definition: definition, session: fetching).inferredSchema(worked.lazy.map(\.item))
    let known = try await ledger.runs(pipeline: definition.name, limit: 100).lazy.compactMap { Schema.recorded($0.schema) }.first
    if let schema = inferred.schema {
      event(.schema(schema.fields.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")))
      let changes = SchemaChange(from: known ?? schema, to: schema).retyped
      if !changes.isEmpty {
        event(.retyped(changes.map { "\($0.name) is \($0.looks.rawValue), was \($0.was.rawValue)" }.joined(separator: "; ")))
      }
      return (schema, true)
    }
    // Without a record nothing is learnt of types: what is known stays, and items that are broken fail for themselves.
    if let known, inferred.header.map({ Set($0.fields.map(\.name)) == Set(known.fields.map(\.name)) }) ?? true { return (known, true) }
    if let header = inferred.header { return (header, false) }
    guard let failure = inferred.failure else { return (Schema([]), false) }
    let none = Schema([])
    if inferred.isForeign, (try? definition.transformChain(for: none)) != nil { return (none, false) }
    throw failure
  }

  /// The columns that items are expected to have: those of the last item that is done, else of the first to come.
  private func columns(_ ledger: any Ledger, _ first: Item?, _ fetching: FetchSession) async throws -> [String]? {
    if let last = try await ledger.lastColumns(pipeline: definition.name) { return last }
    guard definition.parse.onSchemaChange != nil, let first else { return nil }
    return try? await Sampler(definition: definition, session: fetching).columns(first)
  }

  private func planned(_ plan: Planning.Plan, _ ids: [ItemID], _ naming: OutputNaming, _ ledger: any Ledger) async throws -> [PlannedItem] {
    var planned: [PlannedItem] = []
    planned.reserveCapacity(ids.count)
    let shared = definition.sink.grouping == .item ? nil : naming.slot(nil)
    for (decision, id) in zip(plan.work, ids) {
      let isResumed = decision.action == .resume
      var start = isResumed ? decision.record?.checkpoint ?? Checkpoint() : Checkpoint()
      if isResumed { start.continuation = try await ledger.continuation(id) }
      planned.append(
        PlannedItem(
          item: decision.item, id: id, slot: shared ?? naming.slot(decision.item), base: plan.base, start: start,
          startVersion: isResumed ? decision.record?.version : nil, failedBefore: decision.record?.status == .failed,
          knownVersion: definition.sink.grouping != .run && decision.action == .replace ? decision.record?.version : nil,
          size: decision.item.source.traits.contains(.exactSizes) ? decision.state.size : nil, refusal: decision.refusal))
    }
    return planned
  }

  // MARK: The end

  private func end(_ engine: RunEngine, _ run: RunID, _ ledger: any Ledger, _ slot: OutputSlot, skipped: Int) async throws -> RunResult {
    let totals = try await ledger.totals(run)
    let left = (totals.items[.pending] ?? 0) + (totals.items[.working] ?? 0)
    let failed = totals.items[.failed] ?? 0
    let isWhole = left == 0 && engine.fatal == nil
    var commit: PendingCommit?
    // An output that would hold nothing, since all failed, does not take the place of one that holds something.
    if isWhole, failed == 0 || (totals.items[.done] ?? 0) > 0, let shared = engine.shared {
      do {
        try await BlockingThreads.files.run { try engine.session.prepare([shared]) }
        commit = shared.committable.map { PendingCommit($0, definition, run: run, item: nil, file: slot.file) }
      } catch let error as WriteError {
        engine.abort(.write(error))
      }
    }
    var (status, exit, problem, code) = verdict(engine, run, totals.counts, left: left, failed: failed)
    let snapshot = progress.snapshot
    func ended() -> RunEnd {
      // What stopped a run before its output was in place can be gone on from; a run that failed has come to its end.
      RunEnd(
        status: engine.fatal == nil ? status : .interrupted, counts: totals.counts, bytes: totals.bytes, retries: snapshot.retries,
        restarts: snapshot.restarts, error: problem)
    }
    let committed = engine.takeCommitted()
    try await ledger.endRun(run, ended(), commit: commit, committed: committed)
    _ = try await BlockingThreads.files.run { try engine.session.commit([], forgetting: committed) }
    if let commit {
      do {
        let committable = commit.committable
        if let refusal = try await BlockingThreads.files.run({ try engine.session.commit([committable], forgetting: []).first }) {
          try await ledger.revoke(commit)
          throw WriteError(action: "write", path: committable.target, reason: refusal.reason)
        }
        try await ledger.committed([committable])
        _ = try await BlockingThreads.files.run { try engine.session.commit([], forgetting: [committable]) }
      } catch let error as WriteError {
        engine.abort(.write(error))
        (status, exit, problem, code) = verdict(engine, run, totals.counts, left: left, failed: failed)
        try await ledger.endRun(run, ended(), commit: nil, committed: [])
      }
    }
    try await Recovery(ledger: ledger, state: state, definition: definition, event: event).removeStale()
    // Items that a server called unchanged are done in the ledger, but nothing was done with them.
    let done = max(0, (totals.items[.done] ?? 0) - (snapshot.itemsSkipped - skipped))
    // A run that goes on has done items too that are not found any more.
    let total = max(snapshot.itemsTotal, done + failed + left)
    var result = result(run, status, exit, (total, done, total - done - failed - left, failed), totals.counts, totals.bytes, problem)
    if definition.decompress.onDamage == .keepRecords { result.damagedItems = try await ledger.damagedItems(run) }
    result.unfinishedRuns = try await ledger.unfinishedRuns(pipeline: definition.name).map(\.id).filter { $0 != run }
    result.problemCode = code
    if case .readerGone? = engine.fatal { result.isReaderGone = true }
    result.events = (try? await ledger.eventCounts(run)) ?? [:]
    return result
  }

  private func verdict(
    _ engine: RunEngine, _ run: RunID, _ counts: RecordCounts, left: Int, failed: Int
  ) -> (RunStatus, ExitStatus, String?, ErrorCode?) {
    let path = definition.shownPath
    if case .readerGone? = engine.fatal { return (.interrupted, .unfinished, nil, nil) }
    let resume = state.command("resume", "\(run)")
    if let fatal = engine.fatal { return (.failed, fatal.exitStatus, definition.redactor.redact(fatal.description), fatal.code) }
    let isExceeded = definition.deadLetterLimit.isExceeded(by: counts.deadLettered, of: counts.read)
    if engine.exceeded || (left == 0 && failed == 0 && isExceeded) {
      return (
        .failed, .deadLetters,
        "\(counts.deadLettered) dead letter\(counts.deadLettered == 1 ? "" : "s") of \(counts.read) records, more than limits.dead_letters allows; see them with: sluice dead-letters list \(path)",
        .tooManyDeadLetters
      )
    }
    if engine.hasFailedTooOften {
      return (
        .interrupted, .failedItems,
        "more items failed than limits.failed_items allows; see why with: sluice dead-letters list \(path); then go on with: \(resume)",
        .tooManyFailedItems
      )
    }
    if left > 0 { return (.interrupted, .unfinished, "interrupted; finish it with: \(resume)", .interrupted) }
    if failed > 0 {
      return (
        .failed, .failedItems,
        "\(failed) item\(failed == 1 ? "" : "s") failed; the rest is written; try them again with: \(resume)",
        .failedItems
      )
    }
    return (.done, .done, nil, nil)
  }

  private func result(
    _ run: RunID?, _ status: RunStatus, _ exit: ExitStatus, _ items: (Int, Int, Int, Int), _ counts: RecordCounts, _ bytes: ByteCounts,
    _ problem: String?
  ) -> RunResult {
    let snapshot = progress.snapshot
    return RunResult(
      run: run, pipeline: definition.name, status: status, exitCode: exit.rawValue,
      items: (total: items.0, done: items.1, skipped: items.2, failed: items.3), counts: counts, bytes: bytes,
      seconds: progress.started.duration(to: .now) / .seconds(1), restarts: snapshot.restarts,
      retries: snapshot.retries, problem: problem)
  }
}
