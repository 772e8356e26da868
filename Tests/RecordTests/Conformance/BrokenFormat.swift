import Configuration
import Foundation
import Parse
import Records

/// A format that does one thing wrong.
struct BrokenFormat: RecordFormat {
  enum Fault: String, CaseIterable {
    case losesARecord, countsLinesWrong, cutsBehindTheRecord, endsWithTheBytes, forgetsHowRecordsEnd, forgetsWhatItPassed, takesAnyHead,
      inventsARecord,
      passesOnWhatHasNoEnd, shortensFaults, losesAColumn, takesPages, saysNothing

    /// The check that has to see it.
    var check: String {
      switch self {
      case .losesARecord, .countsLinesWrong: "the whole text is read"
      case .cutsBehindTheRecord: "a boundary is between records"
      case .endsWithTheBytes: "a cut changes nothing"
      case .forgetsHowRecordsEnd: "resuming is reading on"
      case .forgetsWhatItPassed: "passing over is reading on"
      case .takesAnyHead: "the prologue waits for its end"
      case .inventsARecord: "an empty item holds nothing"
      case .passesOnWhatHasNoEnd: "what has no end is not passed on"
      case .shortensFaults: "faults keep their bytes"
      case .losesAColumn: "a sample tells the columns"
      case .takesPages: "a web page is refused by who reads none"
      case .saysNothing: "the page is whole"
      }
    }
  }

  static let page = ComponentPage(.format, "broken", "says nothing", place: "write", example: "")

  private let whole: any RecordFormat
  private let fault: Fault

  init(_ whole: any RecordFormat, _ fault: Fault) {
    self.whole = whole
    self.fault = fault
  }

  init(_ settings: FormatSettings, _ reader: inout DefinitionReader) { self.init(CSV(settings, &reader), .losesARecord) }

  func refuses(_ document: TextDocument) -> Bool { fault == .takesPages ? false : whole.refuses(document) }

  func makeFramer() -> any RecordFramer { BrokenFramer(whole: whole.makeFramer(), fresh: whole.makeFramer(), fault: fault) }

  func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch {
    var batch = whole.parse(chunk, mapping)
    switch fault {
    case .losesARecord where batch.recordCount > 1:
      batch.recordCount -= 1
      batch.selection = batch.selected.filter { batch.record(ofRow: Int($0)) < batch.recordCount }
      batch.faults = RecordFaults()
    case .countsLinesWrong:
      batch.places.lines = batch.places.starts.indices.map { UInt32(batch.places.line($0) + 1) }
    case .inventsARecord where chunk.buffer.copy(0..<chunk.buffer.count).allSatisfy { $0 <= 0x20 }:
      batch.recordCount += 1
      batch.places.starts.append(0)
      batch.places.ends.append(0)
      if !batch.places.lines.isEmpty { batch.places.lines.append(0) }
    case .shortensFaults:
      for fault in batch.faults { batch.places.ends[fault.record] -= 1 }
    default: break
    }
    return batch
  }

  func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns {
    let sample = whole.sample(chunk, prologue)
    guard fault == .losesAColumn, !sample.names.isEmpty else { return sample }
    return SampledColumns(names: Array(sample.names.dropLast()), cells: Array(sample.cells.dropLast()))
  }
}

private struct BrokenFramer: RecordFramer {
  var whole: any RecordFramer
  /// One that has seen nothing of the item.
  let fresh: any RecordFramer
  let fault: BrokenFormat.Fault

  mutating func begin(_ head: RawSpan, isFinal: Bool) throws(ParseError) -> Prologue? {
    return try whole.begin(head, isFinal: isFinal || fault == .takesAnyHead)
  }

  mutating func resume(_ prologue: Prologue, _ state: Data?) -> Bool {
    fault == .forgetsHowRecordsEnd ? true : whole.resume(prologue, state)
  }

  mutating func pass(_ bytes: RawSpan, isWhole: Bool) throws(ParseError) -> Int {
    if fault != .forgetsWhatItPassed { return try whole.pass(bytes, isWhole: isWhole) }
    whole = fresh
    return bytes.byteCount
  }

  mutating func boundary(_ bytes: RawSpan, isFinal: Bool) throws(ParseError) -> RecordBoundary {
    var boundary = try whole.boundary(bytes, isFinal: isFinal || fault == .endsWithTheBytes)
    if fault == .cutsBehindTheRecord, boundary.end > 0, boundary.end < bytes.byteCount { boundary.end += 1 }
    if fault == .passesOnWhatHasNoEnd, boundary.end == 0 { boundary.end = bytes.byteCount }
    return boundary
  }

  func finish() throws(ParseError) { try whole.finish() }

  var state: Data? { whole.state }
}
