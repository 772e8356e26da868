import Configuration
import Foundation
import Supervision

/// The settings of a definition for HTTP servers: headers, connection, time limits. Sources over HTTP share their keys.
struct HTTPSettings: Sendable, Hashable {
  var headers: [HTTPHeader] = []
  var connection = HTTPConnection()
  var timeouts = HTTPRequest.Timeouts()

  init() {}

  private static let tls: [Key] = [
    Key("ca", .text, "The certificates of the authorities that are trusted, in place of the system's."),
    Key("certificate", .text, "This client's certificate, for servers that ask for one."),
    Key("key", .text, "Its key, where the certificate's file does not hold it."),
    Key("password", .text, "The key's password, where it has one.", secret: true),
  ]

  static let timeoutKey = Key(
    "timeout",
    .object([
      Key("connect", .duration, "To connect (default 10s)."), Key("idle", .duration, "Without a byte, once connected (default 30s)."),
      Key("total", .duration, "For a whole transfer (default 1h)."),
    ]), "HTTP's time limits.")

  /// The keys for an entry's connection, and for those of all entries in `fetch`.
  static let connectionKeys: [Key] = [
    Key(
      "tls", .object(tls),
      "How servers and this client prove who they are, in PEM: a file's path, relative to the definition, or ${file:PATH}. Verification can't be turned off."
    ),
    Key(
      "proxy", .text,
      "The proxy's address, http, https, socks5 or socks5h; none for none (default: what http_proxy, https_proxy, all_proxy and no_proxy of the environment say)."
    ),
  ]

  /// Reads the settings of `fetch` that hold for all its entries.
  init(shared fetch: Value, _ reader: inout DefinitionReader) {
    connection = Self.connection(fetch, HTTPConnection(), &reader)
    guard let timeout = fetch["timeout"] else { return }
    if let connect = timeout["connect"]?.text.flatMap(Scalars.duration) { timeouts.connect = connect }
    if let idle = timeout["idle"]?.text.flatMap(Scalars.duration) { timeouts.idle = idle }
    if let total = timeout["total"]?.text.flatMap(Scalars.duration) { timeouts.total = total }
  }

  /// Reads the settings of an entry; `shared` holds for keys that it has not.
  init(_ entry: Value, _ shared: HTTPSettings, _ reader: inout DefinitionReader) {
    self = shared
    connection = Self.connection(entry, shared.connection, &reader)
    headers = entry["headers"]?.entries.map { HTTPHeader(name: $0.key, value: $0.value.text ?? "") } ?? []
    if headers.contains(where: { ($0.name + $0.value).contains { $0 == "\n" || $0 == "\r\n" || $0 == "\r" } }) {
      reader.report(entry.position.diagnostic("a header can't hold a line end"))
    }
  }

  /// Reads `tls` and `proxy` of a map; `base` holds for keys that it has not.
  private static func connection(_ value: Value, _ base: HTTPConnection, _ reader: inout DefinitionReader) -> HTTPConnection {
    var connection = base
    if let tls = value["tls"] {
      if let ca = tls["ca"] { connection.authorities = pem(ca, holding: "CERTIFICATE", &reader) }
      if let certificate = tls["certificate"] {
        connection.certificate = pem(certificate, holding: "CERTIFICATE", &reader)
        connection.key = nil
        connection.keyPassword = nil
        if tls["key"] == nil { _ = pem(certificate, holding: "PRIVATE KEY", &reader) }
      }
      if let key = tls["key"] {
        connection.key = pem(key, holding: "PRIVATE KEY", &reader)
        if connection.certificate == nil, tls["certificate"] == nil {
          reader.report(key.position.diagnostic("a key is for a certificate, and tls.certificate is missing"))
        }
      }
      if let password = tls["password"]?.text { connection.keyPassword = password }
    }
    if let proxy = value["proxy"], let text = proxy.text {
      let scheme = text.range(of: "://").map { text[..<$0.lowerBound].lowercased() }
      if text == "none" {
        connection.proxy = ""
      } else if let scheme, ["http", "https", "socks4", "socks4a", "socks5", "socks5h"].contains(scheme) {
        connection.proxy = text
      } else {
        reader.report(proxy.position.diagnostic("a proxy is an address as http://HOST:PORT or socks5h://HOST:PORT, or none"))
      }
    }
    return connection
  }

  private static func pem(_ value: Value, holding what: String, _ reader: inout DefinitionReader) -> HTTPConnection.PEM? {
    guard let text = value.text else { return nil }
    func holds(_ pem: String) -> Bool { pem.contains("-----BEGIN ") && pem.contains("\(what)-----") }
    if text.contains("-----BEGIN ") {
      if !holds(text) { reader.report(value.position.diagnostic("there is no \(what) in this PEM")) }
      return .text(text)
    }
    let path = DefinitionPath.absolute(text, in: reader.folder)
    guard let data = FileManager.default.contents(atPath: path) else {
      let why = FileManager.default.fileExists(atPath: path) ? "may not be read" : "is not there"
      reader.report(value.position.diagnostic("the file \(path) \(why)"))
      return nil
    }
    if !holds(String(decoding: data, as: UTF8.self)) {
      reader.report(value.position.diagnostic("the file \(path) holds no \(what) in PEM"))
    }
    return .file(path)
  }

  /// Reports the first error in an entry's addresses.
  static func checkAddresses(_ pattern: String, at place: Position, _ reader: inout DefinitionReader) {
    for address in SourceExpansion.braces(pattern).prefix(100) {
      if let open = address.firstIndex(where: { "{}".contains($0) }) {
        let close = address[open...].firstIndex(of: "}") ?? open
        let word = Redactor.hidingPasswords(String(address[open...close]))
        reader.report(
          place.diagnostic(
            "“\(word)” stands for nothing in an address; {a,b} and {01..12} do. A date comes from outside: write ${DAY}, and run with --var DAY=$(date +%F). A brace itself is %7B or %7D."
          ))
        return
      }
      do throws(HTTPAddress.Problem) {
        _ = try HTTPAddress.normal(address)
      } catch {
        reader.report(place.diagnostic("this is no address: \(error)"))
        return
      }
    }
  }
}
