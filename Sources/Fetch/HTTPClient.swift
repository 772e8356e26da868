import CCurl
import Foundation
import Synchronization

/// A request for an http or https address.
public struct HTTPRequest: Sendable {
  public struct Timeouts: Sendable, Hashable {
    public var connect = Duration.seconds(10)
    /// Without a byte.
    public var idle = Duration.seconds(30)
    public var total = Duration.seconds(3600)
    public init() {}
  }

  public var url: String
  public var headers: [(String, String)] = []
  public var isHead = false
  /// Ask for the bytes from here on.
  public var offset = 0
  /// What is sent, by POST; nil to GET.
  public var body: [UInt8]?
  public var timeouts = Timeouts()

  public init(url: String) { self.url = url }
}

/// What a server says before the content.
public struct HTTPHead: Sendable {
  public var status: Int
  /// Those of the last response's headers that are asked for below, names in lower case.
  public var headers: [String: String]

  public var etag: String? { headers["etag"] }
  public var lastModified: String? { headers["last-modified"] }
  public var contentLength: Int? { headers["content-length"].flatMap { Int($0) } }

  /// RFC 9110 §10.2.3: seconds, or a date.
  public var retryAfter: Duration? {
    guard let value = headers["retry-after"] else { return nil }
    if let seconds = Int(value) { return .seconds(max(0, seconds)) }
    let at = curl_getdate(value, nil)
    return at < 0 ? nil : .seconds(max(0, at - time(nil)))
  }

  /// Of a 206: where the part begins, and how long the whole is (RFC 9110 §14.4).
  public var contentRange: (start: Int?, total: Int?)? {
    guard let value = headers["content-range"], value.hasPrefix("bytes ") else { return nil }
    let parts = value.dropFirst(6).split(separator: "/")
    guard parts.count == 2 else { return nil }
    return (parts[0].split(separator: "-").first.flatMap { Int($0) }, Int(parts[1]))
  }
}

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

/// HTTP by libcurl's multi interface, on one thread of its own. Connections are kept and used again.
public final class HTTPClient: Sendable {
  private struct Commands {
    var start: [Transfer] = []
    var cancel: [Transfer] = []
    var isClosed = false
  }
  private let commands = Mutex(Commands())
  private let multi: MultiHandle

  public init() {
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    multi = MultiHandle()
    let thread = Thread { [self] in loop() }
    thread.name = "sluice.http"
    thread.start()
  }

  /// Ends the thread; transfers under way are cancelled.
  public func close() {
    commands.withLock { $0.isClosed = true }
    multi.wake()
  }

  /// Starts a request. The stream gives the head, then signs of progress (merged where they are not taken at once), and
  /// ends with the transfer: it throws ``FetchError`` where that failed, whatever the status was.
  public func send(_ request: HTTPRequest, to receiver: any HTTPReceiver) -> AsyncThrowingStream<HTTPEvent, any Error> {
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: HTTPEvent.self, bufferingPolicy: .bufferingNewest(2))
    let transfer = Transfer(request, receiver, continuation)
    continuation.onTermination = { [self] reason in
      if case .cancelled = reason {
        commands.withLock { $0.cancel.append(transfer) }
        multi.wake()
      }
    }
    commands.withLock { $0.start.append(transfer) }
    multi.wake()
    return stream
  }

  private func loop() {
    var active: [OpaquePointerKey: Transfer] = [:]
    // Handles that are not in use: to make one costs more than a small transfer.
    var idle: [UnsafeMutableRawPointer] = []
    defer { for handle in idle { curl_easy_cleanup(handle) } }
    while true {
      let (start, cancel, isClosed) = commands.withLock { commands in
        defer {
          commands.start = []
          commands.cancel = []
        }
        return (commands.start, commands.cancel, commands.isClosed)
      }
      for transfer in start {
        if let handle = transfer.begin(with: idle.popLast()) {
          curl_multi_add_handle(multi.handle, handle)
          active[OpaquePointerKey(handle)] = transfer
        }
      }
      for transfer in cancel { end(transfer, &active, &idle) }
      if isClosed {
        for transfer in active.values { end(transfer, &active, &idle) }
        return
      }
      var running: Int32 = 0
      curl_multi_perform(multi.handle, &running)
      var left: Int32 = 0
      while let message = curl_multi_info_read(multi.handle, &left) {
        guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
        let code = message.pointee.data.result
        guard let transfer = active[OpaquePointerKey(handle)] else { continue }
        if transfer.finish(code) {
          curl_multi_remove_handle(multi.handle, handle)
          curl_multi_add_handle(multi.handle, handle)
        } else {
          end(transfer, &active, &idle)
        }
      }
      curl_multi_poll(multi.handle, nil, 0, 1000, nil)
    }
  }

  private func end(_ transfer: Transfer, _ active: inout [OpaquePointerKey: Transfer], _ idle: inout [UnsafeMutableRawPointer]) {
    guard let handle = transfer.handle else { return }
    curl_multi_remove_handle(multi.handle, handle)
    active[OpaquePointerKey(handle)] = nil
    transfer.release()
    curl_easy_reset(handle)
    idle.append(handle)
  }
}

private struct OpaquePointerKey: Hashable {
  let address: UnsafeMutableRawPointer
  init(_ handle: UnsafeMutableRawPointer) { address = handle }
}

/// `@unchecked Sendable`: the handle is used by the client's thread alone, but for curl_multi_wakeup, which
/// libcurl-thread(3) lets any thread call.
private final class MultiHandle: @unchecked Sendable {
  let handle: UnsafeMutableRawPointer?

  init() {
    handle = curl_multi_init()
    _ = sluice_curl_multi_set_long(handle, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
  }

  deinit { curl_multi_cleanup(handle) }

  func wake() { curl_multi_wakeup(handle) }
}

/// One request's libcurl handle and what its callbacks need.
///
/// `@unchecked Sendable`: after `init` only the client's thread touches its state; others only pass it on.
private final class Transfer: @unchecked Sendable {
  private let request: HTTPRequest
  private let receiver: any HTTPReceiver
  private let continuation: AsyncThrowingStream<HTTPEvent, any Error>.Continuation
  private(set) var handle: UnsafeMutableRawPointer?
  private var list: UnsafeMutablePointer<curl_slist>?
  private var head = HTTPHead(status: 0, headers: [:])
  private var began = false
  /// How often it was redirected, and whether to another host.
  private var hops = 0
  private var isAway = false
  private var errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

  init(_ request: HTTPRequest, _ receiver: any HTTPReceiver, _ continuation: AsyncThrowingStream<HTTPEvent, any Error>.Continuation) {
    self.request = request
    self.receiver = receiver
    self.continuation = continuation
    errorText[0] = 0
  }

  deinit {
    release()
    errorText.deallocate()
  }

  /// - Parameter idle: a handle to be used again.
  func begin(with idle: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let handle = idle ?? curl_easy_init() else {
      continuation.finish(throwing: FetchError.connection("libcurl gave no handle"))
      return nil
    }
    self.handle = handle
    let me = Unmanaged.passUnretained(self).toOpaque()
    _ = sluice_curl_set_string(handle, CURLOPT_URL, request.url)
    sluice_curl_only_http(handle)
    _ = sluice_curl_set_string(handle, CURLOPT_USERAGENT, "sluice/0.1")
    for (option, value) in [
      (CURLOPT_NOSIGNAL, 1), (CURLOPT_NOBODY, request.isHead ? 1 : 0),
      (CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.timeouts.connect)), (CURLOPT_TIMEOUT_MS, milliseconds(request.timeouts.total)),
      (CURLOPT_LOW_SPEED_LIMIT, 1), (CURLOPT_LOW_SPEED_TIME, max(1, milliseconds(request.timeouts.idle) / 1000)),
      (CURLOPT_BUFFERSIZE, 256 << 10),
    ] { _ = sluice_curl_set_long(handle, option, value) }
    if request.offset > 0 { _ = sluice_curl_set_string(handle, CURLOPT_RANGE, "\(request.offset)-") }
    if let body = request.body {
      // libcurl copies as many bytes as it was told of before.
      _ = sluice_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, body.count)
      _ = body.withUnsafeBytes { sluice_curl_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress ?? UnsafeRawPointer(errorText)) }
    }
    setHeaders(request.headers)
    _ = sluice_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    _ = sluice_curl_set_pointer(handle, CURLOPT_WRITEDATA, me)
    _ = sluice_curl_set_pointer(handle, CURLOPT_HEADERDATA, me)
    _ = sluice_curl_set_data(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, me in
      guard let bytes, let me else { return 0 }
      Unmanaged<Transfer>.fromOpaque(me).takeUnretainedValue().header(UnsafeRawBufferPointer(start: bytes, count: size * count))
      return size * count
    }
    _ = sluice_curl_set_data(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, me in
      guard let bytes, let me else { return 0 }
      let content = UnsafeRawBufferPointer(start: bytes, count: size * count)
      return Unmanaged<Transfer>.fromOpaque(me).takeUnretainedValue().content(content) ? size * count : 0
    }
    return handle
  }

  private func milliseconds(_ duration: Duration) -> Int {
    let parts = duration.components
    return Int(clamping: parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000)
  }

  private func header(_ bytes: UnsafeRawBufferPointer) {
    if bytes.starts(with: "HTTP/".utf8) {
      head.headers = [:]
    } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
      // Of a dozen headers a few say something.
      guard let name = Self.telling.first(where: { Self.isName($0, bytes[..<colon]) }) else { return }
      let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
      let value = bytes[(colon + 1)...].drop(while: isBlank)
      let end = value.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? value.startIndex
      head.headers[name] = String(decoding: value[..<end], as: UTF8.self)
    }
  }

  private static let telling = ["etag", "last-modified", "content-length", "content-range", "retry-after", "location"]

  private static func isName(_ name: String, _ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
    bytes.count == name.utf8.count && zip(bytes, name.utf8).allSatisfy { $0 | 0x20 == $1 }
  }

  private func announce() -> Bool {
    if began { return true }
    began = true
    head.status = status
    let goesOn = receiver.begin(head)
    continuation.yield(.head(head))
    return goesOn
  }

  private func content(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if isRedirect { return true }
    guard announce(), receiver.receive(bytes) else { return false }
    continuation.yield(.progress)
    return true
  }

  /// - Returns: whether the handle is to be started again, for an address that the server sent it on to.
  func finish(_ code: CURLcode) -> Bool {
    if code == CURLE_OK {
      if isRedirect, hops < Self.mostRedirects { return follow() }
      if isRedirect {
        continuation.finish(throwing: FetchError.address("it was redirected more than \(Self.mostRedirects) times"))
        return false
      }
      _ = announce()
      continuation.finish()
      return false
    }
    let detail = errorText[0] != 0 ? String(cString: errorText) : String(cString: curl_easy_strerror(code))
    switch code {
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_PEER_FAILED_VERIFICATION, CURLE_TOO_MANY_REDIRECTS:
      continuation.finish(throwing: FetchError.address(detail))
    default: continuation.finish(throwing: FetchError.connection(detail))
    }
    return false
  }

  // MARK: Redirects

  private static let mostRedirects = 10
  /// What says nothing of who asks. libcurl itself would send all headers but Authorization and Cookie to any host.
  private static let harmlessHeaders: Set = [
    "accept", "content-type", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range",
  ]

  /// The last response's.
  private var status: Int {
    var status = 0
    _ = sluice_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    return status
  }

  private var isRedirect: Bool { head.headers["location"] != nil && [301, 302, 303, 307, 308].contains(status) }

  /// Goes on to where the server points. Another host is told no headers of the user's and no password.
  private func follow() -> Bool {
    var pointer: UnsafeMutablePointer<CChar>?
    guard sluice_curl_get_string(handle, CURLINFO_REDIRECT_URL, &pointer) == CURLE_OK, let pointer else {
      continuation.finish(throwing: FetchError.address("it was redirected to no address: \(head.headers["location"] ?? "")"))
      return false
    }
    hops += 1
    let next = String(cString: pointer)
    let from = URLComponents(string: request.url)
    isAway = isAway || Self.origin(from) != Self.origin(URLComponents(string: next))
    if isAway { setHeaders(request.headers.filter { Self.harmlessHeaders.contains($0.0.lowercased()) }) }
    _ = sluice_curl_set_string(handle, CURLOPT_URL, next)
    _ = sluice_curl_set_string(handle, CURLOPT_USERNAME, isAway ? nil : from?.user)
    _ = sluice_curl_set_string(handle, CURLOPT_PASSWORD, isAway ? nil : from?.password)
    // RFC 9110 §15.4: all but 307 and 308 turn what was sent into a question.
    if request.body != nil, status < 307 { _ = sluice_curl_set_long(handle, CURLOPT_HTTPGET, 1) }
    return true
  }

  private static func origin(_ address: URLComponents?) -> String {
    let scheme = address?.scheme?.lowercased() ?? ""
    return "\(scheme)://\(address?.host?.lowercased() ?? ""):\(address?.port ?? (scheme == "https" ? 443 : 80))"
  }

  private func setHeaders(_ headers: [(String, String)]) {
    var new: UnsafeMutablePointer<curl_slist>?
    for (name, value) in headers { new = curl_slist_append(new, "\(name): \(value)") }
    _ = sluice_curl_set_list(handle, CURLOPT_HTTPHEADER, new)
    // libcurl does not copy it: the one before is in use until here.
    curl_slist_free_all(list)
    list = new
  }

  /// Lets go of the handle, which is the caller's.
  func release() {
    handle = nil
    curl_slist_free_all(list)
    list = nil
    continuation.finish(throwing: CancellationError())
  }
}
