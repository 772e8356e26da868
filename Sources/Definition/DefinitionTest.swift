import Configuration
import Records
import Transform

/// A test that a definition has in `tests`: some records, and the records and dead letters that have to come of them. `sluice test` runs
/// it.
public struct DefinitionTest: Sendable {
  /// Some fields of one record, in the definition's order, with their values as text; nil is NULL.
  public typealias Cells = [(name: String, value: String?)]

  /// The records that a test is about.
  public enum Input: Sendable {
    /// The text of an item, as parse reads it.
    case text(String)
    /// Records without a text, whose values are as they stand in the definition.
    case records([Cells])
  }

  /// A record that the test expects to become a dead letter.
  public struct Rejection: Sendable {
    /// The record's number in the input, from 1.
    public var record: Int
    /// The dead letter's code, such as `invalid_value`; nil where any will do.
    public var code: String?
    /// The field that the dead letter names; nil where any will do.
    public var field: String?
  }

  /// The test's name, as `sluice test` shows it.
  public var name: String
  /// The line of the definition where the test begins, from 1.
  public var line: Int
  /// The records that go in, as the text of an item or as values.
  public var input: Input
  /// The key of the item that the records are taken to be of; nil for the definition's first source as it is written.
  public var item: String?
  /// The records that have to come out, in order, each with the fields that matter; nil where they are not looked at.
  public var expected: [Cells]?
  /// The records that have to become dead letters; empty where none may.
  public var rejected: [Rejection]
}

extension DefinitionTest {
  private static let cells = Shape.list(.map(.either([.null, .text], "a value or null")))

  static let shape: Shape = Shape.object([
    Key("name", .text, "What it shows.", required: true),
    Key("input", .text, "The text of an item, as parse reads it, header and all."),
    Key("records", cells, "Instead: records, as maps of field: value."),
    Key(
      "item", .text,
      "The key of the item that they are taken to be of, as item_key() gives it (default: the first source as it is written). A test's run has the number 1, and began at 2000-01-01 00:00:00."
    ),
    Key(
      "expect", cells, "The records that come out, in order, each with the fields that matter; an empty list for none."),
    Key(
      "rejected",
      .list(
        .object([
          Key("record", .integer(atLeast: 1), "Which record, from 1.", required: true),
          Key("code", .text, "The dead letter's code, as invalid_value."), Key("field", .text, "The field that it is about."),
        ])), "The records that become dead letters (default none)."),
  ])

  init(_ value: Value, _ reader: inout DefinitionReader) {
    name = value["name"]?.text ?? ""
    line = value.position.line
    if let records = value["records"] {
      input = .records(Self.cells(records))
    } else {
      input = .text(value["input"]?.text ?? "")
    }
    if (value["input"] == nil) == (value["records"] == nil) {
      reader.report(value.position.diagnostic("a test has either input, the text of an item, or records", .invalidSetting))
    }
    item = value["item"]?.text
    expected = value["expect"].map(Self.cells)
    rejected = (value["rejected"]?.elements ?? []).map { element in
      Rejection(
        record: element["record"]?.text.flatMap { Int($0) } ?? 1, code: element["code"]?.text, field: element["field"]?.text)
    }
    for element in value["rejected"]?.elements ?? [] {
      guard let code = element["code"], let text = code.text, !Self.codes.contains(text) else { continue }
      let near = Spelling.nearest(to: text, among: Self.codes)
      reader.report(
        code.position.diagnostic(
          "there is no code “\(text)”; \(near.map { "did you mean “\($0)”?" } ?? "there are \(Self.codes.joined(separator: ", "))")",
          .wrongShape))
    }
    if expected == nil, rejected.isEmpty {
      reader.report(value.position.diagnostic("it expects nothing: give it expect, rejected or both", .missingKey))
    }
  }

  private static let codes = RecordFault.Code.allCases.map(\.rawValue)

  private static func cells(_ value: Value) -> [Cells] {
    value.elements.map { record in record.entries.map { ($0.key, $0.value.text) } }
  }
}
