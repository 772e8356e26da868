import CZlib
import Records

#if canImport(CISAL)
  import CISAL
#endif

/// Inflates DEFLATE in a wrapper, by ISA-L or zlib.
///
/// It owns its C state, which never leaves it; one task uses it at a time.
final class Inflater: StreamDecoder {
  enum Wrapper { case gzip, zlib }

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

  #if canImport(CISAL)
    private static let stateTag = "isa-l \(MemoryLayout<inflate_state>.size) \(architecture)"
    #if arch(x86_64)
      private static let architecture = "x86_64"
    #elseif arch(arm64)
      private static let architecture = "arm64"
    #else
      private static let architecture = "other"
    #endif
  #endif

  /// ISA-L keeps window and tables inside its one struct, whose only pointers are to the caller's input and output
  /// (igzip_lib.h). zlib's state can't be had as bytes.
  func save() -> DecoderState? {
    #if canImport(CISAL)
      var copy = state.pointee
      copy.next_in = nil
      copy.next_out = nil
      copy.avail_in = 0
      copy.avail_out = 0
      return DecoderState(tag: Self.stateTag, bytes: withUnsafeBytes(of: &copy) { Array($0) })
    #else
      return nil
    #endif
  }

  func restore(_ saved: DecoderState) -> Bool {
    #if canImport(CISAL)
      let bytes = saved.bytes
      guard saved.tag == Self.stateTag, bytes.count == MemoryLayout<inflate_state>.size else { return false }
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

  func startOver() {
    #if canImport(CISAL)
      isal_inflate_reset(state)
      state.pointee.crc_flag = UInt32(wrapper == .gzip ? ISAL_GZIP : ISAL_ZLIB)
    #else
      inflateReset(stream)
    #endif
  }

  func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
    let (count, room) = (input.byteCount, out.capacity - out.count)
    #if canImport(CISAL)
      let code = input.withUnsafeBytes { bytes in
        // ISA-L reads its input, though its type lets it write.
        state.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        state.pointee.avail_in = UInt32(count)
        state.pointee.next_out = out.bytes + out.count
        state.pointee.avail_out = UInt32(room)
        return isal_inflate(state)
      }
      // Bytes that came before the damage count too.
      out.count += room - Int(state.pointee.avail_out)
      guard code == ISAL_DECOMP_OK || code == ISAL_END_INPUT else { throw .damaged(Self.reason(code)) }
      return DecoderStep(taken: count - Int(state.pointee.avail_in), isEnd: state.pointee.block_state == ISAL_BLOCK_FINISH)
    #else
      let code = input.withUnsafeBytes { bytes in
        // zlib reads its input, though its type lets it write.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = uInt(count)
        stream.pointee.next_out = out.bytes + out.count
        stream.pointee.avail_out = uInt(room)
        return inflate(stream, Z_NO_FLUSH)
      }
      out.count += room - Int(stream.pointee.avail_out)
      guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
        throw .damaged(stream.pointee.msg.map { String(cString: $0) } ?? "zlib's code \(code)")
      }
      return DecoderStep(taken: count - Int(stream.pointee.avail_in), isEnd: code == Z_STREAM_END)
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
