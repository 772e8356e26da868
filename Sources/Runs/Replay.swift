import Dataflow
import Planning
import Definition
import Files
import Foundation
import Ledger
import Parse
import Records
import Supervision
import Transform
import Write

/// The result of a replay.
package struct ReplayResult: Sendable {
  /// The replay's number, which its files have in their names; nil where there was nothing to replay.
  package var number: Int?
  /// Dead letters that passed, and are resolved.
  package var passed = 0
  /// Of those that passed, how many the definition filters out.
  package var filtered = 0
  /// Dead letters that failed again, and stay.
  package var failed = 0
  /// The files with the records that passed.
  package var outputs: [String] = []
}

extension Runner {
  /// Takes dead letters that are records through this definition. Those that pass go into new outputs beside the items' and are resolved, all in
  /// one transaction; those that fail again have one attempt more and their new reason.
  package func replay(_ filter: DeadLetterFilter) async throws(RunFailure) -> ReplayResult {
    do {
      return try await locked { ledger in
        var filter = filter
        filter.pipeline = definition.name
        filter.isResolved = false
        filter.isRecord = true
        let run = try await ledger.runs(pipeline: definition.name, limit: 1).first
        let naming = OutputNaming(definition: definition, run: run?.id.description ?? "0", date: Date())
        guard definition.sink.grouping != .stream else {
          throw RunFailure.nothingToReplay(
            "a replay writes files beside the outputs, and write.path is “-”, standard output; replay with a definition that writes a file")
        }
        let replay = Replay(
          definition: definition, ledger: ledger, filter: filter, naming: naming,
          number: try await ReplayNumber(naming, ledger).free(for: try await ledger.replayGroups(filter).map(\.item)),
          encoding: BatchEncoding(definition), session: try definition.sink.start(definition.sinkContext))
        return try await replay.perform()
      }
    } catch {
      throw .from(error)
    }
  }
}

/// The number that a replay goes by, and its files with it.
private struct ReplayNumber {
  let naming: OutputNaming
  let ledger: any Ledger

  init(_ naming: OutputNaming, _ ledger: any Ledger) {
    self.naming = naming
    self.ledger = ledger
  }

  /// The next number of which no name is taken, by a file or by the output of an item that is yet to be written.
  func free(for items: [String]) async throws -> Int {
    let definition = naming.definition
    let discovery = Discovery(definition: definition)
    let targets = definition.sink.grouping == .item ? Set(discovery.named(items).map(naming.slot)) : [naming.slot(nil)]
    var taken: Set<String> = []
    try await ledger.forEachPage(.pipeline(definition.name)) { items in
      guard definition.sink.grouping == .item else { return }
      for target in discovery.named(items.map(\.key)).compactMap({ naming.slot($0).file }) where target.contains(".replay-") {
        taken.insert(target)
      }
    }
    var number = try await ledger.nextReplay()
    while true {
      let names = targets.compactMap { definition.sink.replaySlot(number, of: $0).file }
      if !names.contains(where: { taken.contains($0) || (try? FileStatus.of($0, followsLinks: false)) != nil }) { return number }
      number += 1
    }
  }
}

private struct Replay {
  let definition: PipelineDefinition
  let ledger: any Ledger
  let filter: DeadLetterFilter
  let naming: OutputNaming
  let number: Int
  let encoding: BatchEncoding
  let session: any SinkSession

  /// An output under way.
  private struct Output {
    var slot: OutputSlot
    var writer: any SinkWriter
    var item: ItemID?
    var pending = ByteBuffer(capacity: 64 << 10)
    var hasRecords = false
    /// Records that went into the writer, and into `pending`.
    var records = (written: 0, pending: 0)
  }

  func perform() async throws -> ReplayResult {
    var result = ReplayResult()
    var outcome = ReplayOutcome()
    var commits: [PendingCommit] = []
    var shared: Output?
    for group in try await ledger.replayGroups(filter) {
      let item = Discovery(definition: definition).named([group.item])[0]
      let chain = try definition.transformChain(for: try schema(group))
      let programs = Programs(chain, Programs.Setting(definition))
      var output: Output
      if let shared {
        output = shared
      } else {
        output = try await open(
          naming.slot(definition.sink.grouping == .item ? item : nil), definition.sink.grouping == .item ? group.itemID : nil, chain.output)
      }
      try await replay(group, item, chain, programs, &output, &outcome, &result)
      await programs.finish()
      if definition.sink.grouping == .item {
        if let commit = try await close(output) { commits.append(commit) }
      } else {
        shared = output
      }
    }
    if let shared, let commit = try await close(shared) { commits.append(commit) }
    guard !outcome.passed.isEmpty || !outcome.failed.isEmpty else { return result }
    try await ledger.replayed(number, pipeline: definition.name, outcome, commits)
    let committables = commits.map(\.committable)
    let refusals = try await BlockingThreads.files.run { [session] in try session.commit(committables, forgetting: []) }
    for commit in commits where refusals.contains(where: { $0.committable == commit.committable }) { try await ledger.revoke(commit) }
    if let refusal = refusals.first { throw WriteError(action: "write to", path: refusal.committable.target, reason: refusal.reason) }
    try await ledger.committed(committables)
    _ = try await BlockingThreads.files.run { [session] in try session.commit([], forgetting: committables) }
    result.number = number
    result.passed = outcome.passed.count
    result.failed = outcome.failed.count
    result.outputs = commits.compactMap { $0.output.map { definition.absolute($0.path) } }
    return result
  }

  private func schema(_ group: ReplayGroup) throws(RunFailure) -> Schema {
    if let fields = definition.parse.fields { return fields }
    if let schema = Schema.recorded(group.schema) { return schema }
    throw .sample("\(group.item): there is no schema to read its dead letters by; name the fields in parse.fields")
  }

  private func replay(
    _ group: ReplayGroup, _ item: Item, _ chain: TransformChain, _ programs: Programs, _ output: inout Output,
    _ outcome: inout ReplayOutcome,
    _ result: inout ReplayResult
  ) async throws {
    let format = definition.parse.recordFormat(itemName: item.name)
    let prologue = ReplayHeader.prologue(group.header)
    let mapping: ColumnMapping
    do throws(ParseError) {
      mapping = try definition.mapping(chain, prologue)
    } catch {
      throw RunFailure.sample("\(group.item): \(error)")
    }
    if output.writer.isEmpty, output.pending.count == 0 { output.pending.append(definition.sink.encoder.header(chain.output)) }
    var last: DeadLetter?
    while true {
      let letters = try await ledger.deadLetters(filter, of: group.item, after: last, limit: 1000)
      guard !letters.isEmpty else { return }
      last = letters.last
      for letter in letters {
        var batch = try await programs.apply(chain, to: read(letter, format, mapping))
        encoding.refuse(in: &batch)
        if let fault = batch.faults.first {
          outcome.failed.append((letter.id, fault.field, fault.code.rawValue, definition.redactor.redact(fault.reason)))
          continue
        }
        outcome.passed.append(letter.id)
        if batch.selectedCount == 0 { result.filtered += 1 } else { output.hasRecords = true }
        batch.firstRecord = output.records.pending
        output.records.pending += 1
        encoding.append(batch, to: output.pending)
        if output.pending.count >= RecordChunker.chunkBytes { try await flush(&output) }
      }
    }
  }

  /// Reads a record alone: a broken quote in one can't reach another.
  private func read(_ letter: DeadLetter, _ format: any RecordFormat, _ mapping: ColumnMapping) -> RecordBatch {
    let buffer = ByteBuffer(capacity: letter.raw.count + 1)
    buffer.append(letter.raw)
    buffer.append(mapping.endsInReturn ? 0x0D : 0x0A)
    return format.parse(RecordChunk(buffer: buffer, offset: letter.offset ?? 0, sequence: 0), mapping)
  }

  private func open(_ slot: OutputSlot, _ item: ItemID?, _ schema: Schema) async throws -> Output {
    let slot = definition.sink.replaySlot(number, of: slot)
    return Output(
      slot: slot, writer: try await BlockingThreads.files.run { [session] in try session.open(slot, schema, at: .start) }, item: item)
  }

  private func flush(_ output: inout Output) async throws {
    guard output.pending.count > 0 else { return }
    let bytes = try encoding.finished(output.pending)
    output.pending = ByteBuffer(capacity: 64 << 10)
    let writer = output.writer
    let first = output.records.written
    output.records = (first + output.records.pending, 0)
    try await BlockingThreads.files.run { _ = try writer.append(SinkChunk(bytes, firstRecord: first)) }
  }

  /// Prepares an output; nil where nothing went into it.
  private func close(_ output: Output) async throws -> PendingCommit? {
    var output = output
    let writer = output.writer
    guard output.hasRecords else {
      try await BlockingThreads.files.run { try writer.discard() }
      return nil
    }
    try await flush(&output)
    try await BlockingThreads.files.run { [session] in try session.prepare([writer]) }
    return writer.committable.map {
      PendingCommit($0, definition, run: nil, item: output.item, replay: number, file: output.slot.file)
    }
  }
}
