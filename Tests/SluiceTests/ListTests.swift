import Foundation
import Testing

/// `sluice list`: what a definition can name, and its examples.
@Suite("What a definition can name")
struct ListTests {
  private static func entries(_ words: String...) throws -> [[String: Any]] {
    let shop = try Workshop()
    let outcome = try shop.run(Workshop.binary, ["list"] + words + ["--output", "json"])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return try #require(try JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8)) as? [[String: Any]])
  }

  private static func names(_ entries: [[String: Any]]) -> [String] { entries.compactMap { $0["name"] as? String } }

  @Test("all, one kind, one name, one of several with that name, a function by its other name")
  func list() throws {
    let all = try Self.entries()
    #expect(Set(all.compactMap { $0["kind"] as? String }).isSuperset(of: ["codec", "format", "step", "sink", "function"]))
    let steps = try Self.entries("steps")
    #expect(Self.names(steps) == ["filter", "derive", "rename", "select", "drop", "cast", "expect", "exec", "lookup"])
    #expect(try Self.names(Self.entries("functions")).contains("lower"))
    let execs = try Self.entries("exec")
    #expect(Set(execs.compactMap { $0["kind"] as? String }) == ["format", "step"])
    let one = try Self.entries("step-exec")
    #expect(one.count == 1 && (one[0]["keys"] as? [[String: Any]])?.contains { $0["name"] as? String == "command" } == true)
    let function = try #require(all.first { ($0["aliases"] as? [String])?.isEmpty == false })
    let other = try #require((function["aliases"] as? [String])?.first)
    #expect(try Self.names(Self.entries(other)) == [function["name"] as? String])
  }

  @Test("as text: a line each, and one in full with keys, example, promises, limits and errors")
  func text() throws {
    let shop = try Workshop()
    let all = try shop.sluice("list")
    for title in ["codecs:", "formats:", "steps:", "sinks:", "functions:"] {
      #expect(all.stdout.contains("\n\(title)\n") || all.stdout.hasPrefix(title))
    }
    let steps = try shop.sluice("list", "steps").stdout.split(separator: "\n")
    #expect(steps.count == 9 && steps.allSatisfy { !$0.hasPrefix(" ") && $0.hasSuffix(".") })
    // A format that is read and written has one line.
    #expect(try shop.sluice("list", "formats").stdout.split(separator: "\n").filter { $0.hasPrefix("csv ") }.count == 1)
    let lookup = try shop.sluice("list", "lookup").stdout
    for part in ["step lookup\n", "keys:\n", "example:\n", "holds whatever happens:\n", "limits:\n", "errors:\n", "SL-115"] {
      #expect(lookup.contains(part), "\(part)")
    }
    let wrong = try shop.sluice("list", "lokup")
    #expect(wrong.status == 64 && wrong.stderr.contains("did you mean lookup?"), "\(wrong.stderr)")
  }

  @Test("every component's example is right, has whole sentences beside it, and runs where its sources are the sample data")
  func examples() throws {
    let components = try Self.entries().filter { $0["kind"] as? String != "function" }
    var ran: Set<String> = []
    for component in components {
      let name = "\(component["kind"] ?? "")-\(component["name"] ?? "")"
      let shop = try Workshop()
      try FileManager.default.createSymbolicLink(atPath: shop.path("sample-data"), withDestinationPath: Workshop.sampleData)
      let example = try #require(component["example"] as? String)
      try shop.write("pipeline.yaml", example)
      for sentence in [component["summary"] as? String ?? ""] + (component["guarantees"] as? [String] ?? [])
        + (component["limits"] as? [String] ?? [])
      {
        #expect(sentence.hasSuffix("."), "\(name): \(sentence)")
      }
      #expect((component["place"] as? String)?.isEmpty == false, "\(name) stands nowhere")
      if component["missing"] != nil { continue }
      let secrets = example.matches(of: /\$\{(?:env:)?([A-Z_]+)\}/).map { (String($0.1), "value-of-\($0.1)") }
      let environment = Dictionary(secrets) { first, _ in first }
      let checked = try shop.run(Workshop.binary, ["check", "pipeline.yaml"], environment: environment)
      #expect(checked.status == 0, "\(name): \(checked.stderr)")
      guard example.contains("from: sample-data/") else { continue }
      let outcome = try shop.run(
        Workshop.binary, ["run", "pipeline.yaml", "--progress", "none", "--quiet"], environment: environment)
      #expect(outcome.status == 0, "\(name): \(outcome.stderr)")
      ran.insert(name)
    }
    #expect(ran.isSuperset(of: ["filter", "derive", "rename", "select", "drop", "cast", "expect", "exec", "lookup"].map { "step-\($0)" }))
  }
}
