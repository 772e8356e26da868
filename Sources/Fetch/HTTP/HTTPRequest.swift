/// A header field of a request (RFC 9110, section 5).
public struct HTTPHeader: Sendable, Hashable {
  public var name: String
  public var value: String
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// How a server is reached, and how it and the client prove who they are. Nothing here turns verification off.
public struct HTTPConnection: Sendable, Hashable {
  /// Certificates or a key, in PEM.
  public enum PEM: Sendable, Hashable {
    case file(String)
    case text(String)
  }

  /// The authorities that are trusted, in place of the system's.
  public var authorities: PEM?
  /// The client's certificate; its key, where that is not in the same file.
  public var certificate: PEM?
  public var key: PEM?
  public var keyPassword: String?
  /// The proxy's address; empty for none, whatever the environment says. Nil to go by the environment.
  public var proxy: String?

  public init() {}
}

/// A request for an http or https address.
public struct HTTPRequest: Sendable {
  /// How long what may take (`fetch.timeout`).
  public struct Timeouts: Sendable, Hashable {
    public var connect = Duration.seconds(10)
    /// Without a byte, once there is a connection.
    public var idle = Duration.seconds(30)
    /// For all of it, redirects included.
    public var total = Duration.seconds(3600)
    public init() {}
  }

  public var url: String
  public var headers: [(String, String)] = []
  public var connection = HTTPConnection()
  public var isHead = false
  /// Ask for the bytes from here on.
  public var offset = 0
  /// What is sent, by POST; nil to GET.
  public var body: [UInt8]?
  public var timeouts = Timeouts()
  /// Whether it is for just this address: dots in the path stay, and a redirect is an answer as any other. A signed request needs that.
  package var isExact = false
  /// Headers of the answer that ``HTTPHead/value(_:)`` tells besides those that it knows; in lower case.
  package var wanted: [String] = []

  public init(url: String) { self.url = url }

  /// A request for a source's content as it is stored: a server that is not told may compress it.
  package init(_ url: String, _ settings: HTTPSettings) {
    self.url = url
    headers = settings.headers.map { ($0.name, $0.value) }
    if !headers.contains(where: { $0.0.lowercased() == "accept-encoding" }) { headers.append(("Accept-Encoding", "identity")) }
    connection = settings.connection
    timeouts = settings.timeouts
  }
}

/// What a request's sender is told while it is served.
public enum HTTPEvent: Sendable {
  case head(HTTPHead)
  /// More of the content went to the receiver.
  case progress
}

/// Where a response's content goes; called on the client's thread. False aborts the transfer.
public protocol HTTPReceiver: Sendable {
  func begin(_ head: HTTPHead) -> Bool
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool
}
