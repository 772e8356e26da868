import Configuration
import Foundation
import Records

/// The format `jsonl`: JSON Lines, one object a line.
package struct JSONLines: RecordFormat {
  /// The page of `sluice list jsonl` and of the reference.
  package static let page = ComponentPage(
    .format, "jsonl", "Reads JSON Lines: one JSON object a line.", abilities: ["read", "write"],
    endings: ["jsonl", "ndjson", "jsonlines"], place: "parse",
    example: """
      pipeline: events
      fetch: {from: events/*.jsonl.gz}
      parse:
        format: jsonl
        fields: {id: bigint not null, at: timestamp, tags: json}
      write: {path: 'out/{item.stem}.csv'}
      """,
    errors: [.recordTooLong, .badRecord, .noSample, .wrongFormat],
    guarantees: [
      "A line that is no JSON object is a dead letter with its bytes, its line and its byte offset; the lines around it are read.",
      "Numbers and texts that no step touches are written as they are spelled in the source.",
      "A field of parse.fields that no record has is told at the end of a run that nothing interrupted: a misspelt one is NULL in every record.",
    ],
    limits: [
      "A record may be 16 MB long, or what limits.record says.",
      "Arrays and objects nest \(JSONGrammar.maximumDepth) deep at most.", "Of a key that comes twice in an object the last counts.",
    ])

  /// Whether the definition says which fields are read.
  private let hasFields: Bool

  /// True: an object's members have names.
  package static let namesFields = true

  /// Makes the format for text whose fields no definition names.
  package init() { hasFields = false }

  /// Reads whether the definition names the fields. The format has no keys of its own.
  package init(_ settings: FormatSettings, _ reader: inout DefinitionReader) { hasFields = settings.fields != nil }

  /// True for JSON Lines alone.
  package static func reads(_ document: TextDocument) -> Bool { document == .jsonLines }

  /// Refuses web pages, and JSON arrays and XML unless the definition names the fields.
  package func refuses(_ document: TextDocument) -> Bool {
    document == .webPage || (!hasFields && (document == .jsonArray || document == .xml))
  }

  /// Guesses JSON Lines where most lines are JSON objects, or the first is one and ends with its line.
  package static func guesses(_ sample: Sniffer) -> [FormatGuess] {
    let text = sample.buffer.copy(0..<min(sample.buffer.count, 1 << 20))
    guard text.first(where: { $0 > 0x20 }) == 0x7B else { return [] }
    let isCut = !sample.isWhole || text.count < sample.buffer.count
    let lines = text.split(separator: 0x0A).prefix(1000).dropLast(isCut ? 1 : 0).map(Array.init)
    let good = lines.count { line in
      let padded = ByteBuffer(capacity: line.count)
      padded.append(line)
      return JSONGrammar.isValue(padded.bytes, padded.count) && line.first { $0 > 0x20 } == 0x7B
    }
    // A text that begins with an object on a line of its own is no table, however many of its lines are damaged.
    guard good > 0, sample.document == .jsonLines || good * 10 >= lines.count * 9 else { return [] }
    var guess = FormatGuess(Self.self, objects: JSONLines())
    guess.certainty = good == lines.count ? .sure : .likely
    // One line may be a document with the records in it.
    guess.score = lines.count > 1 ? 1 : 0.8
    guess.evidence = "\(good) of \(lines.count) lines looked at are JSON"
    guess.learn(sample.buffer)
    return [guess]
  }

  /// Makes a framer that cuts at line feeds.
  package func makeFramer() -> any RecordFramer { LineFramer() }

  /// Parses each line as an object. Lines of white space are blank, and no records.
  package func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch {
    let p = UnsafePointer(chunk.buffer.bytes)
    let n = chunk.buffer.count
    var objects = JSONObjects(chunk.buffer, mapping)
    var (lines, blankLines, at) = (0, 0, 0)
    while at < n {
      let end = memchr(p + at, 0x0A, n - at).map { UnsafeRawPointer($0) - UnsafeRawPointer(p) } ?? n
      if (at..<end).allSatisfy({ p[$0] == 0x20 || p[$0] == 0x09 || p[$0] == 0x0D }) {
        blankLines += 1
      } else {
        objects.take(at, end, line: UInt32(lines))
      }
      lines += 1
      at = end + 1
    }
    return objects.batch(lineCount: lines, blankLineCount: blankLines)
  }

  /// Reads the members of the sample's objects, named in the order in which they first come.
  package func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns {
    var rows = JSONObjectSample()
    var at = 0
    while at < chunk.buffer.count {
      let end = TextEscapes.firstIndex(of: 0x0A, chunk.buffer.bytes + at, chunk.buffer.count - at).map { at + $0 } ?? chunk.buffer.count
      if end > at { rows.take(chunk.buffer, at..<end) }
      at = end + 1
    }
    return rows.columns
  }
}
