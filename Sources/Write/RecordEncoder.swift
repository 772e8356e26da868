import Configuration
import Records

/// Spells records as the bytes that a sink takes. Transform's workers call it, several at once.
package protocol RecordEncoder: Sendable {
  /// Returns the bytes at the head of each output; empty for none.
  func header(_ schema: Schema) -> [UInt8]

  /// Takes rows out of the batch's selection that the format can't hold, and adds a fault for each: it becomes a dead letter.
  func refuse(in batch: inout RecordBatch)

  /// Appends the batch's selected rows, in order. It is called after ``refuse(in:)``.
  func encode(_ batch: RecordBatch, to out: ByteBuffer)
}

extension RecordEncoder {
  /// Refuses nothing: the format can hold every value.
  package func refuse(in batch: inout RecordBatch) {}
}

/// A format that files are written in: one type that conforms, in a file of this folder, and one line of ``RecordEncoders/all``. A sink
/// that takes no format may have a ``RecordEncoder`` of its own.
package protocol FormatEncoder: RecordEncoder, Component {
  /// Reads the encoder's own keys of `write` and reports what is wrong in them.
  init(_ write: Value, _ reader: inout DefinitionReader)
}

/// The registry of formats that files can be written in.
package enum RecordEncoders {
  /// Every encoder. The first is for outputs whose names say nothing.
  package static let all: [any FormatEncoder.Type] = [JSONLinesEncoder.self, CSVEncoder.self]

  /// The pages of all encoders, in the same order.
  package static let pages = all.map { $0.page }

  /// Returns the encoder of this name, as `write.format` spells it; nil where there is none.
  static func named(_ name: String) -> (any FormatEncoder.Type)? { all.first { $0.name == name } }

  /// Returns the encoder that an output's name chooses by its ending. The caller has taken off the ending of a compression.
  static func of(path: String) -> any FormatEncoder.Type {
    all.first { $0.page.endings.contains { path.hasSuffix("." + $0) } } ?? all[0]
  }
}
