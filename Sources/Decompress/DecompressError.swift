import Configuration

/// What is wrong with compressed bytes.
public enum DecompressError: Error, Sendable, CustomStringConvertible {
  /// The stream ends before it is whole.
  case truncated(format: String, offset: Int)
  /// The stream breaks its format's rules at about this byte of the compressed item.
  case corrupt(format: String, offset: Int, reason: String)
  /// The stream inflates to more than so many times its size.
  case ratioExceeded(limit: Int, offset: Int)
  /// The item inflates to more than so many bytes.
  case bytesExceeded(limit: Int)
  /// The stream refers back further than so many bytes, all of which would have to be kept.
  case windowExceeded(format: String, limit: Int, offset: Int)
  /// The item is not what the definition, or its own name, says.
  case wrongFormat(expected: String)
  /// The bytes are of a format that is not read here.
  case foreign(ForeignFormat)

  /// Whether the item is what it should be, up to some place.
  public var isDamage: Bool {
    switch self {
    case .truncated, .corrupt, .ratioExceeded, .bytesExceeded: true
    case .wrongFormat, .foreign, .windowExceeded: false
    }
  }

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

  /// What helps where text was taken for a stream, as its mark allows.
  private static func doubt(_ format: String) -> String {
    Codecs.named(format)?.isDoubtful == true ? "; if it is not compressed, say decompress.format: none" : ""
  }
}

extension DecompressError: StageError {
  package var stage: Stage { .decompress }

  /// What `sluice explain` tells more of.
  public var errorCode: ErrorCode {
    switch self {
    case .truncated: .truncatedStream
    case .corrupt: .damagedStream
    case .ratioExceeded, .bytesExceeded, .windowExceeded: .inflatesTooFar
    case .wrongFormat, .foreign: .wrongFormat
    }
  }
}
