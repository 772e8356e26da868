import Configuration
import Foundation
import Processes
import Records

/// A format that items' records come in: one type that conforms, in a file of this folder, and one line of ``RecordFormats/all``.
///
/// A format says how its items are named and how they look, reads its own keys of `parse`, cuts an item into runs of whole records (in
/// order, one task an item) and parses such runs (in any order, on any worker).
package protocol RecordFormat: Component, Sendable {
  /// Whether the format reads text that begins as such a document.
  static func reads(_ document: TextDocument) -> Bool

  /// Guesses how a sample's records are written, the best guess first; empty where the format can't be told by a look.
  static func guesses(_ sample: Sniffer) -> [FormatGuess]

  /// Whether parsing can begin at any line. Where it can't, a piece from the middle of an item says nothing.
  static var readsFromAnyLine: Bool { get }

  /// Reads the format's own keys of `parse` and reports what is wrong in them.
  init(_ settings: FormatSettings, _ reader: inout DefinitionReader)

  /// The program that reads the records in place of this format; nil for a format that reads them itself.
  var program: ParsingProgram? { get }

  /// Whether an item that begins as such a document fails, as the definition can hardly mean it.
  func refuses(_ document: TextDocument) -> Bool

  /// Makes what cuts one item into runs of whole records.
  func makeFramer() -> any RecordFramer

  /// Parses the records of a chunk into columns, each checked against its type.
  func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch

  /// Reads the columns' names, and their texts in each record of a sample.
  func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns
}

extension RecordFormat {
  package static func reads(_ document: TextDocument) -> Bool { false }
  package static func guesses(_ sample: Sniffer) -> [FormatGuess] { [] }
  package static var readsFromAnyLine: Bool { true }
  package var program: ParsingProgram? { nil }
}

/// What a definition says of parsing, as a format reads it.
package struct FormatSettings {
  /// The map `parse`: the format's own keys are among the others.
  package var value: Value
  /// The fields of `parse.fields`; nil where they are inferred.
  package var fields: Schema?
  /// How long a record may be, in bytes.
  package var recordLimit: Int
  /// Whether the definition names the format, so that no item's name does.
  package var isNamed: Bool

  package init(value: Value, fields: Schema?, recordLimit: Int, isNamed: Bool) {
    self.value = value
    self.fields = fields
    self.recordLimit = recordLimit
    self.isNamed = isNamed
  }
}

/// A program of the user's that reads records, and the fields that it answers with.
package struct ParsingProgram: Sendable {
  package var options: ProgramOptions
  package var fields: Schema

  package init(options: ProgramOptions, fields: Schema) {
    self.options = options
    self.fields = fields
  }
}

/// Cuts one item's bytes into runs of whole records. One task uses it, in the item's order.
///
/// ``begin(_:isFinal:)`` gets the item's first bytes, ever more of them, until it has read the prologue. From then on
/// ``boundary(_:isFinal:)`` gets the bytes behind the last boundary, ever more of them, until it finds the next one.
package protocol RecordFramer {
  /// Reads what stands before the first record; nil where that takes more bytes.
  ///
  /// - Parameter isFinal: whether the bytes are all of the item.
  mutating func begin(_ head: RawSpan, isFinal: Bool) throws(ParseError) -> Prologue?

  /// Goes on in an item that has this prologue.
  ///
  /// - Parameter state: what ``state`` was behind the last boundary; nil where the framer had none.
  /// - Returns: false where this build can't read the state.
  mutating func resume(_ prologue: Prologue, _ state: Data?) -> Bool

  /// Finds the end of the last whole record. The bytes begin behind the boundary that was found last.
  ///
  /// Where the item is damaged, the boundary is before that place; the next call, which finds no record before it, throws.
  mutating func boundary(_ bytes: RawSpan, isFinal: Bool) throws(ParseError) -> RecordBoundary

  /// Passes over bytes before a boundary of an earlier process: their records are done.
  ///
  /// - Parameter isWhole: whether the boundary is where the bytes end, and not behind them.
  /// - Returns: how many bytes were passed over; the rest comes again, with more behind it.
  mutating func pass(_ bytes: RawSpan, isWhole: Bool) throws(ParseError) -> Int

  /// Tells what is wrong with the item as a whole, all of whose bytes are behind a boundary.
  func finish() throws(ParseError)

  /// What another process needs, beside the prologue, to go on behind the last boundary; nil where it needs nothing.
  var state: Data? { get }
}

extension RecordFramer {
  package mutating func pass(_ bytes: RawSpan, isWhole: Bool) throws(ParseError) -> Int { bytes.byteCount }
  package func finish() throws(ParseError) {}
  package var state: Data? { nil }
}

/// How far an item's bytes hold whole records.
package struct RecordBoundary: Sendable {
  /// Bytes up to the boundary; 0 where no record ends among them.
  package var end: Int
  /// Where the records are, for a format whose records can't be told apart without what stands before them.
  package var records: RecordPlaces?

  package init(end: Int, records: RecordPlaces? = nil) {
    self.end = end
    self.records = records
  }
}
