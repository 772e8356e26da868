import Definition
import Fetch
import Foundation
import Ledger
import Supervision
import Write

/// What is to be done with an item, and why.
public enum ItemAction: String, Sendable {
  case fetch, resume, skip, replace

  var isWork: Bool { self != .skip }
}

/// Decides for each item whether it is fetched, resumed or skipped.
struct Planner {
  struct Decision: Sendable {
    var item: Item
    var action: ItemAction
    var reason: String
    var record: ItemRecord?
    var state: SourceState
    /// What is wrong with the source, where it could not be looked at.
    var problem: FetchError?
  }

  let definition: PipelineDefinition
  let http: HTTPClient
  /// Nothing counts as done.
  let isFull: Bool
  /// Whether an earlier run goes on, so that checkpoints count.
  let continues: Bool
  /// Ask servers about items that were never done too (a dry run wants their sizes).
  let looksAtAll: Bool

  func decide(_ items: [Item], _ known: [String: ItemRecord], target: @Sendable (Item) -> String) async -> [Decision] {
    var decisions: [Decision?] = Array(repeating: nil, count: items.count)
    // Servers are asked about many items at once; files answer at once.
    await withTaskGroup(of: (Int, Decision).self) { group in
      var next = 0
      func add() {
        guard next < items.count else { return }
        let (index, item) = (next, items[next])
        let record = known[item.key]
        next += 1
        group.addTask { (index, await decide(item, record)) }
      }
      for _ in 0..<16 { add() }
      while let (index, decision) = await group.next() {
        decisions[index] = decision
        add()
      }
    }
    return decisions.compactMap { $0 }.map { decision in
      guard decision.action == .resume, definition.writesPerItem, let point = decision.record?.checkpoint else { return decision }
      var decision = decision
      if !Self.hasPart(target(decision.item), length: point.partLength) {
        decision.action = .fetch
        decision.reason = "its part is gone, so it starts over"
      }
      return decision
    }
  }

  static func hasPart(_ target: String, length: Int) -> Bool {
    var status = stat()
    return stat(OutputNaming.part(of: target), &status) == 0 && Int(status.st_size) >= length
  }

  private func decide(_ item: Item, _ record: ItemRecord?) async -> Decision {
    let isDone = record?.status == .done && !isFull
    var state = SourceState()
    var problem: FetchError?
    do throws(FetchError) {
      switch item.source {
      case .file(let path): state = try Fetcher.state(ofFile: path)
      case .http(let url, let headers) where isDone || looksAtAll:
        let fetcher = Fetcher(http: http, timeouts: definition.timeouts, retry: definition.fetchRetry) { _, _, _ in }
        state = try await fetcher.look(url, headers, known: isDone ? record?.version : nil)
      case .http: break
      }
    } catch {
      problem = error
    }
    var decision = Decision(item: item, action: .fetch, reason: "new", record: record, state: state, problem: problem)
    guard let record else { return decision }
    if isFull {
      decision.reason = "--full"
    } else if isDone {
      let isSame = state.version != nil && state.version == record.version
      decision.action = isSame ? .skip : .replace
      decision.reason = isSame ? "done at its present version" : problem == nil ? "changed since it was done" : "could not be asked about"
    } else if continues, record.definitionHash == definition.fingerprint, let point = record.checkpoint, record.status != .failed {
      // A server's version is compared when it answers.
      let isSame: Bool
      if case .file = item.source { isSame = state.version == record.version } else { isSame = record.version?.isEmpty == false }
      decision.action = isSame ? .resume : .fetch
      decision.reason = isSame ? "from record \(point.counts.read + 1)" : "changed since it was begun"
    } else {
      decision.reason = record.status == .failed ? "failed before" : "not finished before"
    }
    return decision
  }
}
