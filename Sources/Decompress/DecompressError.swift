import Configuration

/// An error of an item's compression. Offsets are bytes of the compressed item, from 0.
public enum DecompressError: Error, Sendable, CustomStringConvertible {
  /// The stream ends before it is complete.
  case truncated(format: String, offset: Int)
  /// The stream breaks its format's rules at about this byte of the compressed item.
  case corrupt(format: String, offset: Int, reason: String)
  /// The item inflates to more than this many times its size (`decompress.limits.ratio`).
  case ratioExceeded(limit: Int, offset: Int)
  /// The item inflates to more than this many bytes (`decompress.limits.bytes`).
  case bytesExceeded(limit: Int)
  /// The stream refers back further than this many bytes, all of which would have to be kept (`decompress.limits.window`).
  case windowExceeded(format: String, limit: Int, offset: Int)
  /// The item is not in the compression that the definition, or its own name, says.
  case wrongFormat(expected: String)
  /// The bytes are of a format that Sluice does not read.
  case foreign(ForeignFormat)

  /// Whether the item is what it should be up to some place: `on_error: keep_records` then keeps the records before it.
  public var isDamage: Bool {
    switch self {
    case .truncated, .corrupt, .ratioExceeded, .bytesExceeded: true
    case .wrongFormat, .foreign, .windowExceeded: false
    }
  }

  /// The sentence for logs and dead letters, with the key to change where one helps.
  public var description: String {
    switch self {
    case .truncated(let format, let offset): "the \(format) stream ends too early, at compressed byte \(offset)\(Self.doubt(format))"
    case .corrupt(let format, let offset, let reason):
      "the \(format) stream is damaged near compressed byte \(offset): \(reason)\(Self.doubt(format))"
    case .ratioExceeded(let limit, let offset):
      "the stream inflates to more than \(limit) times its size by compressed byte \(offset); raise decompress.limits.ratio if that is right"
    case .bytesExceeded(let limit): "the stream inflates to more than \(limit) bytes; raise decompress.limits.bytes if that is right"
    case .windowExceeded(let format, let limit, let offset):
      "the \(format) stream at compressed byte \(offset) wants a window of more than \(limit) bytes in memory; raise decompress.limits.window if there is room for one in each of decompress.workers"
    case .wrongFormat(let expected): "the item is not \(expected); if it is not compressed, say decompress.format: none"
    case .foreign(let format): format.description
    }
  }

  /// The advice for a text that was taken for a stream, as its mark allows; empty for other codecs.
  private static func doubt(_ format: String) -> String {
    Codecs.named(format)?.isDoubtful == true ? "; if it is not compressed, say decompress.format: none" : ""
  }
}

extension DecompressError: StageError {
  /// Decompress.
  package var stage: Stage { .decompress }

  /// The code that `sluice explain` takes.
  public var errorCode: ErrorCode {
    switch self {
    case .truncated: .truncatedStream
    case .corrupt: .damagedStream
    case .ratioExceeded, .bytesExceeded, .windowExceeded: .inflatesTooFar
    case .wrongFormat, .foreign: .wrongFormat
    }
  }
}
