import Configuration
import Definition
import Fetch
import Foundation
import Testing

@Suite("Sources conform")
struct SourceConformanceTests {
  @Test("files", arguments: SourceConformance.checks)
  func files(_ check: SourceConformance.Check) async throws {
    let shop = try Workshop()
    let complaints = try await check.run(Self.files(shop))
    #expect(complaints == [], "\(complaints)")
  }

  @Test("http: nginx", arguments: SourceConformance.checks)
  func nginx(_ check: SourceConformance.Check) async throws {
    let shop = try Workshop()
    try shop.write("served/index", "")
    let server = try Nginx(shop, serving: shop.path("served"))
    let complaints = try await check.run(Self.http(shop, server.url))
    #expect(complaints == [], "\(complaints)")
  }

  @Test("http: a server that answers no condition, and one that knows no ranges", arguments: SourceConformance.checks)
  func misbehaving(_ check: SourceConformance.Check) async throws {
    let shop = try Workshop()
    try shop.write("served/index", "")
    let server = try MisbehavingServer(shop, serving: shop.path("served"))
    for kind in ["digested", "rangeless"] {
      let complaints = try await check.run(Self.http(shop, "\(server.url)/\(kind)"))
      #expect(complaints == [], "\(kind): \(complaints)")
    }
  }

  @Test("s3: moto", arguments: SourceConformance.checks)
  func moto(_ check: SourceConformance.Check) async throws {
    let shop = try Workshop()
    let complaints = try await check.run(Self.s3(shop, try MotoServer(shop)))
    #expect(complaints == [], "\(complaints)")
  }

  // rclone answers no condition: a source has to see for itself that a part is of another version.
  @Test("s3: rclone", arguments: SourceConformance.checks)
  func rclone(_ check: SourceConformance.Check) async throws {
    let shop = try Workshop()
    let complaints = try await check.run(Self.s3(shop, try RcloneServer(shop)))
    #expect(complaints == [], "\(complaints)")
  }

  @Test("each check fails on a source that is broken on purpose", arguments: BrokenSource.Fault.allCases)
  func broken(_ fault: BrokenSource.Fault) async throws {
    let shop = try Workshop()
    var bench = Self.files(shop)
    let open = bench.open
    bench.open = { names in
      let (source, patterns) = try open(names)
      return (BrokenSource(source, fault), patterns)
    }
    for name in fault.noticed {
      let check = try #require(SourceConformance.checks.first { $0.name == name })
      #expect(try await check.run(bench) != [], "“\(name)” does not notice a source that \(fault)")
    }
  }

  @Test("each check is shown to fail by some fault")
  func allAreShown() {
    let shown = Set(BrokenSource.Fault.allCases.flatMap(\.noticed))
    #expect(SourceConformance.checks.map(\.name).filter { !shown.contains($0) } == [])
  }

  // MARK: Benches

  private static func entries(_ from: String, _ folder: String) throws -> [FetchSection.Entry] {
    try PipelineDefinition.load(
      text: "pipeline: p\nfetch: {from: \(from)}\nwrite: {path: out.jsonl}\n", path: folder + "/pipeline.yaml", variables: [:]
    ).fetch.entries
  }

  /// Puts a file in place with a time that no version of it had before.
  private static func write(_ path: String, _ content: [UInt8]) throws {
    let before = try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    try Data(content).write(to: URL(fileURLWithPath: path))
    // Servers tell versions apart by whole seconds, and call a date strong that lies some time back.
    let date = before?.addingTimeInterval(10) ?? Date(timeIntervalSinceNow: -100_000)
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
  }

  private static func files(_ shop: Workshop) -> SourceBench {
    let folder = shop.folder
    return SourceBench(name: "file") { [folder] names in
      let entry = try #require(try entries("'objects/*.bin'", folder).first)
      return (entry.source, [entry.pattern])
    } put: { name, content in
      try FileManager.default.createDirectory(atPath: folder + "/objects", withIntermediateDirectories: true)
      try write(folder + "/objects/" + name, content)
    } remove: { name in
      try FileManager.default.removeItem(atPath: folder + "/objects/" + name)
    }
  }

  private static func s3(_ shop: Workshop, _ server: any S3Server & Sendable) -> SourceBench {
    let folder = shop.folder
    return SourceBench(name: "s3") { names in
      let entry = try #require(try entries(server.entry("s3://data/objects/*.bin"), folder).first)
      return (entry.source, [entry.pattern])
    } put: { name, content in
      try server.put("objects/" + name, content)
    } remove: { name in
      try server.remove("objects/" + name)
    }
  }

  private static func http(_ shop: Workshop, _ url: String) -> SourceBench {
    let folder = shop.path("served")
    return SourceBench(name: "http") { names in
      let entry = try #require(try entries("'\(url)/{\(names.joined(separator: ",")),}'", folder).first)
      return (entry.source, Array(entry.pattern.alternatives.prefix(names.count)))
    } put: { name, content in
      try write(folder + "/" + name, content)
    } remove: { name in
      try FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }
}
