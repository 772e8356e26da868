import Definition
import Fetch
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Write

/// What a run would do, found out without writing a byte.
public struct DryRunReport: Sendable {
  public struct PlannedItem: Sendable {
    public var key: String
    public var action: ItemAction
    public var reason: String
    public var size: Int?
    public var version: String?
    public var problem: String?
    public var target: String
  }
  public struct Column: Sendable {
    public var name: String
    public var type: String
    /// From 0 to 1, of the records looked at.
    public var nullShare: Double
    public var examples: [String]
  }
  public struct Rejected: Sendable {
    public var record: Int
    public var line: Int
    public var offset: Int
    public var field: String?
    public var code: String
    public var reason: String
    public var raw: String
  }

  public var pipeline: String
  public var items: [PlannedItem] = []
  /// Of the source, where it was inferred.
  public var inferredFields: [Field]?
  public var sampledItem: String?
  public var recordsRead = 0
  public var recordsFiltered = 0
  public var columns: [Column] = []
  /// Output records, as the sink would have them.
  public var records: [String] = []
  public var rejected: [Rejected] = []
  public var exitCode: Int32 = 0
}

public struct DryRun: Sendable {
  /// Records of the first item that are looked at.
  static let sampleRecords = 1000

  let definition: PipelineDefinition
  let state: StateFolder
  let options: Runner.Options

  public init(_ definition: PipelineDefinition, state: StateFolder, options: Runner.Options) {
    self.definition = definition
    self.state = state
    self.options = options
  }

  public func report() async throws(RunFailure) -> DryRunReport {
    do {
      return try await planned()
    } catch {
      throw .from(error)
    }
  }

  private func planned() async throws -> DryRunReport {
    let http = HTTPClient()
    defer { http.close() }
    var report = DryRunReport(pipeline: definition.name)
    let ledger = try Ledger.openReadOnly(folder: state.path)
    let last = try await ledger?.runs(pipeline: definition.name, limit: 1).first
    var continuing: RunRecord?
    if let ledger { continuing = try await Runner.continued(definition, options, ledger) }
    let naming = OutputNaming(
      definition: definition, run: (continuing?.id.value ?? (last?.id.value ?? 0) + 1).description, date: continuing?.startedAt ?? Date())
    let planning = Planning(
      definition: definition, options: options, ledger: ledger, continuing: continuing, naming: naming,
      planner: Planner(definition: definition, http: http, isFull: options.isFull, continues: continuing != nil, looksAtAll: true)
    ) { _ in }
    let decisions = try await planning.decisions()
    report.items = decisions.map { decision in
      DryRunReport.PlannedItem(
        key: decision.item.key, action: decision.action, reason: decision.reason, size: decision.state.size,
        version: decision.state.version, problem: decision.problem.map { definition.redactor.redact($0.description) },
        target: naming.target(decision.item))
    }
    if decisions.contains(where: { $0.problem?.isTransient == false }) { report.exitCode = 69 }
    let first = decisions.first { $0.action.isWork && $0.problem == nil } ?? decisions.first { $0.problem == nil }
    guard let first else { return report }
    try await look(at: first.item, http, &report)
    return report
  }

  private func look(at item: Item, _ http: HTTPClient, _ report: inout DryRunReport) async throws {
    let sampler = Sampler(definition: definition, http: http)
    let sample = try await sampler.sample(item)
    let format = definition.recordFormat(itemName: item.name)
    var schema = definition.fields
    if schema == nil {
      schema = Inference.schema(of: format.sample(sample.chunk, sample.beginning))
      report.inferredFields = schema?.fields
    }
    let chain = try definition.transformChain(for: schema ?? Schema([]))
    let layout = try Layout(schema: chain.input, beginning: sample.beginning, decoded: chain.decoded)
    let chunk = try firstRecords(sample.chunk, layout, format)
    let parsed = format.parse(chunk, layout)
    let programs = Programs(chain, Programs.Setting(definition))
    let batch = try await programs.apply(chain, to: parsed)
    await programs.finish()
    report.sampledItem = item.key
    report.recordsRead = batch.recordCount
    report.recordsFiltered = batch.filtered
    report.columns = batch.columns.map { column($0, batch) }
    report.records = outputRecords(batch, chain.output)
    report.rejected = batch.faults.sorted { $0.record < $1.record }.map { fault in
      let start = Int(batch.places.starts[fault.record])
      let raw = batch.raw.copy(start..<Int(batch.places.ends[fault.record]))
      return DryRunReport.Rejected(
        record: fault.record + 1, line: sample.beginning.lines + batch.places.line(fault.record) + 1, offset: chunk.offset + start,
        field: fault.field, code: fault.code.rawValue, reason: fault.reason, raw: String(decoding: raw, as: UTF8.self))
    }
    if report.exitCode == 0, definition.onBadRecord == .deadLetter,
      definition.deadLetterLimit.isExceeded(by: batch.faults.count, of: batch.recordCount)
    {
      report.exitCode = 65
    }
  }

  /// The chunk cut to its first records.
  private func firstRecords(_ chunk: RecordChunk, _ layout: Layout, _ format: any RecordFormat) throws -> RecordChunk {
    let places = format.parse(chunk, layout).places
    guard places.starts.count > Self.sampleRecords else { return chunk }
    let end = Int(places.starts[Self.sampleRecords])
    let head = ByteBuffer(capacity: end)
    head.append(chunk.buffer.bytes, end)
    return RecordChunk(buffer: head, offset: chunk.offset, sequence: 0)
  }

  private func column(_ column: Column, _ batch: RecordBatch) -> DryRunReport.Column {
    var nulls = 0
    var examples: [String] = []
    let vector =
      column.values
      ?? column.views?.read(as: column.field, rowCount: batch.rowCount, decoding: true, plainText: false, refuse: { _, _ in }).values
    for row in batch.selected {
      guard let vector, !vector.isNull(Int(row)) else {
        nulls += 1
        continue
      }
      if examples.count < 3 {
        let out = ByteBuffer(capacity: 64)
        ValueText.write(vector, Int(row), column.field.type, to: out)
        let text = String(decoding: out.copy(0..<out.count), as: UTF8.self)
        // An example is one line, whatever the value holds.
        let shown = String(text.prefix(40)).replacingOccurrences(of: "\n", with: "\\n").replacingOccurrences(of: "\r", with: "\\r")
        if !examples.contains(shown) { examples.append(shown) }
      }
    }
    return DryRunReport.Column(
      name: column.field.name, type: column.field.type.rawValue + (column.field.nullable ? "" : " not null"),
      nullShare: batch.selectedCount == 0 ? 0 : Double(nulls) / Double(batch.selectedCount), examples: examples)
  }

  private func outputRecords(_ batch: RecordBatch, _ schema: Schema) -> [String] {
    var five = batch
    five.selection = Array(batch.selected.prefix(5))
    let out = ByteBuffer(capacity: 4096)
    out.append(definition.encoder.header(schema))
    definition.encoder.encode(five, to: out)
    return String(decoding: out.copy(0..<out.count), as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
