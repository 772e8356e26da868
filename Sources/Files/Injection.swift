#if FAILPOINTS
  import Foundation
  import Synchronization

  /// The actions that a test asks for at ``FailPoint``s, read from `SLUICE_FAILPOINTS`: entries `POINT[/after]=ACTION[@N]`, joined by
  /// commas. ACTION is `kill`, `throw`, `stall`, `skip`, `short` or an errno's name. N is the number of the passage at which it happens
  /// (default 1), or `*` for every passage. `SLUICE_FAILPOINTS_LOG` names a file that gets a line for each passage.
  ///
  /// Debug builds have it, and builds made with `-DFAILPOINTS`; release builds do not.
  final class Injection: Sendable {
    enum Action: Sendable {
      case none, skip, short
      case fail(Int32)
    }
    private struct Entry {
      var action: String
      var passage: Int?
    }
    static let shared = Injection(ProcessInfo.processInfo.environment)

    private let entries: [String: [Entry]]
    private let counts = Mutex<[String: Int]>([:])
    private let log: Int32

    init(_ environment: [String: String]) {
      var entries: [String: [Entry]] = [:]
      for text in (environment["SLUICE_FAILPOINTS"] ?? "").split(separator: ",") {
        let halves = text.split(separator: "=", maxSplits: 1)
        guard halves.count == 2 else { continue }
        let parts = halves[1].split(separator: "@")
        let passage = parts.count > 1 ? Int(parts[1]) : 1
        let name = halves[0].contains("/") ? String(halves[0]) : halves[0] + "/before"
        entries[name, default: []].append(Entry(action: String(parts[0]), passage: passage))
      }
      self.entries = entries
      log = environment["SLUICE_FAILPOINTS_LOG"].map { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) } ?? -1
    }

    func passage(_ point: FailPoint, _ moment: FailPoint.Moment) throws -> Action {
      let name = point.rawValue + "/" + moment.rawValue
      if log >= 0 {
        let line = Array((name + "\n").utf8)
        _ = write(log, line, line.count)
      }
      guard let wanted = entries[name] else { return .none }
      let count = counts.withLock { counts in
        counts[name, default: 0] += 1
        return counts[name, default: 0]
      }
      guard let entry = wanted.first(where: { $0.passage == nil || $0.passage == count }) else { return .none }
      switch entry.action {
      case "kill":
        kill(getpid(), SIGKILL)
        while true { pause() }
      case "stall": while true { sleep(1) }
      case "throw": throw InjectedFailure(point: name)
      case "skip": return .skip
      case "short": return .short
      case let text: return .fail(Self.codes[text] ?? EIO)
      }
    }

    private static let codes = [
      "ENOSPC": ENOSPC, "EIO": EIO, "EDQUOT": EDQUOT, "EMFILE": EMFILE, "EACCES": EACCES, "EROFS": EROFS,
    ]
  }

  /// An unexpected error, as a bug would throw it.
  struct InjectedFailure: Error, CustomStringConvertible {
    let point: String
    var description: String { "thrown at \(point)" }
  }
#endif
