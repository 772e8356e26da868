import Foundation
import Testing

@Suite("Limits of the process")
struct ProcessLimitTests {
  private func shop() throws -> Workshop {
    let shop = try Workshop()
    for i in 0..<300 { try shop.write("in/\(i).csv", "id\n\(i)\n") }
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: in/*.csv}\nparse: {fields: {id: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    return shop
  }

  private func limited(_ shop: Workshop, _ limit: String, _ words: String) throws -> Outcome {
    try shop.run("/bin/bash", ["-c", "ulimit \(limit); exec \(Workshop.binary) \(words)"])
  }

  @Test("few descriptors end every command with 74 and the remedy, or let it end well")
  func descriptors() throws {
    let shop = try shop()
    for limit in [8, 16, 32, 64] {
      for words in [
        "run pipeline.yaml --progress none", "run pipeline.yaml --no-supervisor", "resume pipeline.yaml", "status pipeline.yaml", "runs",
        "check pipeline.yaml", "prune --older-than 1d", "dead-letters list", "report pipeline.yaml",
      ] {
        let outcome = try limited(shop, "-n \(limit)", words)
        if outcome.status == 0 || (outcome.status == 64 && limit > 32) { continue }
        #expect(outcome.status == 74 && outcome.stderr.contains("ulimit -n"), "\(limit), \(words): \(outcome.status) \(outcome.stderr)")
      }
    }
    #expect(try limited(shop, "-S -n 16", "run pipeline.yaml --quiet").status == 0)
    #expect(try shop.sluice("run", "pipeline.yaml", "--quiet").status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: shop.path("out")).count == 300)
  }

  @Test("little memory ends every command with 74 and the remedy")
  func memory() throws {
    let shop = try shop()
    for words in ["run pipeline.yaml --progress none", "status pipeline.yaml", "check pipeline.yaml"] {
      let outcome = try limited(shop, "-v 200000", words)
      #expect(outcome.status == 74 && outcome.stderr.contains("ulimit -v"), "\(words): \(outcome.status) \(outcome.stderr)")
    }
  }
}
