import Dataflow
import Runs
import Configuration
import Definition
import Foundation
import Ledger

/// The notice of a run that ended, for people who did not watch it: by mail, to a program, to a server.
package struct RunNotice: Sendable {
  /// An item that failed, and of what.
  package struct FailedItem: Sendable {
    var item: String
    var stage: Stage
    var reason: String
    var code: ErrorCode

    /// An item that failed.
    ///
    /// - Parameter reason: without secrets.
    package init(item: String, stage: Stage, reason: String, code: ErrorCode) {
      (self.item, self.stage, self.reason, self.code) = (item, stage, reason, code)
    }
  }

  /// How many items are named.
  package static let shownItems = 5

  var pipeline: String
  /// The definition's absolute path.
  var definition: String
  /// Nil where there was no run.
  var run: RunID?
  var status: RunStatus
  var exitCode: Int32
  /// Why the run is not done.
  var problem: String?
  var code: ErrorCode?
  /// The errors of the definition, where they are the problem.
  private var errors: DefinitionErrors?
  var host = ProcessInfo.processInfo.hostName
  var endedAt = Date()
  var seconds: Double
  var items: (total: Int, done: Int, skipped: Int, failed: Int) = (0, 0, 0, 0)
  var counts = RecordCounts()
  var bytes = ByteCounts()
  var retries = 0
  var restarts = 0
  /// The first that failed.
  var failedItems: [FailedItem] = []
  /// The command to type next; nil where all is done.
  var next: String?

  /// Earlier runs of which something is left to do, and the command that resumes each.
  var unfinished: [(run: RunID, resume: String)] = []

  /// The notice of a run that came to its end.
  ///
  /// - Parameters:
  ///   - failed: the first items that failed.
  ///   - state: the folder that the run is recorded in.
  ///   - options: those that the next command needs where it names the definition, as `--state`.
  package init(_ result: RunResult, _ definition: PipelineDefinition, failed: [FailedItem], state: StateFolder, options: [String]) {
    pipeline = definition.name
    self.definition = definition.file
    run = result.run
    status = result.status
    exitCode = result.exitCode
    problem = result.problem
    code = result.problemCode
    seconds = result.seconds
    items = result.items
    counts = result.counts
    bytes = result.bytes
    retries = result.retries
    restarts = result.restarts
    failedItems = failed
    next = Self.next(result.exitCode, definition.file, result.problemCode == .notAsked ? nil : result.run, state, options)
    unfinished = result.unfinishedRuns.map { ($0, state.command("resume", "\($0)", anywhere: true)) }
  }

  /// The notice of a run that could not begin, or whose engine died.
  ///
  /// - Parameters:
  ///   - run: the run that is left to be finished; nil where none was begun.
  ///   - state: the folder that the run is recorded in.
  ///   - options: those that the next command needs where it names the definition, as `--state`.
  package init(
    _ failure: RunFailure, _ definition: PipelineDefinition, run: RunID?, seconds: Double, state: StateFolder, options: [String]
  ) {
    pipeline = definition.name
    self.definition = definition.file
    status = .failed
    exitCode = failure.exitCode
    problem = failure.description
    code = failure.code
    if let errors = failure.definitionErrors { self.errors = errors }
    self.seconds = seconds
    next = Self.next(failure.exitCode, definition.file, run, state, options)
  }

  /// The one command that gets on with it.
  private static func next(
    _ exitCode: Int32, _ path: String, _ run: RunID?, _ state: StateFolder, _ options: [String]
  ) -> String? {
    let command: [String]
    let status = ExitStatus(rawValue: exitCode)
    switch status {
    case .done: return nil
    case .wrongUse: command = ["runs", path]
    case .deadLetters: command = ["dead-letters", "list", path]
    case .noSource: command = ["run", path, "--dry-run"]
    case .wrongDefinition: command = ["check", path]
    case .failedItems, .engineDied, .cannotWrite, .unfinished, nil:
      // Later runs make no difference to which run is meant.
      if let run { return state.command("resume", "\(run)", anywhere: true) }
      command = ["run", path]
    }
    let takesState = status != .wrongDefinition
    return (["sluice"] + command + (takesState ? options : [])).map(ShellText.word).joined(separator: " ")
  }

  /// The notice as text: the failure, its reason and the next command; each line as ``ShownText`` has it. Secrets are still in it.
  var text: String { lines.map(ShownText.message).joined(separator: "\n") }

  /// The lines of the text, as they are. Secrets and control characters are still in them.
  package var lines: [String] {
    // Done and yet no success: sources of items that are done could not be asked for news.
    let verb =
      status == .done
      ? (exitCode == 0 ? "is done" : "could not look at all of its sources") : status == .interrupted ? "was interrupted" : "failed"
    var lines = [
      "\(pipeline) \(verb) on \(host) at \(endedAt.ISO8601Format()): exit \(exitCode)"
        + (run.map { ", run \($0)" } ?? "") + String(format: ", after %.1f s", seconds)
    ]
    if let errors {
      lines += errors.lines
    } else if let problem {
      lines.append(Self.withoutCommand(problem) + (code.map { " [\($0.rawValue)]" } ?? ""))
    }
    for item in failedItems.prefix(Self.shownItems) {
      lines.append("  \(item.item): failed in \(item.stage): \(item.reason) [\(item.code.rawValue)]")
    }
    let more = max(items.failed, failedItems.count) - min(failedItems.count, Self.shownItems)
    if more > 0 { lines.append("  and \(more) more") }
    if run != nil || items.total > 0 {
      lines.append(
        "items \(items.total): \(items.done) done, \(items.skipped) skipped, \(items.failed) failed; records \(counts.read) read = \(counts.written) written + \(counts.filtered) filtered + \(counts.deadLettered) dead-lettered\(counts.blankLines == 0 ? "" : "; blank lines \(counts.blankLines)")"
      )
    }
    if let next { lines.append("next: \(next)") }
    for (run, resume) in unfinished.prefix(Self.shownItems) { lines.append("run \(run) is not finished either: \(resume)") }
    return lines
  }

  /// The commands that a problem names are ``next``'s matter, which knows the absolute path.
  private static func withoutCommand(_ problem: String) -> String {
    guard let colon = problem.range(of: ": sluice ", options: .backwards), let clause = problem[..<colon.lowerBound].lastIndex(of: ";")
    else { return problem }
    let head = problem[..<clause]
    // “see why with: sluice …; then go on with: sluice …”
    return head.contains(": sluice ") ? withoutCommand(String(head)) : String(head)
  }

  /// The notice for programs. Secrets are still in it.
  var json: [String: Any] {
    [
      "pipeline": pipeline, "definition": definition, "run": run?.value ?? NSNull() as Any, "status": status.rawValue,
      "exit_code": exitCode,
      "problem": problem ?? NSNull() as Any, "code": code?.rawValue ?? NSNull() as Any, "host": host, "ended_at": endedAt.ISO8601Format(),
      "seconds": seconds,
      "items": ["total": items.total, "done": items.done, "skipped": items.skipped, "failed": items.failed],
      "records": [
        "read": counts.read, "written": counts.written, "filtered": counts.filtered, "dead_lettered": counts.deadLettered,
      ],
      "blank_lines": counts.blankLines,
      "failed_items": failedItems.prefix(Self.shownItems).map {
        ["item": $0.item, "stage": $0.stage.rawValue, "reason": $0.reason, "code": $0.code.rawValue]
      },
      "next": next ?? NSNull() as Any, "unfinished_runs": unfinished.map(\.run.value), "text": text,
    ]
  }
}
