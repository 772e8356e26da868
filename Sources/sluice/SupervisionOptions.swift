import Configuration
import ArgumentParser
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Files
import Foundation
import Synchronization

/// Whether a process stands above the engine, and what it tells.
struct SupervisionOptions: ParsableArguments {
  @Flag(help: "Do the work in this process, without one above it that starts it again when it dies.")
  var noSupervisor = false

  /// Runs this command in a child process, again where that dies, and returns what to exit with; nil where the work is
  /// this process's own.
  func supervised(_ session: RunSession) async -> ExitCode? {
    if noSupervisor || EngineRole.isEngine { return nil }
    let console = session.console
    let end = Mutex<RunFailure?>(nil)
    let service = ServiceManager()
    var watch: (@Sendable (EngineLink) -> Void)?
    if let service { watch = { service.tell($0) } }
    let engine = ParentProcess(watch: watch) { message in
      switch message {
      case .died(let how, let wait):
        console.event(.warning, "the engine \(how); it is started again from the ledger after \(Human.wait(wait))")
      case .found(let words): console.event(.warning, words)
      case .gaveUp(let how):
        let words = "the engine died too often, the last time it \(how)"
        // Most of what asks for memory can't go on without.
        let failure: RunFailure =
          if let most = ProcessLimits.addressSpace {
            .limits("\(words); it may have \(most / 1_000_000) MB of address space: \(ProcessLimits.addressSpaceRemedy)")
          } else {
            .engine("\(words); resume goes on from the last checkpoints")
          }
        end.withLock { $0 = failure }
      case .cantStart(let why, let code):
        let remedy = SystemFailure(code: code).remedy
        end.withLock {
          $0 =
            remedy.isEmpty
            ? .engine("can't start the engine: \(why); --no-supervisor does without") : .limits("can't start the engine: \(why)\(remedy)")
        }
      }
    }
    // A signal to this process is meant for the engine too, which has a process group of its own.
    let signals = Signals([SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT]) { number in
      switch number {
      case SIGTSTP:
        engine.signal(SIGSTOP)
        kill(getpid(), SIGSTOP)
      case SIGCONT: engine.signal(SIGCONT)
      default:
        service?.stopping()
        engine.signal(number == SIGHUP ? SIGTERM : number)
      }
    }
    defer { signals.cancel() }
    let timer = session.timing.stopping(console) { engine.signal(SIGTERM) }
    defer { timer?.cancel() }
    let code = await engine.run(EngineRole.arguments)
    if let failure = end.withLock({ $0 }) { return await session.fail(failure) }
    return ExitCode(code ?? ExitStatus.engineDied.rawValue)
  }
}

/// systemd, or what stands in its place, where this runs as a unit of `Type=notify`: sd_notify(3).
final class ServiceManager: Sendable {
  private struct State {
    var isReady = false
    var status = ""
    var beat: Int64 = 0
  }
  private let socket: String
  private let hasWatchdog: Bool
  private let state = Mutex(State())

  /// Nil where no service manager asks for notifications.
  init?() {
    let environment = ProcessInfo.processInfo.environment
    guard let socket = environment["NOTIFY_SOCKET"], !socket.isEmpty else { return nil }
    self.socket = socket
    hasWatchdog = environment["WATCHDOG_USEC"] != nil
  }

  /// Tells the service manager how the engine is; called every second.
  func tell(_ link: EngineLink) {
    guard let board = Board.open(link.board) else { return }
    let status =
      "items \(board[.itemsDone] + board[.itemsFailed])/\(board[.itemsTotal]), \(Human.count(Int(board[.read]))) records read, \(Human.count(Int(board[.written]))) written"
    let beat = board[.beat]
    let words = state.withLock { state in
      var words: [String] = []
      if !state.isReady { words.append("READY=1") }
      if state.status != status { words.append("STATUS=\(status)") }
      // Only an engine that gets on is alive.
      if hasWatchdog, state.beat != beat { words.append("WATCHDOG=1") }
      (state.isReady, state.status, state.beat) = (true, status, beat)
      return words
    }
    if !words.isEmpty { ParentProcess.notify(socket, words.joined(separator: "\n")) }
  }

  func stopping() { ParentProcess.notify(socket, "STOPPING=1") }
}
