import Configuration
import Foundation
import Records

/// How far an item may inflate, against bombs: small files that fill a disk or the memory.
public struct DecompressLimits: Sendable, Hashable {
  /// The content's size, as a multiple of the compressed size. It is compared once the content is longer than 16 MiB.
  public var ratio = 1000
  /// The content's size, in bytes.
  public var bytes = 1_000_000_000_000
  /// How many bytes a stream may refer back; they are kept while it is decompressed. `zstd --long` makes the 128 MiB of the default.
  public var window = 128 << 20

  /// Makes the limits of a definition that says nothing.
  public init() {}
}

/// Decompresses one item's bytes, piece by piece, by the codec that the definition names or the item shows.
///
/// It counts bytes, holds limits, and joins the contents of an item's streams; the ``Codec`` decodes a stream. One task uses it at a time.
public struct Decompressor {
  private enum State {
    /// Nothing of the item was seen yet.
    case detecting
    case plain
    case inflating(any Codec.Type, any StreamDecoder)
    /// At the end of a stream that another may follow.
    case between(any Codec.Type, any StreamDecoder)
    /// At the end of a stream that nothing may follow.
    case ended(any Codec.Type)
  }

  /// A place in an item from which another process can go on. Checkpoints hold it as JSON.
  public struct Position: Codable, Sendable {
    /// `plain`, `between` for the beginning of a stream that is not the first, or the codec whose decoder's state this holds.
    var kind: String
    /// The codec of `between`. Checkpoints of earlier builds do not say it.
    var codec: String?
    /// The decoder's state: whose it is, and its bytes.
    var tag: String?
    var inflater: Data?
    /// Bytes of the item as it is stored, before this place: fetch goes on from here.
    public var compressedBytes: Int
    /// Bytes of the content before this place.
    var decompressedBytes: Int
    /// Bytes behind this place that were given out before the checkpoint, and are not given out again; nil for none.
    var given: Int?

    static let plain = "plain"
    static let between = "between"
  }

  private let compression: Compression
  private let name: String
  private let limits: DecompressLimits
  private var state = State.detecting
  private var taken = 0
  private var made = 0
  /// The beginning of the present stream: in the item as it is stored, and in its content.
  private var streamStart = (taken: 0, made: 0)
  /// Bytes of the content that were given out before a resume, and are not given out again.
  private var unwanted = 0

  /// Makes a decompressor at the beginning of an item.
  ///
  /// - Parameters:
  ///   - compression: the definition's `decompress.format`.
  ///   - name: the item's name, whose ending may promise a codec.
  package init(_ compression: Compression, name: String, limits: DecompressLimits) {
    self.compression = compression
    self.name = name
    self.limits = limits
  }

  /// The codec in use; nil for a plain item, and before the first bytes.
  package var codec: (any Codec.Type)? {
    switch state {
    case .detecting, .plain: nil
    case .inflating(let codec, _), .between(let codec, _), .ended(let codec): codec
    }
  }

  /// How many bytes of the item, as it is stored, were taken so far.
  public var compressedBytes: Int { taken }
  /// How many bytes of content were given out so far.
  public var decompressedBytes: Int { made }

  // MARK: Positions

  /// The place that another process can go on from; nil where it would gain nothing over the item's beginning.
  public var position: Position? {
    guard unwanted == 0 else { return nil }
    switch state {
    case .detecting, .ended: return nil
    case .plain: return Position(kind: Position.plain, compressedBytes: taken, decompressedBytes: made)
    case .between(let codec, _):
      return Position(kind: Position.between, codec: codec.name, compressedBytes: taken, decompressedBytes: made)
    case .inflating(let codec, let decoder):
      if let saved = decoder.save() {
        return Position(kind: codec.name, tag: saved.tag, inflater: Data(saved.bytes), compressedBytes: taken, decompressedBytes: made)
      }
      // The stream under way is decompressed again, those before it are not.
      guard streamStart.taken > 0 else { return nil }
      return Position(
        kind: Position.between, codec: codec.name, compressedBytes: streamStart.taken, decompressedBytes: streamStart.made,
        given: made - streamStart.made)
    }
  }

  /// Goes on from a position. Returns false where this build can't: its library is another, or missing. The item then starts over.
  public mutating func resume(at position: Position) -> Bool {
    switch position.kind {
    case Position.plain: state = .plain
    case Position.between:
      // Of a checkpoint that does not say which codec it was, gzip's is the only one that it could be.
      let codec = if let name = position.codec { codec(name) } else { GzipCodec.self as any Codec.Type }
      guard let codec, let decoder = codec.makeDecoder(limits) else { return false }
      state = .between(codec, decoder)
    default:
      guard let codec = codec(position.kind), let decoder = codec.makeDecoder(limits), let tag = position.tag,
        let bytes = position.inflater, decoder.restore(DecoderState(tag: tag, bytes: Array(bytes)))
      else { return false }
      state = .inflating(codec, decoder)
    }
    taken = position.compressedBytes
    made = position.decompressedBytes
    unwanted = position.given ?? 0
    return true
  }

  private func codec(_ name: String) -> (any Codec.Type)? {
    if case .codec(let codec) = compression, codec.name == name { return codec }
    return Codecs.named(name)
  }

  // MARK: Steps

  /// Takes bytes of `input` from position `from` on and appends their content to `out`, as far as it has room. The first call that brings
  /// bytes has to bring ``Codecs/beginningBytes`` of the item, or all of it.
  ///
  /// - Returns: how many bytes were taken. Call again with the rest while that is not all, or while `out` was filled.
  /// - Throws: ``DecompressError`` where the item is damaged, past a limit, or of another format.
  public mutating func step(_ input: ByteBuffer, from: Int, into out: ByteBuffer) throws(DecompressError) -> Int {
    let left = input.count - from
    switch state {
    case .detecting:
      if left == 0 { return 0 }
      state = try detect(UnsafeRawBufferPointer(start: input.bytes + from, count: left))
      return try step(input, from: from, into: out)
    case .plain:
      let n = min(left, out.capacity - out.count)
      out.append(input.bytes + from, n)
      taken += n
      made += n
      try checkLimits()
      return n
    case .between(let codec, let decoder):
      let skipped = try skipPadding(codec, input.bytes + from, left)
      guard skipped < left else { return skipped }
      decoder.startOver()
      streamStart = (taken, made)
      state = .inflating(codec, decoder)
      return try skipped + step(input, from: from + skipped, into: out)
    case .inflating(let codec, let decoder):
      let bytes = UnsafeRawBufferPointer(start: input.bytes + from, count: left)
      if unwanted > 0 { return try pass(codec, decoder, bytes, out) }
      return try inflate(codec, decoder, bytes, out)
    case .ended(let codec):
      guard left == 0 else { throw .corrupt(format: codec.name, offset: taken, reason: "bytes follow the stream's end") }
      return 0
    }
  }

  private mutating func inflate(
    _ codec: any Codec.Type, _ decoder: any StreamDecoder, _ input: UnsafeRawBufferPointer, _ out: ByteBuffer
  ) throws(DecompressError) -> Int {
    let before = out.count
    let step: DecoderStep
    do {
      step = try decoder.step(input.bytes, into: out)
    } catch {
      made += out.count - before
      switch error {
      case .damaged(let reason), .notEncoded(let reason): throw .corrupt(format: codec.name, offset: taken, reason: reason)
      case .windowTooLarge: throw .windowExceeded(format: codec.name, limit: limits.window, offset: streamStart.taken)
      }
    }
    taken += step.taken
    made += out.count - before
    if step.isEnd { state = codec.succession == .nothing ? .ended(codec) : .between(codec, decoder) }
    try checkLimits()
    return step.taken
  }

  /// Decompresses and drops the bytes that were given out before a resume; then goes on with the rest.
  private mutating func pass(
    _ codec: any Codec.Type, _ decoder: any StreamDecoder, _ input: UnsafeRawBufferPointer, _ out: ByteBuffer
  ) throws(DecompressError) -> Int {
    var scratch = ByteBuffer(capacity: min(unwanted, 256 << 10))
    var from = 0
    while unwanted > 0 {
      if scratch.capacity > unwanted { scratch = ByteBuffer(capacity: unwanted) }
      scratch.count = 0
      from += try inflate(codec, decoder, UnsafeRawBufferPointer(rebasing: input[from...]), scratch)
      unwanted -= scratch.count
      guard case .inflating = state else {
        if unwanted > 0 { throw changed(codec) }
        return from
      }
      if scratch.count < scratch.capacity, from == input.count { return from }
    }
    return try from + inflate(codec, decoder, UnsafeRawBufferPointer(rebasing: input[from...]), out)
  }

  /// Passes over the padding between two streams, and checks that a stream follows it.
  ///
  /// - Returns: how many bytes are padding.
  private mutating func skipPadding(
    _ codec: any Codec.Type, _ start: UnsafePointer<UInt8>, _ left: Int
  ) throws(DecompressError) -> Int {
    guard case .streams(let called, let mayBePadded) = codec.succession else { return 0 }
    var skipped = 0
    while mayBePadded, skipped < left, start[skipped] == 0 { skipped += 1 }
    taken += skipped
    guard skipped < left else { return skipped }
    guard codec.marks.contains(where: { $0.bytes[0] == start[skipped] }) else {
      throw .corrupt(format: codec.name, offset: taken, reason: "bytes that are no \(codec.name) \(called) follow the last one")
    }
    return skipped
  }

  private func changed(_ codec: any Codec.Type) -> DecompressError {
    .corrupt(format: codec.name, offset: taken, reason: "it is shorter than it was when a run got further in it")
  }

  private func checkLimits() throws(DecompressError) {
    if made > limits.bytes { throw .bytesExceeded(limit: limits.bytes) }
    if made > 16 << 20, made / max(taken, 1) > limits.ratio { throw .ratioExceeded(limit: limits.ratio, offset: taken) }
  }

  /// Ends the item: the caller has given all of its bytes.
  ///
  /// - Throws: ``DecompressError`` where a stream is not complete.
  public mutating func finish() throws(DecompressError) {
    switch state {
    case .inflating(let codec, _): throw .truncated(format: codec.name, offset: taken)
    case .detecting:
      if let codec = expected { throw .truncated(format: codec.name, offset: 0) }
    case .between(let codec, _) where unwanted > 0: throw changed(codec)
    default: break
    }
  }

  // MARK: Detecting

  /// The codec that the definition names, or the item's name where it does not.
  private var expected: (any Codec.Type)? {
    switch compression {
    case .codec(let codec): codec
    case .none: nil
    case .auto: Codecs.promised(by: name)
    }
  }

  private func detect(_ input: UnsafeRawBufferPointer) throws(DecompressError) -> State {
    let beginning = input.bytes
    switch compression {
    case .none: return .plain
    case .codec(let codec):
      // An item that is shorter than any mark is cut; what a doubtful mark does not show the decoder does.
      guard codec.isDoubtful || codec.recognizes(beginning, isNamed: true) || codec.isCut(beginning) else {
        throw wrong(beginning, expected: codec.name)
      }
      return try begin(codec)
    case .auto:
      let promised = Codecs.promised(by: name)
      if let codec = Codecs.all.first(where: { $0.recognizes(beginning, isNamed: $0 == promised) }) { return try begin(codec) }
      if let promised { throw wrong(beginning, expected: "\(promised.name), as its name says") }
      return .plain
    }
  }

  private func begin(_ codec: any Codec.Type) throws(DecompressError) -> State {
    guard let decoder = codec.makeDecoder(limits) else { throw .foreign(ForeignFormat(codec)) }
    return .inflating(codec, decoder)
  }

  private func wrong(_ beginning: RawSpan, expected: String) -> DecompressError {
    ForeignFormat.of(beginning).map { .foreign($0) } ?? .wrongFormat(expected: expected)
  }
}

extension Codec {
  /// Whether an item ends within the mark that it begins with.
  fileprivate static func isCut(_ beginning: RawSpan) -> Bool {
    marks.contains { mark in
      beginning.byteCount < mark.bytes.count && (0..<beginning.byteCount).allSatisfy { beginning.byte($0) == mark.bytes[$0] }
    }
  }
}
