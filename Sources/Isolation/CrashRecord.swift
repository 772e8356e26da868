import Files
import Foundation

/// The units that were in work when engines died, and those that are known to have killed one. The parent process keeps it in a file of the
/// state folder, where the next engine reads it.
package struct CrashRecord: Codable, Sendable {
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
  /// A unit that is known to have killed an engine: it was in work alone. It becomes a dead letter, untried.
  package struct Verdict: Codable, Sendable {
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

  /// The record in a file; nil where there is none, and where it can't be read.
  static func read(_ path: String) -> CrashRecord? {
    FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(CrashRecord.self, from: $0) }
  }

  func write(_ path: String) {
    // A record that can't be kept costs another crash, and no more.
    guard let data = try? JSONEncoder().encode(self) else { return }
    try? SmallFile.replace(path, with: Array(data), mode: 0o600)
  }

  /// An engine died with these units in work.
  ///
  /// - Parameter units: those that were in work. A unit that was tried alone has killed the engine: it is a verdict.
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

extension CrashRecord.Verdict {
  /// The reason of the dead letter.
  package var reason: String { "the engine died \(crashes) times with it in work; the last time it \(cause)" }
}
