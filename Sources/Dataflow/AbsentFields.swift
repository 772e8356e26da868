import Records
import Synchronization

/// Finds the fields that no record of a run has, of a format that names them in each record. A record may leave such a field out, so that a
/// misspelt one fails nothing: all of it is NULL, and the run's user is to be told.
final class AbsentFields: Sendable {
  private struct State {
    var records = 0
    /// The fields that no batch so far had; nil before the first batch.
    var names: [String]?
  }
  private let state = Mutex(State())

  /// Takes note of a batch as it is parsed.
  func note(_ batch: RecordBatch) {
    guard batch.rowCount > 0 else { return }
    state.withLock { state in
      state.records += batch.rowCount
      if state.names?.isEmpty == true { return }
      state.names = state.names?.filter(batch.absentFields.contains) ?? batch.absentFields
    }
  }

  /// The fields that no record had, and how many records there were; nil where each field was found.
  var found: (names: [String], records: Int)? {
    state.withLock { state in
      guard let names = state.names, !names.isEmpty else { return nil }
      return (names, state.records)
    }
  }
}
