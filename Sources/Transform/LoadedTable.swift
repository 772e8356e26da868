import Configuration
import Foundation
import Parse
import Records

/// A file of records that a step has loaded whole. Its columns are read as the types that the step asks for.
package final class LoadedTable: Sendable {
  /// How the file is spelled, beside what its format says.
  package struct Spelling: Sendable {
    package var format: ParseFormat
    /// CSV's delimiter; nil for the format's own.
    package var delimiter: [UInt8]?

    package init(format: ParseFormat, delimiter: [UInt8]? = nil) {
      self.format = format
      self.delimiter = delimiter
    }

    /// The formats that a table may be in.
    package static let formats: [ParseFormat] = [.csv, .tsv, .jsonl]
  }

  /// What is wrong with the file, told with its name and the line.
  package struct Trouble: Error, Sendable { package let message: String }

  /// Of one file's bytes; with its index a table takes several times as much.
  package static let greatestBytes = 2_000_000_000

  /// As the definition has it.
  package let name: String
  /// The columns' names; those of a format without a header are what its first records have.
  package let columns: [String]
  private let format: any RecordFormat
  private let chunk: RecordChunk
  private let beginning: Beginning
  private let sampled: Schema

  /// What the file's bytes take in memory.
  package var bytes: Int { chunk.buffer.count }

  /// Reads the head of a file's content, which is UTF-8.
  ///
  /// - Parameter content: belongs to the table from here on.
  package init(_ content: ByteBuffer, name: String, _ spelling: Spelling) throws(Trouble) {
    self.name = name
    var dialect = CSVDialect()
    if spelling.format == .tsv { dialect.delimiter = [0x09] }
    if let delimiter = spelling.delimiter { dialect.delimiter = delimiter }
    format = spelling.format == .jsonl ? JSONLines() : CSV(dialect, recordLimit: 16_000_000)
    let mark = content.count >= 3 && content.bytes[0] == 0xEF && content.bytes[1] == 0xBB && content.bytes[2] == 0xBF ? 3 : 0
    if let bad = UTF8Text.firstInvalid(content.bytes + mark, content.count - mark) {
      let line = 1 + (0..<mark + bad).reduce(0) { content.bytes[$1] == 0x0A ? $0 + 1 : $0 }
      throw Trouble(message: "\(name):\(line): it is not UTF-8 text; write it anew as UTF-8, and not compressed")
    }
    var framer = format.makeFramer()
    do throws(ParseError) {
      beginning = try framer.begin(content.bytes + mark, content.count - mark, isFinal: true) ?? Beginning(bytes: 0, lines: 0)
    } catch {
      throw Trouble(message: "\(name): it has no header line, which names the columns")
    }
    let start = mark + beginning.bytes
    // In its place: another copy of a large table would be much.
    content.count -= start
    memmove(content.bytes, content.bytes + start, content.count)
    chunk = RecordChunk(buffer: content, offset: start, sequence: 0)
    sampled = Inference.schema(of: format.sample(Self.head(chunk, &framer, beginning), beginning))
    columns = beginning.header ?? sampled.fields.map(\.name)
  }

  /// The first records, of which types are inferred.
  private static func head(_ chunk: RecordChunk, _ framer: inout any RecordFramer, _ beginning: Beginning) -> RecordChunk {
    framer.resume(beginning)
    var end = 0
    // The longest record takes no more than the second.
    for most in [1 << 20, 32 << 20] where end == 0 {
      guard chunk.buffer.count > most else { return chunk }
      end = framer.boundary(chunk.buffer.bytes, most, isFinal: false)
    }
    let head = ByteBuffer(capacity: end)
    head.append(chunk.buffer.bytes, end)
    return RecordChunk(buffer: head, offset: chunk.offset, sequence: 0)
  }

  /// The type that the first records show of a column.
  package func type(of column: String) -> ValueType {
    sampled.position(of: column).map { sampled.fields[$0].type } ?? .text
  }

  /// The values of some columns, and how many records there are.
  ///
  /// - Throws: ``Trouble`` for the first record that is damaged or does not fit.
  package func values(_ fields: [Field]) throws(Trouble) -> (columns: [Vector], count: Int) {
    let layout: Layout
    do throws(ParseError) {
      layout = try Layout(schema: Schema(fields), beginning: beginning, decoded: fields.map { _ in true })
    } catch {
      throw Trouble(message: "\(name): \(error)")
    }
    let batch = format.parse(chunk, layout)
    if let fault = batch.faults.min(by: { $0.record < $1.record }) {
      let field = fault.field.map { "\($0): " } ?? ""
      let hint = fault.code == .invalidValue ? "; the step's fields give a column another type" : ""
      throw Trouble(message: "\(name):\(line(batch, fault.record)): \(field)\(fault.reason)\(hint)")
    }
    return (batch.columns.map { $0.values ?? .nulls($0.field.type, count: batch.rowCount) }, batch.rowCount)
  }

  /// The lines on which rows begin, by their numbers.
  package func lines(of rows: [Int]) -> [Int] {
    let width = beginning.header?.count ?? 0
    let batch = format.parse(chunk, Layout(schema: Schema([]), columnCount: width, columns: [], decoded: []))
    return rows.map { line(batch, batch.record(ofRow: $0)) }
  }

  private func line(_ batch: RecordBatch, _ record: Int) -> Int { beginning.lines + batch.places.line(record) + 1 }
}

extension StepPreparation {
  /// Reads a file of the definition's whole, and notes its content; reports one that can't be read.
  ///
  /// - Parameters:
  ///   - file: its path, relative to the definition's folder.
  ///   - most: bytes that it may have.
  package mutating func content(of file: PlacedText, most: Int) -> ByteBuffer? {
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
