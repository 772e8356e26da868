import CZlib
import Records

/// Makes a gzip member (RFC 1952) of a buffer. A file of several members is one gzip file.
public enum Gzip {
  /// What the compressor refused.
  public struct Failure: Error, Sendable {
    public let code: Int32
  }

  /// - Parameter level: 1 (fast) to 9 (small).
  public static func member(of input: ByteBuffer, level: Int32 = 6, to out: ByteBuffer) throws(Failure) {
    var stream = z_stream()
    let began = sluice_deflate_init(&stream, level, 15 + 16)
    guard began == Z_OK else { throw Failure(code: began) }
    defer { deflateEnd(&stream) }
    out.reserve(Int(deflateBound(&stream, uLong(input.count))))
    stream.next_in = input.bytes
    stream.avail_in = uInt(input.count)
    stream.next_out = out.bytes + out.count
    stream.avail_out = uInt(out.capacity - out.count)
    let ended = deflate(&stream, Z_FINISH)
    guard ended == Z_STREAM_END else { throw Failure(code: ended) }
    out.count += Int(stream.total_out)
  }
}
