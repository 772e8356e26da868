import Configuration
import Decompress
import Fetch
import Foundation
import Parse
import Processes
import Records
import Supervision
import Transform
import Write

/// Puts read values into the definition; each already fits its shape.
extension PipelineDefinition {
  mutating func fill(_ value: Value, _ reader: inout DefinitionReader) {
    name = value["pipeline"]?.text ?? ""
    policy = value["supervise"].map { policy($0, RestartPolicy()) } ?? RestartPolicy()
    if let crashes = value["supervise"]?["poison_after"]?.text.flatMap({ Int($0) }) { poisonAfter = crashes }
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
    for stage in Stage.allCases {
      let section = value[stage.rawValue]
      let usual =
        switch stage {
        case .fetch, .decompress, .write: 4
        case .parse, .transform: cores
        }
      stages[stage] = settings(section, workers: usual, policy)
    }
    if let section = value["fetch"] { fetch = FetchSection(section, &reader) }
    if let section = value["decompress"] { decompress = DecompressSection(section, &reader) }
    if let section = value["parse"] { parse = ParseSection(section, &reader) }
    if let section = value["transform"] { transform = TransformSection(section["steps"] ?? section, &reader) }
    if let program = parse.program { transform.begin(with: program.options, answering: program.fields) }
    if let section = value["write"] { write = WriteSection(section, &reader) }
    if let section = value["dead_letters"], section.isRead { write.addDeadLetters(section, &reader) }
    if let limits = value["limits"] {
      if let share = limits["dead_letters"]?.text.flatMap(Scalars.share) { deadLetterLimit = share }
      if let exceed = limits["on_exceed"]?.text.flatMap(OnExceed.init) { onExceed = exceed }
      if let bytes = limits["memory"]?.text.flatMap(Scalars.byteCount) { memory = bytes }
      if let bytes = limits["process_memory"]?.text.flatMap(Scalars.byteCount) { processMemory = bytes }
      if let count = limits["failed_items"]?.text.flatMap({ Int($0) }) { failedItemLimit = count }
    }
    if let list = value["tests"] { tests = list.elements.filter(\.isRead).map { DefinitionTest($0, &reader) } }
    if let notify = value["notify"] {
      notifyRules = notify.elements.filter(\.isRead).map { NotifyRule($0, &reader) }
    }
    for section in ["decompress", "parse", "transform", "write"] {
      fingerprintText += "\(section): \(value[section].map(Self.plain) ?? "")\n"
    }
    if let section = value["dead_letters"] { fingerprintText += "dead_letters: \(Self.plain(section))\n" }
  }

  /// Spells a value without its positions, for the fingerprint. It leaves out the keys that say how the work is done and do not change the
  /// output.
  private static func plain(_ value: Value) -> String {
    switch value {
    case .scalar(let text, _): "\(text.debugDescription)"
    case .null, .unread: "null"
    case .list(let elements, _): "[\(elements.map(plain).joined(separator: ","))]"
    case .map(let entries, _):
      "{\(entries.filter { !["workers", "buffer", "retry", "supervise", "checkpoint"].contains($0.key) }.map { "\($0.key.debugDescription):\(plain($0.value))" }.joined(separator: ","))}"
    }
  }

  private func policy(_ value: Value, _ base: RestartPolicy) -> RestartPolicy {
    var policy = base
    if let restart = value["restart"]?.text.flatMap(RestartPolicy.Restart.init) { policy.restart = restart }
    if let most = value["max_restarts"]?.text.flatMap({ Int($0) }) { policy.maxRestarts = most }
    if let within = value["within"]?.text.flatMap(Scalars.duration) { policy.within = within }
    if let (first, longest) = value["backoff"]?.text.flatMap(Scalars.durationRange) {
      policy.backoff = Backoff(first: first, longest: longest)
    }
    if let strategy = value["strategy"]?.text.flatMap(RestartPolicy.Strategy.init) { policy.strategy = strategy }
    if let watchdog = value["watchdog"]?.text.flatMap(Scalars.duration) {
      policy.watchdog = watchdog
      policy.grace = min(policy.grace, watchdog)
    }
    return policy
  }

  private func settings(_ section: Value?, workers: Int, _ shared: RestartPolicy) -> StageSettings {
    var stage = StageSettings(workers: PoolSize(min: workers, max: workers), policy: shared)
    if let count = section?["workers"]?.text.flatMap({ Int($0) }) { stage.workers = PoolSize(min: count, max: count) }
    if let bounds = section?["workers"], let most = bounds["max"]?.text.flatMap({ Int($0) }) {
      stage.workers = PoolSize(min: bounds["min"]?.text.flatMap { Int($0) } ?? 1, max: most)
    }
    if let count = section?["buffer"]?.text.flatMap({ Int($0) }) { stage.buffer = count }
    if let count = section?["retry"]?["attempts"]?.text.flatMap({ Int($0) }) { stage.attempts = count }
    if let own = section?["supervise"] { stage.policy = policy(own, shared) }
    return stage
  }
}
