import Foundation
import Testing

/// Suites that no one here wrote; skipped by name where their folder is absent.
@Suite("Conformance", .enabled(if: Workshop.corpora != nil, "the corpora are not here"))
struct ConformanceTests {
  private func unpack(_ name: String) throws -> Workshop {
    let shop = try Workshop()
    let archive = try #require(Workshop.corpora) + "/\(name).tar.zst"
    let outcome = try shop.run("/bin/tar", ["--zstd", "-xf", archive])
    try #require(outcome.status == 0, "\(outcome.stderr)")
    return shop
  }

  @Test("json-test-suite: every y_ file is a record, every n_ file a dead letter, and nothing crashes")
  func json() throws {
    let shop = try unpack("json-test-suite")
    let folder = shop.path("json-test-suite")
    var names: [String] = []
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where name.hasSuffix(".json") {
      var value = try #require(FileManager.default.contents(atPath: folder + "/" + name))
      if value.last == 0x0A { value.removeLast() }
      // JSON Lines holds one value a line.
      if value.contains(0x0A) || value.contains(0x0D) { continue }
      names.append(name)
      try shop.write("in/\(name)l", Data("{\"v\": ".utf8) + value + Data("}\n".utf8))
    }
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: in/*.jsonl}\nparse: {fields: {v: json}}\nwrite: {path: 'out/{item.stem}.jsonl'}\nlimits: {dead_letters: 100%}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(outcome.items["done"] == names.count)
    #expect(names.filter { $0.hasPrefix("y_") }.count > 40)
    for name in names {
      let count = shop.read("out/\((name as NSString).deletingPathExtension).jsonl").split(separator: "\n").count
      if name.hasPrefix("y_") { #expect(count == 1, "\(name)") }
      if name.hasPrefix("n_") { #expect(count == 0, "\(name)") }
    }
  }

  @Test("csv-spectrum: the same cells")
  func spectrum() throws {
    let shop = try unpack("csv-spectrum")
    for name in try FileManager.default.contentsOfDirectory(atPath: shop.path("csv-spectrum/csvs")) {
      let stem = (name as NSString).deletingPathExtension
      let json = try #require(shop.data("csv-spectrum/json/\(stem).json"))
      let want = try #require(JSONSerialization.jsonObject(with: json) as? [[String: Any]])
      let fields = (want.first ?? [:]).keys.map { "\"\($0)\": text" }.joined(separator: ", ")
      try shop.write(
        "\(stem).yaml",
        "pipeline: p\nfetch: {from: csv-spectrum/csvs/\(name)}\nparse: {fields: {\(fields)}}\nwrite: {path: \(stem).jsonl}\n")
      #expect(try shop.runPipeline("\(stem).yaml", "--state", "state-\(stem)").status == 0, "\(name)")
      let got = shop.records("\(stem).jsonl").map { $0.mapValues { $0 is NSNull ? "" : $0 } }
      #expect(got as NSArray == want as NSArray, "\(name): \(got)")
    }
  }

  @Test("Pollock with parameters: the simple score is at least 9.96, as the best published")
  func pollock() throws {
    let shop = try unpack("pollock")
    let outcome = try shop.run(
      "/usr/bin/env", ["python3", Workshop.servers + "/pollock.py", Workshop.binary, shop.path("pollock"), shop.path("work")])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let score = try #require(outcome.json["score"] as? Double, "\(outcome.stdout)")
    #expect(score >= 9.96, "\(outcome.stdout)")
  }
}
