import CProcess
import Foundation

/// A program that is run once, with something on its standard input.
public enum PipedCommand {
  /// What fits into a pipe (pipe(7)), so that writing it never waits for the program to read.
  public static let inputLimit = 60_000

  /// How much of what it prints is kept.
  public static let outputLimit = 64_000

  /// Runs it.
  ///
  /// - Parameters:
  ///   - input: at most ``inputLimit`` bytes.
  ///   - limit: past it the program is killed.
  /// - Returns: how it ended, and what it printed to its standard output and error.
  public static func run(_ command: [String], input: [UInt8], environment: [String: String], folder: String, limit: Duration)
    async throws(StartFailure) -> (ending: Ending, printed: String)
  {
    // In memory, since nobody reads it before the end, and it may hold what is to be kept nowhere.
    let printed = Descriptor(sluice_memory_file())
    guard printed.number >= 0, let pipe = Descriptor.pipe() else { throw StartFailure(command: command.first ?? "", code: errno) }
    defer { printed.close() }
    var options = ChildProcess.Options(command: command)
    options.environment.merge(environment) { $1 }
    options.folder = folder
    options.input = pipe.read.number
    options.output = printed.number
    options.error = printed.number
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
    let ending = await child.ended()
    var bytes = [UInt8](repeating: 0, count: outputLimit)
    let count = pread(printed.number, &bytes, bytes.count, 0)
    return (ending, String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
  }
}
