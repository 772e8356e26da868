import Foundation
import Testing

@Suite("Blank lines")
struct BlankLineTests {
  @Test("a blank line is no record and is counted: CSV, TSV, JSON Lines, programs; one of a single column is a record")
  func blankLinesAreCounted() throws {
    let shop = try Workshop()
    let program = "{format: exec, exec: {command: [sed, -u, '/@batch/!s/.*/{\"a\":\"x\"}/']}, fields: {a: text}}"
    for (name, text, parse, records, blank) in [
      ("plain.csv", "a,b\n1,2\n\n3,4\r\n\r\n5,6\n\n", "{format: csv}", 3, 3),
      ("quoted.csv", "a,b\n\"1\n\n2\",2\n\n3,4\n", "{format: csv}", 2, 1),
      ("first.csv", "a,b\n\n1,2\n", "{format: csv, fields: {a: bigint, b: bigint}}", 1, 1),
      ("escaped.csv", "a;b\n\n1;2\n\n\n", "{format: csv, delimiter: ';', escape: '\\'}", 1, 3),
      ("tabs.tsv", "a\tb\n1\t2\n\n3\t4", "{format: tsv}", 2, 1),
      ("lines.jsonl", "\n{\"a\":1,\"b\":2}\n\n \t\n{\"a\":3}\n", "{format: jsonl}", 2, 3),
      ("one.csv", "a\n1\n\n3\n", "{format: csv}", 3, 0),
      ("program.txt", "1\n\n2\n\r\n3\n", program, 3, 2),
    ] {
      try shop.write(
        "pipeline.yaml", "pipeline: p\nfetch: {from: \(name)}\nparse: \(parse)\nwrite: {path: 'out/{item.name}.jsonl'}\n")
      try shop.write(name, text)
      let outcome = try shop.runPipeline()
      #expect(outcome.status == 0, "\(name): \(outcome.stderr)")
      #expect(outcome.records == ["read": records, "written": records, "filtered": 0, "dead_lettered": 0], "\(name)")
      #expect(outcome.json["blank_lines"] as? Int == blank, "\(name): \(outcome.stdout)")
    }
  }

  @Test("a run that is killed and resumed counts the same blank lines")
  func blankLinesAreCountedOnce() throws {
    let shop = try Workshop()
    try shop.write("in.csv", "a,b\n" + (0..<300_000).map { "\($0),x\n" + ($0 % 3 == 0 ? "\n" : "") }.joined())
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {a: bigint, b: text}}\nwrite: {path: out.jsonl, checkpoint: {records: 1000}}\n")
    let killed = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor"],
      environment: ["SLUICE_FAILPOINTS": "ledger.checkpoint/after=kill@2"])
    #expect(killed.status != 0)
    let resumed = try shop.sluice("resume", "pipeline.yaml", "--output", "json")
    #expect(resumed.status == 0, "\(resumed.stderr)")
    #expect(resumed.json["blank_lines"] as? Int == 100_000 && resumed.records["read"] == 300_000, "\(resumed.stdout)")
  }
}
