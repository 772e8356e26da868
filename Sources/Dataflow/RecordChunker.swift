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
  /// Room for a chunk and the beginning of the next record.
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
  /// Takes a chunk, the mapping of its item's columns, and the place to go on from behind it; nil as the place where none is kept.
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
    /// The place in the item as it is stored.
    var decompressor: Decompressor.Position
    /// The item's prologue, which is not read again.
    package var prologue: Prologue
    /// The first byte of ``rest`` in the decompressed item.
    package var base: Int
    /// Bytes that are decompressed and no whole record yet.
    package var rest: Data
    /// The framer's state at ``base``; nil where it needs nothing but the prologue, and in checkpoints of earlier builds.
    package var framing: Data?

    /// Bytes of the item, as it is stored, that need not be read again.
    package var compressedBytes: Int { decompressor.compressedBytes }

    /// The property list, in its binary form; nil where it can't be encoded, and the item begins anew.
    package func bytes() -> [UInt8]? {
      let encoder = PropertyListEncoder()
      encoder.outputFormat = .binary
      return try? Array(encoder.encode(self))
    }

    /// Reads a property list; nil where it is none.
    package static func of(_ bytes: [UInt8]) -> Continuation? { try? PropertyListDecoder().decode(Continuation.self, from: Data(bytes)) }
  }

  /// Bytes between two chunks that can be gone on from. Resuming reads so many again at most, beside those that were not committed.
  private let continuationBytes: Int

  private var buffer: ByteBuffer
  /// The buffer's first byte in the decompressed item.
  private var base = 0
  private var sequence = 0
  private var nextContinuation: Int
  private var mapping: ColumnMapping?
  /// The part of the item before its first record; nil until it is read.
  package private(set) var prologue: Prologue?

  /// Makes the chunker of an item.
  ///
  /// - Parameters:
  ///   - itemName: by which codec and format may be told.
  ///   - itemBytes: the item's size as it is stored, where that is known.
  ///   - skipTo: bytes of the decompressed item whose records are done, and are not emitted.
  ///   - makeMapping: called once, with the item's prologue.
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
  mutating func resume(_ continuation: Continuation) throws -> Bool {
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

  /// Wraps code that damaged input could crash.
  var inside: (() throws -> Void) throws -> Void = { try $0() }

  /// Bytes that came out of the decompressor so far.
  package var decompressedBytes: Int { decompressor.decompressedBytes }
  /// Chunks that were emitted so far.
  var chunkCount: Int { sequence }

  /// Takes a piece of the item; `emit` gets each run of whole records as it is full.
  ///
  /// - Throws: ``DecompressError``, ``ParseError``, and what `emit` throws.
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
    // Bytes that come before damage are the item's too.
    defer {
      head.append(scratch.bytes, min(scratch.count, head.capacity - head.count))
      scratch.withSpan { transcoder.convert($0, isFinal: false, to: buffer) }
    }
    from += try decompressor.step(piece, from: from, into: scratch)
    return scratch.count == scratch.capacity
  }

  /// Emits the rest of an item that has come to its end.
  ///
  /// - Throws: ``DecompressError`` where the content is cut off, ``ParseError``, and what `emit` throws.
  package mutating func finish(_ emit: Emit) async throws {
    try decompressor.finish()
    try await flush(emit)
  }

  /// Emits the whole records there are, and the bytes behind them as a last one.
  private mutating func flush(_ emit: Emit) async throws {
    transcoder.convert(RawSpan(), isFinal: true, to: buffer)
    // Damage is told of when the records before it are out.
    var before: Int
    repeat {
      before = base
      try await cut(isFinal: true, isLast: true, emit)
    } while base > before && buffer.count > 0
    if mapping != nil { try framer.finish() }
  }

  /// Emits the whole records there are, and drops the bytes behind them.
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

  /// Reads the prologue, once; false where that needs more bytes.
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

  /// Refuses content that is no text, and text that is no records of the format.
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
  /// The error of an item with this content. For data it names the formats that the data could be exported to.
  package var refusal: any Error & CustomStringConvertible {
    if case .data = kind { return ParseError.foreignData(name) }
    return DecompressError.foreign(self)
  }
}
