import CProcess
import Foundation
import Synchronization

/// A program could not be started.
public struct StartFailure: Error, Sendable, CustomStringConvertible {
  /// The program, as the first word of the command spells it.
  public let command: String
  /// The number of the error, as in errno(3).
  public let code: Int32
  /// The failure as a sentence for the user, with a remedy where there is one. The command is not redacted.
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

/// The way in which a process ended (wait(2)).
public enum Ending: Sendable, Hashable, CustomStringConvertible {
  /// It exited with this status, 0 to 255.
  case exited(Int32)
  /// A signal of this number ended it.
  case killed(signal: Int32)

  /// The end as the rest of a sentence whose subject is the program: “exited with 1”.
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

/// A child process, in a process group of its own. A thread of this process starts it and waits for its end. The kernel kills the child
/// when that thread ends (prctl(2), PR_SET_PDEATHSIG), so no child outlives this process, even where this process is killed. At the
/// child's end the rest of its group is killed too.
public final class ChildProcess: Sendable {
  /// The program to start, and its environment, folder, limits and descriptors.
  public struct Options: Sendable {
    /// The program and its arguments. A program without a slash is looked for on this process's PATH.
    public var command: [String]
    /// The file to run where the command's first word does not name it; that word stays its `argv[0]`.
    public var executable: String?
    /// The whole environment of the child, not only additions.
    public var environment: [String: String]
    /// The folder in which it starts; nil for this process's own.
    public var folder: String?
    /// How many bytes it may allocate (RLIMIT_DATA); nil for no limit of its own.
    public var memory: Int?
    /// The descriptor that becomes its standard input; nil for this process's own. The caller closes its copy.
    public var input: Int32?
    /// The same for its standard output.
    public var output: Int32?
    /// The same for its standard error.
    public var error: Int32?
    /// The descriptor that becomes its number 3; nil for none. All other descriptors are closed in the child.
    public var link: Int32?

    /// Makes options that run `command` in this process's folder, with its standard streams and without limits.
    public init(command: [String], environment: [String: String] = ProcessInfo.processInfo.environment) {
      self.command = command
      self.environment = environment
    }
  }

  private struct State {
    var ending: Ending?
    var waiters: [CheckedContinuation<Ending, Never>] = []
  }

  /// The process's number, which is its group's too. The system may give it to another process after the end.
  let id: Int32
  private let state = Mutex(State())

  private init(id: Int32) { self.id = id }

  /// Starts a program and returns when exec has succeeded.
  ///
  /// - Throws: ``StartFailure`` where the program can't be run, as for a missing file, or the system has no room for a process.
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
    // From here on the number may be another process's, and must not be signalled.
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

  /// The child's end; nil while it runs.
  public var ending: Ending? { state.withLock { $0.ending } }

  /// Waits for the child's end. Cancelling the task does not end the wait.
  public func ended() async -> Ending {
    await withCheckedContinuation { continuation in
      let ending = state.withLock { state in
        if state.ending == nil { state.waiters.append(continuation) }
        return state.ending
      }
      if let ending { continuation.resume(returning: ending) }
    }
  }

  /// Sends a signal to the child and its whole group. After its end this does nothing, since the number may be another process's.
  public func signal(_ number: Int32) {
    state.withLock { if $0.ending == nil { kill(-id, number) } }
  }

  /// The resident memory of the child alone, in bytes (proc(5), `statm`); nil where it can't be read, as after the end.
  public var residentBytes: Int? {
    guard let text = try? String(contentsOfFile: "/proc/\(id)/statm", encoding: .utf8) else { return nil }
    let words = text.split(separator: " ")
    return words.count > 1 ? Int(words[1]).map { $0 * Int(getpagesize()) } : nil
  }
}
