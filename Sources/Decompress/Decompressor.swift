import Configuration
import Foundation
import Records

/// How an item is compressed.
public enum CompressionFormat: String, Sendable, Hashable, CaseIterable {
  /// By its first bytes, then by its name.
  case auto
  case gzip, zlib, none
}

/// How far a stream may inflate.
public struct DecompressLimits: Sendable, Hashable {
  /// Times its compressed size (held against once it is past 16 MB).
  public var ratio = 1000
  public var bytes = 1_000_000_000_000

  public init() {}
}

/// Takes the compression off one item's bytes, piece by piece. Gzip may have several members; each one's checksum and
/// length are checked, and zero bytes after the last are padding.
public struct Decompressor {
  private enum State {
    case detecting
    case plain
    case inflating(Inflater, isGzip: Bool)
    /// Between gzip members.
    case between(Inflater)
    case ended
  }

  /// Where a stream is, so that another process goes on from there.
  public struct Position: Codable, Sendable {
    enum Kind: String, Codable { case plain, gzip, zlib, between }
    var kind: Kind
    /// Of the inflater's library, and what it knows.
    var tag: String?
    var inflater: Data?
    /// Bytes of the item, as it is stored, before this.
    public var compressedBytes: Int
    var decompressedBytes: Int
  }

  private let format: CompressionFormat
  private let name: String
  private let limits: DecompressLimits
  private var state = State.detecting
  private var taken = 0
  private var made = 0

  public init(format: CompressionFormat, name: String, limits: DecompressLimits) {
    self.format = format
    self.name = name
    self.limits = limits
  }

  /// Where it is; nil where that can't be told, as with zlib.
  public var position: Position? {
    switch state {
    case .detecting, .ended: return nil
    case .plain: return Position(kind: .plain, compressedBytes: taken, decompressedBytes: made)
    case .between: return Position(kind: .between, compressedBytes: taken, decompressedBytes: made)
    case .inflating(let inflater, let isGzip):
      guard let tag = Inflater.stateTag, let bytes = inflater.save() else { return nil }
      return Position(
        kind: isGzip ? .gzip : .zlib, tag: tag, inflater: Data(bytes), compressedBytes: taken, decompressedBytes: made)
    }
  }

  /// Goes on from a position; false where this build can't.
  public mutating func resume(at position: Position) -> Bool {
    switch position.kind {
    case .plain: state = .plain
    case .between: state = .between(Inflater(.gzip))
    case .gzip, .zlib:
      let inflater = Inflater(position.kind == .gzip ? .gzip : .zlib)
      guard position.tag == Inflater.stateTag, let bytes = position.inflater, inflater.restore(Array(bytes)) else { return false }
      state = .inflating(inflater, isGzip: position.kind == .gzip)
    }
    taken = position.compressedBytes
    made = position.decompressedBytes
    return true
  }

  /// Bytes taken in and given out so far.
  public var compressedBytes: Int { taken }
  public var decompressedBytes: Int { made }

  /// Takes bytes of `input` from position `from` on and appends what they hold to `out`, as far as it has room.
  ///
  /// - Returns: how many were taken; call again with the rest while that is not all, or while `out` was filled.
  public mutating func step(_ input: ByteBuffer, from: Int, into out: ByteBuffer) throws(DecompressError) -> Int {
    let left = input.count - from
    let start = UnsafePointer(input.bytes + from)
    switch state {
    case .detecting:
      try detect(start, left)
      return try step(input, from: from, into: out)
    case .plain:
      let n = min(left, out.capacity - out.count)
      out.append(start, n)
      taken += n
      made += n
      try checkLimits()
      return n
    case .between(let inflater):
      var skipped = 0
      while skipped < left, start[skipped] == 0 { skipped += 1 }
      taken += skipped
      guard skipped < left else { return skipped }
      guard start[skipped] == 0x1F else {
        throw .corrupt(format: "gzip", offset: taken, reason: "bytes that are no gzip member follow the last one")
      }
      inflater.reset()
      state = .inflating(inflater, isGzip: true)
      return skipped
    case .inflating(let inflater, let isGzip): return try inflate(inflater, isGzip, start, left, out)
    case .ended:
      guard left == 0 else { throw .corrupt(format: "zlib", offset: taken, reason: "bytes follow the stream's end") }
      return 0
    }
  }

  private mutating func inflate(
    _ inflater: Inflater, _ isGzip: Bool, _ start: UnsafePointer<UInt8>, _ left: Int, _ out: ByteBuffer
  ) throws(DecompressError) -> Int {
    let step: Inflater.Step
    do {
      step = try inflater.step(input: start, left, output: out.bytes + out.count, out.capacity - out.count)
    } catch {
      throw .corrupt(format: isGzip ? "gzip" : "zlib", offset: taken, reason: error.reason)
    }
    taken += step.taken
    made += step.made
    out.count += step.made
    if step.isEnd { state = isGzip ? .between(inflater) : .ended }
    try checkLimits()
    return step.taken
  }

  private func checkLimits() throws(DecompressError) {
    if made > limits.bytes { throw .bytesExceeded(limit: limits.bytes) }
    if made > 16 << 20, made / max(taken, 1) > limits.ratio { throw .ratioExceeded(limit: limits.ratio, offset: taken) }
  }

  private mutating func detect(_ p: UnsafePointer<UInt8>, _ n: Int) throws(DecompressError) {
    let isGzip = n >= 2 && p[0] == 0x1F && p[1] == 0x8B
    switch format {
    case .none: state = .plain
    case .gzip:
      guard isGzip || n < 2 else { throw wrong(p, n, expected: "gzip") }
      state = .inflating(Inflater(.gzip), isGzip: true)
    case .zlib: state = .inflating(Inflater(.zlib), isGzip: false)
    case .auto:
      if isGzip {
        state = .inflating(Inflater(.gzip), isGzip: true)
      } else if n >= 2, p[0] & 0x0F == 8, (Int(p[0]) << 8 | Int(p[1])) % 31 == 0, p[0] >> 4 <= 7,
        name.hasSuffix(".zz") || name.hasSuffix(".zlib") || !(p[1] >= 0x20 && p[1] < 0x7F)
      {
        state = .inflating(Inflater(.zlib), isGzip: false)
      } else if name.hasSuffix(".gz"), n > 0 {
        throw wrong(p, n, expected: "gzip, as its name says")
      } else {
        state = .plain
      }
    }
  }

  private func wrong(_ p: UnsafePointer<UInt8>, _ n: Int, expected: String) -> DecompressError {
    ForeignFormat.of(p, n).map { .foreign($0) } ?? .wrongFormat(expected: expected)
  }

  /// The input has ended.
  public mutating func finish() throws(DecompressError) {
    switch state {
    case .inflating(_, let isGzip): throw .truncated(format: isGzip ? "gzip" : "zlib", offset: taken)
    case .detecting where format == .gzip || format == .zlib || name.hasSuffix(".gz"):
      throw .truncated(format: format == .auto ? "gzip" : format.rawValue, offset: 0)
    default: break
    }
  }
}
