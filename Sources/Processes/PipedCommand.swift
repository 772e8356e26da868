import CProcess
import Foundation

/// A program that is run once, with something on its standard input.
public enum PipedCommand {
  /// What fits into a pipe (pipe(7)), so that writing it never waits for the program to read.
  public static let inputLimit = 60_000

  /// Runs it; what it prints goes to this process's standard error.
  ///
  /// - Parameters:
  ///   - input: at most ``inputLimit`` bytes.
  ///   - limit: past it the program is killed.
  /// - Returns: how it ended.
  public static func run(_ command: [String], input: [UInt8], environment: [String: String], folder: String, limit: Duration)
    async throws(StartFailure) -> Ending
  {
    guard let pipe = Descriptor.pipe() else { throw StartFailure(command: command.first ?? "", code: errno) }
    var options = ChildProcess.Options(command: command)
    options.environment.merge(environment) { $1 }
    options.environment["SLUICE_ENGINE"] = nil
    options.folder = folder
    options.input = pipe.read.number
    options.output = STDERR_FILENO
    let child = try await ChildProcess.start(options)
    pipe.write.makeNonblocking()
    // A program that does not read leaves the pipe broken, and nobody minds.
    _ = input.withUnsafeBytes { write(pipe.write.number, $0.baseAddress, min($0.count, inputLimit)) }
    pipe.write.close()
    pipe.read.close()
    let killer = Task {
      try await Task.sleep(for: limit)
      child.signal(SIGKILL)
    }
    defer { killer.cancel() }
    return await child.ended()
  }
}
