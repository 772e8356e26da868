import Configuration
import Definition
import Ledger
import Write

/// Why a run could not be, or ended before its end; each has its exit code (sysexits.h).
package enum RunFailure: Error, Sendable, CustomStringConvertible {
  case definition(DefinitionErrors)
  case collision(String, String, target: String)
  /// The one output of a run can't be put where it is to go.
  case output(OutputGuard.Refusal)
  case noSource(String)
  case unreadable(String, ErrorCode = .unreadableFile)
  case ledger(LedgerError)
  case write(WriteError)
  /// What read standard output went away.
  case readerGone
  case locked(pid: String, since: String)
  case nothingToResume(String)
  case nothingToReplay(String)
  case gaveUp(String)
  /// Nothing can be inferred from the items; with the code of what is wrong with the first.
  case sample(String, ErrorCode = .noSample)
  case failedAgain(Int)
  case schemaChanged(item: String, change: String, String)
  /// A program of the user's does not work.
  case program(String)
  /// The system lets the process have too little.
  case limits(String)
  /// The engine's process can't be started, or does not stay alive.
  case engine(String)
  case internalError(String)

  package var exitCode: Int32 { exitStatus.rawValue }

  var exitStatus: ExitStatus {
    switch self {
    case .definition, .collision: .wrongDefinition
    case .output(let refusal): refusal.code == .cannotWrite ? .cannotWrite : .wrongDefinition
    case .noSource, .unreadable: .noSource
    case .ledger, .write, .limits: .cannotWrite
    case .locked, .readerGone: .unfinished
    case .nothingToResume, .nothingToReplay: .wrongUse
    case .gaveUp, .sample, .program: .failedItems
    case .failedAgain, .schemaChanged: .deadLetters
    case .engine, .internalError: .engineDied
    }
  }

  package var code: ErrorCode {
    switch self {
    case .definition(let errors): errors.diagnostics.first?.code ?? .notYAML
    case .collision: .sameOutput
    case .output(let refusal): refusal.code
    case .noSource: .noSource
    case .unreadable(_, let code): code
    case .ledger: .ledger
    case .limits: .processLimit
    case .write: .cannotWrite
    case .locked: .locked
    case .readerGone: .interrupted
    case .nothingToResume: .nothingToResume
    case .nothingToReplay: .invalidSetting
    case .gaveUp: .stageGaveUp
    case .sample(_, let code): code
    case .schemaChanged: .schemaChanged
    case .failedAgain: .failedAgain
    case .program: .unusableProgram
    case .engine: .engineDied
    case .internalError: .bug
    }
  }

  package var description: String {
    switch self {
    case .definition(let errors): errors.description
    case .collision(let a, let b, let target):
      "\(a) and \(b) would both be written to \(target); \(Self.remedy(forItems: a, b)), or write one file for the run"
    case .output(let refusal): refusal.reason
    case .noSource(let pattern): "nothing matches \(pattern); check fetch.from (paths are relative to the definition)"
    case .unreadable(let words, _): words
    case .ledger(let error): error.description
    case .write(let error): error.description
    case .readerGone: "what read standard output went away"
    case .locked(let pid, let since): "another run of this pipeline holds its lock: pid \(pid), since \(since); wait for it, or stop it"
    case .nothingToResume(let what), .nothingToReplay(let what): what
    case .gaveUp(let words): words + "; resume goes on from the last checkpoints"
    case .sample(let words, _): words
    case .schemaChanged(let item, let change, let command):
      "\(item): its columns are other than before: \(change); if that is right: \(command)"
    case .program(let words): words + "; try it by hand, then resume"
    case .failedAgain(let count): "\(count) dead letter\(count == 1 ? "" : "s") failed again; see why with: sluice dead-letters list"
    case .engine(let words), .limits(let words): words
    case .internalError(let words): "a bug in sluice: \(words)"
    }
  }

  /// An error that says itself what failed and what to exit with; nil for others.
  package init?(told error: any Error) {
    switch error {
    case is RunFailure, is DefinitionErrors, is LedgerError, is WriteError, is ProgramBroken: self = .from(error)
    default: return nil
    }
  }

  /// How two items with one output can have one each.
  private static func remedy(forItems a: String, _ b: String) -> String {
    func name(_ key: String) -> Substring? { key.split(separator: "/").last }
    return name(a) == name(b) ? "they have the same name, so give each folder a pipeline of its own" : "put {item.name} into write.path"
  }

  /// Any error, told apart.
  package static func from(_ error: any Error) -> RunFailure {
    switch error {
    case let error as RunFailure: error
    case let error as DefinitionErrors: .definition(error)
    case let error as LedgerError: .ledger(error)
    case let error as WriteError: error.isReaderGone ? .readerGone : .write(error)
    case let error as ProgramBroken: .program(error.description)
    case let error as CustomStringConvertible: .gaveUp(error.description)
    default: .internalError("\(error)")
    }
  }
}
