import Foundation
import Testing

@Suite("Retention")
struct RetentionTests {
  @Test("prune takes out old runs, resolved dead letters and old downloads; what is done stays done, what is open stays")
  func prune() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "id,x\n1,1\n2,bad\n")
    let definition = { (nulls: String) in
      "pipeline: p\nfetch: {from: in/*.csv}\nparse: {fields: {id: bigint, x: bigint}\(nulls)}\nwrite: {path: 'out/{item.stem}.jsonl'}\nlimits: {dead_letters: 100%}\n"
    }
    try shop.write("pipeline.yaml", definition(""))
    #expect(try shop.runPipeline().status == 0)
    try shop.write("in/b.csv", "id,x\n3,3\n")
    #expect(try shop.runPipeline().status == 0)
    try shop.write("in/c.csv", "id,x\n4,worse\n")
    #expect(try shop.runPipeline().status == 0)
    try shop.write("pipeline.yaml", definition(", null_values: [bad]"))
    #expect(try shop.sluice("dead-letters", "replay", "pipeline.yaml").status == 65)
    try shop.write(".sluice/spool/p/left.a", "half a download")
    try shop.write(".sluice/rows/p/left.rows", "rows that no run went on with")
    #expect(try shop.sluice("prune", "pipeline.yaml", "--older-than", "30d").stdout.hasPrefix("pruned 0 runs, 0 dead letters, 0 spooled"))
    _ = try shop.python(
      """
      import os, sqlite3
      db = sqlite3.connect('.sluice/ledger.sqlite')
      db.execute("UPDATE runs SET ended_at = ended_at - 40 * 86400")
      db.execute("UPDATE dead_letters SET at = at - 40 * 86400")
      db.commit()
      for name in ('spool/p/left.a', 'rows/p/left.rows'): os.utime('.sluice/' + name, (1, 1))
      """)
    let pruned = try shop.sluice("prune", "pipeline.yaml", "--older-than", "30d", "--output", "json").json
    // The first run's one dead letter was resolved and goes first, then the run; the third is the newest.
    #expect(pruned["dead_letters"] as? Int == 1 && pruned["runs"] as? Int == 2 && pruned["spool_files"] as? Int == 2, "\(pruned)")
    #expect(try shop.sluice("dead-letters", "export", "pipeline.yaml").stdout.contains("worse"))
    let again = try shop.runPipeline()
    #expect(again.items == ["total": 3, "done": 0, "skipped": 3, "failed": 0])
    #expect(try shop.sluice("prune", "pipeline.yaml", "--older-than", "soon").status == 64)
  }

  @Test("a release build has no failpoints", .enabled(if: Workshop.binary.contains("release")))
  func failpoints() throws {
    let shop = try Workshop()
    #expect(try shop.run("/bin/grep", ["-c", "SLUICE_FAILPOINTS", Workshop.binary]).stdout == "0\n")
  }
}
