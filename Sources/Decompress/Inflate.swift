import CZlib
import Configuration

#if canImport(CISAL)
  import CISAL
#endif

/// What is wrong with compressed bytes.
public enum DecompressError: Error, Sendable, CustomStringConvertible {
  /// The stream ends before it is whole.
  case truncated(format: String, offset: Int)
  /// The stream breaks its format's rules at about this byte of the compressed item.
  case corrupt(format: String, offset: Int, reason: String)
  case ratioExceeded(limit: Int, offset: Int)
  case bytesExceeded(limit: Int)
  case wrongFormat(expected: String)
  /// The bytes are of a format that is not read here.
  case foreign(ForeignFormat)

  /// Whether the item is what it should be, up to some place.
  public var isDamage: Bool {
    switch self {
    case .truncated, .corrupt, .ratioExceeded, .bytesExceeded: true
    case .wrongFormat, .foreign: false
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
    case .wrongFormat(let expected): "the item is not \(expected); if it is not compressed, say decompress.format: none"
    case .foreign(let format): format.description
    }
  }

  /// Text can begin as zlib does, whose mark is two bytes.
  private static func doubt(_ format: String) -> String {
    format == "zlib" ? "; if it is not compressed, say decompress.format: none" : ""
  }
}

/// Inflates DEFLATE in a wrapper, piece by piece, into memory that the caller owns.
///
/// It owns its C state, which never leaves it; one task uses it at a time.
final class Inflater {
  enum Wrapper { case gzip, zlib }

  struct Step {
    /// Bytes taken from the input and put into the output.
    var taken: Int
    var made: Int
    /// The stream (of gzip: this member) is whole and its checks hold.
    var isEnd: Bool
  }

  private let wrapper: Wrapper
  #if canImport(CISAL)
    private let state: UnsafeMutablePointer<inflate_state>
  #else
    private let stream: UnsafeMutablePointer<z_stream>
  #endif

  init(_ wrapper: Wrapper) {
    self.wrapper = wrapper
    #if canImport(CISAL)
      state = .allocate(capacity: 1)
      isal_inflate_init(state)
      state.pointee.crc_flag = UInt32(wrapper == .gzip ? ISAL_GZIP : ISAL_ZLIB)
    #else
      stream = .allocate(capacity: 1)
      stream.initialize(to: z_stream())
      _ = sluice_inflate_init(stream, wrapper == .gzip ? 15 + 16 : 15)
    #endif
  }

  /// What tells whose state saved bytes are.
  #if canImport(CISAL)
    static let stateTag: String? = "isa-l \(MemoryLayout<inflate_state>.size) \(architecture)"
    #if arch(x86_64)
      private static let architecture = "x86_64"
    #elseif arch(arm64)
      private static let architecture = "arm64"
    #else
      private static let architecture = "other"
    #endif
  #else
    // zlib's state can't be had as bytes.
    static let stateTag: String? = nil
  #endif

  /// All that it knows, for ``restore(_:)`` in another process; nil where the library can't. ISA-L keeps window and tables
  /// inside its one struct, whose only pointers are to the caller's input and output (igzip_lib.h).
  func save() -> [UInt8]? {
    #if canImport(CISAL)
      var copy = state.pointee
      copy.next_in = nil
      copy.next_out = nil
      copy.avail_in = 0
      copy.avail_out = 0
      return withUnsafeBytes(of: &copy) { Array($0) }
    #else
      return nil
    #endif
  }

  /// Goes on from where ``save()`` was called; false where the bytes are no state of this library's.
  func restore(_ bytes: [UInt8]) -> Bool {
    #if canImport(CISAL)
      guard bytes.count == MemoryLayout<inflate_state>.size else { return false }
      bytes.withUnsafeBytes {
        UnsafeMutableRawPointer(state).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(state), byteCount: $0.count)
      }
      // Indices into the struct's own buffers: within them, whatever the bytes say.
      let s = state.pointee
      let header = MemoryLayout.size(ofValue: s.tmp_in_buffer)
      // The output's buffer, which is too large for Swift to import, is the struct's last member.
      let before = (MemoryLayout<inflate_state>.offset(of: \.tmp_in_buffer) ?? bytes.count) + header
      return s.tmp_out_valid >= 0 && s.tmp_out_processed >= 0 && s.tmp_out_processed <= s.tmp_out_valid
        && Int(s.tmp_out_valid) <= bytes.count - before && s.tmp_in_size >= 0 && Int(s.tmp_in_size) <= header
    #else
      return false
    #endif
  }

  deinit {
    #if canImport(CISAL)
      state.deallocate()
    #else
      inflateEnd(stream)
      stream.deallocate()
    #endif
  }

  /// Starts over, for the next gzip member.
  func reset() {
    #if canImport(CISAL)
      isal_inflate_reset(state)
      state.pointee.crc_flag = UInt32(wrapper == .gzip ? ISAL_GZIP : ISAL_ZLIB)
    #else
      inflateReset(stream)
    #endif
  }

  /// - Throws: the reason, where the bytes are no such stream.
  func step(
    input: UnsafePointer<UInt8>, _ count: Int, output: UnsafeMutablePointer<UInt8>, _ room: Int
  ) throws(InflateFailure) -> Step {
    #if canImport(CISAL)
      state.pointee.next_in = UnsafeMutablePointer(mutating: input)
      state.pointee.avail_in = UInt32(count)
      state.pointee.next_out = output
      state.pointee.avail_out = UInt32(room)
      let code = isal_inflate(state)
      guard code == ISAL_DECOMP_OK || code == ISAL_END_INPUT else { throw InflateFailure(reason: Self.reason(code)) }
      return Step(
        taken: count - Int(state.pointee.avail_in), made: room - Int(state.pointee.avail_out),
        isEnd: state.pointee.block_state == ISAL_BLOCK_FINISH)
    #else
      stream.pointee.next_in = UnsafeMutablePointer(mutating: input)
      stream.pointee.avail_in = uInt(count)
      stream.pointee.next_out = output
      stream.pointee.avail_out = uInt(room)
      let code = inflate(stream, Z_NO_FLUSH)
      guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
        throw InflateFailure(reason: stream.pointee.msg.map { String(cString: $0) } ?? "zlib's code \(code)")
      }
      return Step(
        taken: count - Int(stream.pointee.avail_in), made: room - Int(stream.pointee.avail_out), isEnd: code == Z_STREAM_END)
    #endif
  }

  #if canImport(CISAL)
    private static func reason(_ code: Int32) -> String {
      switch code {
      case ISAL_INVALID_BLOCK: "a block of no known kind"
      case ISAL_INVALID_SYMBOL: "a code that stands for nothing"
      case ISAL_INVALID_LOOKBACK: "a reference to before the beginning"
      case ISAL_INVALID_WRAPPER: "a header that is none"
      case ISAL_UNSUPPORTED_METHOD: "a compression method other than deflate"
      case ISAL_INCORRECT_CHECKSUM: "the checksum does not match"
      default: "code \(code)"
      }
    }
  #endif
}

struct InflateFailure: Error {
  let reason: String
}

extension DecompressError {
  public var errorCode: ErrorCode {
    switch self {
    case .truncated: .truncatedStream
    case .corrupt: .damagedStream
    case .ratioExceeded, .bytesExceeded: .inflatesTooFar
    case .wrongFormat, .foreign: .wrongFormat
    }
  }
}
