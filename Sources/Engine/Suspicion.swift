import Foundation
import Ledger
import Synchronization

/// What was in work when an engine died, and what is known to have killed it: kept by the parent process in a file of the
/// state folder, so that the next engine can tell.
struct CrashRecord: Codable, Sendable {
  /// Bytes of one item, decompressed; all of it where `end` is nil.
  struct Unit: Codable, Sendable, Hashable {
    var item: Int64
    /// Of the item's version, as a number: other content is other work.
    var version: Int64
    var stage: String
    var start: Int
    var end: Int?

    func overlaps(_ other: Unit) -> Bool {
      item == other.item && version == other.version && stage == other.stage && start < other.end ?? .max && other.start < end ?? .max
    }
  }
  struct Suspect: Codable, Sendable {
    var unit: Unit
    var crashes: Int
  }
  struct Verdict: Codable, Sendable {
    var unit: Unit
    var crashes: Int
    /// How the engine died, and where.
    var cause: String
  }

  /// How often an engine was started again.
  var restarts = 0
  /// How the last one died.
  var lastDeath: String?
  var suspects: [Suspect] = []
  var verdicts: [Verdict] = []

  static func read(_ path: String) -> CrashRecord? {
    FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(CrashRecord.self, from: $0) }
  }

  func write(_ path: String) {
    // What can't be kept costs another crash, and no more.
    guard let data = try? JSONEncoder().encode(self) else { return }
    try? StateFolder.replace(path, with: data)
  }

  /// An engine died with these units in work.
  ///
  /// - Parameter alone: of them, those that were tried alone: what killed it is found.
  mutating func died(_ units: [(unit: Unit, isAlone: Bool)], cause: String) {
    for (unit, isAlone) in units {
      let known = suspects.filter { $0.unit.overlaps(unit) }
      let crashes = (known.map(\.crashes).max() ?? 0) + 1
      if isAlone {
        if !verdicts.contains(where: { $0.unit == unit }) { verdicts.append(Verdict(unit: unit, crashes: crashes, cause: cause)) }
      } else {
        suspects.removeAll { $0.unit == unit }
        suspects.append(Suspect(unit: unit, crashes: crashes))
      }
    }
  }
}

/// What an engine that was started again is careful with.
struct Suspicion: Sendable {
  private let record: CrashRecord
  private let poisonAfter: Int

  init(_ record: CrashRecord?, poisonAfter: Int) {
    self.record = record ?? CrashRecord()
    self.poisonAfter = poisonAfter
  }

  var restarts: Int { record.restarts }
  var lastDeath: String? { record.lastDeath }

  /// Whether anything is suspected at all.
  var isEmpty: Bool { record.suspects.isEmpty && record.verdicts.isEmpty }

  /// Whether these bytes are to be worked on alone, a record at a time.
  func concerns(_ item: ItemID, _ version: Int64, _ bytes: Range<Int>) -> Bool {
    let isSuspect = record.suspects.contains { suspect in
      let unit = suspect.unit
      return suspect.crashes >= poisonAfter && unit.item == item.value && unit.version == version && unit.start < bytes.upperBound
        && unit.end.map { bytes.lowerBound < $0 } == true
    }
    return isSuspect || record.verdicts.contains { Self.speaks($0, item, version) && $0.unit.end != nil && bytes.contains($0.unit.start) }
  }

  /// Why the record that begins at this byte is not to be tried again; nil where it may.
  func verdict(_ item: ItemID, _ version: Int64, recordAt start: Int) -> CrashRecord.Verdict? {
    record.verdicts.first { Self.speaks($0, item, version) && $0.unit.end != nil && $0.unit.start == start }
  }

  /// The same for an item as a whole.
  func verdict(_ item: ItemID, _ version: Int64) -> CrashRecord.Verdict? {
    record.verdicts.first { Self.speaks($0, item, version) && $0.unit.end == nil }
  }

  /// Whether the item as a whole is under suspicion: the next crash with it in work is its verdict.
  func concerns(_ item: ItemID, _ version: Int64) -> Bool {
    record.suspects.contains { suspect in
      suspect.unit.end == nil && suspect.crashes >= poisonAfter && suspect.unit.item == item.value && suspect.unit.version == version
    }
  }

  private static func speaks(_ verdict: CrashRecord.Verdict, _ item: ItemID, _ version: Int64) -> Bool {
    verdict.unit.item == item.value && verdict.unit.version == version
  }
}

extension CrashRecord.Verdict {
  var reason: String { "the engine died \(crashes) times with it in work; the last time it \(cause)" }
}

/// Lets work on side by side, or one piece of it with no other beside.
final class Solitude: Sendable {
  private struct State {
    var workers = 0
    var isTaken = false
    var waiting: [(isAlone: Bool, CheckedContinuation<Void, Never>)] = []
  }
  private let state = Mutex(State())

  func enter(alone isAlone: Bool) async {
    await withCheckedContinuation { continuation in
      let mayGo = state.withLock { state in
        if state.waiting.isEmpty, Self.admit(&state, isAlone) { return true }
        state.waiting.append((isAlone, continuation))
        return false
      }
      if mayGo { continuation.resume() }
    }
  }

  func leave(alone isAlone: Bool) {
    let next = state.withLock { state in
      if isAlone { state.isTaken = false } else { state.workers -= 1 }
      var next: [CheckedContinuation<Void, Never>] = []
      while let first = state.waiting.first, Self.admit(&state, first.isAlone) { next.append(state.waiting.removeFirst().1) }
      return next
    }
    for continuation in next { continuation.resume() }
  }

  private static func admit(_ state: inout State, _ isAlone: Bool) -> Bool {
    if state.isTaken || (isAlone && state.workers > 0) { return false }
    if isAlone { state.isTaken = true } else { state.workers += 1 }
    return true
  }
}
