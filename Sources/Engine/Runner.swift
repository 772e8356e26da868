import Definition
import Fetch
import Foundation
import Ledger
import Records
import Supervision
import Synchronization
import Transform
import Write

/// What a run came to.
public struct RunResult: Sendable {
  public var run: RunID
  public var pipeline: String
  public var status: RunStatus
  public var exitCode: Int32
  public var items: (total: Int, done: Int, skipped: Int, failed: Int)
  public var counts: RecordCounts
  public var bytes: ByteCounts
  public var seconds: Double
  public var restarts: Int
  public var retries: Int
  /// Why it is not done, in a sentence or two.
  public var problem: String?
}

/// Runs and resumes pipelines.
public final class Runner: Sendable {
  public struct Options: Sendable {
    public var isFull = false
    public var limitItems: Int?
    public init() {}
  }

  private let definition: PipelineDefinition
  private let state: StateFolder
  private let options: Options
  public let progress = RunProgress()
  private let event: @Sendable (RunEvent) -> Void
  private let engine = Mutex<RunEngine?>(nil)
  private let stopAsked = Mutex(false)

  public init(
    _ definition: PipelineDefinition, state: StateFolder, options: Options, event: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.definition = definition
    self.state = state
    self.options = options
    self.event = event
  }

  /// Stops taking items, checkpoints what is under way and lets ``run()`` return. May be called from anywhere.
  public func stop() {
    stopAsked.withLock { $0 = true }
    engine.withLock { $0 }?.stop()
  }

  /// Discovers items and works on those that are not done.
  public func run() async throws(RunFailure) -> RunResult {
    let items = try Discovery(definition: definition).items()
    let (ledger, lock) = try open()
    defer { withExtendedLifetime(lock) {} }
    do {
      let last = try await ledger.runs(pipeline: definition.name, limit: 1).first
      var continued: RunRecord?
      if let last, !options.isFull, try await isUnfinished(last, ledger), try await hasSameDefinition(last, ledger) { continued = last }
      return try await work(Array(items.prefix(options.limitItems ?? .max)), ledger, continuing: continued)
    } catch {
      throw .from(error)
    }
  }

  /// Finishes a run, with the definition that it began with (which this runner must have been made with).
  public func resume(_ record: RunRecord) async throws(RunFailure) -> RunResult {
    let (ledger, lock) = try open()
    defer { withExtendedLifetime(lock) {} }
    do {
      let keys = try await ledger.items(run: record.id).map(\.key)
      return try await work(Discovery(definition: definition).items(keys: keys), ledger, continuing: record)
    } catch {
      throw .from(error)
    }
  }

  /// Whether something of a run is left to do.
  public static func isUnfinished(_ run: RunRecord, _ ledger: Ledger) async throws(LedgerError) -> Bool {
    do {
      if run.status == .running || run.status == .interrupted { return true }
      let states = try await ledger.totals(run.id).items
      return states.contains { $0.key != .done && $0.value > 0 }
    } catch {
      throw error as? LedgerError ?? LedgerError(path: ledger.path, reason: "\(error)")
    }
  }

  private func isUnfinished(_ run: RunRecord, _ ledger: Ledger) async throws -> Bool { try await Self.isUnfinished(run, ledger) }

  private func hasSameDefinition(_ run: RunRecord, _ ledger: Ledger) async throws -> Bool {
    try await ledger.items(run: run.id).allSatisfy { $0.definitionHash == definition.fingerprint }
  }

  /// The lock comes first: what holds it may be changing the ledger.
  private func open() throws(RunFailure) -> (Ledger, RunLock) {
    do {
      try FileManager.default.createDirectory(atPath: state.path, withIntermediateDirectories: true)
    } catch {
      throw .ledger(LedgerError(path: state.path, reason: "can't make the state folder: \((error as NSError).localizedDescription)"))
    }
    let lock = try RunLock(state, pipeline: definition.name)
    do throws(LedgerError) {
      return (try Ledger.open(folder: state.path), lock)
    } catch {
      throw .ledger(error)
    }
  }

  // MARK: Work

  private func work(_ items: [Item], _ ledger: Ledger, continuing: RunRecord?) async throws -> RunResult {
    let http = HTTPClient()
    defer { http.close() }
    let known = try await ledger.items(pipeline: definition.name)
    let date = continuing?.startedAt ?? Date()
    let naming: @Sendable (String) -> OutputNaming = { [definition] run in OutputNaming(definition: definition, run: run, date: date) }
    let planner = Planner(definition: definition, http: http, isFull: options.isFull, continues: continuing != nil, looksAtAll: false)
    let runName = continuing.map { $0.id.description } ?? "new"
    var decisions = await planner.decide(items, known) { naming(runName).target($0) }
    let shared = !definition.writesPerItem
    var sharedStart = 0
    if shared { sharedStart = settleShared(&decisions, continuing, naming(runName).target(nil)) }
    let worked = decisions.filter { $0.action.isWork }
    progress.update {
      $0.itemsTotal = decisions.count
      $0.itemsSkipped = decisions.count - worked.count
      $0.bytesTotal = worked.reduce(0) { $0 + ($1.state.size ?? 0) }
    }
    if worked.isEmpty, continuing == nil, let last = try await ledger.runs(pipeline: definition.name, limit: 1).first {
      return result(last.id, .done, 0, (decisions.count, 0, decisions.count, 0), RecordCounts(), ByteCounts(), nil)
    }
    let schema = try await schema(worked, continuing, http)
    let plan = try definition.transformPlan(for: schema)
    try checkTargets(decisions.map(\.item), naming(runName))
    let new = Ledger.NewRun(
      definition: definition.text, definitionPath: definition.file, variables: definition.variables,
      schema: definition.fields == nil ? String(decoding: try JSONEncoder().encode(schema), as: UTF8.self) : nil)
    let (run, ids) = try await ledger.begin(
      new, continuing: continuing?.id, pipeline: definition.name, definitionHash: definition.fingerprint,
      decisions.enumerated().filter { $1.action.isWork }.map {
        Ledger.PlannedItem(key: $1.item.key, ordinal: $0, startsOver: $1.action != .resume)
      })
    let targets = naming(run.description)
    let planned = planned(worked, ids, decisions, targets)
    try state.makeSpoolFolder(pipeline: definition.name)
    let part = shared ? try await openShared(targets.target(nil), length: sharedStart) : nil
    let engine = RunEngine(
      definition, plan: plan, ledger: ledger, run: run, state: state, http: http, sharedPart: part, progress: progress, event: event)
    self.engine.withLock { $0 = engine }
    if stopAsked.withLock({ $0 }) { engine.stop() }
    await engine.run(planned)
    self.engine.withLock { $0 = nil }
    return try await end(engine, run, ledger, part, skipped: decisions.count - worked.count)
  }

  private func schema(_ worked: [Planner.Decision], _ continuing: RunRecord?, _ http: HTTPClient) async throws -> Schema {
    if let fields = definition.fields { return fields }
    if let text = continuing?.schema, let schema = try? JSONDecoder().decode(Schema.self, from: Data(text.utf8)) { return schema }
    guard let first = worked.first else { return Schema([]) }
    let schema = try await Sampler(definition: definition, http: http).inferredSchema(first.item)
    event(.schema(schema.fields.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")))
    return schema
  }

  private func checkTargets(_ items: [Item], _ naming: OutputNaming) throws(RunFailure) {
    guard definition.writesPerItem else { return }
    var owners: [String: String] = [:]
    for item in items {
      let target = naming.target(item)
      if let other = owners[target] { throw .collision(other, item.key, target: target) }
      owners[target] = item.key
    }
  }

  private func planned(
    _ worked: [Planner.Decision], _ ids: [ItemID], _ decisions: [Planner.Decision], _ naming: OutputNaming
  ) -> [PlannedItem] {
    var base = 0
    if !definition.writesPerItem {
      base = decisions.filter { $0.action == .skip }.compactMap { $0.record?.checkpoint?.partLength }.max() ?? 0
    }
    return zip(worked, ids).map { decision, id in
      let isResumed = decision.action == .resume
      return PlannedItem(
        item: decision.item, id: id, target: naming.target(decision.item), base: base,
        start: isResumed ? decision.record?.checkpoint ?? Checkpoint() : Checkpoint(),
        startVersion: isResumed ? decision.record?.version : nil,
        knownVersion: definition.writesPerItem && decision.action == .replace ? decision.record?.version : nil)
    }
  }

  // MARK: One file for the run

  /// One file of all items is made again from all where any is new or changed; a run that goes on keeps what stands in
  /// its part. Returns how much of the part that is.
  private func settleShared(_ decisions: inout [Planner.Decision], _ continuing: RunRecord?, _ target: String) -> Int {
    if !decisions.contains(where: { $0.action.isWork }), continuing == nil { return 0 }
    if let continuing, let length = keptLength(decisions, continuing, target) { return length }
    for i in decisions.indices where decisions[i].action != .fetch {
      decisions[i].action = .fetch
      decisions[i].reason = "the one output is made again from all items"
    }
    return 0
  }

  /// How much of the part holds: items done in this run, in order, then at most one that is resumed, then new ones.
  private func keptLength(_ decisions: [Planner.Decision], _ continuing: RunRecord, _ target: String) -> Int? {
    var length = 0
    var isPast = false
    for decision in decisions {
      switch decision.action {
      case .skip:
        guard !isPast, let record = decision.record, record.run == continuing.id, let point = record.checkpoint else { return nil }
        length = point.partLength
      case .resume:
        guard !isPast, let point = decision.record?.checkpoint else { return nil }
        length = point.partLength
        isPast = true
      case .fetch: isPast = true
      case .replace: return nil
      }
      if decision.record?.status == .failed { return nil }
    }
    return Planner.hasPart(target, length: length) || length == 0 ? length : nil
  }

  private func openShared(_ target: String, length: Int) async throws -> PartFile {
    try await BlockingThreads.files.run { try PartFile(target: target, path: OutputNaming.part(of: target), length: length) }
  }

  // MARK: The end

  private func end(_ engine: RunEngine, _ run: RunID, _ ledger: Ledger, _ part: PartFile?, skipped: Int) async throws -> RunResult {
    var totals = try await ledger.totals(run)
    let left = (totals.items[.pending] ?? 0) + (totals.items[.working] ?? 0)
    let failed = totals.items[.failed] ?? 0
    if left == 0, engine.fatal == nil, let part {
      do {
        try await BlockingThreads.files.run { try part.commit() }
      } catch let error as WriteError {
        engine.abort(.write(error))
      }
    }
    totals = try await ledger.totals(run)
    let snapshot = progress.snapshot
    var status = RunStatus.done
    var exitCode: Int32 = 0
    var problem: String?
    if let fatal = engine.fatal {
      (status, exitCode, problem) = (.failed, fatal.exitCode, fatal.description)
    } else if engine.exceeded
      || (left == 0 && failed == 0 && definition.deadLetterLimit.isExceeded(by: totals.counts.deadLettered, of: totals.counts.read))
    {
      (status, exitCode) = (.failed, 65)
      problem =
        "\(totals.counts.deadLettered) dead letters of \(totals.counts.read) records, more than limits.dead_letters allows; see them with: sluice dead-letters list \(definition.shownPath)"
    } else if left > 0 {
      (status, exitCode, problem) = (.interrupted, 75, "interrupted; finish it with: sluice resume \(definition.shownPath)")
    } else if failed > 0 {
      (status, exitCode) = (.failed, 69)
      problem =
        "\(failed) item\(failed == 1 ? "" : "s") failed; the rest is written; try them again with: sluice resume \(definition.shownPath)"
    }
    try await ledger.endRun(
      run, status: status, counts: totals.counts, bytes: totals.bytes, retries: snapshot.retries, restarts: snapshot.restarts,
      error: problem)
    // Items that a server called unchanged are done in the ledger, but nothing was done with them.
    let done = (totals.items[.done] ?? 0) - (snapshot.itemsSkipped - skipped)
    return result(
      run, status, exitCode, (snapshot.itemsTotal, done, snapshot.itemsTotal - done - failed - left, failed),
      totals.counts, totals.bytes, problem)
  }

  private func result(
    _ run: RunID, _ status: RunStatus, _ exitCode: Int32, _ items: (Int, Int, Int, Int), _ counts: RecordCounts, _ bytes: ByteCounts,
    _ problem: String?
  ) -> RunResult {
    let seconds = progress.started.duration(to: .now)
    let snapshot = progress.snapshot
    return RunResult(
      run: run, pipeline: definition.name, status: status, exitCode: exitCode,
      items: (total: items.0, done: items.1, skipped: items.2, failed: items.3), counts: counts, bytes: bytes,
      seconds: Double(seconds.components.seconds) + Double(seconds.components.attoseconds) / 1e18, restarts: snapshot.restarts,
      retries: snapshot.retries, problem: problem)
  }
}
