import Configuration
import Foundation
import Processes
import Records

/// The format `exec`: a program of the user's reads each line as a record. Parsing finds the lines and no fields; blank lines are counted
/// and are no records.
struct Lines: RecordFormat {
  static let page = ComponentPage(
    .format, "exec", "Hands each line to a program of your own, which answers with the record's fields as a JSON object.",
    abilities: ["read"],
    keys: [Key("exec", .object(ProgramOptions.keys), "With format exec: the program that reads a line as a record.")], place: "parse",
    example: """
      pipeline: access
      fetch: {from: logs/*.log}
      parse:
        format: exec
        exec: {command: [python3, read_log.py]}
        fields: {at: timestamp not null, path: text}
      write: {path: 'out/{item.stem}.jsonl'}
      """,
    errors: [.recordTooLong, .badRecord],
    guarantees: ["A line that the program fails at, or refuses, is a dead letter; the lines around it are read."],
    limits: ["A record is one line.", "The fields that the program answers with are named in parse.fields."])

  let program: ParsingProgram?

  init(_ settings: FormatSettings, _ reader: inout DefinitionReader) {
    let value = settings.value
    guard let exec = value["exec"], value["fields"] != nil else {
      reader.report((value["format"] ?? value).position.diagnostic("format exec needs exec, the program, and fields, what it answers with"))
      program = nil
      return
    }
    guard let fields = settings.fields else {
      program = nil
      return
    }
    var options = ProgramOptions(exec, at: exec.position, &reader)
    options.takesText = true
    program = ParsingProgram(options: options, fields: fields)
  }

  /// True for every document: the program judges the text.
  static func reads(_ document: TextDocument) -> Bool { true }

  func refuses(_ document: TextDocument) -> Bool { false }

  func makeFramer() -> any RecordFramer { LineFramer() }

  func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch {
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

  func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns { SampledColumns(names: [], cells: []) }
}
