import CProcess
import Configuration
import Files
import Foundation
import Processes
import Supervision
import Synchronization

/// The parent process of the engine: small, it starts the engine as its child and starts it again, from the ledger, when a
/// signal, a trap or its memory limit ends it. It is killed with its parent, so that there is never an engine without one.
package final class ParentProcess: Sendable {
  /// A message for the user of the command. `died` says how, and after which wait the next engine starts; `found` that the unit is known
  /// which killed the engine; `gaveUp` how the last engine died; `cantStart` why, with errno.
  package enum Message: Sendable {
    case died(how: String, wait: Duration)
    case found(String)
    case gaveUp(String)
    case cantStart(String, code: Int32)
  }

  private struct State {
    var child: ChildProcess?
    var isStopping = false
    var pause: Task<Void, Never>?
  }
  private let state = Mutex(State())
  private let since = Board.milliseconds()
  private let tell: @Sendable (Message) -> Void
  private let watch: (@Sendable (EngineLink) -> Void)?

  /// Makes a parent without an engine yet.
  ///
  /// - Parameters:
  ///   - watch: called every second, once the engine has told where its board is; nil where the board is not watched.
  ///   - tell: called with each message for the user.
  package init(watch: (@Sendable (EngineLink) -> Void)?, tell: @escaping @Sendable (Message) -> Void) {
    self.tell = tell
    self.watch = watch
  }

  /// Passes a signal on to the engine.
  package func signal(_ number: Int32) {
    let (child, pause) = state.withLock { state in
      if [SIGTERM, SIGINT].contains(number) { state.isStopping = true }
      return (state.child, state.pause)
    }
    child?.signal(number)
    if state.withLock({ $0.isStopping }) { pause?.cancel() }
  }

  /// Makes the C library keep freed memory for the next allocation; called once, before work begins.
  package static func prepare() { sluice_keep_memory() }

  /// Tells a service manager something: sd_notify(3).
  package static func notify(_ socket: String, _ text: String) { sluice_notify(socket, text) }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Runs the engine to its end, and starts it again as often as its restart policy lets.
  ///
  /// - Parameter arguments: the command line's, without the program's name.
  /// - Returns: the exit code of the command; nil where the engine can't be started or died too often, of which the user was told.
  package func run(_ arguments: [String]) async -> Int32? {
    var restarts: RestartState?
    var count = 0
    while true {
      guard let (link, ending) = await once(arguments, restart: count) else { return nil }
      switch ending {
      case .exited(let code):
        if let link { unlink(link.crashes) }
        return code
      case .killed:
        if isStopping { return ExitStatus.unfinished.rawValue }
        count += 1
        var state = restarts ?? RestartState(link?.policy ?? RestartPolicy())
        let how = took(link, ending, count) { state.settled() }
        let action = state.failed(at: Conditions.system.now(), random: .random(in: 0..<1))
        restarts = state
        guard case .restart(let wait) = action else {
          tell(.gaveUp(how))
          return nil
        }
        tell(.died(how: how, wait: wait))
        let pause = Task { _ = try? await Task.sleep(for: wait) }
        self.state.withLock { $0.pause = pause }
        await pause.value
        if isStopping { return ExitStatus.unfinished.rawValue }
      }
    }
  }

  private func once(_ arguments: [String], restart: Int) async -> (EngineLink?, Ending)? {
    var ends: [Int32] = [0, 0]
    guard sluice_pipe(&ends) == 0 else {
      let code = errno
      tell(.cantStart(String(cString: strerror(code)), code: code))
      return nil
    }
    let (reading, writing) = (ends[0], ends[1])
    _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    defer { close(reading) }
    var options = ChildProcess.Options(command: ["sluice", EngineRole.argument(restart: restart, since: since)] + arguments)
    // This very program, even where its file was replaced meanwhile.
    options.executable = "/proc/self/exe"
    // The service manager hears of this process alone.
    options.environment["NOTIFY_SOCKET"] = nil
    options.link = writing
    let child: ChildProcess
    do {
      child = try await ChildProcess.start(options)
    } catch {
      close(writing)
      tell(.cantStart("\(error)", code: error.code))
      return nil
    }
    close(writing)
    let wasStopped = state.withLock { state in
      state.child = child
      return state.isStopping
    }
    if wasStopped { child.signal(SIGTERM) }
    let found = Mutex<EngineLink?>(nil)
    var watcher: Task<Void, Never>?
    if let watch {
      watcher = Task {
        while !Task.isCancelled {
          if let link = found.withLock({ found in
            found = found ?? EngineLink.read(reading)
            return found
          }) {
            watch(link)
          }
          try? await Task.sleep(for: .seconds(1))
        }
      }
    }
    let ending = await child.ended()
    watcher?.cancel()
    await watcher?.value
    let link = found.withLock { $0 ?? EngineLink.read(reading) }
    state.withLock { $0.child = nil }
    return (link, ending)
  }

  /// Notes the units that were in work when the engine died, and says how it died.
  ///
  /// - Parameter settled: called where the unit that killed it is known now, and will not do so again.
  private func took(_ link: EngineLink?, _ ending: Ending, _ count: Int, settled: () -> Void) -> String {
    var how = ending.description
    guard let link, let board = Board.open(link.board) else { return how }
    let rows = Self.suspects(board)
    if board[.hungRow] != 0 {
      how = "stood still, and could not be stopped but by its end"
    } else if board[.crashSignal] != 0 {
      how += Self.trace(board)
    }
    var record = CrashRecord.read(link.crashes) ?? CrashRecord()
    record.restarts = count
    record.lastDeath = how
    let before = record.verdicts.count
    record.died(
      rows.map { row in
        let end = board[row, .end]
        return (
          CrashRecord.Unit(
            item: board[row, .item], version: board[row, .version], stage: Board.stage(of: row).rawValue,
            start: Int(board[row, .start]), end: end < 0 ? nil : Int(end)), board[row, .isAlone] != 0
        )
      }, cause: how)
    record.write(link.crashes)
    if record.verdicts.count > before {
      settled()
      tell(.found("what killed the engine is found: it becomes a dead letter"))
    }
    let stages = Set(rows.map { Board.stage(of: $0).rawValue }).sorted()
    return stages.isEmpty ? how : "\(how) (in work: \(stages.joined(separator: ", ")))"
  }

  /// The rows that may have killed the engine: that of the thread that crashed or hung, else all that were inside code that may kill.
  private static func suspects(_ board: Board) -> [Board.Row] {
    for word in [Board.Header.hungRow, .crashRow] where board[word] > 0 { return [Int(board[word]) - 1] }
    return Board.rows.filter { board[$0, .isInside] != 0 }
  }

  /// The topmost frames that are the program's.
  private static func trace(_ board: Board) -> String {
    let frames = board.trace.filter { !$0.hasPrefix("libc.so") && !$0.contains("sluice_note_crashes") && !$0.contains("crashed") }
    return frames.isEmpty ? "" : "; " + frames.prefix(8).joined(separator: " < ")
  }
}
