import CDigest
import Records

/// SHA-256 (FIPS 180-4) of bytes that come in pieces.
///
/// It owns its libcrypto context; one task uses it at a time.
public final class Digest {
  private let context: OpaquePointer?

  /// Makes a digest of no bytes.
  public init() {
    context = EVP_MD_CTX_new()
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Takes in `count` more bytes from `start` on.
  public func update(_ start: UnsafePointer<UInt8>, _ count: Int) { EVP_DigestUpdate(context, start, count) }

  /// Returns the digest as 64 hexadecimal digits in lower case. Call it once, after the last bytes.
  public func finish() -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &bytes, nil)
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Returns the SHA-256 of a text's UTF-8, in hexadecimal digits.
  public static func of(_ text: String) -> String {
    let digest = Digest()
    var text = text
    text.withUTF8 { if let base = $0.baseAddress { digest.update(base, $0.count) } }
    return digest.finish()
  }

  /// Returns the SHA-256 of all bytes of a buffer, in hexadecimal digits.
  public static func of(_ buffer: ByteBuffer) -> String {
    let digest = Digest()
    digest.update(buffer.bytes, buffer.count)
    return digest.finish()
  }
}
