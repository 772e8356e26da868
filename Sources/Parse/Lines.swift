import Foundation
import Records

/// Lines that a program of the user's reads: a record a line, without fields of its own. Blank lines are none, and are counted.
public struct Lines: RecordFormat {
  public init() {}

  public func makeFramer() -> any RecordFramer { LineFramer() }

  public func parse(_ chunk: RecordChunk, _ layout: Layout) -> RecordBatch {
    let p = UnsafePointer(chunk.buffer.bytes)
    let n = chunk.buffer.count
    var batch = RecordBatch(columns: [], rowCount: 0, recordCount: 0, places: RecordPlaces(), raw: chunk.buffer)
    let wholeIsText = UTF8Text.firstInvalid(p, n) == nil
    var rows: [UInt32] = []
    var at = 0
    while at < n {
      var end = memchr(p + at, 0x0A, n - at).map { UnsafeRawPointer($0) - UnsafeRawPointer(p) } ?? n
      let next = end + 1
      let line = UInt32(batch.places.lineCount)
      batch.places.lineCount += 1
      if end > at, p[end - 1] == 0x0D { end -= 1 }
      if end > at {
        let record = batch.places.starts.count
        batch.places.starts.append(UInt32(at))
        batch.places.ends.append(UInt32(end))
        batch.places.lines.append(line)
        if !wholeIsText, let bad = UTF8Text.firstInvalid(p + at, end - at) {
          batch.faults.append(RecordFault(code: .invalidEncoding, reason: "byte \(bad + 1) of the record is not UTF-8", record: record))
        } else {
          rows.append(UInt32(record))
        }
      } else {
        batch.places.blankLineCount += 1
      }
      at = next
    }
    batch.recordCount = batch.places.starts.count
    batch.rowCount = rows.count
    if rows.count != batch.recordCount { batch.recordOfRow = rows }
    return batch
  }

  public func sample(_ chunk: RecordChunk, _ beginning: Beginning) -> SampledColumns { SampledColumns(names: [], cells: []) }
}
