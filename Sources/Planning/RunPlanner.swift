import Configuration
import Dataflow
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Supervision
import Write

/// Finds out what a run has to do: which items, from where, and how much of a part is kept.
package struct RunPlanner {
  let definition: PipelineDefinition
  let options: RunOptions
  let ledger: (any Ledger)?
  let continuing: RunRecord?
  let naming: OutputNaming
  let planner: ItemPlanner
  let outputs: OutputGuard
  let excluded: OwnFiles
  let event: @Sendable (RunEvent) -> Void

  /// Plans a run.
  ///
  /// - Parameters:
  ///   - ledger: nil where there is none yet, which only a dry run finds.
  ///   - continuing: the run that goes on; nil for a new one.
  ///   - failedIn: the run that an engine before this one had begun in the same command. Its failed items stay failed, and count.
  ///   - asksAboutAll: whether servers are asked about items too that were never done. A dry run wants their sizes.
  ///   - isStopping: whether the user has stopped the run; then planning does not wait for servers.
  package init(
    _ definition: PipelineDefinition, _ state: StateFolder, _ options: RunOptions, ledger: (any Ledger)?, continuing: RunRecord?,
    naming: OutputNaming, session: FetchSession, failedIn: RunID? = nil, asksAboutAll: Bool = false,
    isStopping: @escaping @Sendable () -> Bool = { false }, event: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws {
    self.definition = definition
    self.options = options
    self.ledger = ledger
    self.continuing = continuing
    self.naming = naming
    self.event = event
    planner = ItemPlanner(
      definition: definition, session: session, isFull: options.isFull, continues: continuing != nil, failedIn: failedIn,
      asksAboutAll: asksAboutAll, isStopping: isStopping, event: event)
    outputs = OutputGuard(definition, state)
    excluded = try await OwnFiles(definition, state, ledger)
  }

  /// Plans the run; tells the user of lost work and of files that are passed over.
  ///
  /// - Parameter items: the items; nil to discover them.
  /// - Throws: ``RunFailure``, ``NoSource``, ``LedgerError``.
  package func plan(_ items: [Item]?) async throws -> RunPlan {
    let isShared = definition.hasOutputOfRun
    // Servers are asked once; files may be looked at twice, so that items of which nothing is new are never all held.
    let keepsAll =
      isShared && (continuing != nil || items != nil || !definition.fetch.entries.allSatisfy { $0.source.traits.contains(.answersAtOnce) })
    var found = try await decide(items, keepsAll: keepsAll)
    if isShared, !keepsAll, !found.decisions.isEmpty, found.decisions.count < found.total {
      found = try await decide(items, keepsAll: true)
    }
    var decisions = found.decisions
    var plan = RunPlan(sinks: definition.sinks.count)
    plan.total = found.total
    decisions = try await planner.verified(decisions, naming)
    if isShared {
      try await settle(&decisions, &plan)
    } else {
      if let continuing { try await tellOfGoneOutputs(continuing) }
      if items != nil, let continuing, let ledger { plan.total = try await ledger.totals(continuing.id).items.values.reduce(0, +) }
    }
    plan.work = decisions.filter { $0.action.isWork }
    if isShared, options.limitItems != nil, !plan.work.isEmpty { try await refuseToLeaveOut(decisions) }
    // Where the one output is lost, they are made again too.
    plan.failed = found.failed.isEmpty ? [] : Array(Set(found.failed).subtracting(plan.work.map(\.item.key)))
    let own = excluded.found
    if own.count > 0 { event(.passedOver(count: own.count, first: own.first)) }
    // One output is made again from all items where anything is to be done.
    let isMadeAgain = isShared && !plan.work.isEmpty
    plan.outdated = isMadeAgain ? 0 : found.outdated
    plan.unasked = isMadeAgain ? 0 : found.unasked
    try await checkTargets(&plan.work, isDiscovering: items == nil)
    for decision in plan.work where decision.losesWork { event(.startsOver(item: decision.item.key, reason: decision.reason)) }
    return plan
  }

  /// Refuses to make the one output again without items that are in it, since later runs would take those for done.
  ///
  /// - Parameter decisions: about the items that `--limit-items` lets through.
  private func refuseToLeaveOut(_ decisions: [ItemDecision]) async throws {
    // An output with the run's number in its name takes no other's place.
    guard let slot = naming.ofRun.first(where: { $0.entry.sink.grouping == .run && naming.isSameInAllRuns($0.entry) })?.slot else { return }
    let taken = Set(decisions.map { Array($0.item.key.utf8) })
    try await ledger?.forEachPage(.done(pipeline: definition.name)) { items in
      guard let left = items.first(where: { !taken.contains(Array($0.key.utf8)) }) else { return }
      throw RunFailure(
        .invalidSetting, .wrongUse,
        "--limit-items would leave \(left.key), and all behind it, out of \(slot.shown), which holds them now; leave the option out, or give write.path an {item.stem}"
      )
    }
  }

  /// The decision about every item, in order.
  func decisions() async throws -> [ItemDecision] {
    var decisions = try await decide(nil, keepsAll: true).decisions
    decisions = try await planner.verified(decisions, naming)
    if definition.hasOutputOfRun {
      var plan = RunPlan(sinks: definition.sinks.count)
      try await settle(&decisions, &plan)
      if options.limitItems != nil, decisions.contains(where: { $0.action.isWork }) { try await refuseToLeaveOut(decisions) }
    }
    let (rest, work) = (decisions.filter { !$0.action.isWork }, decisions.filter { $0.action.isWork })
    var checked = work
    try await checkTargets(&checked, isDiscovering: true)
    return (rest + checked).sorted { $0.order < $1.order }
  }

  /// Decides about every item, a batch at a time.
  func decide(_ items: [Item]?, keepsAll: Bool) async throws -> ItemDecisions {
    var kept: [(found: Discovery.Found, decision: ItemDecision)] = []
    var decided = ItemDecisions()
    func take(_ batch: [Discovery.Found]) async throws {
      let keys = batch.map { [$0.item.key] + $0.item.formerKeys }
      let known = try await ledger?.items(pipeline: definition.name, keys: keys) ?? Array(repeating: nil, count: batch.count)
      let decisions = await planner.decide(batch.map(\.item), known)
      try await adopt(decisions)
      decided.total += batch.count
      decided.outdated += decisions.count(where: \.isOutdated)
      decided.unasked += decisions.count(where: \.isUnasked)
      decided.failed += decisions.filter(\.hasFailed).map(\.item.key)
      for (found, decision) in zip(batch, decisions) where keepsAll || decision.action.isWork { kept.append((found, decision)) }
    }
    if let items {
      try await take(items.enumerated().map { Discovery.Found(pattern: $0, item: $1) })
    } else if let limit = options.limitItems {
      let first = try await discovery.items(fetcher).prefix(limit)
      try await take(first.enumerated().map { Discovery.Found(pattern: $0, item: $1) })
    } else {
      excluded.countAnew()
      try await discovery.each(fetcher, take)
    }
    // A decision is large, so the sort moves positions and not decisions.
    let sorted = kept.indices.sorted { Discovery.Found.precedes(kept[$0].found, kept[$1].found) }
    decided.decisions = sorted.enumerated().map { order, place in
      var decision = kept[place].decision
      decision.order = order
      return decision
    }
    return decided
  }

  private var discovery: Discovery { Discovery(definition: definition, excluded: excluded) }
  private var fetcher: Fetcher { Fetcher(planner.session, definition.fetch.retry) }

  /// Items that an earlier build called otherwise have their new names from now on. A dry run writes nothing.
  private func adopt(_ decisions: [ItemDecision]) async throws {
    guard let ledger, !ledger.isReadOnly else { return }
    let renamed = decisions.compactMap { decision in
      decision.record.flatMap { $0.key.utf8.elementsEqual(decision.item.key.utf8) ? nil : (id: $0.id, key: decision.item.key) }
    }
    if !renamed.isEmpty { try await ledger.rename(renamed) }
  }

  // MARK: Targets

  /// Refuses outputs that would replace another item's or pipeline's output, a source, or a thing that is no file. An item with such an output
  /// fails; where the output is the run's, the run does.
  private func checkTargets(_ work: inout [ItemDecision], isDiscovering: Bool) async throws {
    guard !work.isEmpty else { return }
    for entry in definition.sinks { try await checkTargets(of: entry, &work, isDiscovering: isDiscovering) }
  }

  private func checkTargets(of entry: SinkEntry, _ work: inout [ItemDecision], isDiscovering: Bool) async throws {
    let isShared = entry.sink.grouping != .item
    func target(_ item: Item) -> String { naming.slot(isShared ? nil : item, in: entry).name }
    guard naming.slot(isShared ? nil : work[0].item, in: entry).file != nil else { return }
    func refuse(_ position: Int, _ refusal: Failure) throws {
      if isShared { throw RunFailure.output(refusal) }
      work[position].refusal = work[position].refusal ?? refusal
    }
    var claims: [[UInt8]: String] = [:]
    func claim(_ item: Item, _ target: String, isNew: Bool) throws {
      let place = Array(target.utf8)
      if let other = claims[place], !other.utf8.elementsEqual(item.key.utf8) { throw RunFailure.collision(other, item.key, target: target) }
      if isNew { claims[place] = item.key }
    }
    // Files that would be replaced, and by which item.
    var replaced: [FileStatus.Identity: Int] = [:]
    var paths = CanonicalPaths()
    for i in work.indices where !isShared || i == 0 {
      let target = target(work[i].item)
      if !isShared { try claim(work[i].item, target, isNew: true) }
      do throws(Failure) {
        if let file = try outputs.replaced(at: target, &paths) { replaced[file] = i }
      } catch {
        try refuse(i, error)
      }
    }
    try await checkOwners(entry, work, Array(replaced.values), refuse)
    func check(_ found: [Discovery.Found]) throws {
      for item in found.map(\.item) {
        if !isShared, isDiscovering { try claim(item, target(item), isNew: false) }
        guard !replaced.isEmpty, let path = item.localPath, let status = SourceFile.status(path),
          let position = replaced[FileStatus(status).identity]
        else { continue }
        try refuse(position, OutputGuard.isSource(definition.relative(target(work[position].item)), item.key))
      }
    }
    if isDiscovering, options.limitItems == nil {
      if !isShared || !replaced.isEmpty { try await discovery.each(fetcher, check) }
    } else {
      try check(work.map { Discovery.Found(pattern: 0, item: $0.item) })
      // Items that a run has found before it goes on may be gone by now.
      if !replaced.isEmpty {
        do {
          try await discovery.each(fetcher, check)
        } catch is NoSource {
        } catch let error as RunFailure where error.exitStatus == .noSource {}
      }
    }
  }

  private func checkOwners(
    _ entry: SinkEntry, _ work: [ItemDecision], _ positions: [Int], _ refuse: (Int, Failure) throws -> Void
  ) async throws {
    guard let ledger, !positions.isEmpty else { return }
    let isShared = entry.sink.grouping != .item
    let targets = positions.map { naming.slot(isShared ? nil : work[$0].item, in: entry).name }
    let known = try await ledger.outputs(at: targets.map(OutputPlace.canonical))
    let keys = try await ledger.keys(known.compactMap { $0?.item?.value })
    for (at, position) in positions.enumerated() {
      do {
        let owner = try await outputs.owner(known[at], of: targets[at], item: isShared ? nil : work[position].item, keys: keys) { run in
          let made = Set(try await ledger.items(run: run).map(\.key))
          return work.contains { made.contains($0.item.key) }
        }
        if let owner { event(.takesOver(output: definition.relative(targets[at]), owner: owner)) }
      } catch let refusal as Failure {
        try refuse(position, refusal)
      }
    }
  }

  /// Tells of outputs that were taken away after they were in place. They are not made again: the user who took them has their records.
  private func tellOfGoneOutputs(_ run: RunRecord) async throws {
    var gone = 0
    var first = ""
    try await ledger?.forEachPage(.doneIn(run.id)) { items in
      for item in Discovery(definition: definition).named(items.map(\.key)) {
        for entry in definition.sinks where entry.sink.grouping == .item {
          guard let file = naming.slot(item, in: entry).file, !FileManager.default.fileExists(atPath: file) else { continue }
          if gone == 0 { first = file }
          gone += 1
        }
      }
    }
    if gone > 0 { event(.outputsGone(count: gone, first: first)) }
  }

  // MARK: One file for the run

  /// One file of all items is made again from all where any is new or changed; a run that goes on keeps the items in its part.
  private func settle(_ decisions: inout [ItemDecision], _ plan: inout RunPlan) async throws {
    if !decisions.contains(where: { $0.action.isWork }), continuing == nil { return }
    var loss = "the one output is made again from all items"
    if let continuing {
      if let kept = Self.kept(decisions, continuing, sinks: definition.sinks.count) {
        var found: [(slot: OutputSlot, finding: OutputFinding)] = []
        for (entry, slot) in naming.ofRun {
          let session = try entry.sink.start(definition.sinkContext)
          let position = kept.positions[entry.number]
          found.append((slot, try await BlockingThreads.files.run { try session.inspect(slot, at: position) }))
        }
        if found.allSatisfy({ $0.finding == .whole }) {
          plan.kept = kept.positions
          plan.bases = kept.bases
          return
        }
        if found.allSatisfy({ $0.finding == .committed }), !decisions.contains(where: { $0.action.isWork }) {
          plan.isInPlace = true
          return
        }
        for (slot, finding) in found where finding != .whole {
          loss = finding.loss("the part of its one output")
          event(.startsOver(item: slot.shown, reason: loss))
        }
      }
    }
    for i in decisions.indices where decisions[i].action != .fetch {
      decisions[i].action = .fetch
      decisions[i].reason = loss
    }
  }

  /// The ends of what the parts of the run's outputs hold, and where the item that is resumed begins in them, a sink each; nil where they can't be
  /// gone on with. They hold the items done in this run, in order, then at most one that is resumed; new ones follow.
  static func kept(
    _ decisions: [ItemDecision], _ continuing: RunRecord, sinks: Int
  ) -> (positions: [SinkPosition], bases: [SinkPosition])? {
    var positions = Array(repeating: SinkPosition.start, count: sinks)
    var bases = positions
    var isPast = false
    func parts(_ point: Checkpoint) -> [SinkPosition]? {
      SinkPositions.parts(of: point.position, count: sinks).map { $0.map { $0 ?? .start } }
    }
    // Items that failed in this run have nothing in the output.
    for decision in decisions where !decision.hasFailed {
      switch decision.action {
      case .skip:
        guard !isPast, let record = decision.record, record.run == continuing.id, let point = record.checkpoint.flatMap(parts) else {
          return nil
        }
        positions = point
        bases = positions
      case .resume:
        guard !isPast, let point = decision.record?.checkpoint.flatMap(parts) else { return nil }
        positions = point
        isPast = true
      case .fetch: isPast = true
      case .replace: return nil
      }
      if decision.record?.status == .failed { return nil }
    }
    return (positions, bases)
  }
}
