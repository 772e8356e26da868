import Dataflow
import Decompress
import Definition
import Foundation
import Parse
import Records

/// A drafted definition, loaded again from its text and run over the data of the look, with nothing written.
struct DraftTrial {
  struct Misfit {
    /// The record, as it stands in the item.
    var raw: [UInt8]
    var field: String?
    var isWrongValue: Bool
  }

  private(set) var records = 0
  private(set) var deadLetters = 0
  /// The first dead letter, as a run would tell of it.
  private(set) var first: String?
  /// Some of the records that did not fit.
  private(set) var misfits: [Misfit] = []
  /// The columns that the item names.
  private(set) var header: [String]?
  /// Why the item as a whole can't be read.
  private(set) var failure: String?

  /// Whether all of the item was read.
  private(set) var isWhole = false

  /// Misfits that are kept.
  private static let keptMisfits = 400

  /// From 0 to 1, of the records.
  var deadShare: Double { records == 0 ? (failure == nil ? 0 : 1) : Double(deadLetters) / Double(records) }

  /// Reads the item's beginning as a run would, and the slices of its text.
  init(_ definition: PipelineDefinition, _ look: SourceLook, slices: [ByteBuffer]) async {
    let format = definition.parse.recordFormat(itemName: look.item.name)
    var mapping: ColumnMapping?
    var lines = 0
    var prologue: Prologue?
    do {
      var chunker = RecordChunker(definition, itemName: look.item.name, format: format, skipTo: 0) { found in
        lines = found.lines
        return try Self.mapping(definition, found)
      }
      var trial = self
      let emit: RecordChunker.Emit = { chunk, found, _ in
        mapping = found
        trial.take(format.parse(chunk, found), chunk, linesBefore: lines)
        lines += trial.lastLines
      }
      let isWhole = try await look.feed { piece in
        try await chunker.feed(piece, emit)
        return chunker.decompressedBytes < SourceLook.inflatedBytes
      }
      if isWhole { try await chunker.finish(emit) } else { try await chunker.flushWhole(emit) }
      prologue = chunker.prologue
      self = trial
      self.isWhole = isWhole
      header = prologue?.header
      if mapping == nil, let prologue { mapping = try Self.mapping(definition, prologue) }
    } catch let error as CustomStringConvertible {
      failure = error.description
    } catch {
      failure = "\(error)"
    }
    guard let mapping, failure == nil, !isWhole, type(of: format).readsFromAnyLine else { return }
    for slice in slices {
      let chunk = RecordChunk(buffer: slice, offset: 0, sequence: 0)
      let batch = format.parse(chunk, mapping)
      // A slice may begin within a quoted field: then its records are not to be told apart.
      let broken = batch.faults.count { $0.code != .invalidValue }
      if broken * 10 <= batch.recordCount { take(batch, chunk, linesBefore: nil) }
    }
  }

  private static func mapping(_ definition: PipelineDefinition, _ prologue: Prologue) throws -> ColumnMapping {
    let fields = definition.parse.fields ?? Schema((prologue.header ?? []).map { Field(name: $0, type: .text) })
    return try definition.mapping(definition.transformChain(for: fields), prologue)
  }

  private var lastLines = 0

  private mutating func take(_ batch: RecordBatch, _ chunk: RecordChunk, linesBefore: Int?) {
    lastLines = batch.places.lineCount
    if linesBefore != nil {
      records += batch.recordCount
      deadLetters += batch.faults.count
    }
    for fault in batch.faults.sorted(by: { $0.record < $1.record }) where misfits.count < Self.keptMisfits {
      let raw = batch.raw.copy(Int(batch.places.starts[fault.record])..<Int(batch.places.ends[fault.record]))
      if first == nil {
        first =
          (linesBefore.map { "record \(records - batch.recordCount + fault.record + 1), line \($0 + batch.places.line(fault.record) + 1)" }
            ?? "a record further on") + (fault.field.map { ", field \($0)" } ?? "") + ": \(fault.reason)"
      }
      misfits.append(Misfit(raw: raw, field: fault.field, isWrongValue: fault.code == .invalidValue))
    }
  }
}
