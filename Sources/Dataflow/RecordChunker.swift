import Configuration
import Decompress
import Definition
import Foundation
import Parse
import Records

/// The decompress stage's work on one item: compression off, text into UTF-8, bytes into runs of whole records.
package struct RecordChunker {
  /// Bytes that a chunk is filled to.
  package static let chunkBytes = 512 << 10
  /// A chunk, and what of the next record comes with it.
  private static let bufferBytes = chunkBytes + (chunkBytes >> 3)

  private var decompressor: Decompressor
  private var transcoder: Transcoder
  private var framer: any RecordFramer
  private let recordLimit: Int
  /// Bytes of the item before this are done already.
  private let skipTo: Int
  private let makeMapping: (Prologue) throws -> ColumnMapping
  private let format: any RecordFormat
  /// The item's first bytes as they were decompressed, until there are enough to tell what it is.
  private let head = ByteBuffer(capacity: ForeignFormat.headBytes)
  package typealias Emit = (RecordChunk, ColumnMapping, Continuation?) async throws -> Void

  /// Where the cutter is after a chunk, so that another process goes on from there.
  ///
  /// Checkpoints keep it as a property list: its keys are for good, so that a run of an earlier build is gone on with.
  package struct Continuation: Codable, Sendable {
    private enum CodingKeys: String, CodingKey {
      case decompressor, base, rest
      case prologue = "beginning"
      case framing
    }
    package var decompressor: Decompressor.Position
    package var prologue: Prologue
    /// The first byte of ``rest`` in the decompressed item.
    package var base: Int
    /// What was inflated and is no whole record yet.
    package var rest: Data
    /// What the framer knows at ``base``; nil where it needs nothing but the prologue, and in checkpoints of earlier builds.
    package var framing: Data?

    /// Bytes of the item, as it is stored, that need not be read again.
    package var compressedBytes: Int { decompressor.compressedBytes }

    package func bytes() -> [UInt8]? {
      let encoder = PropertyListEncoder()
      encoder.outputFormat = .binary
      return try? Array(encoder.encode(self))
    }

    package static func of(_ bytes: [UInt8]) -> Continuation? { try? PropertyListDecoder().decode(Continuation.self, from: Data(bytes)) }
  }

  /// Bytes between two chunks that can be gone on from: what resuming reads again at most, beside what was not committed.
  private let continuationBytes: Int

  private var buffer: ByteBuffer
  /// The buffer's first byte in the decompressed item.
  private var base = 0
  private var sequence = 0
  private var nextContinuation: Int
  private var mapping: ColumnMapping?
  package private(set) var prologue: Prologue?

  /// - Parameter itemBytes: the item's size as it is stored, where that is known.
  package init(
    _ definition: PipelineDefinition, itemName: String, itemBytes: Int? = nil, format: any RecordFormat, skipTo: Int,
    makeMapping: @escaping (Prologue) throws -> ColumnMapping
  ) {
    // A small item's memory is small; where it inflates to more, the buffer grows.
    let isSmall = itemBytes.map { $0 < Self.chunkBytes / 8 } ?? false
    buffer = ByteBuffer(capacity: isSmall ? (itemBytes ?? 0) * 8 + 8192 : Self.bufferBytes)
    decompressor = Decompressor(definition.decompress.format, name: itemName, limits: definition.decompress.limits)
    transcoder = Transcoder(definition.parse.encoding)
    framer = format.makeFramer()
    recordLimit = definition.parse.recordLimit
    continuationBytes = min(4 << 20, definition.write.checkpoint.bytes)
    nextContinuation = continuationBytes
    self.skipTo = skipTo
    self.makeMapping = makeMapping
    self.format = format
  }

  /// Goes on from where another process was; false where this build can't, and nothing has changed.
  package mutating func resume(_ continuation: Continuation) throws -> Bool {
    guard decompressor.resume(at: continuation.decompressor), framer.resume(continuation.prologue, continuation.framing) else {
      return false
    }
    transcoder.goOnAsUTF8()
    head.count = head.capacity
    prologue = continuation.prologue
    mapping = try makeMapping(continuation.prologue)
    base = continuation.base
    nextContinuation = base + continuationBytes
    continuation.rest.withUnsafeBytes { rest in
      if let start = rest.bindMemory(to: UInt8.self).baseAddress { buffer.append(start, rest.count) }
    }
    return true
  }

  /// What runs the work that damaged input might end the process by.
  package var inside: (() throws -> Void) throws -> Void = { try $0() }

  package var decompressedBytes: Int { decompressor.decompressedBytes }
  package var chunkCount: Int { sequence }

  /// Takes a piece of the item; `emit` gets each run of whole records as it is full.
  package mutating func feed(_ piece: ByteBuffer, _ emit: Emit) async throws {
    var from = 0
    var isFilled = false
    repeat {
      try inside { isFilled = try inflate(piece, &from) }
      if buffer.count >= Self.chunkBytes { try await cut(isFinal: false, isLast: false, emit) }
    } while from < piece.count || isFilled
  }

  /// Whether the decompressor may hold back more than there was room for.
  private mutating func inflate(_ piece: ByteBuffer, _ from: inout Int) throws -> Bool {
    if transcoder.isIdentity, head.count == head.capacity {
      if buffer.capacity - buffer.count < 4096 { buffer.reserve(Self.chunkBytes) }
      from += try decompressor.step(piece, from: from, into: buffer)
      return buffer.count == buffer.capacity
    }
    let scratch = ByteBuffer(capacity: 64 << 10)
    from += try decompressor.step(piece, from: from, into: scratch)
    head.append(scratch.bytes, min(scratch.count, head.capacity - head.count))
    scratch.withSpan { transcoder.convert($0, isFinal: false, to: buffer) }
    return scratch.count == scratch.capacity
  }

  /// The item has ended, whole.
  package mutating func finish(_ emit: Emit) async throws {
    try decompressor.finish()
    try await flush(emit)
  }

  /// Emits what whole records there are, and what follows them as a last one.
  package mutating func flush(_ emit: Emit) async throws {
    transcoder.convert(RawSpan(), isFinal: true, to: buffer)
    // What is damaged is told of when the records before it are out.
    var before: Int
    repeat {
      before = base
      try await cut(isFinal: true, isLast: true, emit)
    } while base > before && buffer.count > 0
    if mapping != nil { try framer.finish() }
  }

  /// Emits the whole records there are, and drops what follows them.
  package mutating func flushWhole(_ emit: Emit) async throws {
    guard try begin(isFinal: true) else { return }
    try await cut(isFinal: false, isLast: true, emit)
  }

  /// - Parameters:
  ///   - isFinal: whether the buffer holds the rest of the item.
  ///   - isLast: whether nothing is cut after this.
  private mutating func cut(isFinal: Bool, isLast: Bool, _ emit: Emit) async throws {
    guard try begin(isFinal: isFinal) else { return try grow() }
    if base < skipTo, try !passOver() { return buffer.count >= Self.chunkBytes ? try grow() : () }
    guard let mapping, buffer.count > 0 else { return }
    let boundary = try buffer.withSpan { bytes throws(ParseError) in try framer.boundary(bytes, isFinal: isFinal) }
    let end = boundary.end
    if end == 0 { return isLast ? () : try grow() }
    let chunk = buffer
    buffer = ByteBuffer(capacity: isLast ? chunk.count - end : Self.bufferBytes)
    buffer.append(chunk.bytes + end, chunk.count - end)
    chunk.count = end
    let whole = RecordChunk(buffer: chunk, offset: base, sequence: sequence, records: boundary.records)
    base += end
    sequence += 1
    try await emit(whole, mapping, isLast ? nil : continuation())
  }

  /// Drops bytes whose records are done; false where more of them have to come.
  private mutating func passOver() throws(ParseError) -> Bool {
    let count = min(buffer.count, skipTo - base)
    let isWhole = base + count == skipTo
    drop(try buffer.withSpan(0..<count) { bytes throws(ParseError) in try framer.pass(bytes, isWhole: isWhole) })
    return base == skipTo
  }

  private mutating func continuation() -> Continuation? {
    guard base >= nextContinuation, transcoder.isIdentity, buffer.count <= Self.chunkBytes, let prologue,
      let position = decompressor.position
    else { return nil }
    nextContinuation = base + continuationBytes
    return Continuation(
      decompressor: position, prologue: prologue, base: base, rest: Data(buffer.copy(0..<buffer.count)), framing: framer.state)
  }

  /// Reads what stands before the first record, once; false where that needs more bytes.
  private mutating func begin(isFinal: Bool) throws -> Bool {
    if mapping != nil { return true }
    try refuseForeign(isFinal: isFinal)
    let read = try buffer.withSpan { head throws(ParseError) in try framer.begin(head, isFinal: isFinal) }
    guard var found = read else { return false }
    if found.bytes <= 64 << 10 { found.text = Data(buffer.copy(0..<found.bytes)) }
    prologue = found
    mapping = try makeMapping(found)
    drop(found.bytes)
    return true
  }

  /// What is known to be something else than text, or another text than records of the format, is not read.
  private func refuseForeign(isFinal: Bool) throws {
    if let foreign = ForeignFormat.of(head) { throw foreign.refusal }
    if let document = TextDocument.of(buffer, isWhole: isFinal), format.refuses(document) {
      throw ParseError.notRecords(document)
    }
  }

  /// A record is longer than the buffer: it may grow to the limit.
  private mutating func grow() throws {
    guard buffer.count <= recordLimit else { throw ParseError.recordTooLong(limit: recordLimit, offset: base) }
    buffer.reserve(max(buffer.count, Self.chunkBytes))
  }

  private mutating func drop(_ count: Int) {
    guard count > 0 else { return }
    buffer.bytes.update(from: buffer.bytes + count, count: buffer.count - count)
    buffer.count -= count
    base += count
  }
}

extension ForeignFormat {
  /// What an item ends with whose content this is: for data the formats are told that it could be exported to.
  package var refusal: any Error & CustomStringConvertible {
    if case .data = kind { return ParseError.foreignData(name) }
    return DecompressError.foreign(self)
  }
}
