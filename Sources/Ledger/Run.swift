import Foundation

/// A run's number in its ledger.
package struct RunID: Sendable, Hashable, Codable, CustomStringConvertible {
  package let value: Int64
  package init(_ value: Int64) { self.value = value }
  package var description: String { String(value) }
}

/// `closed` is a run that was not done, and is not to be.
package enum RunStatus: String, Sendable, Codable { case running, done, failed, interrupted, closed }

/// What a new run is entered with.
package struct NewRun: Sendable {
  package var definition: String
  package var definitionPath: String
  package var variables: [String: String]
  package var schema: String?

  package init(definition: String, definitionPath: String, variables: [String: String], schema: String?) {
    self.definition = definition
    self.definitionPath = definitionPath
    self.variables = variables
    self.schema = schema
  }
}

/// What a run came to, as it ends.
package struct RunEnd: Sendable {
  package var status: RunStatus
  package var counts: RecordCounts
  package var bytes: ByteCounts
  package var retries: Int
  package var restarts: Int
  package var error: String?

  package init(status: RunStatus, counts: RecordCounts, bytes: ByteCounts, retries: Int, restarts: Int, error: String?) {
    self.status = status
    self.counts = counts
    self.bytes = bytes
    self.retries = retries
    self.restarts = restarts
    self.error = error
  }
}

/// A run as the ledger holds it.
package struct RunRecord: Sendable, Codable {
  package var id: RunID
  package var pipeline: String
  package var status: RunStatus
  package var startedAt: Date
  package var endedAt: Date?
  /// The definition's text and the `--var` values of that run.
  package var definition: String
  package var definitionPath: String
  package var variables: [String: String]
  /// The schema of the source, where it was inferred.
  package var schema: String?
  package var counts: RecordCounts
  package var bytes: ByteCounts
  package var retries: Int
  package var restarts: Int
  package var error: String?
}
