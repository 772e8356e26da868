import Configuration
import Definition
import Fetch
import Files
import Ledger
import Write

/// Why a run could not be, or ended before its end: its code, its exit status and its words. Code decides by ``code``.
package struct RunFailure: Error, Sendable, CustomStringConvertible {
  /// The error's code, which messages and logs show and `sluice explain` explains.
  package let code: ErrorCode
  /// The reason that the command exits for.
  package let exitStatus: ExitStatus
  /// The problem and its remedy, in one sentence or two. It may hold secrets.
  package let description: String
  /// The errors of a definition; nil where the failure is another.
  package let definitionErrors: DefinitionErrors?

  /// Makes a failure.
  package init(_ code: ErrorCode, _ exitStatus: ExitStatus, _ description: String) {
    self.code = code
    self.exitStatus = exitStatus
    self.description = description
    definitionErrors = nil
  }

  private init(_ errors: DefinitionErrors) {
    code = errors.diagnostics.first?.code ?? .notYAML
    exitStatus = .wrongDefinition
    description = errors.description
    definitionErrors = errors
  }

  /// The number that the command exits with.
  package var exitCode: Int32 { exitStatus.rawValue }
}

extension RunFailure {
  /// A definition that does not load.
  package static func definition(_ errors: DefinitionErrors) -> RunFailure { RunFailure(errors) }

  /// Two items with one output.
  package static func collision(_ a: String, _ b: String, target: String) -> RunFailure {
    func name(_ key: String) -> Substring? { key.split(separator: "/").last }
    let areMembers = [a, b].allSatisfy { $0.contains(Item.memberSeparator) }
    let remedy =
      switch name(a) == name(b) {
      case false: "put {item.name} into write.path"
      case true where areMembers: "they have the same name, so let decompress.members take those of one folder, as with 'folder/*.csv'"
      case true: "they have the same name, so give each folder a pipeline of its own"
      }
    return RunFailure(
      .sameOutput, .wrongDefinition, "\(a) and \(b) would both be written to \(target); \(remedy), or write one file for the run")
  }

  /// The one output of a run can't be put where it is to go.
  package static func output(_ failure: Failure) -> RunFailure {
    RunFailure(failure.code, failure.code == .cannotWrite ? .cannotWrite : .wrongDefinition, failure.reason)
  }

  /// A source that can't be listed or read.
  package static func unreadable(_ words: String, _ code: ErrorCode = .unreadableFile) -> RunFailure { RunFailure(code, .noSource, words) }

  /// A ledger that can't be read or written.
  package static func ledger(_ error: LedgerError) -> RunFailure { RunFailure(.ledger, .cannotWrite, error.description) }

  /// A state folder that takes no more.
  package static func state(_ words: String) -> RunFailure { RunFailure(.ledger, .cannotWrite, words) }

  /// An output that can't be written. A reader of standard output that went away is ``readerGone``.
  package static func write(_ error: WriteError) -> RunFailure {
    error.isReaderGone ? .readerGone : RunFailure(.cannotWrite, .cannotWrite, error.description)
  }

  /// A sink that can't be reached.
  static func unreachable(_ words: String) -> RunFailure { RunFailure(.cannotWrite, .cannotWrite, words) }

  /// The reader of standard output went away.
  static let readerGone = RunFailure(.interrupted, .unfinished, "what read standard output went away")

  /// Whether it is ``readerGone``.
  package var isReaderGone: Bool { code == .interrupted }

  /// Another process holds the pipeline's lock.
  package static func locked(pid: String, since: String) -> RunFailure {
    RunFailure(
      .locked, .unfinished, "another run of this pipeline holds its lock: pid \(pid), since \(since); wait for it, or stop it")
  }

  /// There is no run that could be resumed or closed.
  package static func nothingToResume(_ words: String) -> RunFailure { RunFailure(.nothingToResume, .wrongUse, words) }

  /// A definition that a replay can't write by.
  package static func nothingToReplay(_ words: String) -> RunFailure { RunFailure(.invalidSetting, .wrongUse, words) }

  /// A stage gave up.
  package static func gaveUp(_ words: String) -> RunFailure {
    RunFailure(.stageGaveUp, .failedItems, words + "; resume goes on from the last checkpoints")
  }

  /// Items from which nothing can be inferred; the code is that of the first item's failure.
  package static func sample(_ words: String, _ code: ErrorCode = .noSample) -> RunFailure { RunFailure(code, .failedItems, words) }

  /// Replayed dead letters that failed again.
  ///
  /// - Parameter command: shows them.
  package static func failedAgain(_ count: Int, _ command: String) -> RunFailure {
    RunFailure(
      .failedAgain, .deadLetters, "\(count) dead letter\(count == 1 ? "" : "s") failed again; see why with: \(command)")
  }

  /// An item whose columns changed, where the definition says that this fails the run.
  package static func schemaChanged(item: String, change: String, _ command: String) -> RunFailure {
    RunFailure(
      .schemaChanged, .deadLetters, "\(item): its columns are other than before: \(change); if that is right: \(command)")
  }

  /// A program of the user's does not work.
  package static func program(_ words: String) -> RunFailure {
    RunFailure(.unusableProgram, .failedItems, words + "; try it by hand, then resume")
  }

  /// The system lets the process have too little.
  package static func limits(_ words: String) -> RunFailure { RunFailure(.processLimit, .cannotWrite, words) }

  /// The engine's process can't be started, or does not stay alive.
  package static func engine(_ words: String) -> RunFailure { RunFailure(.engineDied, .engineDied, words) }

  /// A bug of Sluice.
  package static func internalError(_ words: String) -> RunFailure { RunFailure(.bug, .engineDied, "a bug in sluice: \(words)") }

  // MARK: Any error

  /// An error that has a failure and an exit status of its own; nil for others.
  package init?(told error: any Error) {
    switch error {
    case is RunFailure, is DefinitionErrors, is LedgerError, is WriteError, is ProgramBroken: self = .from(error)
    default: return nil
    }
  }

  /// Any error, told apart.
  package static func from(_ error: any Error) -> RunFailure {
    switch error {
    case let error as RunFailure: error
    case let error as DefinitionErrors: .definition(error)
    case let error as LedgerError: .ledger(error)
    case let error as WriteError: .write(error)
    case let error as ProgramBroken: .program(error.description)
    case let error as NoSource: RunFailure(.noSource, .noSource, error.description)
    case let error as any StageError: RunFailure(error.errorCode, .failedItems, error.description)
    case let error as CustomStringConvertible: .gaveUp(error.description)
    default: .internalError("\(error)")
    }
  }
}

/// A path or pattern of `fetch.from` that matches nothing.
package struct NoSource: Error, Sendable, CustomStringConvertible {
  /// The path or pattern, as it may be shown.
  package let pattern: String

  /// The error of a path or pattern.
  package init(_ pattern: String) { self.pattern = pattern }

  /// The error with its remedy, as a sentence.
  package var description: String { "nothing matches \(pattern); check fetch.from (paths are relative to the definition)" }
}
