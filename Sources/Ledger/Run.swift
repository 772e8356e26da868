import Foundation

/// A run's number in its ledger.
package struct RunID: Sendable, Hashable, CustomStringConvertible {
  /// The number, from 1.
  package let value: Int64
  /// Makes a run's number.
  package init(_ value: Int64) { self.value = value }
  /// The number in digits.
  package var description: String { String(value) }
}

/// The state of a run. A `closed` run was not done, and no process goes on with it.
package enum RunStatus: String, Sendable { case running, done, failed, interrupted, closed }

/// A run that is to begin.
package struct NewRun: Sendable {
  /// The definition's text as it is written, so without the values of secrets.
  package var definition: String
  /// The definition's file.
  package var definitionPath: String
  /// The `--var` values.
  package var variables: [String: String]
  /// The schema that the run inferred of its source, as JSON; nil where the definition has it.
  package var schema: String?

  /// Makes a run that is to begin.
  package init(definition: String, definitionPath: String, variables: [String: String], schema: String?) {
    self.definition = definition
    self.definitionPath = definitionPath
    self.variables = variables
    self.schema = schema
  }
}

/// The result of a run, as it ends.
package struct RunEnd: Sendable {
  /// The state that it ends in.
  package var status: RunStatus
  /// The sum of its items' records.
  package var counts: RecordCounts
  /// The sum of its items' bytes.
  package var bytes: ByteCounts
  /// The number of work units that were tried again.
  package var retries: Int
  /// The number of workers that supervisors restarted.
  package var restarts: Int
  /// The reason why it is not done; nil where it is.
  package var error: String?

  /// Makes the result of a run.
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
package struct RunRecord: Sendable {
  /// The run's number.
  package var id: RunID
  /// The pipeline's name.
  package var pipeline: String
  /// The state.
  package var status: RunStatus
  /// The time when it began first.
  package var startedAt: Date
  /// The time when it ended last; nil while it runs, or where its process was killed.
  package var endedAt: Date?
  /// The definition's text.
  package var definition: String
  /// The definition's file.
  package var definitionPath: String
  /// The `--var` values.
  package var variables: [String: String]
  /// The schema that the run inferred of its source, as JSON; nil where the definition has it.
  package var schema: String?
  /// The sum of its items' records, as it ended; nothing until then.
  package var counts: RecordCounts
  /// The sum of its items' bytes, as it ended; nothing until then.
  package var bytes: ByteCounts
  /// The number of work units that were tried again.
  package var retries: Int
  /// The number of workers that supervisors restarted.
  package var restarts: Int
  /// The reason why it is not done; nil where it is, or has not ended.
  package var error: String?
}
