import Definition
import Foundation
import Ledger
import Records

/// Makes records of dead letters, for the sink that takes them.
enum DeadLetterBatch {
  /// The sink's bytes of dead letters; empty for none.
  ///
  /// - Throws: what the compression throws.
  static func bytes(_ letters: some Sequence<DeadLetter>, _ encoding: BatchEncoding) throws -> ByteBuffer {
    let letters = Array(letters)
    guard !letters.isEmpty else { return ByteBuffer(capacity: 0) }
    var batch = batch(letters)
    encoding.refuse(in: &batch)
    let bytes = ByteBuffer(capacity: letters.reduce(256) { $0 + 256 + $1.raw.count })
    encoding.append(batch, to: bytes)
    return try encoding.finished(bytes)
  }

  /// The letters as the columns of ``DeadLetterRecords``. A raw record that is no text stands in `raw_base64`.
  static func batch(_ letters: [DeadLetter]) -> RecordBatch {
    func integers(_ value: (DeadLetter) -> Int?) -> Vector {
      let values = letters.map(value)
      return .integers(NullableVector(values: values.map { Int64($0 ?? 0) }, nulls: values.map { $0 == nil ? 1 : 0 }))
    }
    func texts(_ value: (DeadLetter) -> [UInt8]?) -> Vector {
      var arena = TextArena()
      let slices = letters.map { letter in value(letter).map { $0.withUnsafeBufferPointer { arena.copy($0) } } ?? .null }
      return .text(TextVector(slices: slices, owners: arena.owners))
    }
    /// A text that every format and database can hold.
    func printable(_ text: String) -> [UInt8] { Array(text.replacing("\0", with: "\u{2400}").utf8) }
    func isText(_ letter: DeadLetter) -> Bool { !letter.raw.contains(0) && String(validating: letter.raw, as: UTF8.self) != nil }
    let values: [Vector] = [
      integers { Int($0.run.value) }, texts { printable($0.item) }, integers(\.record), integers(\.line), integers(\.offset),
      texts { printable($0.stage) }, texts { printable($0.code) }, texts { $0.field.map(printable) }, texts { printable($0.reason) },
      texts { isText($0) ? $0.raw : nil }, texts { isText($0) ? nil : Array(Data($0.raw).base64EncodedString().utf8) },
    ]
    let columns = zip(DeadLetterRecords.schema.fields, values).map { Column(field: $0, views: nil, values: $1) }
    return RecordBatch(
      columns: columns, rowCount: letters.count, recordCount: letters.count, places: RecordPlaces(), raw: ByteBuffer(capacity: 0))
  }
}
