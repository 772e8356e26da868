import CProcess
import Foundation

/// Runs a program once, with a short input, and collects its output. The notifier runs the command of `notify` so.
public enum PipedCommand {
  /// The greatest input in bytes: it fits into a pipe (pipe(7)), so that the write never waits for the program.
  public static let inputLimit = 60_000

  /// How many bytes of the output are kept, from its beginning.
  private static let outputLimit = 64_000

  /// Runs a program and waits for its end.
  ///
  /// - Parameters:
  ///   - input: at most ``inputLimit`` bytes; the rest is dropped.
  ///   - environment: variables beside those of this process, whose values they replace.
  ///   - folder: the folder in which the program starts.
  ///   - limit: the time after which the program is killed.
  /// - Returns: the program's end, and the first 64,000 bytes that it printed to standard output and standard error together.
  /// - Throws: ``StartFailure`` where the program can't be run.
  public static func run(_ command: [String], input: [UInt8], environment: [String: String], folder: String, limit: Duration)
    async throws(StartFailure) -> (ending: Ending, printed: String)
  {
    // In memory: it is read after the end only, and it may hold secrets that no disk is to keep.
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
    // A program that does not read leaves the pipe broken, which is no failure.
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
