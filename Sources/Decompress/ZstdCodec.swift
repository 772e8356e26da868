import Configuration
import Records

#if canImport(CZstd)
  import CZstd
#endif

/// Zstandard (RFC 8878): frames, each with a checksum or without, one behind another; skippable frames hold nothing.
enum ZstdCodec: Codec {
  static let page = ComponentPage(
    .codec, "zstd", "Reads and writes zstd, which takes less time than gzip and makes smaller files.", abilities: ["read", "write"],
    endings: ["zst", "zstd"], place: "decompress",
    example: """
      pipeline: orders
      fetch: {from: orders/*.csv.zst}
      decompress: {format: zstd, limits: {window: 128MiB}}
      write: {path: "out/{item.stem}.jsonl.zst"}
      """,
    errors: [.truncatedStream, .damagedStream, .inflatesTooFar, .wrongFormat],
    guarantees: [
      "Frames one behind another are one content, and skippable frames are passed over. A frame's checksum is checked where it has one.",
      "An output is made of frames with checksums, none of which crosses a checkpoint.",
    ],
    limits: [
      "A run that goes on in the middle of an item decompresses the frame that it was in again from that frame's beginning: libzstd can't keep its state. An item of one frame is decompressed again from its own beginning, but parsed only from the checkpoint on.",
      "A frame whose window is larger than decompress.limits.window (128MiB, as zstd --long makes) is refused. zstd --long=31 wants 2GiB, which each of decompress.workers may then take.",
      "Frames that want a dictionary are not read. Outputs are compressed at level 3.",
    ],
    missing: missing)

  /// The marks of a frame, and of the sixteen kinds of skippable ones.
  static let marks = [Mark([0x28, 0xB5, 0x2F, 0xFD])] + (0x50...0x5F).map { Mark([$0, 0x2A, 0x4D, 0x18]) }
  static let contentCodings: Set = ["zstd"]
  static let command = "zstd -d"
  static let succession = Succession.streams(called: "frame", mayBePadded: false)

  #if canImport(CZstd)
    private static let missing: String? = nil

    static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder(window: limits.window) }

    static let encoder: (any UnitEncoder)? = Encoder()

    /// Decodes frames by libzstd's streaming calls.
    ///
    /// It owns its context, which never leaves it; one task uses it at a time.
    private final class Decoder: StreamDecoder {
      /// Nil where there was no memory for it.
      private let context: OpaquePointer?
      /// Whether the last step filled its room, so that more may be held back.
      private var isHolding = false
      /// How many bytes the library asks for next. It gets no more at once: a call that finds damage does not tell what it decoded before.
      private var wanted = firstBytes
      private static let firstBytes = 5

      init(window: Int) {
        context = ZSTD_createDCtx()
        // The exponent of two up to which a window is taken, within what the library and its format allow.
        let exponent = window < 1024 ? 10 : min(31, Int.bitWidth - 1 - window.leadingZeroBitCount)
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(exponent))
      }

      deinit { ZSTD_freeDCtx(context) }

      func startOver() {
        ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        wanted = Self.firstBytes
      }

      func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
        guard let context else { throw .damaged("there is no memory for libzstd") }
        // The library counts calls that bring nothing, and refuses the sixteenth.
        if input.isEmpty, !isHolding { return DecoderStep(taken: 0, isEnd: false) }
        var taken = 0
        repeat {
          var output = ZSTD_outBuffer(dst: out.bytes + out.count, size: out.capacity - out.count, pos: 0)
          let code = input.withUnsafeBytes { bytes in
            let part = UnsafeRawBufferPointer(rebasing: bytes[taken..<min(bytes.count, taken + wanted)])
            var source = ZSTD_inBuffer(src: part.baseAddress, size: part.count, pos: 0)
            defer { taken += source.pos }
            return ZSTD_decompressStream(context, &output, &source)
          }
          guard ZSTD_isError(code) == 0 else {
            if ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge { throw .windowTooLarge }
            throw .damaged(String(cString: ZSTD_getErrorName(code)))
          }
          out.count += output.pos
          isHolding = output.pos == output.size
          if code == 0 {
            wanted = Self.firstBytes
            return DecoderStep(taken: taken, isEnd: true)
          }
          wanted = code
        } while taken < input.byteCount && out.count < out.capacity
        return DecoderStep(taken: taken, isEnd: false)
      }
    }

    /// Makes a frame of each unit.
    private struct Encoder: UnitEncoder {
      private static let level: Int32 = 3

      func encode(_ input: RawSpan, to out: ByteBuffer) throws(CodecFailure) {
        guard let context = ZSTD_createCCtx() else { throw .notEncoded("there is no memory for libzstd") }
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        out.reserve(ZSTD_compressBound(input.byteCount))
        let code = input.withUnsafeBytes { bytes in
          ZSTD_compress2(context, out.bytes + out.count, out.capacity - out.count, bytes.baseAddress, bytes.count)
        }
        guard ZSTD_isError(code) == 0 else { throw .notEncoded(String(cString: ZSTD_getErrorName(code))) }
        out.count += code
      }
    }
  #else
    private static let missing: String? = "this sluice was built without libzstd (libzstd-dev was not there)"

    static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { nil }

    static let encoder: (any UnitEncoder)? = nil
  #endif
}
