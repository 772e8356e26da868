import Foundation
import Testing

@Suite("A damaged ledger")
struct LedgerDamageTests {
  @Test("a ledger that is damaged anywhere ends no command but by an exit code of the table: no signal, no restart, no record's text")
  func anywhere() throws {
    let shop = try Workshop()
    let outcome = try shop.run(
      "/usr/bin/env", ["python3", Workshop.root + "/Tests/SluiceTests/Programs/damage.py", Workshop.binary, "0", "24"])
    #expect(outcome.status == 0, "\(outcome.stdout)\(outcome.stderr)")
  }

  /// A pipeline with a run, and a ledger to be harmed.
  private func shop() throws -> Workshop {
    let shop = try Workshop()
    try shop.write("a.csv", "id\n1\n2\n")
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {id: bigint}}\nwrite: {path: 'run-{run.id}.jsonl'}\n")
    #expect(try shop.runPipeline().status == 0)
    return shop
  }

  @Test("a value that can't be is told with its column and the remedy, and not shown")
  func impossibleValues() throws {
    for (column, value) in [("status", "'secret'"), ("variables", "'secret'"), ("started_at", "1e300"), ("read", "-9223372036854775808")] {
      let shop = try shop()
      _ = try shop.python(
        "import sqlite3,sys\ndb=sqlite3.connect('.sluice/ledger.sqlite')\ndb.execute('UPDATE runs SET %s = %s' % tuple(sys.argv[1:]))\ndb.commit()",
        column, value)
      for words in [["runs"], ["status", "pipeline.yaml"], ["report", "pipeline.yaml"]] {
        let outcome = try shop.run(Workshop.binary, words)
        #expect(outcome.status == 74, "\(column), \(words): \(outcome.stderr)")
        #expect(outcome.stderr.contains("its column \(column) holds what it can't hold; restore it from a backup"), "\(outcome.stderr)")
        #expect(!outcome.stderr.contains("secret"))
      }
    }
  }

  @Test("a value of another type than its column's is told with its column, and ends no process")
  func valuesOfAnotherType() throws {
    for column in ["read", "started_at"] {
      let shop = try shop()
      // The tables are strict: what would be damage to a record is done without that.
      _ = try shop.python(
        """
        import sqlite3, sys
        db = sqlite3.connect('.sluice/ledger.sqlite')
        db.executescript("PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, ') STRICT', ')') WHERE name = 'runs'")
        db.close()
        db = sqlite3.connect('.sluice/ledger.sqlite')
        db.execute("UPDATE runs SET %s = 'secret'" % sys.argv[1])
        db.commit()
        """, column)
      let outcome = try shop.sluice("runs")
      #expect(outcome.status == 74 && outcome.stderr.contains("its column \(column) holds what it can't hold"), "\(outcome.stderr)")
      #expect(!outcome.stderr.contains("secret"))
    }
  }

  @Test("a ledger that is empty, has lost its tables, or is gone from beside its log is refused by every command: nothing begins anew")
  func notNew() throws {
    for harm in ["empty", "tables", "log"] {
      let shop = try shop()
      switch harm {
      case "empty": try shop.write(".sluice/ledger.sqlite", "")
      case "tables":
        _ = try shop.python(
          "import os,sqlite3\nos.remove('.sluice/ledger.sqlite')\ndb=sqlite3.connect('.sluice/ledger.sqlite')\ndb.execute('CREATE TABLE x (y)')\ndb.commit()"
        )
      default:
        try FileManager.default.moveItem(atPath: shop.path(".sluice/ledger.sqlite"), toPath: shop.path("elsewhere"))
        try shop.write(".sluice/ledger.sqlite-wal", "a log")
      }
      for words in [
        ["run", "pipeline.yaml"], ["run", "pipeline.yaml", "--dry-run"], ["resume", "pipeline.yaml"], ["status", "pipeline.yaml"],
        ["runs"], ["runs", "close", "1"], ["report", "pipeline.yaml"], ["dead-letters", "list"], ["dead-letters", "export"],
        ["dead-letters", "show", "1"], ["dead-letters", "replay", "pipeline.yaml"], ["dead-letters", "drop", "--all"],
        ["prune", "--older-than", "1d"],
      ] {
        let outcome = try shop.run(Workshop.binary, words)
        #expect(outcome.status == 74 && outcome.stderr.contains("[SL-701]"), "\(harm), \(words): \(outcome.status) \(outcome.stderr)")
        #expect(outcome.stderr.contains("it is empty") == (harm == "empty"), "\(outcome.stderr)")
      }
      #expect(shop.read("run-1.jsonl") == "{\"id\":1}\n{\"id\":2}\n" && !shop.exists("run-2.jsonl"))
    }
  }

  @Test("a reading state that was kept in a checkpoint and is damaged is not used: the item is read again up to there")
  func damagedContinuation() throws {
    let shop = try Workshop()
    let definition =
      "pipeline: p\nfetch: {from: big.csv.gz}\nparse: {fields: {n: bigint}}\nwrite: {path: o.jsonl, checkpoint: {every: 1ms}}\n"
    _ = try shop.python(
      "import gzip\ngzip.open('big.csv.gz','wt').write('n\\n' + ''.join('%d\\n' % i for i in range(3000000)))")
    try shop.write("pipeline.yaml", definition)
    #expect(try shop.runPipeline().status == 0)
    let want = shop.read("o.jsonl")
    for name in [".sluice", "o.jsonl"] { try FileManager.default.removeItem(atPath: shop.path(name)) }
    let killed = try shop.run(
      Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--quiet"],
      environment: ["SLUICE_FAILPOINTS": "ledger.finish_item=kill"])
    #expect(killed.status != 0)
    _ = try shop.python(
      """
      import sqlite3
      db = sqlite3.connect('.sluice/ledger.sqlite')
      kept = bytearray(db.execute('SELECT continuation FROM checkpoints').fetchone()[0])
      for at in range(len(kept) // 8, len(kept) // 4, 7): kept[at] ^= 0x55
      db.execute('UPDATE checkpoints SET continuation = ?', (bytes(kept),))
      db.commit()
      """)
    let resumed = try shop.sluice("resume", "pipeline.yaml", "--progress", "none")
    #expect(resumed.status == 0 && !resumed.stderr.contains("started again"), "\(resumed.stderr)")
    #expect((shop.read("o.jsonl") == want) as Bool)
  }

  @Test("prune gives the room of dead letters that were dropped back to the disk, and says how much")
  func pruneShrinks() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "id,text\n" + String(repeating: "x," + String(repeating: "y", count: 2000) + "\n", count: 2000))
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {id: bigint, text: text}}\nwrite: {path: o.jsonl}\nlimits: {dead_letters: 100%}\n"
    )
    #expect(try shop.runPipeline().status == 0)
    let before = try #require(shop.data(".sluice/ledger.sqlite")?.count)
    #expect(before > 4_000_000)
    #expect(try shop.sluice("dead-letters", "drop", "pipeline.yaml", "--all").status == 0)
    let pruned = try shop.sluice("prune", "--older-than", "1d", "--output", "json").json["ledger_bytes"] as? Int
    let after = try #require(shop.data(".sluice/ledger.sqlite")?.count)
    #expect(after < 300_000 && (pruned ?? 0) >= before - after, "\(before) to \(after), said \(pruned ?? -1)")
    #expect(try shop.sluice("prune", "--older-than", "1d").stdout.contains("the ledger is 0 B smaller"))
    #expect(try shop.runPipeline().items["skipped"] == 1)
  }
}
