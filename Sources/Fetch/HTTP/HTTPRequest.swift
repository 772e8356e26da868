/// A header field of a request (RFC 9110 §5).
public struct HTTPHeader: Sendable, Hashable {
  /// The field's name, in any case.
  public var name: String
  /// The field's value, on one line. It may be a secret.
  public var value: String
  /// Makes a field from its name and value.
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// The way to a server, and the proof of who it and the client are. Nothing here turns verification off.
struct HTTPConnection: Sendable, Hashable {
  /// Certificates or a key, in PEM.
  enum PEM: Sendable, Hashable {
    case file(String)
    case text(String)
  }

  /// The authorities that are trusted, in the place of the system's; nil for the system's.
  var authorities: PEM?
  /// The client's certificate; its key, where that is not in the same file.
  var certificate: PEM?
  /// The certificate's key; nil where the certificate's file holds it.
  var key: PEM?
  var keyPassword: String?
  /// The proxy's address; empty for none, whatever the environment says. Nil to go by the environment.
  var proxy: String?

  init() {}
}

/// A request for an http or https address.
public struct HTTPRequest: Sendable {
  /// The time limits of a request (`fetch.timeout`). Zero is no limit for ``idle`` and ``total``.
  public struct Timeouts: Sendable, Hashable {
    /// The longest time until there is a connection.
    public var connect = Duration.seconds(10)
    /// The longest time without a byte, once there is a connection.
    public var idle = Duration.seconds(30)
    /// The longest time for the whole request, redirects included.
    public var total = Duration.seconds(3600)
    /// Makes the limits of a definition that says nothing.
    public init() {}
  }

  /// The address, as a user types it: ``HTTPClient`` encodes it.
  public var url: String
  /// Header fields, as name and value, in order.
  public var headers: [(String, String)] = []
  var connection = HTTPConnection()
  var isHead = false
  /// The byte to ask from; 0 for all.
  var offset = 0
  /// The content to send by POST; nil for a GET.
  public var body: [UInt8]?
  /// The time limits.
  public var timeouts = Timeouts()
  /// Whether it is for just this address: dots in the path stay, and a redirect is an answer as any other. A signed request needs that.
  var isExact = false
  /// The names of headers, in lower case, that ``HTTPHead/value(_:)`` is to have besides those that are always kept.
  var wanted: [String] = []

  /// Makes a GET without headers.
  public init(url: String) { self.url = url }

  /// Makes a request for a source's content as it is stored: a server that is not told may compress it.
  init(_ url: String, _ settings: HTTPSettings) {
    self.url = url
    headers = settings.headers.map { ($0.name, $0.value) }
    if !headers.contains(where: { $0.0.lowercased() == "accept-encoding" }) { headers.append(("Accept-Encoding", "identity")) }
    connection = settings.connection
    timeouts = settings.timeouts
  }
}

/// A sign of progress, for the sender of a request.
public enum HTTPEvent: Sendable {
  /// The head has come. It is the first event.
  case head(HTTPHead)
  /// More of the content has gone to the receiver.
  case progress
}

/// Takes an answer, on the client's thread: the client's other transfers wait meanwhile.
public protocol HTTPReceiver: Sendable {
  /// Takes the head, after all redirects. False ends the transfer.
  func begin(_ head: HTTPHead) -> Bool
  /// Takes some bytes of the content, which are valid during the call. False ends the transfer.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool
}
