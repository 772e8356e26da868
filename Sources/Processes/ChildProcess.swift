import CProcess
import Foundation
import Synchronization

/// A program could not be started.
public struct StartFailure: Error, Sendable, CustomStringConvertible {
  public let command: String
  public let code: Int32
  public var description: String {
    let remedy =
      switch code {
      case ENOENT: "; is it installed, and on the PATH?"
      case EACCES: "; is it executable?"
      case EAGAIN, ENOMEM, EMFILE, ENFILE: "; the system has no room for more processes: lower workers, or raise its limits"
      default: ""
      }
    return "can't start \(command): \(String(cString: strerror(code)))\(remedy)"
  }
}

/// How a process came to its end.
public enum Ending: Sendable, Hashable, CustomStringConvertible {
  case exited(Int32)
  case killed(signal: Int32)

  public var description: String {
    switch self {
    case .exited(let code): "exited with \(code)"
    case .killed(let number): "was killed by \(Self.name(ofSignal: number))"
    }
  }

  /// As in signal(7).
  private static func name(ofSignal number: Int32) -> String {
    let names: [Int32: String] = [
      SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS",
      SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV", SIGPIPE: "SIGPIPE", SIGTERM: "SIGTERM", SIGXCPU: "SIGXCPU",
      SIGSYS: "SIGSYS",
    ]
    return names[number] ?? "signal \(number)"
  }
}

/// A child process. It has a thread of this process to itself, which starts it and takes note of its end: the kernel
/// kills a child when the thread that started it ends, so that none outlives this process, however that dies.
public final class ChildProcess: Sendable {
  /// A program, and how it is started.
  public struct Options: Sendable {
    /// The program, looked for on the PATH where it has no slash, and its arguments.
    public var command: [String]
    /// What is run, where that is not what the command's first word says.
    public var executable: String?
    public var environment: [String: String]
    public var folder: String?
    /// What it may allocate, in bytes (RLIMIT_DATA).
    public var memory: Int?
    /// Descriptors that become its standard ones; nil for this process's own.
    public var input: Int32?
    public var output: Int32?
    public var error: Int32?
    /// A descriptor that becomes its number 3.
    public var link: Int32?

    public init(command: [String], environment: [String: String] = ProcessInfo.processInfo.environment) {
      self.command = command
      self.environment = environment
    }
  }

  private struct State {
    var ending: Ending?
    var waiters: [CheckedContinuation<Ending, Never>] = []
  }

  public let id: Int32
  private let state = Mutex(State())

  private init(id: Int32) { self.id = id }

  /// Starts a program, and gives it when it runs.
  public static func start(_ options: Options) async throws(StartFailure) -> ChildProcess {
    let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<ChildProcess, StartFailure>, Never>) in
      let thread = Thread {
        switch spawn(options) {
        case .failure(let failure): continuation.resume(returning: .failure(failure))
        case .success(let child):
          continuation.resume(returning: .success(child))
          child.takeEnd()
        }
      }
      thread.stackSize = 256 << 10
      thread.start()
    }
    return try result.get()
  }

  private static func spawn(_ options: Options) -> Result<ChildProcess, StartFailure> {
    var arguments = options.command.map { strdup($0) as UnsafeMutablePointer<CChar>? } + [nil]
    var environment = options.environment.map { strdup("\($0.key)=\($0.value)") as UnsafeMutablePointer<CChar>? } + [nil]
    let folder = options.folder.map { strdup($0) } ?? nil
    let program = strdup(options.executable ?? options.command.first ?? "")
    defer {
      free(program)
      for text in arguments + environment { free(text) }
      free(folder)
    }
    var id: pid_t = 0
    let code = arguments.withUnsafeMutableBufferPointer { arguments in
      environment.withUnsafeMutableBufferPointer { environment in
        var wanted = sluice_spawn(
          program: program, arguments: arguments.baseAddress, environment: environment.baseAddress, folder: folder,
          input: options.input ?? -1,
          output: options.output ?? -1, error: options.error ?? -1,
          link: options.link ?? -1, memory: Int64(options.memory ?? 0))
        return sluice_spawn(&wanted, &id)
      }
    }
    if code != 0 {
      if id > 0 { waitpid(id, nil, 0) }
      return .failure(StartFailure(command: options.command.first ?? "", code: code))
    }
    return .success(ChildProcess(id: id))
  }

  /// Waits on its own thread, and takes with the child what it left of its group.
  private func takeEnd() {
    var info = siginfo_t()
    while waitid(P_PID, id_t(id), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    // From here on the number may be another process's: nobody is to signal it.
    let waiters = state.withLock { state in
      kill(-id, SIGKILL)
      var status: Int32 = 0
      while waitpid(id, &status, 0) < 0, errno == EINTR {}
      let signal = status & 0x7F
      let ending: Ending = signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
      state.ending = ending
      defer { state.waiters = [] }
      return state.waiters.map { ($0, ending) }
    }
    for (waiter, ending) in waiters { waiter.resume(returning: ending) }
  }

  /// Nil while it runs.
  public var ending: Ending? { state.withLock { $0.ending } }

  /// Waits for its end.
  public func ended() async -> Ending {
    await withCheckedContinuation { continuation in
      let ending = state.withLock { state in
        if state.ending == nil { state.waiters.append(continuation) }
        return state.ending
      }
      if let ending { continuation.resume(returning: ending) }
    }
  }

  /// Sends a signal to it and to all of its group.
  public func signal(_ number: Int32) {
    state.withLock { if $0.ending == nil { kill(-id, number) } }
  }

  /// What it holds in memory, in bytes: proc(5), statm.
  public var residentBytes: Int? {
    guard let text = try? String(contentsOfFile: "/proc/\(id)/statm", encoding: .utf8) else { return nil }
    let words = text.split(separator: " ")
    return words.count > 1 ? Int(words[1]).map { $0 * Int(getpagesize()) } : nil
  }
}
