import Dataflow
import Planning
import Configuration
import Decompress
import Definition
import Fetch
import Foundation
import Parse
import Records
import Transform

/// Runs the tests that a definition holds: each input goes through parse and transform as an item's records do.
package struct DefinitionTester: Sendable {
  /// The outcome of a test.
  package struct Outcome: Sendable {
    /// The test's name.
    package var name: String
    /// The line of the definition that the test begins in, from 1.
    package var line: Int
    /// The differences from the expected result, as lines; those that begin with - were expected, those with + came out.
    package var differences: [String] = []
    /// Whether all is as expected.
    package var isPassed: Bool { differences.isEmpty }
  }

  private static let mostRecords = 100_000
  /// The time when the run of each test began, so that tests give the same every time: 2000-01-01 00:00:00 UTC.
  private static let startedAt: Int64 = 946_684_800_000_000

  private let definition: PipelineDefinition

  /// Tests a definition, which must be prepared to run.
  package init(_ definition: PipelineDefinition) { self.definition = definition }

  /// Runs a test.
  ///
  /// - Parameter test: one of the definition's.
  /// - Throws: ``RunFailure`` where a program of the definition's can't be used.
  package func run(_ test: DefinitionTest) async throws(RunFailure) -> Outcome {
    var outcome = Outcome(name: test.name, line: test.line)
    do {
      let trial = try await trial(test)
      compareRecords(test, trial, &outcome)
      compareRejections(test, trial, &outcome)
    } catch let error as ParseError {
      outcome.differences.append("the input can't be read: \(error)")
    } catch let error as DefinitionErrors {
      outcome.differences += error.diagnostics.map { "with the input's fields: \($0.message)" }
    } catch {
      throw .from(error)
    }
    return outcome
  }

  private func trial(_ test: DefinitionTest) async throws -> Trial {
    let text: String
    let isJSON: Bool
    switch test.input {
    case .text(let input): (text, isJSON) = (input, false)
    case .records(let records):
      text = records.map { Self.json($0, definition.parse.fields) + "\n" }.joined()
      isJSON = true
    }
    let reading = definition.readingText(isJSON: isJSON)
    // The format goes by items' names where the definition does not say.
    let key = test.item ?? definition.fetch.entries.first?.pattern.shown ?? ""
    let path = key.range(of: Item.memberSeparator).map { String(key[$0.upperBound...]) }
    let fileName = test.item == nil ? definition.fetch.entries.first?.itemName ?? "" : Sources.itemName(path: path ?? key)
    let name = Codecs.bare(fileName)
    let origin = RecordOrigin(item: key, name: fileName, member: path, run: 1, runStartedAt: Self.startedAt)
    let bytes = ByteBuffer(capacity: text.utf8.count + 1)
    bytes.append(Array(text.utf8))
    let sample = try await Sampler.cut(bytes, reading, name: name, isCut: false)
    return try await Trial(
      reading, sample, reading.parse.recordFormat(itemName: name), of: origin, schema: definition.parse.fields, most: Self.mostRecords)
  }

  /// A record as JSON: a value is bare where its field's type, or its look, says so.
  private static func json(_ cells: DefinitionTest.Cells, _ schema: Schema?) -> String {
    let pairs = cells.map { cell -> String in
      guard let value = cell.value else { return "\(quoted(cell.name)):null" }
      let type = schema.map { schema in schema.position(of: cell.name).map { schema.fields[$0].type } ?? .text }
      let isBare =
        switch type {
        case .bigint?, .double?, .decimal?, nil: Double(value) != nil && value.last?.isNumber == true || type == nil && isBoolean(value)
        case .boolean?: isBoolean(value)
        case .json?: true
        case .text?, .timestamp?, .date?, .time?, .bytes?: false
        }
      return "\(quoted(cell.name)):\(isBare ? value : quoted(value))"
    }
    return "{\(pairs.joined(separator: ","))}"
  }

  private static func isBoolean(_ text: String) -> Bool { text == "true" || text == "false" }

  private static func quoted(_ text: String) -> String {
    let data = try? JSONSerialization.data(withJSONObject: text, options: [.fragmentsAllowed, .withoutEscapingSlashes])
    return String(decoding: data ?? Data("\"\"".utf8), as: UTF8.self)
  }

  // MARK: Comparing

  private func compareRecords(_ test: DefinitionTest, _ trial: Trial, _ outcome: inout Outcome) {
    guard let expected = test.expected else { return }
    let columns = trial.batch.columns.map { (field: $0.field, values: trial.values($0)) }
    let names = columns.map(\.field.name)
    let rows = trial.batch.selected.map { Int($0) }
    for (i, cells) in expected.enumerated() {
      guard i < rows.count else {
        outcome.differences += ["record \(i + 1) is missing:", "  - \(Self.shown(cells))"]
        continue
      }
      var wrong: [String] = []
      for cell in cells {
        guard let column = columns.first(where: { $0.field.name == cell.name }) else {
          let near =
            Spelling.nearest(to: cell.name, among: names).map { "did you mean \($0)?" } ?? "there are \(names.joined(separator: ", "))"
          wrong.append("  there is no field \(cell.name); \(near)")
          continue
        }
        let found = Trial.text(column.values, rows[i], column.field.type)
        if !Self.isSame(cell.value, found, column.field.type) {
          wrong += ["  - \(cell.name): \(Self.shown(cell.value))", "  + \(cell.name): \(Self.shown(found))"]
        }
      }
      if !wrong.isEmpty { outcome.differences += ["record \(i + 1):"] + wrong }
    }
    for (i, row) in rows.enumerated().dropFirst(expected.count) {
      let cells = columns.map { ($0.field.name, Trial.text($0.values, row, $0.field.type)) }
      outcome.differences += ["record \(i + 1) is not expected:", "  + \(Self.shown(cells))"]
    }
  }

  private func compareRejections(_ test: DefinitionTest, _ trial: Trial, _ outcome: inout Outcome) {
    var left = trial.rejected
    for rejection in test.rejected {
      guard let i = left.firstIndex(where: { $0.record == rejection.record }) else {
        outcome.differences.append("record \(rejection.record) of the input is not rejected")
        continue
      }
      let letter = left.remove(at: i)
      for (what, wanted, found) in [("code", rejection.code, letter.code as String?), ("field", rejection.field, letter.field)] {
        guard let wanted, wanted != found else { continue }
        outcome.differences += [
          "record \(rejection.record) of the input is rejected for something else:", "  - \(what): \(wanted)",
          "  + \(what): \(Self.shown(found)) (\(letter.reason))",
        ]
      }
    }
    for letter in left {
      outcome.differences.append("record \(letter.record) of the input is rejected: \(letter.code): \(letter.reason)")
    }
  }

  private static func isSame(_ wanted: String?, _ found: String?, _ type: ValueType) -> Bool {
    guard let wanted, let found else { return wanted == nil && found == nil }
    if wanted == found { return true }
    switch type {
    case .double, .bigint:
      guard let a = Double(wanted), let b = Double(found) else { return false }
      return a == b
    case .json:
      func object(_ text: String) -> NSObject? {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) as? NSObject
      }
      guard let a = object(wanted), let b = object(found) else { return false }
      return a == b
    case .timestamp:
      let bytes = Array(wanted.utf8)
      let out = ByteBuffer(capacity: 40)
      guard let time = bytes.withUnsafeBufferPointer({ p in p.baseAddress.flatMap { TimeText.timestamp($0, p.count) } }) else {
        return false
      }
      TimeText.writeTimestamp(time, to: out)
      return String(decoding: out.copy(0..<out.count), as: UTF8.self) == found
    case .decimal(let precision, let scale):
      var wanted = wanted
      let value = wanted.withUTF8 { p in p.baseAddress.flatMap { DecimalText.decimal($0, p.count, precision: precision, scale: scale) } }
      guard let value else { return false }
      let out = ByteBuffer(capacity: 48)
      DecimalText.write(value, scale: scale, to: out)
      return String(decoding: out.copy(0..<out.count), as: UTF8.self) == found
    case .time:
      var wanted = wanted
      guard let value = wanted.withUTF8({ p in p.baseAddress.flatMap { TimeText.time($0, p.count) } }) else { return false }
      let out = ByteBuffer(capacity: 16)
      TimeText.writeTime(value, to: out)
      return String(decoding: out.copy(0..<out.count), as: UTF8.self) == found
    case .boolean, .text, .date, .bytes: return false
    }
  }

  private static func shown(_ value: String?) -> String { value.map { $0.contains("\n") ? quoted($0) : $0 } ?? "null" }

  private static func shown(_ cells: DefinitionTest.Cells) -> String {
    "{\(cells.map { "\($0.name): \(shown($0.value))" }.joined(separator: ", "))}"
  }
}
