import Configuration

/// One entry of `write`: a sink, and the records that go into it.
package struct SinkEntry: Sendable {
  /// The records that a sink takes.
  package enum Input: Sendable {
    /// Those that came through all steps, and for which the condition is true (`when`); all where there is none.
    case records(when: Condition?)
    /// Dead letters, as records (`dead_letters`).
    case deadLetters
  }

  /// An SQL condition of a definition, and its place there.
  package struct Condition: Sendable {
    /// The expression.
    package let text: String
    /// Its place.
    package let place: Position
  }

  /// The entry's place among all sinks of the definition, from 0. The sink of dead letters is the last.
  package let number: Int
  /// The sink.
  package let sink: any Sink
  /// The records that it takes.
  package let input: Input
  /// The place in the definition that names the output, for errors that are found later.
  package let position: Position

  /// Whether it takes dead letters.
  package var takesDeadLetters: Bool { if case .deadLetters = input { true } else { false } }
  /// The condition of `when`; nil where all records are taken, or dead letters.
  package var condition: Condition? { if case .records(let when) = input { when } else { nil } }

  /// The entry of a definition that is not read yet: the file sink without a path.
  package init() { (number, sink, input, position) = (0, FileSink(), .records(when: nil), Position(line: 1, column: 1, length: 1)) }

  /// Reads an entry. Reports where no sink takes it, and keys that are for another sink.
  ///
  /// - Parameter section: the word that the entry is known by, for messages: `write` or `dead_letters`.
  /// - Returns: nil where it can't be read, which is reported.
  init?(_ value: Value, number: Int, deadLetters: Bool = false, section: String, _ reader: inout DefinitionReader) {
    guard let type = Sinks.all.first(where: { $0.takes(value) }) else {
      if value.isWhole {
        let missing = "\(section) does not say where records go: give it path, a file, or table and database"
        reader.report(value.position.diagnostic(missing, .missingKey))
      }
      return nil
    }
    guard value.entries.allSatisfy({ !type.page.keys.map { $0.name }.contains($0.key) || $0.value.isRead }) else { return nil }
    reader.refuseKeys(of: value, notOf: type.name, Sinks.all.map { $0.page }, setting: "sink")
    self.number = number
    position = (type.page.keys.first.flatMap { value[$0.name] } ?? value).position
    sink = type.init(value, &reader)
    let when = value["when"].flatMap { when in when.text.map { Condition(text: $0, place: when.position) } }
    input = deadLetters ? .deadLetters : .records(when: when)
  }
}
