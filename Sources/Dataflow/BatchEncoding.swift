import Decompress
import Definition
import Parse
import Records
import Synchronization
import Write

/// Batches as the bytes that a sink takes, compressed where it says so.
package struct BatchEncoding: Sendable {
  private let encoder: any RecordEncoder
  private let compression: (any UnitEncoder)?
  /// Output bytes for a thousand of the source, by what batches came to so far: then a batch's buffer need not grow.
  private let ratio = Ratio()

  private final class Ratio: Sendable { let value = Atomic(1500) }

  /// The encoding that a sink asks for.
  package init(_ sink: any Sink) {
    encoder = sink.encoder
    compression = sink.compression
  }

  /// Encodes a batch and compresses it.
  ///
  /// - Parameter sourceBytes: the bytes that the batch was parsed from, by which room for the output is taken.
  /// - Throws: what the compression throws.
  func bytes(of batch: RecordBatch, sourceBytes: Int) throws -> ByteBuffer {
    let ratio = self.ratio.value.load(ordering: .relaxed)
    let expected = sourceBytes / 1000 * ratio + 4096
    let output = ByteBuffer(capacity: expected)
    append(batch, to: output)
    if output.capacity > expected {
      let found = output.count / (sourceBytes / 1000 + 1) * 11 / 10
      self.ratio.value.store(min(max(ratio, found), 20_000), ordering: .relaxed)
    }
    return try finished(output)
  }

  /// Takes rows out of the batch that the sink's format can't spell, each with a fault.
  package func refuse(in batch: inout RecordBatch) { encoder.refuse(in: &batch) }

  /// Appends the batch's records in the sink's format, not compressed yet; ``finished(_:)`` compresses them.
  package func append(_ batch: RecordBatch, to output: ByteBuffer) { encoder.encode(batch, to: output) }

  /// The bytes before an output's first record, as they go into the part; empty where the format has none.
  package func header(_ schema: Schema) throws -> ByteBuffer {
    let header = encoder.header(schema)
    let output = ByteBuffer(capacity: header.count)
    output.append(header)
    return try finished(output)
  }

  /// The appended bytes as they go into the part: one compressed unit, or, without compression, as they are.
  package func finished(_ output: ByteBuffer) throws -> ByteBuffer {
    guard let compression, output.count > 0 else { return output }
    let unit = ByteBuffer(capacity: output.count / 2 + 1024)
    try compression.encode(UnsafeRawBufferPointer(start: output.bytes, count: output.count).bytes, to: unit)
    return unit
  }
}
