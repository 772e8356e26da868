import CProcess
import Foundation
import Records
import Synchronization

/// A running program of the user's that answers records with records.
///
/// For each batch the program gets one line for each record on its standard input, then the mark `{"@batch":N}`. It must answer with as
/// many lines, then the mark. Its standard error goes to `said`, line by line, at most 20 lines a second.
///
/// A program serves one batch at a time.
public final class Program: Sendable {
  /// Why a batch has no answers.
  public enum Failure: Error, Sendable, CustomStringConvertible {
    /// The program ended, or closed its output. `lastWords` is the last line of its standard error, cut after 500 bytes.
    case ended(Ending, lastWords: String)
    /// The mark came after fewer lines than records.
    case tooFew(Int, of: Int)
    /// More lines came than records, before the mark.
    case tooMany(of: Int)
    /// The answer to one batch passed this many bytes.
    case tooLong(bytes: Int)
    /// The line is the mark of another batch.
    case wrongMark(String)
    /// The batch took longer than ``ProgramOptions/hardLimit``.
    case hardLimit(Duration)
    /// The program took no byte and gave none for as long as the watchdog waits.
    case stalled(Duration)

    /// The failure as a sentence, not redacted: it may quote the program's own words.
    public var description: String {
      switch self {
      case .ended(let ending, let words): "the program \(ending)\(words.isEmpty ? "" : ": \(words)")"
      case .tooFew(let count, let wanted):
        "the program printed \(count) line\(count == 1 ? "" : "s") for \(wanted) record\(wanted == 1 ? "" : "s")"
      case .tooMany(let wanted):
        "the program printed more than \(wanted) line\(wanted == 1 ? "" : "s") for \(wanted) record\(wanted == 1 ? "" : "s")"
      case .tooLong(let bytes): "the program printed more than \(bytes) bytes for one batch"
      case .wrongMark(let line): "the program printed \(line), which ends no batch that it was sent"
      case .hardLimit(let limit): "the program took longer than the hard limit of \(limit) and was killed"
      case .stalled(let limit): "the program made no progress for \(limit) and was killed"
      }
    }
  }

  /// The result of sending a batch to a program.
  public enum Exchange: Sendable {
    /// The answers: as many lines as records were sent, each with its line feed, without the mark.
    case answered(ByteBuffer)
    /// The batch has no answers, and the program can't be used any more.
    case failed(Failure)
    /// Another task called ``interrupt()``.
    case interrupted
  }

  private struct State {
    var isInterrupted = false
    var lastWords: [UInt8] = []
    var pending: [UInt8] = []
    var second: Int64 = 0
    var linesThisSecond = 0
    var heldBack = 0
  }

  /// The program's process. ``ChildProcess/ending`` tells whether it still runs.
  public let process: ChildProcess
  private let input: Descriptor
  private let output: Descriptor
  private let errors: Descriptor
  private let wake: Descriptor
  private let options: ProgramOptions
  private let watchdog: Duration
  private let said: @Sendable (String) -> Void
  private let state = Mutex(State())
  private let batches = Mutex(0)

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - folder: the folder in which it starts.
  ///   - watchdog: how long it may take no byte and give none while it has a batch.
  ///   - said: gets each line of its standard error, not redacted. It is called on the thread of ``exchange(_:count:)``.
  /// - Throws: ``StartFailure``.
  public static func start(
    _ options: ProgramOptions, folder: String, watchdog: Duration, said: @escaping @Sendable (String) -> Void
  ) async throws(StartFailure) -> Program {
    func failure() -> StartFailure { StartFailure(command: options.command.first ?? "", code: errno) }
    guard let toChild = Descriptor.pipe(), let fromChild = Descriptor.pipe(), let errorsOfChild = Descriptor.pipe() else { throw failure() }
    var process = ChildProcess.Options(command: options.command)
    process.folder = folder
    process.memory = options.memory
    process.input = toChild.read.number
    process.output = fromChild.write.number
    process.error = errorsOfChild.write.number
    let child = try await ChildProcess.start(process)
    withExtendedLifetime((toChild, fromChild, errorsOfChild)) {}
    return Program(
      child, input: toChild.write, output: fromChild.read, errors: errorsOfChild.read, options, watchdog: watchdog, said: said)
  }

  private init(
    _ process: ChildProcess, input: Descriptor, output: Descriptor, errors: Descriptor, _ options: ProgramOptions, watchdog: Duration,
    said: @escaping @Sendable (String) -> Void
  ) {
    self.process = process
    self.input = input
    self.output = output
    self.errors = errors
    self.options = options
    self.watchdog = watchdog
    self.said = said
    wake = Descriptor(sluice_eventfd())
    for descriptor in [input, output, errors] { descriptor.makeNonblocking() }
  }

  /// Whether the program has reached a limit of `recycle`, so that a new one must take the next batch.
  public var isWorn: Bool {
    if let units = options.recycleUnits, batches.withLock({ $0 }) >= units { return true }
    if let most = options.recycleMemory, let held = process.residentBytes, held > most { return true }
    return false
  }

  /// Ends the exchange under way and all later ones with ``Exchange/interrupted``. Any thread may call it; the process goes on.
  public func interrupt() {
    state.withLock { $0.isInterrupted = true }
    var one: UInt64 = 1
    _ = write(wake.number, &one, 8)
  }

  // MARK: A batch

  private struct Progress {
    var sent = 0
    let answers: ByteBuffer
    var lines = 0
    /// Where the line that is being read begins.
    var lineStart = 0
    let begun = ContinuousClock.now
    var moved = ContinuousClock.now
    var wasTold = false
  }

  /// Sends a batch and waits for its answers. It blocks, so the caller runs it on a thread for blocking calls.
  ///
  /// - Parameters:
  ///   - lines: `count` lines, each with its line feed.
  ///   - count: how many lines there are.
  public func exchange(_ lines: UnsafeBufferPointer<UInt8>, count: Int) -> Exchange {
    let number = batches.withLock { batches in
      batches += 1
      return batches
    }
    let mark = Array("{\"@batch\":\(number)}\n".utf8)
    var progress = Progress(answers: ByteBuffer(capacity: lines.count + (lines.count >> 2) + 256))
    while true {
      if state.withLock({ $0.isInterrupted }) { return .interrupted }
      let wantsToSend = progress.sent < lines.count + mark.count && !input.isClosed
      var polled = [
        pollfd(fd: wake.number, events: Int16(POLLIN), revents: 0), pollfd(fd: errors.pollNumber, events: Int16(POLLIN), revents: 0),
        pollfd(fd: output.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wantsToSend ? input.number : -1, events: Int16(POLLOUT), revents: 0),
      ]
      poll(&polled, nfds_t(polled.count), timeout(progress))
      if polled[1].revents != 0 { readErrors() }
      if polled[2].revents != 0, let end = readAnswers(&progress, count, number) { return end }
      if polled[3].revents != 0 { send(lines, mark, &progress) }
      if let failure = overdue(&progress) { return .failed(failure) }
    }
  }

  private func send(_ lines: UnsafeBufferPointer<UInt8>, _ mark: [UInt8], _ progress: inout Progress) {
    func rest(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
      guard let base = bytes.baseAddress else { return 0 }
      return write(input.number, base + start, bytes.count - start)
    }
    let n =
      progress.sent < lines.count
      ? rest(lines, from: progress.sent) : mark.withUnsafeBufferPointer { rest($0, from: progress.sent - lines.count) }
    if n > 0 {
      progress.sent += n
      progress.moved = .now
    } else if n < 0, errno != EAGAIN, errno != EINTR {
      // It reads no more; its end, or that it answers nevertheless, is seen at its output.
      input.close()
    }
  }

  /// Nil while the batch has no end.
  private func readAnswers(_ progress: inout Progress, _ count: Int, _ number: Int) -> Exchange? {
    let answers = progress.answers
    answers.reserve(64 << 10)
    let n = read(output.number, answers.bytes + answers.count, answers.capacity - answers.count)
    if n < 0 { return errno == EAGAIN || errno == EINTR ? nil : .failed(ended()) }
    if n == 0 { return .failed(ended()) }
    progress.moved = .now
    var from = answers.count
    answers.count += n
    while let end = memchr(answers.bytes + from, 0x0A, answers.count - from) {
      let at = UnsafeRawPointer(end) - UnsafeRawPointer(answers.bytes)
      if let found = mark(answers.bytes + progress.lineStart, at - progress.lineStart) {
        guard found == number else { return .failed(.wrongMark("{\"@batch\":\(found)}")) }
        guard progress.lines == count else { return .failed(.tooFew(progress.lines, of: count)) }
        answers.count = progress.lineStart
        return .answered(answers)
      }
      progress.lines += 1
      if progress.lines > count { return .failed(.tooMany(of: count)) }
      progress.lineStart = at + 1
      from = at + 1
    }
    let most = 256 << 20
    return answers.count > most ? .failed(.tooLong(bytes: most)) : nil
  }

  /// The number in `{"@batch":N}`, however it is spaced; nil where the line is something else.
  private func mark(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int? {
    guard count >= 12, count < 100, sluice_contains(p, count, "\"@batch\"", 8) != 0 else { return nil }
    let text = String(decoding: UnsafeBufferPointer(start: p, count: count), as: UTF8.self)
    return text.wholeMatch(of: #/\s*\{\s*"@batch"\s*:\s*([0-9]+)\s*\}\s*/#).flatMap { Int($0.1) }
  }

  private func ended() -> Failure {
    // Its end follows the end of its output, unless it closed that itself.
    let deadline = ContinuousClock.now + .seconds(2)
    while process.ending == nil, ContinuousClock.now < deadline {
      readErrors()
      usleep(1000)
    }
    process.signal(SIGKILL)
    readErrors()
    let words = state.withLock { String(decoding: $0.lastWords, as: UTF8.self) }
    return .ended(process.ending ?? .killed(signal: SIGKILL), lastWords: words)
  }

  // MARK: Time

  private func timeout(_ progress: Progress) -> Int32 {
    let now = ContinuousClock.now
    var left = progress.moved + watchdog - now
    if let soft = options.softLimit, !progress.wasTold { left = min(left, progress.begun + soft - now) }
    if let hard = options.hardLimit { left = min(left, progress.begun + hard - now) }
    return Int32(clamping: max(0, Int64(left / .milliseconds(1)) + 1))
  }

  private func overdue(_ progress: inout Progress) -> Failure? {
    let now = ContinuousClock.now
    if let hard = options.hardLimit, now - progress.begun > hard { return .hardLimit(hard) }
    if now - progress.moved > watchdog { return .stalled(watchdog) }
    if let soft = options.softLimit, !progress.wasTold, now - progress.begun > soft {
      progress.wasTold = true
      process.signal(SIGTERM)
    }
    return nil
  }

  // MARK: Standard error

  private func readErrors() {
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    for _ in 0..<64 {
      let n = read(errors.pollNumber, &chunk, chunk.count)
      if n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) { errors.close() }
      if n <= 0 { return }
      hear(chunk[..<n])
    }
  }

  /// At most twenty lines a second are told; how many more there were is told with the next.
  /// The end of the first line, and the beginning of the next; nil where the line goes on. A line that is very long is cut, between
  /// characters.
  private static func lineEnd(_ bytes: [UInt8]) -> (end: Int, next: Int)? {
    let most = 4000
    if let end = bytes.prefix(most + 1).firstIndex(of: 0x0A) { return (end, end + 1) }
    guard bytes.count > most else { return nil }
    var end = most
    while end > most - 4, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    return (end, end)
  }

  private func hear(_ bytes: ArraySlice<UInt8>) {
    let second = Int64(time(nil))
    let told = state.withLock { state in
      var told: [String] = []
      state.pending += bytes
      while let (end, next) = Self.lineEnd(state.pending) {
        let line = Array(state.pending[..<end])
        state.pending.removeFirst(next)
        if line.isEmpty { continue }
        state.lastWords = Array(line.prefix(500))
        if state.second != second {
          if state.heldBack > 0 { told.append("(\(state.heldBack) more lines)") }
          (state.second, state.linesThisSecond, state.heldBack) = (second, 0, 0)
        }
        state.linesThisSecond += 1
        if state.linesThisSecond <= 20 { told.append(String(decoding: line, as: UTF8.self)) } else { state.heldBack += 1 }
      }
      return told
    }
    for line in told { said(line) }
  }

  // MARK: The end

  /// Closes the program's standard input and waits for its end. After `grace` it sends SIGTERM, and SIGKILL one second later. Output of
  /// the program after this call is lost.
  public func finish(grace: Duration) async {
    input.close()
    async let ending = process.ended()
    let killer = Task { [process] in
      try await Task.sleep(for: grace)
      process.signal(SIGTERM)
      try await Task.sleep(for: .seconds(1))
      process.signal(SIGKILL)
    }
    // Its output is not wanted any more, and it must not wait for a reader.
    output.close()
    errors.close()
    _ = await ending
    killer.cancel()
  }

  /// Kills the program and its group (SIGKILL), and waits for its end.
  public func kill() async {
    process.signal(SIGKILL)
    _ = await process.ended()
  }
}

/// A file descriptor that is closed with its last reference, or earlier by ``close()``.
final class Descriptor: Sendable {
  private let value: Mutex<Int32>

  init(_ number: Int32) { value = Mutex(number) }
  deinit { close() }

  /// -1 once it is closed, which poll(2) passes over.
  var number: Int32 { value.withLock { $0 } }
  var pollNumber: Int32 { number }
  var isClosed: Bool { number < 0 }

  func close() {
    value.withLock { number in
      if number >= 0 { Foundation.close(number) }
      number = -1
    }
  }

  func makeNonblocking() { _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK) }

  static func pipe() -> (read: Descriptor, write: Descriptor)? {
    var numbers: [Int32] = [0, 0]
    guard sluice_pipe(&numbers) == 0 else { return nil }
    return (Descriptor(numbers[0]), Descriptor(numbers[1]))
  }
}
