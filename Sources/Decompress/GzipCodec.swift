import CZlib
import Configuration
import Records

/// gzip (RFC 1952): members, each with checksum and length, one behind another.
enum GzipCodec: Codec {
  static let page = ComponentPage(
    .codec, "gzip", "Reads and writes gzip, which most programs know.", abilities: ["read", "write"], endings: ["gz", "gzip"],
    place: "decompress",
    example: """
      pipeline: orders
      fetch: {from: orders/*.csv.gz}
      decompress: {format: gzip}
      write: {path: "out/{item.stem}.jsonl.gz"}
      """,
    errors: [.truncatedStream, .damagedStream, .inflatesTooFar, .wrongFormat],
    guarantees: [
      "Each member's checksum and length are checked; members one behind another are one content, and zero bytes after the last are padding.",
      "With ISA-L a run goes on in the middle of a member; with zlib it decompresses the item again from the last member's beginning.",
      "An output is made of members, none of which crosses a checkpoint.",
    ],
    limits: ["Outputs are compressed at level 6."])

  static let marks = [Mark([0x1F, 0x8B])]
  static let contentCodings: Set = ["gzip", "x-gzip"]
  static let command = "gzip -d"
  static let succession = Succession.streams(called: "member", mayBePadded: true)

  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Inflater(.gzip) }

  static let encoder: (any UnitEncoder)? = Encoder()

  /// Makes members by zlib.
  private struct Encoder: UnitEncoder {
    /// 1 is fast, 9 is small.
    private static let level: Int32 = 6

    func encode(_ input: RawSpan, to out: ByteBuffer) throws(CodecFailure) {
      var stream = z_stream()
      let began = sluice_deflate_init(&stream, Self.level, 15 + 16)
      guard began == Z_OK else { throw .notEncoded("zlib's code \(began)") }
      defer { deflateEnd(&stream) }
      out.reserve(Int(deflateBound(&stream, uLong(input.byteCount))))
      let ended = input.withUnsafeBytes { bytes in
        // zlib reads what is to be compressed, though its type lets it write.
        stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = uInt(bytes.count)
        stream.next_out = out.bytes + out.count
        stream.avail_out = uInt(out.capacity - out.count)
        return deflate(&stream, Z_FINISH)
      }
      guard ended == Z_STREAM_END else { throw .notEncoded("zlib's code \(ended)") }
      out.count += Int(stream.total_out)
    }
  }
}
