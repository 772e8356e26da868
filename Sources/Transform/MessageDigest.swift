import CDigest
import Records

/// A hash function of libcrypto, for many short messages one after another.
///
/// It owns its context; one task uses it at a time.
final class MessageDigest {
  enum Algorithm {
    case md5, sha1, sha256

    var bytes: Int {
      switch self {
      case .md5: 16
      case .sha1: 20
      case .sha256: 32
      }
    }
  }

  private let context: OpaquePointer?
  /// Whether the library has the function: one for official use alone may have no MD5.
  let isUsable: Bool
  private let bytes: Int

  init(_ algorithm: Algorithm) {
    context = EVP_MD_CTX_new()
    let function =
      switch algorithm {
      case .md5: EVP_md5()
      case .sha1: EVP_sha1()
      case .sha256: EVP_sha256()
      }
    bytes = algorithm.bytes
    isUsable = EVP_DigestInit_ex(context, function, nil) == 1
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Hashes a message that comes in parts, into the first bytes of `digest`, which has room for 32.
  func hash(_ parts: UnsafeBufferPointer<UInt8>..., into digest: UnsafeMutablePointer<UInt8>) {
    // Without a function the context keeps the one that it has.
    EVP_DigestInit_ex(context, nil, nil)
    for part in parts { EVP_DigestUpdate(context, part.baseAddress, part.count) }
    EVP_DigestFinal_ex(context, digest, nil)
  }
}
