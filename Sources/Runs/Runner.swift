import Dataflow
import Isolation
import Planning
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

/// Runs and resumes pipelines.
package final class Runner: Sendable {
  let definition: PipelineDefinition
  let state: StateFolder
  let options: RunOptions
  /// The figures of the run, while it goes and after it.
  package let progress = RunProgress()
  let event: @Sendable (RunEvent) -> Void
  private let flow = Mutex<Flow?>(nil)
  private let stopAsked = Mutex(false)

  /// Makes a runner for one run.
  ///
  /// - Parameters:
  ///   - definition: prepared to run.
  ///   - state: the state folder that the run is recorded in.
  ///   - event: takes the run's events, from any thread.
  package init(
    _ definition: PipelineDefinition, state: StateFolder, options: RunOptions, event: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.definition = (options.acceptsSchemaChanges ? definition.acceptingSchemaChanges() : definition).working(inState: state.path)
    self.state = state
    self.options = options
    self.event = event
  }

  /// Stops taking items, checkpoints those under way and lets ``run()`` return. May be called from anywhere.
  package func stop() {
    stopAsked.withLock { $0 = true }
    flow.withLock { $0 }?.stop()
  }

  /// Discovers items and works on those that are not done.
  package func run() async throws(RunFailure) -> RunResult {
    do {
      try await OutputGuard(definition, state).check()
      return try await locked { ledger in
        let continued = try await RunRecord.continued(definition, options, ledger)
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
        // Another process may have finished it before this one had the lock, or recovery just now: a rename may have been all that was left.
        let now = try await ledger.run(record.id)
        guard let record = now, try await ledger.isUnfinished(record) else {
          guard let now, now.status == .done else { throw RunFailure.nothingLeft(of: now ?? record, state) }
          return try await finished(now, ledger)
        }
        // Records of one run are not to see two contents of a table.
        if !definition.loadedFiles.isEmpty, !(try await ledger.hasDefinition(definition.fingerprint, run: record.id)) {
          let files = definition.loadedFiles.map(\.name).joined(separator: ", ")
          throw RunFailure.nothingToResume(
            "what run \(record.id) loads (\(files)) has changed since it began; put the former content back, or work on what is left in a new run, with the new content: sluice run \(ShellText.word(definition.shownPath))"
          )
        }
        let open = try await ledger.items(run: record.id, onlyOpen: !definition.hasOutputOfRun)
        return try await work(ledger, continuing: record, resuming: try Discovery(definition: definition).items(open))
      }
    } catch {
      throw .from(error)
    }
  }

  /// The result of a run that was finished when its resuming began.
  private func finished(_ record: RunRecord, _ ledger: any Ledger) async throws -> RunResult {
    let done = try await ledger.totals(record.id).items[.done] ?? 0
    var result = RunResult(definition.name, items: (total: done, done: done, skipped: 0, failed: 0), progress)
    (result.run, result.counts, result.bytes) = (record.id, record.counts, record.bytes)
    result.unfinishedRuns = try await ledger.unfinishedRuns(pipeline: definition.name).map(\.id)
    return result
  }

  /// Does work on the pipeline as the only process, after recovery.
  func locked<T>(_ body: (Ledger) async throws -> T) async throws -> T {
    do {
      try await BlockingThreads.files.run { [state] in try SystemCall.createFolders(state.path, mode: 0o700) }
    } catch let failure as SystemFailure {
      throw LedgerError(state.path, failure)
    }
    // The lock comes first: the process that holds it may be changing the ledger.
    let lock = try await lock()
    defer { withExtendedLifetime(lock) {} }
    let ledger = try Ledgers.open(state.path)
    try await Recovery(ledger: ledger, state: state, definition: definition, event: event).settle()
    return try await body(ledger)
  }

  /// Waits for the right to run the pipeline, but not longer than the options say.
  private func lock() async throws -> RunLock {
    let deadline = ContinuousClock.now + options.lockWait
    while true {
      do throws(RunFailure) {
        return try RunLock(state, pipeline: definition.name)
      } catch {
        guard error.code == .locked, ContinuousClock.now < deadline, !stopAsked.withLock({ $0 }) else { throw error }
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
    let planner = try await RunPlanner(
      definition, state, options, ledger: ledger, continuing: continuing, naming: naming((continuing?.id ?? next).description),
      session: fetching, failedIn: EngineRole.isStartedAgain ? continuing?.id : nil,
      isStopping: { [self] in stopAsked.withLock { $0 } }, event: event)
    let plan = try await planner.plan(resuming)
    if resuming == nil, options.limitItems == nil, try await ledger.hasOpenItems(pipeline: definition.name) {
      let found = plan.work.map(\.item.key) + plan.failed
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
      $0.bytesTotal = plan.work.lazy.compactMap(\.state.size).sumOfSizes
    }
    if plan.work.isEmpty, continuing == nil, let last = try await ledger.runs(pipeline: definition.name, limit: 1).first {
      var result = RunResult(
        definition.name, items: (total: plan.total, done: 0, skipped: plan.total, failed: 0), progress)
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
          key: $0.item.key, location: $0.item.keptLocation, ordinal: $0.order, startsOver: $0.action != .resume,
          keepsEarlier: knownVersion($0) != nil, forgetsSinks: options.isFull,
          isKnown: $0.record != nil)
      }
    )
    let targets = naming(run.description)
    var planned = try await planned(plan, ids, targets, ledger)
    try state.makeSpoolFolder(pipeline: definition.name)
    let sinks = try await BlockingThreads.files.run { [definition] in
      try RunSinks(definition, chain.output, slot: { targets.slot(nil, in: $0) }, kept: plan.isInPlace ? nil : plan.kept)
    }
    if definition.isStreaming { event(.toStandardOutput) }
    let timeline = Timeline(try await ledger.timeline(run))
    let startedAt = try await ledger.run(run)?.startedAt ?? date
    let columns = try await columns(ledger, plan.work.first?.item, fetching)
    var flow: Flow
    var round = 1
    repeat {
      flow = Flow(
        definition: definition, chain: chain, ledger: ledger, run: run, startedAt: startedAt, state: state, fetching: fetching,
        sinks: sinks, columns: columns, timeline: timeline, progress: progress, event: event)
      if EngineRole.isStartedAgain || round > 1 {
        flow.add(try await ledger.totals(run).counts, failedItems: plan.failed.count)
      }
      let current = flow
      self.flow.withLock { $0 = current }
      if stopAsked.withLock({ $0 }) { flow.stop() }
      await flow.run(planned)
      if continuing == nil, round == 1 { flow.tellAbsentFields() }
      await flow.finish()
      self.flow.withLock { $0 = nil }
      // A target may refuse other rows each time, as where other programs write into it.
      planned = flow.failure == nil && round < 5 ? try await again(flow.takeRepeated(), ledger) : []
      round += 1
      // The next round's flow knows nothing of this one's commits.
      if !planned.isEmpty { try await ledger.committed(flow.takeCommitted().map(\.committable)) }
    } while !planned.isEmpty && !stopAsked.withLock({ $0 })
    let ending = RunEnding(
      definition: definition, state: state, ledger: ledger, run: run, flow: flow, sinks: sinks, progress: progress, event: event)
    var result = try await ending.end(skipped: plan.total - plan.work.count - plan.failed.count)
    result.note(unasked: plan.unasked, isStopping: stopAsked.withLock { $0 }, definition.shownPath)
    return result
  }

  /// The fields that records are read by, and whether they are to be kept for the runs after.
  private func schema(
    _ worked: [ItemDecision], _ continuing: RunRecord?, _ ledger: any Ledger, _ fetching: FetchSession
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
    // Without a record nothing is learnt of types: the known ones stay, and items that are broken fail for themselves.
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

  /// The version of an item that need not be read again: then its output, and all that the ledger has of it, stays.
  private func knownVersion(_ decision: ItemDecision) -> String? {
    !definition.hasOutputOfRun && decision.action == .replace ? decision.record?.version : nil
  }

  private func planned(_ plan: RunPlan, _ ids: [ItemID], _ naming: OutputNaming, _ ledger: any Ledger) async throws -> [PlannedItem] {
    var planned: [PlannedItem] = []
    planned.reserveCapacity(ids.count)
    let shared = naming.ofRun
    let marks = definition.sinks.count > 1 ? try await ledger.sinkMarks(ids) : []
    for (i, (decision, id)) in zip(plan.work, ids).enumerated() {
      let isResumed = decision.action == .resume
      var start = isResumed ? decision.record?.checkpoint ?? Checkpoint() : Checkpoint()
      if isResumed { start.continuation = try await ledger.continuation(id) }
      let slots = shared.count == definition.sinks.count ? shared.map(\.slot) : naming.slots(decision.item)
      planned.append(
        PlannedItem(
          item: decision.item, id: id, slots: slots, bases: plan.bases, start: start,
          startVersion: isResumed ? decision.record?.version : nil, failedBefore: decision.record?.status == .failed,
          knownVersion: knownVersion(decision),
          size: decision.item.source.traits.contains(.exactSizes) ? decision.state.size : nil, refusal: decision.refusal,
          marks: marks.isEmpty ? [] : marks[i].filter { $0.definitionHash == definition.fingerprint },
          refused: decision.record == nil || !definition.sinks.contains(where: \.sink.refusesRows)
            ? [] : try await ledger.refusedRecords(id)))
    }
    return planned
  }

  /// Plans items that are written again, without the records that a target refused.
  private func again(_ items: [PlannedItem], _ ledger: any Ledger) async throws -> [PlannedItem] {
    var planned: [PlannedItem] = []
    let marks = try await ledger.sinkMarks(items.map(\.id))
    for (item, marks) in zip(items, marks) {
      planned.append(
        item.again(
          from: nil,
          marks: marks.filter { $0.definitionHash == definition.fingerprint }, refused: try await ledger.refusedRecords(item.id)))
    }
    return planned
  }
}
