import Configuration
import Files
import Foundation
import Records
import Synchronization

@testable import Write

/// The flaws that the suite has to find, each in a sink that is right otherwise.
enum SinkFault: Sendable, CaseIterable {
  case showsWhatIsPrepared, commitsTwice, commitsNothing, neverSaysCommitted, losesWhatWasFlushed, findsAnything, keepsWhatCameAfter
  case keepsWhatWasThere, discardsNothing, dropsEmptyOutputs, commitsTheFirstAlone, standsStill, growsNoMore

  /// The check that must find it.
  var check: String {
    switch self {
    case .showsWhatIsPrepared: "nothing is visible before the commit"
    case .commitsTwice, .commitsNothing: "a commit makes all visible, and once more changes nothing"
    case .neverSaysCommitted: "a committable tells whether it was committed"
    case .losesWhatWasFlushed, .findsAnything, .standsStill: "an output goes on where it was flushed"
    case .keepsWhatCameAfter: "what comes after a position can be dropped"
    case .keepsWhatWasThere: "an output that begins at the start begins with nothing"
    case .discardsNothing: "an output that is taken away leaves nothing"
    case .dropsEmptyOutputs: "an output without records is an output"
    case .growsNoMore: "an output that is prepared may grow, and be prepared again"
    case .commitsTheFirstAlone: "several outputs are committed together"
    }
  }
}

/// A sink around another one, with one fault.
struct BrokenSink: Sink {
  static let page = FileSink.page
  static func takes(_ write: Value) -> Bool { false }
  static func committer(in folder: String, known: [any Sink]) -> any Committer { FileSink.committer(in: folder, known: known) }
  let inner: any Sink
  let fault: SinkFault

  init(_ inner: any Sink, _ fault: SinkFault) {
    self.inner = inner
    self.fault = fault
  }

  init(_ write: Value, _ reader: inout DefinitionReader) {
    inner = FileSink(write, &reader)
    fault = .commitsNothing
  }

  var grouping: OutputGrouping { inner.grouping }
  var encoder: any RecordEncoder { inner.encoder }
  func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot { inner.slot(words, context) }
  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot { inner.replaySlot(number, of: slot) }
  func start(_ context: SinkContext) throws -> any SinkSession { BrokenSession(inner: try inner.start(context), fault, context) }
}

private final class BrokenSession: SinkSession {
  let inner: any SinkSession
  let fault: SinkFault
  let context: SinkContext

  init(inner: any SinkSession, _ fault: SinkFault, _ context: SinkContext) {
    self.inner = inner
    self.fault = fault
    self.context = context
  }

  func open(_ slot: OutputSlot, _ schema: Schema, at position: SinkPosition) throws -> any SinkWriter {
    var position = position
    if fault == .losesWhatWasFlushed { position = .start }
    if fault == .keepsWhatWasThere, let data = FileManager.default.contents(atPath: FileSink.part(of: slot.name)) {
      position = SinkPosition("\(data.count)")
    }
    return BrokenWriter(inner: try inner.open(slot, schema, at: position), fault)
  }

  func prepare(_ writers: [any SinkWriter]) throws {
    let whole = writers.compactMap { ($0 as? BrokenWriter)?.inner }
    for writer in writers { (writer as? BrokenWriter)?.isPrepared.withLock { $0 = true } }
    try inner.prepare(whole)
    if fault == .showsWhatIsPrepared { _ = try inner.commit(whole.compactMap(\.committable), forgetting: []) }
  }

  func inspect(_ slot: OutputSlot, at position: SinkPosition) throws -> OutputFinding {
    fault == .findsAnything ? .whole : try inner.inspect(slot, at: position)
  }

  func abandon(_ slot: OutputSlot) throws { if fault != .discardsNothing { try inner.abandon(slot) } }

  func inspect(_ committable: Committable) throws -> OutputFinding {
    fault == .neverSaysCommitted ? .whole : try inner.inspect(committable)
  }

  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal] {
    var committables = committables
    switch fault {
    case .commitsNothing: return []
    case .commitsTheFirstAlone: committables = Array(committables.prefix(1))
    case .dropsEmptyOutputs: committables.removeAll { $0.token.isEmpty }
    default: break
    }
    let refusals = try inner.commit(committables, forgetting: forgotten)
    if fault == .commitsTwice {
      for committable in committables {
        let path = context.folder + "/" + committable.target
        let data = FileManager.default.contents(atPath: path) ?? Data()
        try (data + data).write(to: URL(fileURLWithPath: path))
      }
    }
    return refusals
  }
}

private final class BrokenWriter: SinkWriter {
  let inner: any SinkWriter
  let fault: SinkFault
  let isPrepared = Mutex(false)

  init(inner: any SinkWriter, _ fault: SinkFault) {
    self.inner = inner
    self.fault = fault
  }

  var position: SinkPosition { fault == .standsStill ? SinkPosition("1") : inner.position }
  var isEmpty: Bool { inner.isEmpty }
  var canTruncate: Bool { inner.canTruncate }
  func append(_ chunk: SinkChunk) throws {
    if fault != .growsNoMore || !isPrepared.withLock({ $0 }) { try inner.append(chunk) }
  }
  func flush() throws { try inner.flush() }
  func truncate(to position: SinkPosition) throws { if fault != .keepsWhatCameAfter { try inner.truncate(to: position) } }
  func release() throws { try inner.release() }
  var committable: Committable? { inner.committable }
  func discard() throws { if fault != .discardsNothing { try inner.discard() } }
}
