import Configuration
import Parse
import Records

/// The checks that every record format passes. Each returns the faults that it finds.
enum RecordFormatSuite {
  typealias Check = @Sendable (FormatSample) -> [String]

  static let checks: [(name: String, check: Check)] = [
    ("the whole text is read", wholeIsRead), ("a cut changes nothing", cutsChangeNothing), ("resuming is reading on", resumingReadsOn),
    ("passing over is reading on", passingOverReadsOn), ("a boundary is between records", boundariesAreBetweenRecords),
    ("what has no end is not passed on", whatHasNoEndWaits), ("the prologue waits for its end", prologueWaits),
    ("an empty item holds nothing", emptyItem), ("faults keep their bytes", faultsKeepTheirBytes),
    ("a sample tells the columns", sampleTellsColumns),
    ("a web page is refused by who reads none", webPagesAreRefused), ("the page is whole", pageIsWhole),
  ]

  /// All that does not hold.
  static func failures(_ sample: FormatSample) -> [String] {
    checks.flatMap { name, check in check(sample).prefix(2).map { "\(sample.name): \(name): \($0)" } }
  }

  private static func expected(_ sample: FormatSample) -> [FormatReading.Record] { sample.records.map { $0.expected(in: sample.text) } }

  /// Reads the text in pieces that end at the cuts.
  private static func read(_ sample: FormatSample, cuts: [Int]) throws -> FormatReading {
    var reading = FormatReading(sample.format, sample.schema)
    var at = 0
    for cut in cuts + [sample.text.count] {
      try reading.take(sample.text[at..<cut], isFinal: cut == sample.text.count)
      at = cut
    }
    return reading
  }

  private static func difference(_ found: [FormatReading.Record], _ expected: [FormatReading.Record]) -> String? {
    if found == expected { return nil }
    for (i, (a, b)) in zip(found, expected).enumerated() where a != b { return "record \(i + 1) is \(a), and should be \(b)" }
    return "\(found.count) records, and should be \(expected.count)"
  }

  private static func compared(_ what: String, _ sample: FormatSample, _ body: () throws -> [FormatReading.Record]?) -> [String] {
    do {
      guard let found = try body() else { return [] }
      return difference(found, expected(sample)).map { ["\(what): \($0)"] } ?? []
    } catch {
      return ["\(what): \(error)"]
    }
  }

  private static func wholeIsRead(_ sample: FormatSample) -> [String] {
    compared("at once", sample) { try read(sample, cuts: []).records }
  }

  private static func cutsChangeNothing(_ sample: FormatSample) -> [String] {
    let everywhere = compared("byte by byte", sample) { try read(sample, cuts: Array(1..<sample.text.count)).records }
    return everywhere
      + (0..<sample.text.count).flatMap { cut in compared("cut at \(cut)", sample) { try read(sample, cuts: [cut]).records } }
  }

  private static func resumingReadsOn(_ sample: FormatSample) -> [String] {
    (0..<sample.text.count).flatMap { cut in
      compared("resumed at \(cut)", sample) {
        var first = FormatReading(sample.format, sample.schema)
        try first.take(sample.text[..<cut], isFinal: false)
        guard let checkpoint = first.checkpoints.last else { return nil }
        guard let second = FormatReading(sample.format, sample.schema, at: checkpoint, after: first.records) else { return [] }
        return try readOn(second, sample, checkpoint)
      }
    }
  }

  /// Reads behind a checkpoint, and finds the boundaries that an uninterrupted reading finds.
  private static func readOn(
    _ reading: FormatReading, _ sample: FormatSample, _ checkpoint: FormatReading.Checkpoint
  ) throws -> [FormatReading.Record] {
    var (reading, uninterrupted) = (reading, FormatReading(sample.format, sample.schema))
    try reading.take(sample.text[checkpoint.base...], isFinal: false)
    try uninterrupted.take(sample.text, isFinal: false)
    if reading.base != uninterrupted.base {
      throw Difference(description: "the boundary is \(reading.base), and should be \(uninterrupted.base)")
    }
    try reading.take([], isFinal: true)
    return reading.records
  }

  private struct Difference: Error, CustomStringConvertible { let description: String }

  private static func passingOverReadsOn(_ sample: FormatSample) -> [String] {
    (0..<sample.text.count).flatMap { cut in
      compared("passed over \(cut)", sample) {
        var first = FormatReading(sample.format, sample.schema)
        try first.take(sample.text[..<cut], isFinal: false)
        guard let checkpoint = first.checkpoints.last else { return nil }
        var second = FormatReading(sample.format, sample.schema)
        try second.pass(sample.text, to: checkpoint, after: first.records)
        return try readOn(second, sample, checkpoint)
      }
    }
  }

  private static func boundariesAreBetweenRecords(_ sample: FormatSample) -> [String] {
    (0..<sample.text.count).flatMap { cut -> [String] in
      var reading = FormatReading(sample.format, sample.schema)
      do { try reading.take(sample.text[..<cut], isFinal: false) } catch { return ["cut at \(cut): \(error)"] }
      if reading.base > cut { return ["cut at \(cut) the boundary is at \(reading.base)"] }
      return sample.records.filter { $0.bytes.lowerBound < reading.base && reading.base < $0.bytes.upperBound }
        .map { "cut at \(cut) the boundary is at \(reading.base), within the record at \($0.bytes)" }
    }
  }

  private static func whatHasNoEndWaits(_ sample: FormatSample) -> [String] {
    // The sample's last records may be broken: what stands behind them is theirs.
    guard case .fields? = sample.records.last?.content else { return ["the sample's last record is no good one"] }
    var reading = FormatReading(sample.format, sample.schema)
    do {
      try reading.take(sample.text + [sample.lineEnd], isFinal: false)
      try reading.take(sample.unended, isFinal: false)
      return reading.base > sample.text.count + 1 + sample.unendedBefore
        ? ["\(reading.base - sample.text.count - 1) bytes of a record without an end are passed on"] : []
    } catch {
      return ["\(error)"]
    }
  }

  private static func prologueWaits(_ sample: FormatSample) -> [String] {
    func prologue(_ count: Int, isFinal: Bool) throws -> Prologue? {
      var framer = sample.format.makeFramer()
      return try sample.text[..<count].withUnsafeBytes { try framer.begin($0.bytes, isFinal: isFinal) }
    }
    do {
      guard let whole = try prologue(sample.text.count, isFinal: true) else { return ["the whole text has no prologue"] }
      return try (0..<sample.text.count).compactMap { count in
        guard let early = try prologue(count, isFinal: false) else { return nil }
        let isSame = early.bytes == whole.bytes && early.lines == whole.lines && early.header == whole.header
        return isSame ? nil : "of \(count) bytes the prologue is \(early.bytes) bytes, \(early.lines) lines, \(early.header ?? [])"
      }
    } catch {
      return ["\(error)"]
    }
  }

  private static func emptyItem(_ sample: FormatSample) -> [String] {
    ["", "\n", "\r\n\n"].compactMap { text in
      var reading = FormatReading(sample.format, sample.schema)
      do {
        try reading.take(Array(text.utf8), isFinal: true)
      } catch {
        // An item without a header, or without a document, is none.
        return error is ParseError ? nil : "\(error)"
      }
      return reading.records.isEmpty ? nil : "an item of \(text.utf8.count) blank bytes has \(reading.records.count) records"
    }
  }

  private static func faultsKeepTheirBytes(_ sample: FormatSample) -> [String] {
    guard let reading = try? read(sample, cuts: []) else { return ["it can't be read"] }
    let faults = reading.records.filter { $0.content.hasPrefix("fault") }
    let wanted = expected(sample).filter { $0.content.hasPrefix("fault") }
    if wanted.isEmpty { return ["the sample has no fault"] }
    return faults.map(\.raw) == wanted.map(\.raw) ? [] : ["the bytes of faults are \(faults), and should be \(wanted)"]
  }

  private static func sampleTellsColumns(_ sample: FormatSample) -> [String] {
    var framer = sample.format.makeFramer()
    let text = ByteBuffer(capacity: sample.text.count)
    text.append(sample.text)
    do {
      guard let prologue = try text.withSpan({ try framer.begin($0, isFinal: true) }) else { return ["it does not begin"] }
      let boundary = try text.withSpan(prologue.bytes..<text.count) { try framer.boundary($0, isFinal: true) }
      let chunk = ByteBuffer(capacity: boundary.end)
      chunk.append(text.bytes + prologue.bytes, boundary.end)
      let found = sample.format.sample(
        RecordChunk(buffer: chunk, offset: prologue.bytes, sequence: 0, records: boundary.records), prologue)
      let names = sample.schema.fields.map(\.name)
      if Set(found.names) != Set(names) { return ["the columns are \(found.names), and should be \(names)"] }
      let first = sample.records.first { if case .fields = $0.content { true } else { false } }
      guard case .fields(let fields)? = first?.content else { return ["the sample has no good record"] }
      return zip(names, fields).compactMap { name, text in
        guard let at = found.names.firstIndex(of: name), let cell = found.cells[at].first else { return "\(name) has no cell" }
        switch (cell, text) {
        case (.null, nil), (.structure, _?): return nil
        case (.text(let found, _), let text?): return found == text ? nil : "\(name) is \(found), and should be \(text)"
        default: return "\(name) is \(cell), and should be \(text ?? "NULL")"
        }
      }
    } catch {
      return ["\(error)"]
    }
  }

  private static func webPagesAreRefused(_ sample: FormatSample) -> [String] {
    let reads = type(of: sample.format).reads(.webPage)
    return sample.format.refuses(.webPage) != reads
      ? [] : ["it says that it \(reads ? "reads web pages, and refuses" : "reads none, and takes") one"]
  }

  private static func pageIsWhole(_ sample: FormatSample) -> [String] {
    let page = type(of: sample.format).page
    var missing: [String] = []
    if page.kind != .format { missing.append("it is a \(page.kind)") }
    if page.place != "parse" { missing.append("its keys stand in \(page.place)") }
    if page.summary.last != "." { missing.append("its summary is no sentence") }
    if !page.abilities.contains("read") { missing.append("it does not say that it reads") }
    if !page.example.contains("format: \(page.name)") { missing.append("its example is one of something else") }
    return missing
  }
}
