import Definition
import Files
import Foundation
import Parse
import Records

@testable import Write

/// A definition whose sink writes a table, and one call that takes records through it.
struct TableBench {
  let bench: Bench

  init(_ write: String) throws { bench = try Bench(SinkConformance(write: write) { _ in nil }) }

  func remove() { bench.remove() }

  /// Writes JSON Lines as one item's output.
  func write(_ lines: [String], _ schema: Schema, item: String = "a") throws -> (refusals: [CommitRefusal], faults: [RecordFault]) {
    let session = try bench.session()
    let writer = try session.open(bench.slot(item), schema, at: .start)
    var faults: [RecordFault] = []
    // Two chunks, so that numbers of records are told apart from those of rows.
    for (first, part) in [(0, lines.prefix(lines.count / 2)), (lines.count / 2, lines.dropFirst(lines.count / 2))] {
      let text = ByteBuffer(capacity: 1)
      text.append(part.map { $0 + "\n" }.joined())
      var batch = JSONLines().parse(
        RecordChunk(buffer: text, offset: 0, sequence: 0),
        ColumnMapping(
          schema: schema, columnCount: schema.fields.count, columns: Array(schema.fields.indices),
          decoded: schema.fields.map { _ in false }))
      bench.sink.encoder.refuse(in: &batch)
      faults += batch.faults.map { fault in
        var fault = fault
        fault.record += first
        return fault
      }
      let bytes = ByteBuffer(capacity: 1024)
      bench.sink.encoder.encode(batch, to: bytes)
      try writer.append(SinkChunk(bytes, firstRecord: first))
    }
    try session.prepare([writer])
    let committable = writer.committable.map { [$0] } ?? []
    let refusals = try session.commit(committable, forgetting: [])
    _ = try session.commit([], forgetting: committable)
    return (refusals, faults)
  }
}
