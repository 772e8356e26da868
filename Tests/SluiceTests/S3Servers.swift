import Foundation
import Testing

/// A server that speaks S3, with a bucket “data” of which a test puts and removes objects.
protocol S3Server: AnyObject {
  var url: String { get }
  var accessKey: String { get }
  var secretKey: String { get }
  func put(_ key: String, _ content: [UInt8]) throws
  func remove(_ key: String) throws
}

extension S3Server {
  func put(_ key: String, _ text: String) throws { try put(key, Array(text.utf8)) }

  /// The keys of an entry of `fetch.from`, of which `url` is the first.
  func entry(_ address: String, secret: String? = nil) -> String {
    "{url: '\(address)', endpoint: '\(url)', region: us-east-1, access_key: \(accessKey), secret_key: '\(secret ?? secretKey)'}"
  }
}

/// rclone's server over a folder, which holds the bucket as a folder. It is strict with signatures, and knows no conditions.
///
/// `@unchecked Sendable`: a test changes it from one task, and checks only read its constants and write files.
final class RcloneServer: S3Server, @unchecked Sendable {
  let accessKey = "an-access-key"
  let secretKey = "a/secret+key-\(UUID().uuidString)"
  let port: Int
  private let workshop: Workshop
  private var process: Child

  init(_ workshop: Workshop) throws {
    self.workshop = workshop
    try FileManager.default.createDirectory(atPath: workshop.path("buckets/data"), withIntermediateDirectories: true)
    port = try Loopback.freePort()
    process = try Self.start(workshop, port, accessKey, secretKey)
  }

  deinit { process.stop(SIGKILL) }

  private static func start(_ workshop: Workshop, _ port: Int, _ accessKey: String, _ secretKey: String) throws -> Child {
    let process = try workshop.start(
      Workshop.tools + "/venv/bin/rclone",
      [
        "serve", "s3", "--addr", "127.0.0.1:\(port)", "--auth-key", "\(accessKey),\(secretKey)", "--dir-cache-time", "0s",
        "--poll-interval", "0", workshop.path("buckets"),
      ], environment: ["RCLONE_CONFIG": "/dev/null"])
    try #require(Loopback.waits(for: port, while: process), "rclone did not start")
    return process
  }

  func kill() { process.stop(SIGKILL) }
  func restart() throws { process = try Self.start(workshop, port, accessKey, secretKey) }

  var url: String { "http://127.0.0.1:\(port)" }

  func put(_ key: String, _ content: [UInt8]) throws { try workshop.write("buckets/data/\(key)", Data(content)) }
  func remove(_ key: String) throws { try FileManager.default.removeItem(atPath: workshop.path("buckets/data/\(key)")) }
}

/// moto, which asks for signatures of a user of its own, and knows conditions.
///
/// `@unchecked Sendable`: all that it holds is constant, and the server's printed lines are in a file.
final class MotoServer: S3Server, @unchecked Sendable {
  private let server: ScriptServer
  let accessKey: String
  let secretKey: String
  /// Temporary credentials.
  let role: [String: String]

  init(_ workshop: Workshop) throws {
    server = try ScriptServer(workshop, "s3.py", "data", python: Workshop.tools + "/venv/bin/python")
    for _ in 0..<2400 where server.printed.isEmpty { usleep(50_000) }
    let keys = try #require(server.printed.first, "moto did not start")
    accessKey = keys["access_key"] as? String ?? ""
    secretKey = keys["secret_key"] as? String ?? ""
    role = keys["role"] as? [String: String] ?? [:]
  }

  var url: String { server.url }

  func put(_ key: String, _ content: [UInt8]) throws { try change("put/data/\(key)", content) }
  func remove(_ key: String) throws { try change("delete/data/\(key)") }
  /// Makes so many objects of one record each.
  func fill(_ prefix: String, _ count: Int) throws { try change("fill/data/\(count)/\(prefix)") }

  private func change(_ words: String, _ content: [UInt8] = []) throws {
    let path = try #require(words.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "/"))))
    let answer = try Loopback.ask(
      server.port, Array("PUT /-/\(path) HTTP/1.0\r\nHost: x\r\nContent-Length: \(content.count)\r\n\r\n".utf8) + content)
    try #require(answer.contains(" 200 "), "\(answer)")
  }
}
