import Definition
import Foundation
import Parse
import Records
import Synchronization

/// How an item's columns are other than expected.
package struct SchemaChange: Sendable, Hashable {
  /// A column whose values are of another type than its field's.
  package struct Retyped: Sendable, Hashable {
    /// The field's name.
    package var name: String
    /// The type of the field, or of the column in the run before.
    package var was: ValueType
    /// The type that the values have now.
    package var looks: ValueType
  }

  var added: [String] = []
  var missing: [String] = []
  /// Those of both that are in another order than they were.
  var reordered: [String] = []
  /// The columns with values of another type.
  package var retyped: [Retyped] = []

  /// The change between two lists of columns.
  package init(from before: [String], to now: [String]) {
    let (old, new) = (Set(before), Set(now))
    added = now.filter { !old.contains($0) }
    missing = before.filter { !new.contains($0) }
    let (rest, order) = (before.filter(new.contains), now.filter(old.contains))
    if rest != order { reordered = zip(rest, order).filter { $0 != $1 }.map { $1 } }
  }

  /// The change between two schemas: the columns of both that have another type now.
  package init(from before: Schema, to now: Schema) {
    retyped = now.fields.compactMap { field in
      guard let position = before.position(of: field.name), before.fields[position].type != field.type else { return nil }
      return Retyped(name: field.name, was: before.fields[position].type, looks: field.type)
    }
  }

  /// `new: a, b; missing: c; in another order: d, e; f is text, was bigint`
  package var description: String {
    var parts: [String] = []
    if !added.isEmpty { parts.append("new: \(Excerpt.list(added))") }
    if !missing.isEmpty { parts.append("missing: \(Excerpt.list(missing))") }
    if !reordered.isEmpty { parts.append("in another order: \(Excerpt.list(reordered))") }
    parts += retyped.map { "\(Excerpt.of($0.name)) is \($0.looks.rawValue), was \($0.was.rawValue)" }
    return parts.joined(separator: "; ")
  }
}

/// An item is not to be read, as its columns are other than expected.
struct SchemaChanged: Error {
  let description: String
  init(_ change: String) { description = "its columns are other than before: \(change)" }
}

/// Compares the columns of a run's items with those that their source had before.
final class SchemaWatch: Sendable {
  /// Records of each item whose values are looked at.
  private static let sampleRecords = 200

  private struct State {
    /// The columns that are expected; nil until they are known.
    var expected: [String]?
    var told: Set<SchemaChange> = []
    /// The last item's, for the next is most often alike.
    var last: (columns: [String], change: SchemaChange?)?
  }
  private let state: Mutex<State>
  private let fields: Schema
  /// Whether values are looked at too.
  private let looksAtValues: Bool

  /// - Parameters:
  ///   - expected: the columns that the source had last; nil to go by the first item that comes.
  ///   - fields: what is read, with its types.
  init(expected: [String]?, fields: Schema, looksAtValues: Bool) {
    state = Mutex(State(expected: expected))
    self.fields = fields
    self.looksAtValues = looksAtValues
  }

  /// The result of a comparison.
  struct Finding {
    /// Nil where the format names none, and values are not looked at.
    var columns: [String]?
    var change: SchemaChange?
    /// Whether an item with just this change came before.
    var isKnown = false
  }

  func compare(_ chunk: RecordChunk, _ prologue: Prologue?, _ format: any RecordFormat) -> Finding {
    var finding = Finding(columns: prologue?.columns)
    var retyped: [SchemaChange.Retyped] = []
    if looksAtValues {
      let sample = format.sample(chunk.head(records: Self.sampleRecords), prologue ?? Prologue(bytes: 0, lines: 0))
      if finding.columns == nil { finding.columns = sample.names }
      retyped = retypedColumns(sample)
    }
    guard let columns = finding.columns else { return finding }
    return state.withLock { state in
      guard let expected = state.expected else {
        state.expected = columns
        if !retyped.isEmpty { finding.change = SchemaChange(from: columns, to: columns) }
        finding.change?.retyped = retyped
        return finding
      }
      var change: SchemaChange?
      if let last = state.last, last.columns == columns {
        change = last.change
      } else if expected != columns {
        change = SchemaChange(from: expected, to: columns)
      }
      state.last = (columns, change)
      if !retyped.isEmpty {
        change = change ?? SchemaChange(from: expected, to: expected)
        change?.retyped = retyped
      }
      finding.change = change
      if let change { finding.isKnown = !state.told.insert(change).inserted }
      return finding
    }
  }

  /// Fields most of whose values are not of their type.
  private func retypedColumns(_ sample: SampledColumns) -> [SchemaChange.Retyped] {
    var found: [SchemaChange.Retyped] = []
    for (name, cells) in zip(sample.names, sample.cells) {
      guard let position = fields.position(of: name), fields.fields[position].type != .text else { continue }
      let type = fields.fields[position].type
      let values = cells.filter { $0 != .null }
      let unfit = values.filter { !Inference.fits($0, fields.fields[position]) }
      if unfit.count * 2 > values.count {
        found.append(.init(name: name, was: type, looks: Inference.type(of: values)))
      }
    }
    return found
  }
}
