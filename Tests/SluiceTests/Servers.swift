import Foundation
import Testing

/// A server from the Servers folder, which prints its port first; stopped by its pid.
final class ScriptServer {
  private let process: Child
  private let log: String
  let port: Int

  /// - Parameter python: the interpreter, where it is not the system's.
  init(_ workshop: Workshop, _ script: String, _ arguments: String..., python: String = "python3") throws {
    log = try workshop.write("server.log", "")
    let handle = try #require(FileHandle(forWritingAtPath: log))
    process = try workshop.start(
      "/usr/bin/env", [python, Workshop.servers + "/\(script)"] + arguments, stdout: handle, stderr: FileHandle.standardError)
    var port = 0
    for _ in 0..<2400 where port == 0 {
      usleep(50_000)
      let first = (try? String(contentsOfFile: log, encoding: .utf8))?.split(separator: "\n").first
      let object = first.flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Int] }
      port = object?["port"] ?? 0
    }
    self.port = port
    try #require(port > 0, "the server did not start")
  }

  deinit {
    process.stop(SIGKILL)
  }

  var url: String { "http://127.0.0.1:\(port)" }

  /// The lines that it has printed since, a JSON object each.
  var printed: [[String: Any]] {
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").dropFirst().compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
  }
}

/// The server that misbehaves.
final class MisbehavingServer {
  private let server: ScriptServer

  init(_ workshop: Workshop, serving folder: String) throws { server = try ScriptServer(workshop, "misbehaving.py", folder) }

  var url: String { server.url }

  /// The requests so far.
  var requests: [[String: Any]] { server.printed }
}

/// A real nginx on loopback that serves a folder, stopped by its pid.
final class Nginx {
  private let process: Child
  private let workshop: Workshop
  let port: Int
  private let scheme: String

  /// - Parameter certificates: by which it speaks https, and asks for a client's certificate; nil for http.
  init(_ workshop: Workshop, serving folder: String, _ certificates: Certificates? = nil) throws {
    self.workshop = workshop
    port = try Loopback.freePort()
    scheme = certificates == nil ? "http" : "https"
    let tls = certificates.map {
      "ssl_certificate \($0.folder)/server.pem; ssl_certificate_key \($0.folder)/server.key; ssl_client_certificate \($0.folder)/ca.pem; ssl_verify_client on;"
    }
    try workshop.write(
      "nginx.conf",
      """
      pid \(workshop.path("nginx.pid")); error_log \(workshop.path("nginx.error")); daemon off; master_process off;
      events {}
      http {
        access_log \(workshop.path("nginx.access"));
        client_body_temp_path \(workshop.path("t1")); proxy_temp_path \(workshop.path("t2")); fastcgi_temp_path \(workshop.path("t3"));
        uwsgi_temp_path \(workshop.path("t4")); scgi_temp_path \(workshop.path("t5"));
        server { listen 127.0.0.1:\(port)\(tls == nil ? "" : " ssl"); root \(folder); \(tls ?? "") }
      }
      """)
    process = try workshop.start("/usr/sbin/nginx", ["-c", workshop.path("nginx.conf"), "-p", workshop.folder])
    var isUp = false
    for _ in 0..<2400 where !isUp {
      usleep(50_000)
      isUp = workshop.exists("nginx.pid") && Loopback.answers(port)
    }
    try #require(isUp, "nginx did not start: \(workshop.read("nginx.error"))")
  }

  deinit {
    process.stop(SIGKILL)
  }

  var url: String { "\(scheme)://127.0.0.1:\(port)" }

  /// The statuses of the requests so far.
  var statuses: [Int] {
    workshop.read("nginx.access").split(separator: "\n").compactMap { line in
      line.split(separator: "\"").dropFirst(2).first.flatMap { Int($0.split(separator: " ").first ?? "") }
    }
  }
}

/// Ports of this machine.
enum Loopback {
  private static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
  }

  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = address(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    try #require(bound)
    return Int(in_port_t(bigEndian: address.sin_port))
  }

  static func answers(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = address(port)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }
  }

  /// Waits, two minutes at most, until somebody listens.
  static func waits(for port: Int, while process: Child) -> Bool {
    for _ in 0..<2400 {
      if answers(port) { return true }
      if !process.isRunning { return false }
      usleep(50_000)
    }
    return false
  }

  /// Sends bytes, and gives what comes until the other side closes.
  static func ask(_ port: Int, _ bytes: [UInt8]) throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = address(port)
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }
    try #require(isConnected)
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      try #require(count > 0, "the other side takes no more")
      sent += count
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count <= 0 { break }
      answer += buffer.prefix(count)
    }
    return String(decoding: answer, as: UTF8.self)
  }
}

/// An authority, and certificates of a server and a client that it signed, made by openssl.
struct Certificates {
  let folder: String

  init(_ workshop: Workshop) throws {
    folder = workshop.path("certificates")
    try workshop.write("certificates/san", "subjectAltName=IP:127.0.0.1")
    let made = try workshop.run(
      "/bin/sh",
      [
        "-c",
        """
        set -e; cd "$1"
        new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        $new -x509 -days 2 -subj "/CN=an authority" -keyout ca.key -out ca.pem
        for name in server client; do
          $new -subj "/CN=$name" -keyout $name.key -out $name.csr
          openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out $name.pem
        done
        openssl ec -in client.key -aes128 -passout pass:word -out locked.key
        """, "sh", folder,
      ])
    try #require(made.status == 0, "\(made.stderr)")
  }
}

extension ScriptServer {
  /// A server that answers as `script` says; answers.py has how.
  convenience init(_ workshop: Workshop, answers script: [String: [[String: Any]]]) throws {
    try self.init(workshop, "answers.py", try workshop.write("answers.json", try JSONSerialization.data(withJSONObject: script)))
  }

  /// A header of each request so far; nil where one did not have it.
  func sent(_ header: String) -> [String?] { printed.map { ($0["headers"] as? [String: String])?[header] } }
  var methods: [String] { printed.compactMap { $0["method"] as? String } }
}
