import Definition
import Ledger
import Write

/// Sinks of a definition at work, told apart by their places in it. Its calls block.
package struct SinkSessions: Sendable {
  /// A sink and its work.
  package typealias Working = (entry: SinkEntry, session: any SinkSession)

  /// The sinks, in the order of the definition.
  package let all: [Working]
  /// The sinks in the order in which they commit: those that may refuse rows come first, for a file can be made again and rows in a table not.
  private let inOrder: [Working]

  /// Starts sinks of a definition.
  ///
  /// - Throws: ``WriteError``.
  package init(_ definition: PipelineDefinition, _ entries: [SinkEntry]) throws {
    all = try entries.map { ($0, try $0.sink.start(definition.sinkContext)) }
    inOrder = all.filter(\.entry.sink.refusesRows) + all.filter { !$0.entry.sink.refusesRows }
  }

  /// Makes outputs durable that are written to their ends; a writer may be named more than once.
  ///
  /// - Parameter writers: the writers, each with its sink's place.
  /// - Throws: ``WriteError``.
  package func prepare(_ writers: [(number: Int, writer: any SinkWriter)]) throws {
    for (entry, session) in all {
      let own = writers.filter { $0.number == entry.number }.map(\.writer)
      let unique = Dictionary(grouping: own, by: ObjectIdentifier.init).values.compactMap(\.first)
      if !unique.isEmpty { try session.prepare(unique) }
    }
  }

  /// Lets the sinks commit prepared outputs, and forget commits that the ledger has forgotten.
  ///
  /// - Returns: the commits that a target will never do, with its refusals.
  /// - Throws: ``WriteError``.
  package func commit(
    _ commits: [PendingCommit], forgetting forgotten: [PendingCommit]
  ) throws -> [(commit: PendingCommit, refusal: CommitRefusal)] {
    var refused: [(PendingCommit, CommitRefusal)] = []
    for (entry, session) in inOrder {
      let own = commits.filter { $0.sink == entry.number }
      let past = forgotten.filter { $0.sink == entry.number }.map(\.committable)
      if own.isEmpty, past.isEmpty { continue }
      for refusal in try session.commit(own.map(\.committable), forgetting: past) {
        refused += own.filter { $0.committable == refusal.committable }.map { ($0, refusal) }
      }
    }
    return refused
  }

  /// Lets the sinks drop what they keep of commits, all of which are done.
  ///
  /// - Throws: ``WriteError``.
  package func settle() throws { for sink in all { try sink.session.settle() } }

  /// Ends waits of the sinks for readers: the run stops.
  func interrupt() { for sink in all { sink.session.interrupt() } }
}
