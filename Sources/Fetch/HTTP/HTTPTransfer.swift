import CCurl
import Foundation

/// One request's libcurl handle, and the state of its callbacks.
///
/// `@unchecked Sendable`: after `init` only the client's thread touches its state; other threads only pass it on.
final class Transfer: @unchecked Sendable {
  private let request: HTTPRequest
  private let receiver: any HTTPReceiver
  private let continuation: AsyncThrowingStream<HTTPEvent, any Error>.Continuation
  private(set) var handle: UnsafeMutableRawPointer?
  private var list: UnsafeMutablePointer<curl_slist>?
  private var head = HTTPHead(status: 0)
  /// The names of the headers that are kept, in lower case.
  private let telling: [String]
  private var began = false
  private let started = ContinuousClock.now
  /// When the last byte came, or the connection stood; nil before.
  private var lastSign: ContinuousClock.Instant?
  /// How often it was redirected, and whether to another host.
  private var hops = 0
  private var isAway = false
  private var errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

  init(_ request: HTTPRequest, _ receiver: any HTTPReceiver, _ continuation: AsyncThrowingStream<HTTPEvent, any Error>.Continuation) {
    self.request = request
    self.receiver = receiver
    self.continuation = continuation
    telling = HTTPHead.telling + request.wanted
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
    do throws(HTTPAddress.Problem) {
      _ = sluice_curl_set_string(handle, CURLOPT_URL, try HTTPAddress.normal(request.url))
    } catch {
      continuation.finish(throwing: FetchError.address(error.description))
    }
    let me = Unmanaged.passUnretained(self).toOpaque()
    sluice_curl_only_http(handle)
    _ = sluice_curl_set_string(handle, CURLOPT_USERAGENT, "sluice/0.1")
    for (option, value) in [
      (CURLOPT_NOSIGNAL, 1), (CURLOPT_NOBODY, request.isHead ? 1 : 0), (CURLOPT_PATH_AS_IS, request.isExact ? 1 : 0),
      (CURLOPT_SUPPRESS_CONNECT_HEADERS, 1),
      (CURLOPT_SSL_VERIFYPEER, 1), (CURLOPT_SSL_VERIFYHOST, 2),
      (CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.timeouts.connect)), (CURLOPT_TIMEOUT_MS, milliseconds(request.timeouts.total)),
      (CURLOPT_BUFFERSIZE, 256 << 10),
    ] { _ = sluice_curl_set_long(handle, option, value) }
    if request.offset > 0 { _ = sluice_curl_set_string(handle, CURLOPT_RANGE, "\(request.offset)-") }
    if let body = request.body {
      // libcurl copies as many bytes as it was told of before.
      _ = sluice_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, body.count)
      _ = body.withUnsafeBytes { sluice_curl_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress ?? UnsafeRawPointer(errorText)) }
    }
    setHeaders(request.headers)
    setConnection(request.connection)
    sluice_curl_set_connected(handle, me) { me, _, _, _, _ in
      if let me { Unmanaged<Transfer>.fromOpaque(me).takeUnretainedValue().lastSign = .now }
      return CURL_PREREQFUNC_OK
    }
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
    lastSign = .now
    if bytes.starts(with: "HTTP/".utf8) {
      head.removeFields()
    } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
      // Of a dozen headers a few say something.
      guard let name = telling.first(where: { Self.isName($0, bytes[..<colon]) }) else { return }
      let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
      let value = bytes[(colon + 1)...].drop(while: isBlank)
      let end = value.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? value.startIndex
      head.add(name, String(decoding: value[..<end], as: UTF8.self))
    }
  }

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
    lastSign = .now
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
    var sent = 0
    _ = sluice_curl_get_long(handle, CURLINFO_REQUEST_SIZE, &sent)
    switch code {
    // The scheme is known, since a request was sent: the answer is no HTTP, as the rest of one that was longer than its Content-Length is none.
    case CURLE_UNSUPPORTED_PROTOCOL where sent > 0: continuation.finish(throwing: FetchError.connection("the answer is no HTTP"))
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_PEER_FAILED_VERIFICATION, CURLE_TOO_MANY_REDIRECTS,
      CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
      continuation.finish(throwing: FetchError.address(detail))
    default: continuation.finish(throwing: FetchError.connection(detail))
    }
    return false
  }

  // MARK: Redirects

  private static let mostRedirects = 10
  /// Headers without credentials, safe to send to another host. libcurl itself would send all headers but Authorization and Cookie to any
  /// host.
  private static let harmlessHeaders: Set = [
    "accept", "accept-encoding", "content-type", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    "range",
  ]

  /// The last response's status.
  private var status: Int {
    var status = 0
    _ = sluice_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    return status
  }

  private var isRedirect: Bool { !request.isExact && head.location != nil && [301, 302, 303, 307, 308].contains(status) }

  /// Follows the server's redirect. Another host gets neither the user's headers nor a password.
  private func follow() -> Bool {
    var pointer: UnsafeMutablePointer<CChar>?
    guard sluice_curl_get_string(handle, CURLINFO_REDIRECT_URL, &pointer) == CURLE_OK, let pointer else {
      continuation.finish(throwing: FetchError.address("it was redirected to no address: \(head.location ?? "")"))
      return false
    }
    hops += 1
    lastSign = nil
    // libcurl begins to count anew.
    let left = request.timeouts.total - started.duration(to: .now)
    if request.timeouts.total > .zero { _ = sluice_curl_set_long(handle, CURLOPT_TIMEOUT_MS, max(1, milliseconds(left))) }
    let text = String(cString: pointer)
    let next = (try? HTTPAddress.normal(text)) ?? text
    let from = (try? HTTPAddress.normal(request.url)).flatMap { URLComponents(string: $0) }
    isAway = isAway || HTTPAddress.origin(from) != HTTPAddress.origin(URLComponents(string: next))
    if isAway {
      setHeaders(request.headers.filter { Self.harmlessHeaders.contains($0.0.lowercased()) })
      // Nor does it learn who the client is.
      setIdentity(HTTPConnection())
    }
    _ = sluice_curl_set_string(handle, CURLOPT_URL, next)
    _ = sluice_curl_set_string(handle, CURLOPT_USERNAME, isAway ? nil : from?.user)
    _ = sluice_curl_set_string(handle, CURLOPT_PASSWORD, isAway ? nil : from?.password)
    // RFC 9110 §15.4: all but 307 and 308 turn what was sent into a question.
    if request.body != nil, status < 307 { _ = sluice_curl_set_long(handle, CURLOPT_HTTPGET, 1) }
    return true
  }

  private func setHeaders(_ headers: [(String, String)]) {
    var new: UnsafeMutablePointer<curl_slist>?
    for (name, value) in headers { new = curl_slist_append(new, "\(name): \(value)") }
    _ = sluice_curl_set_list(handle, CURLOPT_HTTPHEADER, new)
    // libcurl does not copy it: the one before is in use until here.
    curl_slist_free_all(list)
    list = new
  }

  private func setConnection(_ connection: HTTPConnection) {
    set(connection.authorities, file: CURLOPT_CAINFO, text: CURLOPT_CAINFO_BLOB)
    if connection.authorities != nil {
      // Debian's libcurl trusts what is in this folder besides.
      _ = sluice_curl_set_string(handle, CURLOPT_CAPATH, nil)
      set(connection.authorities, file: CURLOPT_PROXY_CAINFO, text: CURLOPT_PROXY_CAINFO_BLOB)
      _ = sluice_curl_set_string(handle, CURLOPT_PROXY_CAPATH, nil)
    }
    setIdentity(connection)
    if let proxy = connection.proxy {
      _ = sluice_curl_set_string(handle, CURLOPT_PROXY, proxy)
      // The environment's exceptions are from the environment's proxy.
      _ = sluice_curl_set_string(handle, CURLOPT_NOPROXY, "")
    }
  }

  private func setIdentity(_ connection: HTTPConnection) {
    // The options of files are cleared here, too.
    _ = sluice_curl_set_string(handle, CURLOPT_SSLCERT, nil)
    _ = sluice_curl_set_string(handle, CURLOPT_SSLKEY, nil)
    _ = sluice_curl_set_blob(handle, CURLOPT_SSLCERT_BLOB, nil, 0)
    _ = sluice_curl_set_blob(handle, CURLOPT_SSLKEY_BLOB, nil, 0)
    set(connection.certificate, file: CURLOPT_SSLCERT, text: CURLOPT_SSLCERT_BLOB)
    set(connection.key ?? connection.certificate, file: CURLOPT_SSLKEY, text: CURLOPT_SSLKEY_BLOB)
    _ = sluice_curl_set_string(handle, CURLOPT_KEYPASSWD, connection.keyPassword)
  }

  private func set(_ pem: HTTPConnection.PEM?, file: CURLoption, text: CURLoption) {
    switch pem {
    case nil: break
    case .file(let path)?: _ = sluice_curl_set_string(handle, file, path)
    case .text(let pem)?:
      // libcurl copies it.
      _ = Array(pem.utf8).withUnsafeBytes { sluice_curl_set_blob(handle, text, $0.baseAddress, $0.count) }
    }
  }

  // MARK: Silence

  /// The moment at which the transfer has been silent for too long; nil while it connects, which has a limit of its own.
  var idleLimit: ContinuousClock.Instant? { request.timeouts.idle > .zero ? lastSign.map { $0 + request.timeouts.idle } : nil }

  func failIdle() {
    let seconds = request.timeouts.idle / .seconds(1)
    let words = seconds < 1 ? "\(Int(seconds * 1000)) ms" : "\(seconds.formatted()) s"
    continuation.finish(throwing: FetchError.connection("no byte came for \(words), which is fetch.timeout.idle"))
  }

  /// Gives up the handle, which is the caller's.
  func release() {
    handle = nil
    curl_slist_free_all(list)
    list = nil
    continuation.finish(throwing: CancellationError())
  }
}
