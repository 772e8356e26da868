import Configuration
import Dataflow
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Supervision
import Write

/// The work on an item: to fetch it, to go on with it, to leave it, to do it again.
package enum ItemAction: String, Sendable, CaseIterable {
  case fetch, resume, skip, replace

  /// Whether a run works on the item.
  package var isWork: Bool { self != .skip }
}

/// The decision about an item: to work on it or not, and why.
package struct ItemDecision: Sendable {
  /// The item that it is about.
  package var item: Item
  /// The work that it decides on.
  package var action: ItemAction
  /// Why, as a clause: `changed since it was done`.
  var reason: String
  /// The ledger's record of the item; nil for a new one.
  package var record: ItemRecord?
  /// The item's size and version at its source; empty where the source was not asked.
  package var state: SourceState
  /// The error of its source, where that could not be asked.
  var problem: FetchError?
  /// Its place among all items, from 0.
  package var order = 0
  /// Whether work that was done of it before is lost.
  var losesWork = false
  /// Whether it is done, and could not be asked about.
  var isUnasked = false
  /// Whether it failed in this run, and is not tried again in it.
  var hasFailed = false
  /// Whether it is done, but by the definition as it was before.
  var isOutdated = false
  /// Why its output can't be written.
  package var refusal: Failure?

  /// Decides that the item begins anew, though work was done of it.
  mutating func startOver(_ reason: String) {
    action = .fetch
    self.reason = reason
    losesWork = true
  }
}

/// Decides for each item whether it is fetched, resumed or skipped.
struct ItemPlanner {
  let definition: PipelineDefinition
  let session: FetchSession
  /// Nothing counts as done.
  let isFull: Bool
  /// Whether an earlier run goes on, so that checkpoints count.
  let continues: Bool
  /// The run that an engine before this one had begun in the same command: its failed items stay failed, and count. Nil where there was none.
  let failedIn: RunID?
  /// Ask servers about items that were never done too (a dry run wants their sizes).
  let asksAboutAll: Bool
  var isStopping: @Sendable () -> Bool = { false }
  var event: @Sendable (RunEvent) -> Void = { _ in }

  /// Decides about items.
  ///
  /// - Parameter known: the ledger's record of each item; nil for a new one.
  func decide(_ items: [Item], _ known: [ItemRecord?]) async -> [ItemDecision] {
    if items.allSatisfy({ $0.source.traits.contains(.answersAtOnce) }) {
      var decisions: [ItemDecision] = []
      for (item, record) in zip(items, known) { decisions.append(await decide(item, record)) }
      return decisions
    }
    var decisions: [ItemDecision?] = Array(repeating: nil, count: items.count)
    // Servers are asked about many items at once; sources that answer at once need not be.
    await withTaskGroup(of: (Int, ItemDecision)?.self) { group in
      var next = 0
      var left = items.count
      // A stop does not wait for servers.
      group.addTask {
        while !Task.isCancelled, !isStopping() { try? await Task.sleep(for: .milliseconds(100)) }
        return nil
      }
      func add() {
        guard next < items.count else { return }
        let (index, item, record) = (next, items[next], known[next])
        next += 1
        group.addTask { (index, await decide(item, record)) }
      }
      for _ in 0..<16 { add() }
      while let element = await group.next() {
        guard let (index, decision) = element else {
          group.cancelAll()
          continue
        }
        decisions[index] = decision
        left -= 1
        if left == 0 { group.cancelAll() }
        add()
      }
    }
    return decisions.compactMap { $0 }
  }

  /// Looks at the outputs that items would go on with. An item whose output is not as it was written starts over.
  func verified(_ decisions: [ItemDecision], _ naming: OutputNaming) async throws -> [ItemDecision] {
    guard definition.hasOutputsOfItems, decisions.contains(where: { $0.action == .resume }) else { return decisions }
    var decisions = decisions
    let sinks = definition.sinks
    let own = try sinks.filter { $0.sink.grouping == .item }.map { (entry: $0, session: try $0.sink.start(definition.sinkContext)) }
    for i in decisions.indices where decisions[i].action == .resume {
      guard let position = decisions[i].record?.checkpoint?.position else { continue }
      guard let parts = SinkPositions.parts(of: position, count: sinks.count) else {
        decisions[i].startOver("the ledger's words for its outputs can't be read")
        continue
      }
      for (entry, session) in own {
        // A sink that has the item already has no part of it.
        guard let part = parts[entry.number], decisions[i].action == .resume else { continue }
        let slot = naming.slot(decisions[i].item, in: entry)
        let finding = try await BlockingThreads.files.run { try session.inspect(slot, at: part) }
        if finding != .whole { decisions[i].startOver(finding.loss("its part")) }
      }
    }
    return decisions
  }

  private func decide(_ item: Item, _ record: ItemRecord?) async -> ItemDecision {
    let isDone = record?.status == .done && !isFull
    let answersAtOnce = item.source.traits.contains(.answersAtOnce)
    var state = item.listed ?? SourceState()
    var problem: FetchError?
    do throws(FetchError) {
      if item.listed == nil, answersAtOnce || isDone || asksAboutAll {
        let fetcher = Fetcher(session, definition.fetch.retry) { attempt, error, wait in
          event(.retry(item: item.key, attempt: attempt, reason: definition.redactor.redact(error.description), wait: wait))
        }
        state = try await fetcher.head(item.source, item.location, known: isDone ? record?.version : nil)
      }
    } catch {
      problem = error
    }
    var decision = ItemDecision(item: item, action: .fetch, reason: "new", record: record, state: state, problem: problem)
    guard let record else { return decision }
    if isFull {
      decision.reason = "--full"
    } else if let failedIn, record.status == .failed, record.run == failedIn {
      decision.action = .skip
      decision.reason = "failed in this run"
      decision.hasFailed = true
    } else if isDone, !answersAtOnce, let problem, problem.mayPass || !definition.sinks.allSatisfy({ $0.sink.grouping == .item }) {
      decision.action = .skip
      decision.isUnasked = true
      decision.reason = "could not be asked about; what is known stays"
      if !isStopping() { event(.notAsked(item: item.key, reason: definition.redactor.redact(problem.description))) }
    } else if isDone {
      let isSame = state.version != nil && state.version == record.version
      decision.action = isSame ? .skip : .replace
      decision.isOutdated = isSame && record.definitionHash != definition.fingerprint
      decision.reason =
        isSame
        ? "done at its present version\(decision.isOutdated ? ", by another form of the definition" : "")"
        : problem == nil ? "changed since it was done" : "could not be asked about"
    } else if continues, record.definitionHash == definition.fingerprint, let point = record.checkpoint, record.status != .failed {
      // Where the item was not looked at, its version is compared when it is read.
      let isSeen = item.listed != nil || answersAtOnce
      let isSame = isSeen ? state.version == record.version : record.version.map(item.source.isStable) == true
      decision.action = .resume
      decision.reason = "from record \(point.counts.read + 1)"
      if definition.isStreaming {
        decision.startOver("what was written of it can't be gone on from")
      }
      if !isSame {
        decision.startOver(
          problem != nil
            ? "its source can't be read"
            : isSeen ? "changed since it was begun" : "its server gives no version that would tell a change")
      }
    } else {
      decision.reason = record.status == .failed ? "failed before" : "not finished before"
    }
    return decision
  }
}

extension OutputFinding {
  /// Why an output that is not whole can't be gone on with.
  func loss(_ what: String) -> String {
    switch self {
    case .whole: ""
    case .missing, .committed: "\(what) is gone"
    case .short, .altered: "\(what) was changed from outside"
    }
  }
}
