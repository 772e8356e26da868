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
        guard !definition.isStreaming else {
          throw RunFailure.nothingToReplay(
            "a replay writes files beside the outputs, and write.path is “-”, standard output; replay with a definition that writes a file")
        }
        let sinks = try await BlockingThreads.files.run { [definition] in
          try SinkSessions(definition, definition.sinks.filter { !$0.takesDeadLetters })
        }
        let replay = Replay(
          definition: definition, ledger: ledger, filter: filter, naming: naming,
          number: try await ReplayNumber(naming, ledger).free(for: try await ledger.replayGroups(filter).map(\.item)),
          sinks: sinks)
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
    let named = discovery.named(items)
    var targets: [(entry: SinkEntry, slot: OutputSlot)] = []
    for entry in definition.sinks where !entry.takesDeadLetters {
      targets += entry.sink.grouping == .item ? named.map { (entry, naming.slot($0, in: entry)) } : [(entry, naming.slot(nil, in: entry))]
    }
    var taken: Set<String> = []
    if definition.hasOutputsOfItems {
      try await ledger.forEachPage(.pipeline(definition.name)) { items in
        for slot in discovery.named(items.map(\.key)).flatMap(naming.slots) {
          if let file = slot.file, file.contains(".replay-") { taken.insert(file) }
        }
      }
    }
    var number = try await ledger.nextReplay()
    while true {
      let names = Set(targets.compactMap { $0.entry.sink.replaySlot(number, of: $0.slot).file })
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
  /// The sinks that take records, at work.
  let sinks: SinkSessions

  /// An output under way in one sink.
  private struct Output {
    let entry: SinkEntry
    let encoding: BatchEncoding
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
    var open: [Output] = []
    for group in try await ledger.replayGroups(filter) {
      let item = Discovery(definition: definition).named([group.item])[0]
      let chain = try definition.transformChain(for: try schema(group))
      let programs = Programs(chain, Programs.Setting(definition))
      for (entry, session) in sinks.all where !open.contains(where: { $0.entry.number == entry.number }) {
        let isOwn = entry.sink.grouping == .item
        open.append(
          try await self.open(entry, session, naming.slot(isOwn ? item : nil, in: entry), isOwn ? group.itemID : nil, chain.output))
      }
      open.sort { $0.entry.number < $1.entry.number }
      try await replay(group, item, chain, programs, &open, &outcome, &result)
      await programs.finish()
      for output in open where output.entry.sink.grouping == .item {
        if let commit = try await close(output) { commits.append(commit) }
      }
      open.removeAll { $0.entry.sink.grouping == .item }
    }
    for output in open { if let commit = try await close(output) { commits.append(commit) } }
    guard !outcome.passed.isEmpty || !outcome.failed.isEmpty else { return result }
    try await ledger.replayed(number, pipeline: definition.name, outcome, commits)
    if let refusal = try await LastCommits(ledger: ledger, sinks: sinks).perform(commits) {
      throw WriteError(action: "write to", path: refusal.committable.target, reason: refusal.reason)
    }
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
    _ group: ReplayGroup, _ item: Item, _ chain: TransformChain, _ programs: Programs, _ outputs: inout [Output],
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
    for i in outputs.indices where outputs[i].writer.isEmpty && outputs[i].pending.count == 0 {
      outputs[i].pending.append(outputs[i].entry.sink.encoder.header(chain.output))
    }
    let encodings = SinkEncodings(definition, chain)
    var last: DeadLetter?
    var origins: [RunID: RecordOrigin] = [:]
    while true {
      let letters = try await ledger.deadLetters(filter, of: group.item, after: last, limit: 1000)
      guard !letters.isEmpty else { return }
      last = letters.last
      for letter in letters {
        var parsed = read(letter, format, mapping)
        if !chain.reads.isEmpty { parsed.origin = try await origin(of: letter, item, &origins) }
        var batch = try await programs.apply(chain, to: parsed)
        let selections = try encodings.select(in: &batch)
        if let fault = batch.faults.first {
          outcome.failed.append((letter.id, fault.field, fault.code.rawValue, definition.redactor.redact(fault.reason)))
          continue
        }
        outcome.passed.append(letter.id)
        if batch.selectedCount == 0 { result.filtered += 1 }
        for (i, selection) in selections.enumerated() {
          batch.selection = selection
          try await append(batch, to: &outputs[i])
        }
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

  /// The origin that the record had in the run that read it.
  private func origin(of letter: DeadLetter, _ item: Item, _ known: inout [RunID: RecordOrigin]) async throws -> RecordOrigin {
    var origin: RecordOrigin
    if let found = known[letter.run] {
      origin = found
    } else {
      let startedAt = try await ledger.run(letter.run)?.startedAt ?? letter.at
      origin = Provenance(run: letter.run, startedAt: startedAt).origin(of: item)
      known[letter.run] = origin
    }
    origin.records = (letter.record ?? 1) - 1
    origin.lines = (letter.line ?? 1) - 1
    origin.bytes = letter.offset ?? 0
    return origin
  }

  private func append(_ batch: RecordBatch, to output: inout Output) async throws {
    var batch = batch
    if batch.selectedCount > 0 { output.hasRecords = true }
    batch.firstRecord = output.records.pending
    output.records.pending += 1
    output.encoding.append(batch, to: output.pending)
    if output.pending.count >= RecordChunker.chunkBytes { try await flush(&output) }
  }

  private func open(
    _ entry: SinkEntry, _ session: any SinkSession, _ slot: OutputSlot, _ item: ItemID?, _ schema: Schema
  ) async throws -> Output {
    let slot = entry.sink.replaySlot(number, of: slot)
    return Output(
      entry: entry, encoding: BatchEncoding(entry.sink), slot: slot,
      writer: try await BlockingThreads.files.run { try session.open(slot, schema, at: .start) }, item: item)
  }

  private func flush(_ output: inout Output) async throws {
    guard output.pending.count > 0 else { return }
    let bytes = try output.encoding.finished(output.pending)
    output.pending = ByteBuffer(capacity: 64 << 10)
    let writer = output.writer
    let first = output.records.written
    output.records = (first + output.records.pending, 0)
    try await BlockingThreads.files.run { try writer.append(SinkChunk(bytes, firstRecord: first)) }
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
    let number = output.entry.number
    try await BlockingThreads.files.run { [sinks] in try sinks.prepare([(number, writer)]) }
    return writer.committable.map {
      PendingCommit(
        $0, definition, run: nil, item: output.item, replay: number, sink: output.entry.number, file: output.slot.file)
    }
  }
}
