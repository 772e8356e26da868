import Configuration
import Foundation
import Processes
import Records

/// A format of records, as items have them. To add one: a file of this folder with a type that conforms, and a line in
/// ``RecordFormats/all``.
///
/// A format says how its items are named and how they look, reads its own keys of `parse`, cuts an item into runs of whole records (in
/// order, one task an item) and parses such runs (in any order, on any worker).
package protocol RecordFormat: Component, Sendable {
  /// Whether the format reads text that begins as such a document. The default is false, for a format that reads no documents.
  static func reads(_ document: TextDocument) -> Bool

  /// Guesses how a sample's records are written, the best guess first. The default is empty, for a format that can't be told by a look.
  static func guesses(_ sample: Sniffer) -> [FormatGuess]

  /// Whether parsing can begin at any line, which is the default. Where it can't, `sluice init` does not look at the middle of an item.
  static var readsFromAnyLine: Bool { get }

  /// Whether each record names its fields, as a JSON object does. Else, which is the default, a header or the order of columns tells them.
  static var namesFields: Bool { get }

  /// Reads the format's own keys of `parse` and reports what is wrong in them.
  init(_ settings: FormatSettings, _ reader: inout DefinitionReader)

  /// The program that reads the records in place of this format; nil, the default, for a format that reads them itself.
  var program: ParsingProgram? { get }

  /// Whether an item that begins as such a document fails, since the definition can hardly mean it.
  func refuses(_ document: TextDocument) -> Bool

  /// Makes a framer for one item, which cuts it into runs of whole records.
  func makeFramer() -> any RecordFramer

  /// Parses the records of a chunk into columns, and checks each column against its type. It runs on any worker, for chunks in any order.
  /// Records that can't be read become faults of the batch.
  func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch

  /// Reads the columns' names and cells from a sample, for inference. Records that can't be read are left out.
  func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns
}

extension RecordFormat {
  /// False: the format reads no documents.
  package static func reads(_ document: TextDocument) -> Bool { false }
  /// Empty: the format can't be told by a look.
  package static func guesses(_ sample: Sniffer) -> [FormatGuess] { [] }
  /// False: a header or the order of columns tells the fields.
  package static var namesFields: Bool { false }
  /// True: parsing can begin at any line.
  package static var readsFromAnyLine: Bool { true }
  /// Nil: the format reads its records itself.
  package var program: ParsingProgram? { nil }
}

/// The settings of `parse` that a format reads when a definition is loaded.
package struct FormatSettings {
  /// The map `parse`, which holds the format's own keys among others.
  package var value: Value
  /// The fields of `parse.fields`; nil where the definition does not name them.
  package var fields: Schema?
  /// The greatest length of a record, in bytes.
  package var recordLimit: Int
  /// Whether the definition names the format. Else items' names choose it.
  package var isNamed: Bool

  init(value: Value, fields: Schema?, recordLimit: Int, isNamed: Bool) {
    self.value = value
    self.fields = fields
    self.recordLimit = recordLimit
    self.isNamed = isNamed
  }
}

/// A program of the user's that reads records, and the fields that it answers with.
package struct ParsingProgram: Sendable {
  /// The program's command and limits.
  package var options: ProgramOptions
  /// The fields of the program's answers, as `parse.fields` names them.
  package var fields: Schema

  init(options: ProgramOptions, fields: Schema) {
    self.options = options
    self.fields = fields
  }
}

/// Cuts one item's bytes into runs of whole records. One task uses it, in the item's order.
///
/// ``begin(_:isFinal:)`` gets the item's first bytes, ever more of them, until it has read the prologue. From then on
/// ``boundary(_:isFinal:)`` gets the bytes behind the last boundary, ever more of them, until it finds the next one.
package protocol RecordFramer {
  /// Reads the item's beginning up to the first record; nil where that takes more bytes.
  ///
  /// - Parameters:
  ///   - head: the item's first bytes, all of them at each call.
  ///   - isFinal: whether the bytes are all of the item.
  /// - Throws: ``ParseError`` where the item has no header, or is empty and must not be.
  mutating func begin(_ head: RawSpan, isFinal: Bool) throws(ParseError) -> Prologue?

  /// Continues in an item whose beginning another process has read. It takes the place of ``begin(_:isFinal:)``.
  ///
  /// - Parameter state: the value of ``state`` behind the last boundary; nil where the framer had none.
  /// - Returns: false where this build can't read the state. Then the item starts over.
  mutating func resume(_ prologue: Prologue, _ state: Data?) -> Bool

  /// Finds the end of the last whole record among the bytes, which begin behind the boundary that was found last.
  ///
  /// - Parameter isFinal: whether the bytes are the rest of the item.
  /// - Throws: ``ParseError`` at a damaged place of the item. Where records stand before that place, this call returns the boundary behind
  ///   them, and the next call throws.
  mutating func boundary(_ bytes: RawSpan, isFinal: Bool) throws(ParseError) -> RecordBoundary

  /// Passes over bytes whose records an earlier process has done. The default passes over all of them.
  ///
  /// - Parameter isWhole: whether the bytes end at that process's boundary.
  /// - Returns: how many bytes were passed over. The rest comes again, with more bytes behind it.
  mutating func pass(_ bytes: RawSpan, isWhole: Bool) throws(ParseError) -> Int

  /// Checks the item as a whole after its last boundary. The default accepts every item.
  ///
  /// - Throws: ``ParseError`` where the item as a whole is wrong, as a document that is not closed.
  func finish() throws(ParseError)

  /// The state that another process needs, beside the prologue, to continue behind the last boundary. Checkpoints keep it.
  /// Nil, the default, where the prologue is enough.
  var state: Data? { get }
}

extension RecordFramer {
  /// Passes over all bytes.
  package mutating func pass(_ bytes: RawSpan, isWhole: Bool) throws(ParseError) -> Int { bytes.byteCount }
  /// Accepts every item.
  package func finish() throws(ParseError) {}
  /// Nil: the prologue is enough to continue.
  package var state: Data? { nil }
}

/// A place between two records, up to which a run of bytes holds whole records.
package struct RecordBoundary: Sendable {
  /// How many bytes lie before the boundary; 0 where no record ends among them.
  package var end: Int
  /// The records' places, for a format whose records can't be found again without the bytes before them; nil for others.
  package var records: RecordPlaces?

  /// Makes a boundary behind `end` bytes.
  package init(end: Int, records: RecordPlaces? = nil) {
    self.end = end
    self.records = records
  }
}
