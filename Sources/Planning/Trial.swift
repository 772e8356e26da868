import Dataflow
import Configuration
import Definition
import Parse
import Records
import Transform

/// A few records taken through parse and transform, with nothing written.
package struct Trial {
  let chunk: RecordChunk
  let prologue: Prologue
  let chain: TransformChain
  /// The records after all steps; ``RecordBatch/faults`` has those that did not come through.
  package let batch: RecordBatch
  private let redactor: Redactor

  /// Takes a sample through the steps of a definition.
  ///
  /// - Parameters:
  ///   - origin: the item and the run that the records are taken to be of.
  ///   - schema: the fields that are read; nil to infer them.
  ///   - most: records beyond so many are left out.
  package init(
    _ definition: PipelineDefinition, _ sample: Sampler.Sample, _ format: any RecordFormat, of origin: RecordOrigin, schema: Schema?,
    most: Int
  ) async throws {
    let schema = schema ?? Inference.schema(of: format.sample(sample.chunk, sample.prologue))
    prologue = sample.prologue
    redactor = definition.redactor
    chain = try definition.transformChain(for: schema)
    let mapping = try definition.mapping(chain, prologue)
    chunk = Self.head(sample.chunk, mapping, format, most)
    let programs = Programs(chain, Programs.Setting(definition))
    var parsed = format.parse(chunk, mapping)
    var origin = origin
    (origin.lines, origin.bytes) = (prologue.lines, chunk.offset)
    parsed.origin = origin
    var batch = try await programs.apply(chain, to: parsed)
    await programs.finish()
    _ = try SinkEncodings(definition, chain).select(in: &batch)
    self.batch = batch
  }

  private static func head(_ chunk: RecordChunk, _ mapping: ColumnMapping, _ format: any RecordFormat, _ most: Int) -> RecordChunk {
    let places = format.parse(chunk, mapping).places
    guard places.starts.count > most else { return chunk }
    return chunk.part(0..<Int(places.starts[most]))
  }

  /// The records that did not come through, in order.
  package var rejected: [DryRunReport.Rejected] {
    batch.faults.sorted { $0.record < $1.record }.map { fault in
      let start = Int(batch.places.starts[fault.record])
      let raw = batch.raw.copy(start..<Int(batch.places.ends[fault.record]))
      return DryRunReport.Rejected(
        record: fault.record + 1, line: prologue.lines + batch.places.line(fault.record) + 1, offset: chunk.offset + start,
        field: fault.field, code: fault.code.rawValue, reason: redactor.redact(fault.reason), raw: redactor.text(raw, isCut: false))
    }
  }

  /// A column's values, decoded.
  package func values(_ column: Column) -> Vector? {
    column.values
      ?? column.views?.read(as: column.field, rowCount: batch.rowCount, decoding: true, plainText: false, refuse: { _, _ in }).values
  }

  /// A value as text; nil for NULL.
  package static func text(_ vector: Vector?, _ row: Int, _ type: ValueType) -> String? {
    guard let vector, !vector.isNull(row) else { return nil }
    let out = ByteBuffer(capacity: 64)
    ValueText.write(vector, row, type, to: out)
    return String(decoding: out.copy(0..<out.count), as: UTF8.self)
  }
}
