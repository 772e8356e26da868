import Definition
import Files
import Foundation
import Ledger
import Supervision

/// Finds out what a run has to do: which items, from where, and how much of a part is kept.
struct Planning {
  struct Plan: Sendable {
    /// In order.
    var work: [Planner.Decision] = []
    /// Items in all, those that are done included.
    var total = 0
    /// Of the one output of a run: what stands of it already, and where items that start over begin.
    var kept = FilePrefix()
    var base = FilePrefix()
    /// Items that are done, and could not be asked about.
    var unasked = 0
    /// Items that are done, but by the definition as it was before, and stay so.
    var outdated = 0
    /// Whether the one output is in its place already.
    var isInPlace = false
  }

  let definition: PipelineDefinition
  let options: Runner.Options
  let ledger: Ledger?
  let continuing: RunRecord?
  let naming: OutputNaming
  let planner: Planner
  let event: @Sendable (RunEvent) -> Void

  /// - Parameter items: the items, where none are to be discovered.
  func plan(_ items: [Item]?) async throws -> Plan {
    let isShared = !definition.writesPerItem
    // Servers are asked once; files may be looked at twice, so that items of which nothing is new are never all held.
    let keepsAll = isShared && (continuing != nil || items != nil || definition.entries.contains(where: \.isHTTP))
    var (decisions, total, outdated, unasked) = try await decide(items, keepsAll: keepsAll)
    if isShared, !keepsAll, !decisions.isEmpty, decisions.count < total {
      (decisions, total, outdated, unasked) = try await decide(items, keepsAll: true)
    }
    var plan = Plan()
    plan.total = total
    if isShared {
      try await settle(&decisions, &plan)
    } else {
      decisions = try await planner.verified(decisions) { [naming] in naming.target($0) }
      if let continuing { try await tellOfGoneOutputs(continuing) }
      if items != nil, let continuing, let ledger { plan.total = try await ledger.totals(continuing.id).items.values.reduce(0, +) }
    }
    plan.work = decisions.filter { $0.action.isWork }
    // One output is made again from all items where anything is to be done.
    let isMadeAgain = isShared && !plan.work.isEmpty
    plan.outdated = isMadeAgain ? 0 : outdated
    plan.unasked = isMadeAgain ? 0 : unasked
    try await checkTargets(plan.work, isDiscovering: items == nil)
    for decision in plan.work where decision.losesWork { event(.startsOver(item: decision.item.key, reason: decision.reason)) }
    return plan
  }

  /// What would be done with every item, in order.
  func decisions() async throws -> [Planner.Decision] {
    var (decisions, _, _, _) = try await decide(nil, keepsAll: true)
    if definition.writesPerItem { return try await planner.verified(decisions) { [naming] in naming.target($0) } }
    var plan = Plan()
    try await settle(&decisions, &plan)
    return decisions
  }

  /// Decides about every item, a batch at a time; returns those that are to be worked on, or all.
  func decide(_ items: [Item]?, keepsAll: Bool) async throws -> ([Planner.Decision], total: Int, outdated: Int, unasked: Int) {
    var kept: [(found: Discovery.Found, decision: Planner.Decision)] = []
    var total = 0
    var outdated = 0
    var unasked = 0
    func take(_ batch: [Discovery.Found]) async throws {
      let known = try await ledger?.items(pipeline: definition.name, keys: batch.map(\.item.key)) ?? [:]
      let decisions = await planner.decide(batch.map(\.item), known)
      total += batch.count
      outdated += decisions.count(where: \.isOutdated)
      unasked += decisions.count(where: \.isUnasked)
      for (found, decision) in zip(batch, decisions) where keepsAll || decision.action.isWork { kept.append((found, decision)) }
    }
    if let items {
      try await take(items.enumerated().map { Discovery.Found(pattern: $0, item: $1) })
    } else if let limit = options.limitItems {
      let first = try await Discovery(definition: definition).items().prefix(limit)
      try await take(first.enumerated().map { Discovery.Found(pattern: $0, item: $1) })
    } else {
      try await Discovery(definition: definition).each(take)
    }
    kept.sort { Discovery.Found.precedes($0.found, $1.found) }
    let decisions = kept.enumerated().map { order, element in
      var decision = element.decision
      decision.order = order
      return decision
    }
    return (decisions, total, outdated, unasked)
  }

  /// No two items may have one output: one would replace the other.
  private func checkTargets(_ work: [Planner.Decision], isDiscovering: Bool) async throws {
    guard definition.writesPerItem, !work.isEmpty else { return }
    var owners: [String: String] = [:]
    func check(_ item: Item, claims: Bool) throws {
      let target = naming.target(item)
      if let other = owners[target], other != item.key { throw RunFailure.collision(other, item.key, target: target) }
      if claims { owners[target] = item.key }
    }
    for decision in work { try check(decision.item, claims: true) }
    guard isDiscovering, options.limitItems == nil else { return }
    try await Discovery(definition: definition).each { for found in $0 { try check(found.item, claims: false) } }
  }

  /// Outputs that somebody took away after they were in place are not made again: whoever took them has their records.
  private func tellOfGoneOutputs(_ run: RunRecord) async throws {
    var gone = 0
    var first = ""
    try await ledger?.doneKeys(run: run.id) { keys in
      for item in Discovery(definition: definition).named(keys) {
        let target = naming.target(item)
        guard !FileManager.default.fileExists(atPath: target) else { continue }
        if gone == 0 { first = target }
        gone += 1
      }
    }
    if gone > 0 { event(.outputsGone(count: gone, first: first)) }
  }

  // MARK: One file for the run

  /// One file of all items is made again from all where any is new or changed; a run that goes on keeps what stands in
  /// its part.
  private func settle(_ decisions: inout [Planner.Decision], _ plan: inout Plan) async throws {
    if !decisions.contains(where: { $0.action.isWork }), continuing == nil { return }
    var loss = "the one output is made again from all items"
    if let continuing {
      let kept = Self.kept(decisions, continuing)
      if let kept {
        let target = naming.target(nil)
        let isWhole = !decisions.contains { $0.action.isWork }
        let (part, place) = try await BlockingThreads.files.run {
          (kept.prefix.find(at: OutputNaming.part(of: target)), isWhole ? kept.prefix.find(at: target) : .missing)
        }
        if part == .whole || kept.prefix.length == 0 {
          plan.kept = kept.prefix
          plan.base = kept.base
          return
        }
        if part == .missing, place == .whole {
          plan.isInPlace = true
          return
        }
        loss = part.loss("the part of its one output")
        event(.startsOver(item: target, reason: loss))
      }
    }
    for i in decisions.indices where decisions[i].action != .fetch {
      decisions[i].action = .fetch
      decisions[i].reason = loss
    }
  }

  /// What the part holds: items done in this run, in order, then at most one that is resumed, then new ones; and where the
  /// one that is resumed begins.
  static func kept(_ decisions: [Planner.Decision], _ continuing: RunRecord) -> (prefix: FilePrefix, base: FilePrefix)? {
    var prefix = FilePrefix()
    var base = FilePrefix()
    var isPast = false
    for decision in decisions {
      switch decision.action {
      case .skip:
        guard !isPast, let record = decision.record, record.run == continuing.id, let point = record.checkpoint else { return nil }
        prefix = point.part
        base = prefix
      case .resume:
        guard !isPast, let point = decision.record?.checkpoint else { return nil }
        prefix = point.part
        isPast = true
      case .fetch: isPast = true
      case .replace: return nil
      }
      if decision.record?.status == .failed { return nil }
    }
    return (prefix, base)
  }
}
