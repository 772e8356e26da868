import Dataflow
import Planning
import Configuration
import Decompress
import Definition
import Fetch
import Foundation
import Parse
import Records
import Supervision

/// The parts of an item that `init` has read: its beginning, all of it where it is not large, and pieces of the rest.
struct SourceLook {
  /// A local file is read whole up to this size, as it is stored.
  static let wholeBytes = 16 << 20
  /// Text at the beginning that types are guessed from.
  private static let textBytes = 2 << 20
  /// Text that is inflated at most.
  static let inflatedBytes = 48 << 20
  private static let sliceBytes = 96 << 10
  private static let sliceCount = 8

  let item: Item
  /// As it is stored.
  let stored: ByteBuffer
  /// Whether that is all of the item.
  let isWhole: Bool
  let compression: String
  /// The beginning without its compression, in its own encoding.
  let text: ByteBuffer
  let isTextWhole: Bool
  /// Pieces of the text behind that, at even distances, the item's end among them where it could be had.
  let slices: [ByteBuffer]

  init(_ item: Item, _ definition: PipelineDefinition, _ session: FetchSession) async throws {
    self.item = item
    let fetcher = Fetcher(session, definition.fetch.retry)
    let size = try await Self.size(item, fetcher)
    stored =
      try await size == nil
      ? Sampler(definition: definition, session: session).head(item) : fetcher.bytes(item.source, item.location, count: Self.wholeBytes)
    let stored = stored
    isWhole = size.map { $0 <= stored.count } ?? (stored.count < Sampler.headBytes)
    let inflated = try Self.inflate(stored, item, definition)
    compression = inflated.compression
    text = inflated.text
    isTextWhole = isWhole && inflated.isEnd && inflated.slices.isEmpty
    if compression == "none", let size, size > stored.count {
      var pieces = inflated.slices
      let step = (size - stored.count) / Self.sliceCount
      for number in 1...Self.sliceCount {
        let from = stored.count + step * number - Self.sliceBytes
        pieces.append(
          try await fetcher.bytes(item.source, item.location, from: max(from, stored.count) & ~3, count: Self.sliceBytes))
      }
      slices = pieces
    } else {
      slices = inflated.slices
    }
    if let foreign = ForeignFormat.of(text) { throw RunFailure.sample("\(item.key): \(foreign.refusal)", .wrongFormat) }
  }

  /// Bytes of an item that may be read anywhere at no cost; nil for one that may not.
  private static func size(_ item: Item, _ fetcher: Fetcher) async throws -> Int? {
    guard item.source.traits.isSuperset(of: [.answersAtOnce, .rereadsFreely, .ranges, .exactSizes]) else { return nil }
    return try await fetcher.head(item.source, item.location, known: nil).size
  }

  private static func inflate(
    _ stored: ByteBuffer, _ item: Item, _ definition: PipelineDefinition
  ) throws -> (text: ByteBuffer, slices: [ByteBuffer], isEnd: Bool, compression: String) {
    var decompressor = Decompressor(.auto, name: item.name, limits: definition.decompress.limits)
    let text = ByteBuffer(capacity: min(textBytes, max(stored.count * 4, 64 << 10)))
    let piece = ByteBuffer(capacity: sliceBytes)
    var slices: [ByteBuffer] = []
    var from = 0
    var made = 0
    var isFull = false
    var isEnd = false
    do throws(DecompressError) {
      while made < inflatedBytes {
        let out = isFull ? piece : text
        if !isFull, text.count >= text.capacity {
          if text.count >= textBytes { isFull = true } else { text.reserve(text.count) }
          continue
        }
        let before = out.count
        from += try decompressor.step(stored, from: from, into: out)
        made += out.count - before
        // A decompressor that fills its room may hold back more.
        if from >= stored.count, out.count < out.capacity { isEnd = true }
        if isFull, out.count >= sliceBytes || isEnd {
          // Every slice is kept until there are too many; then every other one, and the last.
          if out.count > 0 { slices.append(copy(out)) }
          out.count = 0
          if slices.count > 4 * sliceCount { slices = slices.enumerated().filter { $0.offset % 2 == 1 }.map(\.element) }
        }
        if isEnd { break }
      }
    } catch {
      // Damage further on is for a run to tell; the beginning is enough to look at.
      guard error.isDamage, text.count > 0 else { throw RunFailure.sample("\(item.key): \(error)", error.errorCode) }
    }
    if piece.count > 0 { slices.append(copy(piece)) }
    return (text, slices, isEnd, decompressor.codec?.name ?? "none")
  }

  private static func copy(_ buffer: ByteBuffer) -> ByteBuffer {
    let copy = ByteBuffer(capacity: buffer.count)
    copy.append(buffer.bytes, buffer.count)
    return copy
  }

  /// Hands the stored bytes to `body`, piece by piece, until it has enough; says whether that was the whole item.
  func feed(_ body: (ByteBuffer) async throws -> Bool) async throws -> Bool {
    let pieceBytes = 256 << 10
    var from = 0
    while from < stored.count {
      let piece = ByteBuffer(capacity: min(pieceBytes, stored.count - from))
      piece.append(stored.bytes + from, piece.capacity)
      from += piece.count
      if try await !body(piece), from < stored.count { return false }
    }
    return isWhole
  }

  // MARK: Text

  /// The beginning as UTF-8.
  func converted(_ encoding: TextEncoding?) -> ByteBuffer { Self.convert(text, encoding) }

  /// The pieces as UTF-8, from their first line end to their last.
  func convertedSlices(_ encoding: TextEncoding?) -> [ByteBuffer] {
    slices.compactMap { slice in
      // Two bytes a character tell their order no more behind the item's mark.
      var own = encoding
      if encoding == .utf16 { own = text.copy(0..<1) == [0xFE] ? .utf16be : .utf16le }
      let whole = Self.convert(slice, own)
      guard var first = (0..<whole.count).first(where: { whole.bytes[$0] == 0x0A }) else { return nil }
      first += 1
      var last = whole.count
      while last > first, whole.bytes[last - 1] != 0x0A { last -= 1 }
      guard last > first else { return nil }
      let lines = ByteBuffer(capacity: last - first)
      lines.append(whole.bytes + first, last - first)
      return lines
    }
  }

  private static func convert(_ text: ByteBuffer, _ encoding: TextEncoding?) -> ByteBuffer {
    Transcoder.decode(text, encoding ?? .utf8, isWhole: true).text
  }
}
