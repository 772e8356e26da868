import CProcess
import Foundation

/// Runs a program once, with a short input, and collects its output. The notifier runs the command of `notify` so.
public enum PipedCommand {
  /// How many bytes of the output are kept, from its beginning.
  private static let outputLimit = 64_000

  /// Runs a program and waits for its end.
  ///
  /// - Parameters:
  ///   - input: the content of the program's standard input.
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
    // A file and no pipe: how much a pipe takes at once hangs on how many the user has.
    let told = Descriptor(sluice_memory_file())
    guard printed.number >= 0, told.number >= 0, fill(told.number, with: input) else {
      throw StartFailure(command: command.first ?? "", code: errno)
    }
    defer {
      printed.close()
      told.close()
    }
    var options = ChildProcess.Options(command: command)
    options.environment.merge(environment) { $1 }
    options.folder = folder
    options.input = told.number
    options.output = printed.number
    options.error = printed.number
    let child = try await ChildProcess.start(options)
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
  /// Writes a file's content, and goes back to its start.
  private static func fill(_ descriptor: Int32, with bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return lseek(descriptor, 0, SEEK_SET) == 0
  }
}
