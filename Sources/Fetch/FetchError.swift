import Foundation

/// Why an item's bytes could not be had.
public enum FetchError: Error, Sendable, CustomStringConvertible {
  /// The server answered with another status than success.
  case status(Int, retryAfter: Duration?)
  /// The connection failed or broke; libcurl's words.
  case connection(String)
  /// The address can't be used at all; libcurl's words.
  case address(String)
  case checksum(expected: String, found: String)
  /// The source changed while it was read: what was read so far is of another version.
  case changed
  /// A file of this machine can't be read.
  case file(String, code: Int32)

  /// Whether another try may help.
  public var isTransient: Bool {
    switch self {
    case .status(let code, _): code == 408 || code == 425 || code == 429 || code >= 500 && code != 501 && code != 505
    case .connection, .checksum, .changed: true
    case .address: false
    case .file(_, let code): code == EIO || code == EINTR || code == ESTALE || code == EMFILE || code == ENFILE
    }
  }

  public var description: String {
    switch self {
    case .status(let code, _):
      switch code {
      case 401, 403: "the server answers \(code): it does not let us in; check fetch.from's headers"
      case 404, 410: "the server answers \(code): there is nothing at this address"
      default: "the server answers \(code)"
      }
    case .connection(let words): words
    case .address(let words): "the address can't be used: \(words)"
    case .checksum(let expected, let found): "the content's SHA-256 is \(found), and the definition says \(expected)"
    case .changed: "the source changed while it was read"
    case .file(let path, let code): "can't read \(path): \(String(cString: strerror(code)))"
    }
  }
}
