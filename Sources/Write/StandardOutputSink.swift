import Configuration
import Files
import Foundation
import Records
import Synchronization

/// Writes records to standard output. They can't be taken back, and the program that reads them may go away.
struct StandardOutputSink: Sink {
  static let page = ComponentPage(
    .sink, "standard_output", "Writes records to standard output, for a program that reads them.", endings: [],
    keys: [Key("path", .text, "- is standard output.")] + FileFormat.keys, place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders-*.csv.gz}
      write: {path: "-", format: csv}
      """,
    errors: [.cannotWrite, .interrupted],
    guarantees: ["Standard output carries the records alone; all else goes to standard error."],
    limits: [
      "What was written can't be taken back: an item that is tried again, or resumed, is sent again.",
      "A reader that goes away ends the run with exit code 75.",
    ])

  static func takes(_ write: Value) -> Bool { write["path"]?.text == "-" }

  private let format: FileFormat

  init(_ write: Value, _ reader: inout DefinitionReader) { format = FileFormat(write, path: "-", &reader) }

  /// The name in messages.
  static let shown = "standard output"

  var grouping: OutputGrouping { .stream }
  var encoder: any RecordEncoder { format.encoder }
  func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot { OutputSlot(name: "-", shown: Self.shown) }
  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot { slot }
  static func committer(in folder: String, known: [any Sink]) -> any Committer { StandardOutput() }
  func start(_ context: SinkContext) -> any SinkSession { StandardOutput() }
}

/// The stream, which has one writer.
private final class StandardOutput: SinkSession {
  private let stream = Mutex<StandardOutputStream?>(nil)

  func open(_ slot: OutputSlot, _ schema: Schema, at position: SinkPosition) throws -> any SinkWriter {
    let new = try StandardOutputStream()
    stream.withLock { $0 = new }
    return new
  }

  func interrupt() { stream.withLock { $0 }?.interrupt() }

  func prepare(_ writers: [any SinkWriter]) {}
  func inspect(_ slot: OutputSlot, at position: SinkPosition) -> OutputFinding { .missing }
  func abandon(_ slot: OutputSlot) {}
  func inspect(_ committable: Committable) -> OutputFinding { .committed }
  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) -> [CommitRefusal] { [] }
}

private final class StandardOutputStream: SinkWriter {
  /// The run stops while the reader does not read.
  private struct Interrupted: Error {}

  private struct State {
    var length = 0
    var isInterrupted = false
  }
  private let state = Mutex(State())
  /// The bytes that a pipe with room takes without a wait (pipe(7)).
  private static let pieceBytes = 4096
  /// The time between two looks at whether the run stops, in milliseconds.
  private static let patience: Int32 = 200

  /// - Throws: ``WriteError`` where standard output is closed, or open for reading only.
  init() throws(WriteError) {
    let flags = fcntl(STDOUT_FILENO, F_GETFL)
    guard flags >= 0, flags & O_ACCMODE != O_RDONLY else {
      throw WriteError(action: "write to", path: StandardOutputSink.shown, code: EBADF)
    }
  }

  var position: SinkPosition { state.withLock { $0.length == 0 ? .start : SinkPosition("\($0.length)") } }
  var isEmpty: Bool { state.withLock { $0.length == 0 } }
  var canTruncate: Bool { false }
  var committable: Committable? { nil }

  func interrupt() { state.withLock { $0.isInterrupted = true } }

  func append(_ chunk: SinkChunk) throws {
    let bytes = chunk.bytes
    var done = 0
    defer { state.withLock { $0.length += done } }
    while done < bytes.count {
      try awaitRoom()
      let written = write(STDOUT_FILENO, bytes.bytes + done, min(bytes.count - done, Self.pieceBytes))
      if written < 0, errno == EINTR || errno == EAGAIN { continue }
      guard written >= 0 else { throw WriteError(action: "write to", path: StandardOutputSink.shown, code: errno) }
      done += written
    }
  }

  private func awaitRoom() throws {
    var descriptor = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    while poll(&descriptor, 1, Self.patience) <= 0 {
      if state.withLock({ $0.isInterrupted }) { throw Interrupted() }
    }
  }

  func flush() {}
  func truncate(to position: SinkPosition) {}
  func release() {}
  func discard() {}
}
