import Configuration
import Definition
import Fetch
import Foundation
import Parse
import Records
import Transform

@testable import Dataflow
@testable import Planning

/// A step as a definition has it, for the suite to run.
struct StepCase: Sendable {
  /// One entry of `transform`, over the suite's fields `a`, `x`, `s` and `n`.
  var text: String
  /// The same, with a field that is not there: `nonesuch`. Nil where the step names no field.
  var unknown: String?
  /// Files beside the definition, by their names, and the same with other content.
  var files: [String: String] = [:]
  var changed: [String: String] = [:]
}

/// The checks that every step passes. Each returns the faults that it finds, so that they can check broken steps too.
struct StepSuite: Sendable {
  /// How the step is read; by the registry, or broken.
  let shape: Shape
  let make: @Sendable (Entry, inout DefinitionReader) -> any Step
  let name: String
  let example: StepCase
  /// Where the files are.
  let folder: String

  init(_ type: any Step.Type, _ example: StepCase, folder: String) {
    self.init(name: type.name, shape: type.shape, example, folder: folder) { type.init($0, &$1) }
  }

  init(
    name: String, shape: Shape, _ example: StepCase, folder: String, make: @escaping @Sendable (Entry, inout DefinitionReader) -> any Step
  ) {
    self.name = name
    self.shape = shape
    self.example = example
    self.folder = folder
    self.make = make
  }

  /// The checks, by the sentence that each holds a step to.
  static let checks: [(rule: String, body: @Sendable (StepSuite) async throws -> [String])] = [
    ("the schema that a check passes on is what batches have", { try await $0.schema() }),
    ("an empty batch stays empty", { try await $0.emptyBatch() }),
    ("a batch whose rows are all refused stays so", { try await $0.allRefused() }),
    ("rows that are out stay out, and those that are in have the same values", { try await $0.selection() }),
    ("each record goes on, is filtered or has one fault, which names it", { try await $0.faults() }),
    ("work that is not wanted any more stops", { try await $0.stopping() }),
    ("what columns point to is held by them", { try await $0.views() }),
    ("a batch's result does not hang on other batches", { try await $0.order() }),
    ("a field that is not there is reported where it is named", { try $0.unknownField() }),
    ("where fields are not known, nothing is refused", { try $0.openScope() }),
    ("the columns that are read are those that it says", { try await $0.reads() }),
    ("what is loaded is in the fingerprint, and told where it can't be", { try $0.loading() }),
    ("it says where it stands", { try $0.standing() }),
  ]

  // MARK: Checks

  private func schema() async throws -> [String] {
    let chain = try chain()
    return Self.wrong(in: try await run(chain, Self.batch()), chain.output)
  }

  private func emptyBatch() async throws -> [String] {
    let chain = try chain()
    let out = try await run(chain, Self.batch(0..<0))
    return Self.wrong(in: out, chain.output)
      + (out.faults.isEmpty && out.filtered == 0 && out.selectedCount == 0 ? [] : ["an empty batch came out as \(Outcome(out))"])
  }

  private func allRefused() async throws -> [String] {
    let chain = try chain()
    var batch = Self.batch()
    batch.selection = []
    let out = try await run(chain, batch)
    return Self.wrong(in: out, chain.output)
      + (out.faults.isEmpty && out.filtered == 0 && out.selectedCount == 0 ? [] : ["rows that were out came back: \(Outcome(out))"])
  }

  private func selection() async throws -> [String] {
    let chain = try chain()
    let whole = Outcome(try await run(chain, Self.batch()))
    var batch = Self.batch()
    batch.selection = (0..<UInt32(batch.rowCount)).filter { $0 % 3 == 1 }
    let part = Outcome(try await run(chain, batch))
    let (records, faults) = (whole.records.filter { $0.key % 3 == 1 }, whole.faults.filter { $0.key % 3 == 1 })
    let filtered = batch.selectedCount - records.count - faults.count
    return part.records == records && part.faults == faults && part.filtered == filtered
      ? [] : ["of the selected rows came \(part), not \(records), \(faults), \(filtered) filtered"]
  }

  private func faults() async throws -> [String] {
    let chain = try chain()
    let plain = Outcome(try await run(chain, Self.batch()))
    var batch = Self.batch()
    batch.recordOfRow = (0..<UInt32(batch.rowCount)).map { 3 * $0 + 1 }
    batch.recordCount = 3 * batch.rowCount + 1
    let out = Outcome(try await run(chain, batch))
    var wrong: [String] = []
    let records = plain.records.mapKeys { 3 * $0 + 1 }
    let faults = plain.faults.mapKeys { 3 * $0 + 1 }
    if out.records != records || out.faults != faults { wrong.append("records or faults are not those of the rows: \(out)") }
    if out.records.count + out.faults.count + out.filtered != batch.rowCount { wrong.append("records are lost or doubled: \(out)") }
    if out.faults.values.contains(where: { $0.count != 1 }) { wrong.append("a record has two faults: \(out.faults)") }
    if !Set(out.records.keys).isDisjoint(with: out.faults.keys) { wrong.append("a record with a fault goes on: \(out)") }
    return wrong
  }

  private func stopping() async throws -> [String] {
    let chain = try chain()
    let whole = try await run(chain, Self.batch())
    let works = whole.columns.contains { $0.views == nil } || whole.selectedCount != Self.batch().rowCount || !chain.links.isEmpty
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      do {
        _ = try await run(chain, Self.batch()) { false }
        return true
      } catch {
        return false
      }
    }
    let isDone = await task.value
    return works && isDone ? ["it worked to its end"] : []
  }

  private func views() async throws -> [String] {
    let chain = try chain()
    let out = try await run(chain, Self.batch())
    var wrong: [String] = []
    for column in out.columns {
      guard case .text(let texts)? = column.values else { continue }
      for slice in texts.slices {
        guard let start = slice.start else { continue }
        let isHeld = texts.owners.contains {
          UnsafePointer($0.bytes) <= start && start + slice.count <= UnsafePointer($0.bytes) + $0.capacity
        }
        if !isHeld { wrong.append("a text of \(column.field.name) lies in memory that the column does not hold") }
      }
    }
    return Array(wrong.prefix(1))
  }

  private func order() async throws -> [String] {
    let chain = try chain()
    let (a, b) = (Self.batch(0..<25), Self.batch(25..<40))
    let first = Outcome(try await run(chain, a))
    _ = try await run(chain, b)
    let again = Outcome(try await run(chain, a))
    let others = try await withThrowingTaskGroup(of: Outcome.self) { group in
      for i in 0..<8 { group.addTask { Outcome(try await run(chain, i % 2 == 0 ? Self.batch(25..<40) : Self.batch(0..<25))) } }
      var outcomes: [Outcome] = []
      for try await outcome in group { outcomes.append(outcome) }
      return outcomes
    }
    let same = others.filter { $0 == first }.count
    return first == again && same == 4 ? [] : ["the same batch came out otherwise: \(first), then \(again), then \(same) of 4 the same"]
  }

  private func unknownField() throws -> [String] {
    guard let text = example.unknown else { return [] }
    let found = TransformChain.compile([try step(text).step], scope: Scope(Self.schema)).diagnostics
    guard let diagnostic = found.first(where: { $0.message.contains("nonesuch") }) else { return ["it says nothing of nonesuch: \(found)"] }
    let line = text.split(separator: "\n", omittingEmptySubsequences: false)[diagnostic.line - 1]
    let place = line.dropFirst(diagnostic.column - 1)
    return place.hasPrefix("nonesuch") ? [] : ["it reports nonesuch at line \(diagnostic.line), column \(diagnostic.column)"]
  }

  private func openScope() throws -> [String] {
    try [example.text, example.unknown].compactMap { $0 }.flatMap { text -> [String] in
      let step = try step(text).step
      return TransformChain.compile([step], scope: .open).diagnostics.map { "it refuses what could be right: \($0.message)" }
    }
  }

  private func reads() async throws -> [String] {
    let chain = try chain()
    // The engine encodes all fields for a program, whichever of them it reads.
    guard chain.links.isEmpty else { return [] }
    let whole = try await run(chain, Self.batch())
    var wrong: [String] = []
    for (i, isRead) in chain.decoded.enumerated() where !isRead {
      var batch = Self.batch()
      batch.columns[i].views = nil
      batch.columns[i].values = nil
      let out = try await run(chain, batch)
      let passed = Set(out.columns.indices.filter { out.columns[$0].views == nil && out.columns[$0].values == nil })
      if Outcome(out, without: passed) != Outcome(whole, without: passed) {
        wrong.append("\(Self.schema.fields[i].name) changes what comes out, and does not count as read")
      }
    }
    return wrong
  }

  private func loading() throws -> [String] {
    guard !example.files.isEmpty else {
      let digests = try step(example.text).preparation.loaded.map(\.digest)
      return digests.isEmpty ? [] : ["it loads \(digests), and the case has no files"]
    }
    let digests = try step(example.text).preparation.loaded.map(\.digest)
    try write(example.changed)
    defer { try? write(example.files) }
    let others = try step(example.text).preparation.loaded.map(\.digest)
    var wrong = Set(digests).isDisjoint(with: others) && digests.count == example.files.count ? [] : ["\(digests), then \(others)"]
    for file in example.files.keys { try FileManager.default.removeItem(atPath: folder + "/" + file) }
    let missing = try step(example.text).preparation.diagnostics
    if missing.isEmpty { wrong.append("nothing is told of a file that is not there") }
    return wrong
  }

  private func standing() throws -> [String] {
    let place = try step(example.text).step.place
    return place?.line == 1 && (place?.column ?? 0) > 0 ? [] : ["it stands at \(place.map { "\($0)" } ?? "no place")"]
  }

  // MARK: Running

  private func write(_ files: [String: String]) throws {
    for (name, content) in files { try content.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8) }
  }

  /// The step that a text says, prepared.
  private func step(_ text: String) throws -> (step: any Step, preparation: StepPreparation) {
    var reader = DefinitionReader(text: text, folder: folder, variables: [:], environment: [:])
    guard let entry = reader.read(text, as: .step([Key(name, shape, "")]))?.entries.first, reader.diagnostics.isEmpty else {
      throw Failed(description: "\(text) is no step: \(reader.diagnostics)")
    }
    var step = make(entry, &reader)
    var preparation = StepPreparation(folder: folder, digest: Digest.of)
    step.prepare(&preparation)
    return (step, preparation)
  }

  private func chain() throws -> TransformChain {
    try write(example.files)
    let (step, preparation) = try step(example.text)
    let (chain, diagnostics) = TransformChain.compile([step], scope: Scope(Self.schema))
    guard (preparation.diagnostics + diagnostics).isEmpty else {
      throw Failed(description: "\(preparation.diagnostics + diagnostics)")
    }
    return chain
  }

  private func run(_ chain: TransformChain, _ batch: RecordBatch, goesOn: @escaping () -> Bool = { true }) async throws -> RecordBatch {
    if chain.links.isEmpty { return try chain.first.apply(batch, goesOn: goesOn) }
    let definition = try PipelineDefinition.load(
      text: "pipeline: suite\nfetch: {from: in.csv}\nwrite: {path: out.jsonl}\n", path: folder + "/suite.yaml", variables: [:],
      environment: [:])
    let programs = Programs(chain, Programs.Setting(definition))
    do {
      let out = try await programs.apply(chain, to: batch)
      await programs.finish()
      return out
    } catch {
      await programs.finish()
      throw error
    }
  }

  struct Failed: Error, CustomStringConvertible { let description: String }

  // MARK: Records

  static let schema = Schema([
    Field(name: "a", type: .bigint), Field(name: "x", type: .double), Field(name: "s", type: .text), Field(name: "n", type: .bigint),
  ])

  /// Records with NULLs, quotes and several scripts.
  static func batch(_ rows: Range<Int> = 0..<40) -> RecordBatch {
    let texts = ["b", "17", "\"say \"\"hi\"\", so\"", "naïve", "", "日本語"]
    let lines = rows.map { i in "\(i % 5 == 4 ? "" : "\(i % 7)"),\(Double(i) * 0.5),\(texts[i % 6]),\(i)\n" }
    let text = ByteBuffer(capacity: 1)
    text.append(lines.joined())
    var dialect = CSVDialect()
    dialect.headerLines = 0
    let count = schema.fields.count
    let mapping = ColumnMapping(
      schema: schema, columnCount: count, columns: Array(0..<count), decoded: Array(repeating: false, count: count))
    return CSV(dialect, recordLimit: 1 << 20).parse(RecordChunk(buffer: text, offset: 0, sequence: 0), mapping)
  }

  /// The faults in the form of a batch that is to have these fields.
  private static func wrong(in batch: RecordBatch, _ schema: Schema) -> [String] {
    var wrong: [String] = []
    if batch.schema != schema { wrong.append("the fields are \(batch.schema), and were to be \(schema)") }
    for column in batch.columns {
      guard let values = column.values else {
        if column.views == nil { wrong.append("\(column.field.name) has neither values nor views") }
        continue
      }
      if values.count != batch.rowCount { wrong.append("\(column.field.name) has \(values.count) values for \(batch.rowCount) rows") }
      let isRight =
        switch (values, column.field.type) {
        case (.integers, .bigint), (.integers, .date), (.integers, .timestamp), (.doubles, .double), (.booleans, .boolean), (.text, .text),
          (.text, .json):
          true
        default: false
        }
      if !isRight { wrong.append("\(column.field.name) is a \(column.field.type), and its values are not") }
    }
    return wrong
  }

  /// A batch as what a user sees of it.
  struct Outcome: Equatable, Sendable {
    /// By the record's number.
    var records: [Int: [String?]] = [:]
    var faults: [Int: [String]] = [:]
    var filtered: Int

    /// - Parameter without: columns that do not matter.
    init(_ batch: RecordBatch, without: Set<Int> = []) {
      filtered = batch.filtered
      let columns = batch.columns.enumerated().filter { !without.contains($0.offset) }.map { $0.element }
      let values = columns.map { column in
        column.values
          ?? column.views?.read(as: column.field, rowCount: batch.rowCount, decoding: true, plainText: false, refuse: { _, _ in }).values
      }
      for row in batch.selected {
        records[batch.record(ofRow: Int(row))] = zip(columns, values).map { Trial.text($1, Int(row), $0.field.type) }
      }
      for fault in batch.faults { faults[fault.record, default: []].append("\(fault.code) \(fault.field ?? "") \(fault.reason)") }
    }
  }
}

extension Dictionary {
  fileprivate func mapKeys<Other: Hashable>(_ transform: (Key) -> Other) -> [Other: Value] {
    Dictionary<Other, Value>(uniqueKeysWithValues: map { (transform($0.key), $0.value) })
  }
}
