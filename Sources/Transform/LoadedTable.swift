import Configuration
import Foundation
import Parse
import Records

/// A file of records that a step has loaded as a whole. It reads columns as the types that the step asks for.
final class LoadedTable: Sendable {
  /// The reason why the file can't be used, with its name and, where there is one, the line.
  struct Trouble: Error, Sendable { let message: String }

  /// The greatest size of a file, in bytes. A table takes several times as much with its index.
  static let greatestBytes = 2_000_000_000

  /// The file's path as the definition spells it.
  let name: String
  /// The columns' names. Where the format has no header, they are those of the first 10,000 records.
  let columns: [String]
  private let format: any RecordFormat
  private let chunk: RecordChunk
  private let prologue: Prologue
  /// The prologue with a header, be it one that the file does not have: its columns by their numbers, as inference calls them.
  private let named: Prologue
  private let sampled: Schema

  /// Whether a header names the columns, so that there are no others.
  var hasHeader: Bool { prologue.header != nil }

  /// How many bytes the file's records take in memory.
  var bytes: Int { chunk.buffer.count }

  /// Reads the header of a file, finds its records and infers the columns' types from the first 10,000.
  ///
  /// - Parameters:
  ///   - content: the file's bytes. The table owns them from here on, and changes them.
  ///   - settings: how to read the file, by the step's keys of `parse`.
  /// - Throws: ``Trouble`` where the file is not text in its encoding, or not of its format.
  init(_ content: ByteBuffer, name: String, _ settings: ParseSection) throws(Trouble) {
    self.name = name
    format = settings.recordFormat(itemName: name)
    let text = try Self.text(content, name, settings.encoding)
    do throws(ParseError) {
      if let document = TextDocument.of(text, isWhole: true), format.refuses(document) { throw .notRecords(document) }
      var framer = format.makeFramer()
      let prologue = try text.withSpan { (bytes) throws(ParseError) in try framer.begin(bytes, isFinal: true) }
      self.prologue = prologue ?? Prologue(bytes: 0, lines: 0)
      chunk = try Self.records(text, &framer, from: self.prologue.bytes)
    } catch {
      throw Trouble(message: "\(name): \(error)")
    }
    sampled = Inference.schema(of: format.sample(chunk.head(records: 10_000), prologue))
    columns = prologue.header ?? sampled.fields.map(\.name)
    var named = prologue
    if named.header == nil, !Swift.type(of: format).namesFields { named.header = columns }
    self.named = named
  }

  private static func text(_ content: ByteBuffer, _ name: String, _ encoding: TextEncoding) throws(Trouble) -> ByteBuffer {
    var text = content
    let hasMark = content.count >= 2 && [[0xFF, 0xFE], [0xFE, 0xFF]].contains([content.bytes[0], content.bytes[1]])
    if encoding != .utf8 || hasMark {
      text = Transcoder.decode(content, encoding, isWhole: true).text
    } else if content.count >= 3, content.bytes[0] == 0xEF, content.bytes[1] == 0xBB, content.bytes[2] == 0xBF {
      content.count -= 3
      memmove(content.bytes, content.bytes + 3, content.count)
    }
    guard let bad = UTF8Text.firstInvalid(text.bytes, text.count) else { return text }
    let line = 1 + (0..<bad).reduce(0) { text.bytes[$1] == 0x0A ? $0 + 1 : $0 }
    throw Trouble(message: "\(name):\(line): it is no text in the encoding that it should have; a compressed file is not read here")
  }

  /// Cuts out all records, as one chunk.
  private static func records(_ text: ByteBuffer, _ framer: inout any RecordFramer, from start: Int) throws(ParseError) -> RecordChunk {
    var end = start
    var places: RecordPlaces?
    while end < text.count {
      let found = try text.withSpan(end..<text.count) { (bytes) throws(ParseError) in try framer.boundary(bytes, isFinal: true) }
      if let records = found.records {
        let offset = UInt32(end - start)
        var all = places ?? RecordPlaces()
        all.starts += records.starts.map { $0 + offset }
        all.ends += records.ends.map { $0 + offset }
        places = all
      }
      if found.end == 0 { break }
      end += found.end
    }
    try framer.finish()
    // In place: a large table should not be copied.
    text.count = end - start
    memmove(text.bytes, text.bytes + start, text.count)
    return RecordChunk(buffer: text, offset: start, sequence: 0, records: places)
  }

  /// The type of a column as the first 10,000 records show it; text for a column that they don't have.
  func type(of column: String) -> ValueType {
    sampled.position(of: column).map { sampled.fields[$0].type } ?? .text
  }

  /// Reads the values of some columns, and counts the records.
  ///
  /// - Throws: ``Trouble`` for the first record that is damaged or does not fit.
  func values(_ fields: [Field]) throws(Trouble) -> (columns: [Vector], count: Int) {
    let mapping: ColumnMapping
    do throws(ParseError) {
      mapping = try ColumnMapping(schema: Schema(fields), prologue: named, decoded: fields.map { _ in true })
    } catch {
      throw Trouble(message: "\(name): \(error)")
    }
    let batch = format.parse(chunk, mapping)
    if let fault = batch.faults.min(by: { $0.record < $1.record }) {
      let field = fault.field.map { "\($0): " } ?? ""
      let hint = fault.code == .invalidValue ? "; the step's fields give a column another type" : ""
      throw Trouble(message: "\(name):\(line(batch, fault.record)): \(field)\(fault.reason)\(hint)")
    }
    return (batch.columns.map { $0.values ?? .nulls($0.field.type, count: batch.rowCount) }, batch.rowCount)
  }

  /// The lines, from 1, on which the records of these rows begin.
  func lines(of rows: [Int]) -> [Int] {
    let width = named.header?.count ?? 0
    let batch = format.parse(chunk, ColumnMapping(schema: Schema([]), columnCount: width, columns: [], decoded: []))
    return rows.map { line(batch, batch.record(ofRow: $0)) }
  }

  private func line(_ batch: RecordBatch, _ record: Int) -> Int { prologue.lines + batch.places.line(record) + 1 }
}

extension StepPreparation {
  /// Reads a whole file that a definition names, and notes its content for the fingerprint. Nil where it can't be read, which is reported.
  ///
  /// - Parameters:
  ///   - file: the path, relative to the definition's folder.
  ///   - most: how many bytes the file may have.
  mutating func content(of file: PlacedText, most: Int) -> ByteBuffer? {
    let path = URL(fileURLWithPath: file.text, relativeTo: URL(fileURLWithPath: folder, isDirectory: true)).standardizedFileURL.path
    func fail(_ reason: String) { report(file.place.diagnostic("\(file.text): \(reason)", .unusableFile)) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      fail(String(cString: strerror(errno)))
      return nil
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      fail("it is no file")
      return nil
    }
    let size = Int(status.st_size)
    guard size <= min(most, LoadedTable.greatestBytes) else {
      fail("it has \(size) bytes, and may have \(min(most, LoadedTable.greatestBytes)), which is what the table may take in memory")
      return nil
    }
    // One byte more, to see whether it grows.
    let content = ByteBuffer(capacity: size + 1)
    while content.count <= size {
      let n = read(descriptor, content.bytes + content.count, size + 1 - content.count)
      if n == 0 { break }
      if n < 0, errno == EINTR { continue }
      guard n > 0 else {
        fail(String(cString: strerror(errno)))
        return nil
      }
      content.count += n
    }
    guard content.count <= size else {
      fail("it is being written to")
      return nil
    }
    note(content, of: file.text, at: path)
    return content
  }
}
