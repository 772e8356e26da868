/// The exit code of the command, as sysexits.h has them. Every exit of `run` and `resume` is one of these.
package enum ExitStatus: Int32, Sendable, CaseIterable {
  case done = 0
  case wrongUse = 64
  case deadLetters = 65
  case noSource = 66
  case failedItems = 69
  case engineDied = 70
  case cannotWrite = 74
  case unfinished = 75
  case wrongDefinition = 78

  /// The reason of the exit, as a sentence; manual pages and `sluice help` show it.
  package var meaning: String {
    switch self {
    case .done: "All done, or nothing new."
    case .wrongUse: "Wrong use of the command line, as a pipeline or run that is not known."
    case .deadLetters:
      "More dead letters than limits.dead_letters allows (default 0), or a source whose columns changed. All good records are written."
    case .noSource: "A source matches nothing, or can't be read."
    case .failedItems: "Items failed all attempts, or a program of yours does not work. The rest is written."
    case .engineDied: "The engine died again and again, of a bug of Sluice."
    case .cannotWrite: "Output, state, the log file or standard output could not be written."
    case .unfinished: "Interrupted, out of --max-duration, or another run holds the pipeline."
    case .wrongDefinition: "The definition is not there, can't be read or is wrong, or one of its tests failed."
    }
  }

  /// The next thing to do, as a sentence; manual pages and `sluice help` show it.
  package var remedy: String {
    switch self {
    case .done: "Nothing."
    case .wrongUse: "See sluice help."
    case .deadLetters: "See them with sluice dead-letters list PIPELINE; mend the definition and replay them, or raise the limit."
    case .noSource: "Check fetch.from: paths are relative to the definition."
    case .failedItems: "sluice resume PIPELINE tries them again."
    case .engineDied: "sluice resume PIPELINE goes on from the last checkpoints; please report the bug."
    case .cannotWrite: "Make room, or mend permissions; then sluice resume PIPELINE."
    case .unfinished: "sluice resume PIPELINE goes on; --wait waits for the other run."
    case .wrongDefinition: "Mend the place that the message names; sluice check PIPELINE names all of them."
    }
  }
}
