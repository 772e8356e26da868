import Configuration
import Dataflow
import Definition
import Fetch
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Write

/// The items that a run would work on and the records that it would write, found out without writing a byte.
package struct DryRunReport: Sendable {
  /// An item, and what a run would do with it.
  package struct Item: Sendable {
    /// The item's key.
    package var key: String
    /// Whether a run would fetch it, go on with it, do it again or leave it.
    package var action: ItemAction
    /// The reason of the action, as a clause: `changed since it was done`.
    package var reason: String
    /// Its bytes as it is stored; nil where the source does not tell.
    package var size: Int?
    /// Its present version; nil where the source tells none.
    package var version: String?
    /// Why it can't be looked at, or its output can't be written, without secrets; nil where it would be no problem.
    package var problem: String?
    /// Its output, as it is shown.
    package var target: String
  }

  /// A field of the output, by a sample of records.
  package struct Column: Sendable {
    /// The field's name.
    package var name: String
    /// Its type as a definition writes it, `bigint not null`.
    package var type: String
    /// From 0 to 1, of the records looked at.
    package var nullShare: Double
    /// Up to three values, each cut to 40 characters, without secrets.
    package var examples: [String]
    /// How it is other than in the last run: `new`, `was double`; nil where it is as it was, or there was none.
    package var change: String?
  }

  /// A record of the sample that would be a dead letter.
  package struct Rejected: Sendable {
    /// The record's number in its item, from 1.
    package var record: Int
    /// The line that it begins in, from 1.
    package var line: Int
    /// Its first byte in the decompressed item, from 0.
    package var offset: Int
    /// The field that it failed at; nil where no single one is to blame.
    package var field: String?
    /// The code that its dead letter would have.
    package var code: String
    /// The reason that its dead letter would have, without secrets.
    package var reason: String
    /// The record as text, without secrets.
    package var raw: String
  }

  /// The pipeline's name.
  package var pipeline: String
  /// All items, in order.
  package var items: [Item] = []
  /// The source's fields, where they were inferred; nil where the definition names them.
  package var inferredFields: [Field]?
  /// The key of the item that was sampled; nil where there is none that can be read.
  package var sampledItem: String?
  /// Records of the sample.
  package var recordsRead = 0
  /// Records of the sample that the definition's steps leave out.
  package var recordsFiltered = 0
  /// Fields that parse.fields names and no record of the sample has.
  package var absentFields: [String] = []
  /// The output's fields, in order.
  package var columns: [Column] = []
  /// Columns of the last run's output that this one's has not.
  package var goneColumns: [String] = []
  /// How the source's columns are other than those of the last item that is done.
  package var sourceChange: String?
  /// The seconds that a run would take at the rate of the last ones; nil where they can't be estimated.
  package var estimatedSeconds: Double?
  /// Output records, as the sink would have them.
  package var records: [String] = []
  /// The same as cells; nil is NULL.
  package var cells: [[String?]] = []
  /// Records of the sample that would be dead letters, in order.
  package var rejected: [Rejected] = []
  /// The exit code that the dry run ends with: an ``ExitStatus``.
  package var exitCode: Int32 = 0
}

/// Finds out what a run would do: plans it, and takes a sample of the first item through parse and transform.
package struct DryRun: Sendable {
  /// Records of the first item that are looked at.
  static let sampleRecords = 1000
  /// Records that are shown.
  static let shownRecords = 5

  let definition: PipelineDefinition
  let state: StateFolder
  let options: RunOptions

  /// The dry run of a definition.
  ///
  /// - Parameters:
  ///   - definition: prepared to run.
  ///   - state: the state folder of its runs, which is only read.
  package init(_ definition: PipelineDefinition, state: StateFolder, options: RunOptions) {
    self.definition = definition.working(inState: state.path)
    self.state = state
    self.options = options
  }

  /// Makes the report. Nothing is written, not even a ledger.
  package func report() async throws(RunFailure) -> DryRunReport {
    do {
      return try await planned()
    } catch {
      throw .from(error)
    }
  }

  private func planned() async throws -> DryRunReport {
    let session = FetchSession(definition.redactor)
    defer { session.close() }
    try await OutputGuard(definition, state).check()
    var report = DryRunReport(pipeline: definition.name)
    let ledger = try Ledgers.openReadOnly(state.path)
    let last = try await ledger?.runs(pipeline: definition.name, limit: 1).first
    var continuing: RunRecord?
    if let ledger { continuing = try await RunRecord.continued(definition, options, ledger) }
    let run = if let continuing { continuing.id } else { try await ledger?.nextRun() ?? RunID(1) }
    let naming = OutputNaming(definition: definition, run: run.description, date: continuing?.startedAt ?? Date())
    let decisions = try await RunPlanner(
      definition, state, options, ledger: ledger, continuing: continuing, naming: naming, session: session, asksAboutAll: true
    ).decisions()
    report.items = decisions.map { decision in
      DryRunReport.Item(
        key: decision.item.key, action: decision.action, reason: decision.reason, size: decision.state.size,
        version: decision.state.version,
        problem: (decision.refusal?.reason ?? decision.problem?.description).map(definition.redactor.redact),
        target: naming.slots(decision.item).map(\.shown).joined(separator: ", "))
    }
    if decisions.contains(where: { $0.problem?.isTransient == false || $0.refusal != nil }) {
      report.exitCode = ExitStatus.failedItems.rawValue
    }
    let first = decisions.first { $0.action.isWork && $0.problem == nil } ?? decisions.first { $0.problem == nil }
    if let ledger { report.estimatedSeconds = try await estimate(decisions, ledger) }
    guard var item = first?.item else { return report }
    if definition.parse.fields == nil {
      // As the run will: by the first that has records.
      let work = decisions.lazy.filter { $0.action.isWork && $0.problem == nil }.map(\.item)
      item = await Sampler(definition: definition, session: session).inferredSchema(work).item ?? item
    }
    let origin = Provenance(run: run, startedAt: continuing?.startedAt ?? Date()).origin(of: item)
    try await sample(item, origin, session, last, try await ledger?.lastColumns(pipeline: definition.name), &report)
    return report
  }

  /// By the rate at which the last runs that fetched something worked.
  private func estimate(_ decisions: [ItemDecision], _ ledger: any Ledger) async throws -> Double? {
    let work = decisions.filter { $0.action.isWork && $0.problem == nil }
    let sizes = work.compactMap(\.state.size)
    guard !work.isEmpty, sizes.count == work.count else { return nil }
    var (bytes, seconds) = (0, 0.0)
    for run in try await ledger.runs(pipeline: definition.name, limit: 5) where run.status == .done && run.bytes.fetched > 0 {
      guard let ended = run.endedAt else { continue }
      bytes += run.bytes.fetched
      seconds += ended.timeIntervalSince(run.startedAt)
    }
    return bytes == 0 ? nil : Double(sizes.sumOfSizes) / Double(bytes) * seconds
  }

  /// The output's fields as the last run had them.
  private func lastOutput(_ last: RunRecord?) -> Schema? {
    guard let last, let old = try? PipelineDefinition.load(text: last.definition, path: last.definitionPath, variables: last.variables),
      let fields = old.parse.fields ?? Schema.recorded(last.schema)
    else { return nil }
    return try? old.transformChain(for: fields).output
  }

  private func mark(_ report: inout DryRunReport, _ output: Schema, _ last: RunRecord?) {
    guard let before = lastOutput(last) else { return }
    for (i, field) in output.fields.enumerated() {
      guard let position = before.position(of: field.name) else {
        report.columns[i].change = "new"
        continue
      }
      let old = before.fields[position]
      if old.type != field.type || old.nullable != field.nullable {
        report.columns[i].change = "was \(old.type.rawValue)\(old.nullable ? "" : " not null")"
      }
    }
    report.goneColumns = before.fields.map(\.name).filter { output.position(of: $0) == nil }
  }

  private func sample(
    _ item: Dataflow.Item, _ origin: RecordOrigin, _ session: FetchSession, _ last: RunRecord?, _ lastColumns: [String]?,
    _ report: inout DryRunReport
  ) async throws {
    let sampler = Sampler(definition: definition, session: session)
    let sample = try await sampler.sample(item)
    let format = definition.parse.recordFormat(itemName: item.name)
    let trial = try await Trial(definition, sample, format, of: origin, schema: definition.parse.fields, most: Self.sampleRecords)
    if definition.parse.fields == nil { report.inferredFields = trial.chain.input.fields }
    let batch = trial.batch
    report.sampledItem = item.key
    report.recordsRead = batch.recordCount
    report.recordsFiltered = batch.filtered
    report.absentFields = batch.absentFields
    report.columns = batch.columns.map { column($0, trial) }
    mark(&report, trial.chain.output, last)
    if let lastColumns, let columns = sample.prologue.columns, columns != lastColumns {
      report.sourceChange = SchemaChange(from: lastColumns, to: columns).description
    }
    report.records = outputRecords(batch, trial.chain.output)
    let columns = batch.columns.map { (values: trial.values($0), type: $0.field.type) }
    report.cells = batch.selected.prefix(Self.shownRecords).map { row in
      columns.map { Trial.text($0.values, Int(row), $0.type).map(definition.redactor.redact) }
    }
    report.rejected = trial.rejected
    if report.exitCode == 0, definition.parse.onBadRecord == .deadLetter,
      definition.deadLetterLimit.isExceeded(by: batch.faults.count, of: batch.recordCount)
    {
      report.exitCode = ExitStatus.deadLetters.rawValue
    }
  }

  private func column(_ column: Column, _ trial: Trial) -> DryRunReport.Column {
    var nulls = 0
    var examples: [String] = []
    let values = trial.values(column)
    for row in trial.batch.selected {
      guard let values, !values.isNull(Int(row)) else {
        nulls += 1
        continue
      }
      if examples.count < 3, let text = Trial.text(values, Int(row), column.field.type) {
        let shown = String(definition.redactor.redact(text).prefix(40))
        if !examples.contains(shown) { examples.append(shown) }
      }
    }
    let count = trial.batch.selectedCount
    return DryRunReport.Column(
      name: column.field.name, type: column.field.type.rawValue + (column.field.nullable ? "" : " not null"),
      nullShare: count == 0 ? 0 : Double(nulls) / Double(count), examples: examples)
  }

  private func outputRecords(_ batch: RecordBatch, _ schema: Schema) -> [String] {
    var five = batch
    five.selection = Array(batch.selected.prefix(Self.shownRecords))
    let out = ByteBuffer(capacity: 4096)
    let encoder = (definition.sinks.first ?? SinkEntry()).sink.sampleEncoder
    out.append(encoder.header(schema))
    encoder.encode(five, to: out)
    return String(decoding: out.copy(0..<out.count), as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
