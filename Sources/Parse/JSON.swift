import CByteScan
import Configuration
import Foundation
import Records

/// The format `json`: JSON documents, one that holds the records, or a stream of them.
///
/// A scanner finds the places of records (in order, one task an item). Any worker then reads their members as those of JSON Lines.
package struct JSON: RecordFormat {
  /// The page of `sluice list json` and of the reference.
  package static let page = ComponentPage(
    .format, "json", "Reads JSON documents: the elements of an array, wherever it stands, or a stream of objects.", abilities: ["read"],
    endings: ["json"],
    keys: [
      Key(
        "records", .text,
        "Where in a document the records are: a path of $, .name, ['name'], [*] and [n], as $.data[*] (default: the elements of a document that is an array, and any other document as a whole)."
      ),
      CSVDialect.emptyKey,
    ], place: "parse",
    example: """
      pipeline: orders
      fetch: {from: orders/*.json}
      parse:
        format: json
        records: $.orders[*]
        fields: {id: bigint not null, placed: timestamp, lines: json}
      write: {path: 'out/{item.stem}.jsonl'}
      """,
    errors: [.recordTooLong, .badRecord, .damagedDocument, .nothingSelected, .missingHeader, .noSample, .wrongFormat],
    guarantees: [
      "Memory is bounded by the longest record, not by the document: 5 GB with one array take under 200 MB.",
      "A record that is no JSON object, or breaks the rules within its brackets, is a dead letter with its bytes, its line and its byte offset; the records around it are read.",
      "What breaks the rules between records ends the item, with line, column and byte offset. decompress.on_error: keep_records keeps the records before it.",
      "A path that selects nothing in an item fails it, with the names that are there; an array without elements, and null in its place, is an item without records.",
      "A run that is killed goes on within the document.",
      "A field of parse.fields that no record has is told at the end of a run that nothing interrupted: a misspelt one is NULL in every record.",
    ],
    limits: [
      "A record may be 16 MB long, or what limits.record says; so may a single text beside the records.",
      "Arrays and objects nest \(JSONScanner.maximumDepth) deep at most.",
      "Blanks, line ends or RS (0x1E) stand between the documents of a stream.",
      "Where each line is an object, jsonl costs a broken line alone; here it ends the item.",
    ])

  private let path: JSONPath?
  private let acceptsEmpty: Bool

  /// Reads the elements of documents that are arrays, and other documents as a whole.
  package init() { self.init(nil) }

  /// Reads documents whose records stand at a path; nil is as in ``init()``.
  init(_ path: JSONPath?, acceptsEmpty: Bool = false) {
    self.path = path
    self.acceptsEmpty = acceptsEmpty
  }

  /// Reads the path to the records, and reports a wrong one at its place.
  package init(_ settings: FormatSettings, _ reader: inout DefinitionReader) {
    var path: JSONPath?
    if let value = settings.value["records"], let text = value.text {
      do throws(JSONPath.Wrong) {
        path = try JSONPath(text)
      } catch {
        var place = value.position
        if place.isVerbatim {
          place.column += error.offset
          place.length = error.length
        }
        reader.report(place.diagnostic("“\(text)” is no path to records: \(error.reason)"))
      }
    }
    self.init(path, acceptsEmpty: CSVDialect.acceptsEmpty(settings.value))
  }

  /// True for JSON in any form.
  package static func reads(_ document: TextDocument) -> Bool {
    document == .jsonArray || document == .jsonObject || document == .jsonLines
  }

  /// False: without the bytes before it a place in a document means nothing.
  package static let readsFromAnyLine = false
  /// True: an object's members have names.
  package static let namesFields = true

  /// Refuses web pages and XML.
  package func refuses(_ document: TextDocument) -> Bool { document == .webPage || document == .xml }

  /// Makes a framer that scans the document and tells each record's place.
  package func makeFramer() -> any RecordFramer { JSONFramer(JSONScanner(path), acceptsEmpty: acceptsEmpty) }

  /// Parses the records at the places that the framer told.
  package func parse(_ chunk: RecordChunk, _ mapping: ColumnMapping) -> RecordBatch {
    let places = Self.places(chunk)
    let (p, n) = (UnsafePointer(chunk.buffer.bytes), chunk.buffer.count)
    var objects = JSONObjects(chunk.buffer, mapping)
    var (line, at) = (0, 0)
    for (start, end) in zip(places.starts, places.ends) {
      line += sluice_count(p + at, Int(start) - at, 0x0A)
      at = Int(start)
      objects.take(at, Int(end), line: UInt32(line))
    }
    return objects.batch(lineCount: line + sluice_count(p + at, n - at, 0x0A))
  }

  /// Reads the members of the sample's objects, named in the order in which they first come.
  package func sample(_ chunk: RecordChunk, _ prologue: Prologue) -> SampledColumns {
    var rows = JSONObjectSample()
    let places = Self.places(chunk)
    for (start, end) in zip(places.starts, places.ends) { rows.take(chunk.buffer, Int(start)..<Int(end)) }
    return rows.columns
  }

  /// Finds the records' places. A chunk that the framer did not make, as a dead letter's, has a record in each document.
  private static func places(_ chunk: RecordChunk) -> RecordPlaces {
    if let places = chunk.records { return places }
    var places = RecordPlaces()
    var scanner = JSONScanner(JSONPath(steps: [], text: "$"), takesArrays: true)
    let end = try? chunk.buffer.withSpan { bytes throws(ParseError) in
      try bytes.scan { p, n throws(ParseError) in
        try scanner.scan(p, n, isFinal: true) { start, end in
          places.starts.append(UInt32(start))
          places.ends.append(UInt32(end))
        }
      }
    }
    if end == chunk.buffer.count { return places }
    // A record that is broken has no end of its own.
    var whole = 0..<chunk.buffer.count
    while let last = whole.last, chunk.buffer.bytes[last] <= 0x20 { whole = whole.lowerBound..<last }
    while let first = whole.first, chunk.buffer.bytes[first] <= 0x20 { whole = (first + 1)..<whole.upperBound }
    places = RecordPlaces()
    if !whole.isEmpty {
      places.starts = [UInt32(whole.lowerBound)]
      places.ends = [UInt32(whole.upperBound)]
    }
    return places
  }

  // MARK: Guessing

  /// Guesses at an array of records: the document itself, or the longest array of objects in it.
  package static func guesses(_ sample: Sniffer) -> [FormatGuess] {
    guard let document = sample.document, reads(document) else { return [] }
    var path: JSONPath?
    var evidence = "the text is a JSON array"
    if document != .jsonArray {
      let outline = JSONOutline(sample.buffer)
      if let array = outline.arrays.max(by: { $0.bytes < $1.bytes }), outline.isSingle {
        let found = JSONPath(steps: array.steps + [.all], text: "")
        let text = found.spelled(found.steps.count)
        path = JSONPath(steps: found.steps, text: text)
        evidence =
          "the text is a JSON object whose \(JSONPath(steps: array.steps, text: "").spelled(array.steps.count)) is an array of objects"
      } else if document == .jsonLines {
        // An object a line: JSON Lines says more.
        return []
      } else {
        evidence = outline.isSingle ? "the text is one JSON object, which is one record" : "the text is JSON objects, one after the other"
      }
    }
    let format = JSON(path)
    var framer = format.makeFramer()
    let boundary = try? sample.buffer.withSpan { try framer.boundary($0, isFinal: sample.isWhole) }
    guard let places = boundary?.records, !places.starts.isEmpty else { return [] }
    var guess = FormatGuess(Self.self, objects: format)
    if let path { guess.settings = [("records", path.text)] }
    guess.certainty = path == nil && document == .jsonArray ? .sure : .likely
    guess.score = 0.9
    guess.evidence = "\(evidence); \(places.starts.count) record\(places.starts.count == 1 ? "" : "s") looked at"
    guess.learn(RecordChunk(buffer: sample.buffer, offset: 0, sequence: 0, records: places))
    return guess.width == 0 ? [] : [guess]
  }
}

/// Cuts documents between their records.
private struct JSONFramer: RecordFramer {
  private var scanner: JSONScanner
  private let acceptsEmpty: Bool

  init(_ scanner: JSONScanner, acceptsEmpty: Bool) {
    self.scanner = scanner
    self.acceptsEmpty = acceptsEmpty
  }

  mutating func begin(_ head: RawSpan, isFinal: Bool) -> Prologue? { Prologue(bytes: 0, lines: 0) }

  mutating func resume(_ prologue: Prologue, _ state: Data?) -> Bool {
    guard let state else { return true }
    guard let kept = try? PropertyListDecoder().decode(JSONScanner.State.self, from: state) else { return false }
    scanner.resume(kept)
    return true
  }

  mutating func boundary(_ bytes: RawSpan, isFinal: Bool) throws(ParseError) -> RecordBoundary {
    var places = RecordPlaces()
    let end = try bytes.scan { p, n throws(ParseError) in
      try scanner.scan(p, n, isFinal: isFinal) { start, end in
        places.starts.append(UInt32(start))
        places.ends.append(UInt32(end))
      }
    }
    return RecordBoundary(end: end, records: places)
  }

  mutating func pass(_ bytes: RawSpan, isWhole: Bool) throws(ParseError) -> Int {
    try bytes.scan { p, n throws(ParseError) in
      var at = 0
      while at < n {
        // A number before the boundary is whole.
        let taken = try scanner.scan(p + at, n - at, isFinal: isWhole) { _, _ in }
        if taken == 0 { break }
        at += taken
      }
      return at
    }
  }

  func finish() throws(ParseError) { try scanner.finish(acceptsEmpty: acceptsEmpty) }

  var state: Data? {
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    return try? encoder.encode(scanner.state)
  }
}

/// The arrays of objects in a document's beginning.
private struct JSONOutline {
  struct Array {
    var steps: [JSONPath.Step]
    /// The length of its elements in bytes, as far as the beginning shows.
    var bytes: Int
  }

  private(set) var arrays: [Array] = []
  /// Whether the text shows one document and no second.
  private(set) var isSingle = true
  /// How deep arrays are looked for.
  private static let depth = 4

  init(_ text: ByteBuffer) {
    var json = JSONGrammar(text.bytes, count: text.count)
    json.skipSpace()
    if look(&json, [], text) {
      json.skipSpace()
      isSingle = json.atEnd
    }
  }

  /// Takes a value; false where the text is cut, or no JSON.
  private mutating func look(_ json: inout JSONGrammar, _ steps: [JSONPath.Step], _ text: ByteBuffer) -> Bool {
    guard json.current == 0x7B, steps.count < Self.depth else { return json.value(depth: steps.count) }
    _ = json.take(0x7B)
    json.skipSpace()
    if json.take(0x7D) { return true }
    repeat {
      json.skipSpace()
      let start = json.at + 1
      guard json.string() else { return false }
      let name = String(decoding: text.copy(start..<json.at - 1), as: UTF8.self)
      json.skipSpace()
      guard json.take(0x3A) else { return false }
      json.skipSpace()
      let isTaken = json.current == 0x5B ? lookAtElements(&json, steps + [.name(name)], text) : look(&json, steps + [.name(name)], text)
      guard isTaken else { return false }
      json.skipSpace()
    } while json.take(0x2C)
    return json.take(0x7D)
  }

  private mutating func lookAtElements(_ json: inout JSONGrammar, _ steps: [JSONPath.Step], _ text: ByteBuffer) -> Bool {
    let start = json.at
    var first = JSONGrammar(text.bytes, count: text.count, at: start + 1)
    first.skipSpace()
    let isOfObjects = first.current == 0x7B
    let isTaken = json.value(depth: steps.count)
    if isOfObjects { arrays.append(Array(steps: steps, bytes: (isTaken ? json.at : text.count) - start)) }
    return isTaken
  }
}
