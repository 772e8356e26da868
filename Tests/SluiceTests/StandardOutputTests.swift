import Foundation
import Testing

/// `write: {path: '-'}`: records to standard output, everything else to standard error.
@Suite("Standard output")
struct StandardOutputTests {
  private func shop(rows: Int) throws -> Workshop {
    let shop = try Workshop()
    try shop.write("x.csv", "id\n" + (0..<rows).map { "\($0)\n" }.joined())
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: x.csv}\nparse: {fields: {id: bigint}}\nwrite: {path: '-', format: csv}\n")
    return shop
  }

  /// Runs a line of sh, in which $S is the binary.
  private func sh(_ shop: Workshop, _ line: String) throws -> Outcome {
    try shop.run("/bin/bash", ["-c", line], environment: ["S": Workshop.binary])
  }

  @Test("standard output carries the records alone, new items once, and no file is made")
  func recordsAlone() throws {
    let shop = try shop(rows: 5)
    let first = try shop.sluice("run", "pipeline.yaml", "--output", "json")
    #expect(first.status == 0 && first.stdout == shop.read("x.csv"), "\(first.stderr)")
    #expect(
      first.stderr.contains("records go to standard output: at least once") && first.stderr.contains("\"written\":5"), "\(first.stderr)")
    #expect(try shop.sluice("run", "pipeline.yaml").stdout.isEmpty)
    #expect(try shop.sluice("run", "pipeline.yaml", "--full", "--quiet").stdout == shop.read("x.csv"))
    #expect(
      try Set(FileManager.default.contentsOfDirectory(atPath: shop.folder).filter { !$0.hasPrefix(".") }) == ["pipeline.yaml", "x.csv"])
    #expect(!shop.exists("-"))
  }

  @Test("a full or closed standard output fails the run with 74, and the item is not done", arguments: [">/dev/full", ">&-"])
  func cannotBeWritten(_ redirection: String) throws {
    let shop = try shop(rows: 100_000)
    let outcome = try sh(shop, "$S run pipeline.yaml --quiet \(redirection)")
    #expect(outcome.status == 74 && outcome.stderr.contains("standard output"), "\(outcome.stderr)")
    #expect(try shop.sluice("run", "pipeline.yaml", "--quiet").stdout == shop.read("x.csv"))
  }

  @Test("a reader that goes away ends the run quietly, to be resumed from the item's start")
  func readerGoesAway() throws {
    let shop = try shop(rows: 300_000)
    let outcome = try sh(shop, "$S run pipeline.yaml --progress none --log-level error | head -1; exit ${PIPESTATUS[0]}")
    #expect(outcome.status == 75 && outcome.stdout == "id\n" && outcome.stderr.isEmpty, "\(outcome.stderr)")
    let resumed = try shop.sluice("resume", "pipeline.yaml", "--quiet")
    #expect(resumed.status == 0 && resumed.stdout == shop.read("x.csv"), "\(resumed.stderr)")
  }
}
