import Ledger

extension ItemLedger {
  /// The checkpoint that an item goes on from, with the version of its content; nil where it has none.
  package func lastCheckpoint(of item: PlannedItem, pipeline: String) async throws -> (start: Checkpoint, version: String?)? {
    guard let record = try await items(pipeline: pipeline, keys: [[item.item.key]])[0], var point = record.checkpoint, point.offset > 0
    else {
      return nil
    }
    point.continuation = try await continuation(item.id)
    return (point, record.version)
  }
}
