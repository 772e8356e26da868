import Configuration
import Records

/// What spells records as the bytes that a sink takes.
package protocol RecordEncoder: Sendable {
  /// Makes what stands at the head of each output.
  func header(_ schema: Schema) -> [UInt8]

  /// Takes rows out of the batch that can't be spelled, each with a fault.
  func refuse(in batch: inout RecordBatch)

  /// Appends the batch's selected rows, in order.
  func encode(_ batch: RecordBatch, to out: ByteBuffer)
}

extension RecordEncoder {
  package func refuse(in batch: inout RecordBatch) {}
}

/// A format that files are written in: one type that conforms, in a file of this folder, and one line of ``RecordEncoders/all``. A sink
/// that takes no format may have an encoder of its own.
package protocol FormatEncoder: RecordEncoder, Component {
  /// Reads the encoder's own keys of `write` and reports what is wrong in them.
  init(_ write: Value, _ reader: inout DefinitionReader)
}

/// The formats that records can be written in.
package enum RecordEncoders {
  /// Every encoder. The first is that of outputs whose names say nothing.
  package static let all: [any FormatEncoder.Type] = [JSONLinesEncoder.self, CSVEncoder.self]

  /// The pages of all encoders.
  package static let pages = all.map { $0.page }

  /// The encoder that a definition spells so.
  package static func named(_ name: String) -> (any FormatEncoder.Type)? { all.first { $0.name == name } }

  /// The encoder that an output's name chooses by its ending, which is that of a compression no more.
  static func of(path: String) -> any FormatEncoder.Type {
    all.first { $0.page.endings.contains { path.hasSuffix("." + $0) } } ?? all[0]
  }
}
