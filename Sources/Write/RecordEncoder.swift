import Records

/// A format that records are written in. To add one: a file beside this with a type that conforms, and a line in the
/// registry of the definition's `write.format`.
public protocol RecordEncoder: Sendable {
  /// What stands at the head of each file.
  func header(_ schema: Schema) -> [UInt8]
  /// Takes rows out of the batch that the format can't spell, each with a fault.
  func refuse(in batch: inout RecordBatch)
  /// Appends the batch's selected rows, in order.
  func encode(_ batch: RecordBatch, to out: ByteBuffer)
}

extension RecordEncoder {
  public func refuse(in batch: inout RecordBatch) {}
}
