import Foundation
import Testing

/// Resumes of killed runs in a world that has changed since; `Sources/Ledger/README.md` has the list.
@Suite("A changed world")
struct ChangedWorldTests {
  /// A run of one large item that was killed after a checkpoint, and what it would have come to.
  private final class Interrupted {
    let shop: Workshop
    private(set) var want = ""
    let part: String

    init(each: Bool = true) throws {
      shop = try Workshop()
      part = each ? "out/.big.jsonl.sluice-part" : "out/.all.jsonl.sluice-part"
      _ = try shop.python(
        "open('big.csv','w').write('n,x\\n' + ''.join('%d,%s\\n' % (i, 'bad' if i % 9973 == 0 else i / 8) for i in range(2000000)))")
      try write(filter: "n % 3 <> 0", path: each ? "out/{item.stem}.jsonl" : "out/all.jsonl")
      #expect(try shop.runPipeline().status == 0)
      want = shop.read(output)
      // On a busy machine it may be done before anybody has looked.
      for _ in 0..<10 {
        try FileManager.default.removeItem(atPath: shop.path(".sluice"))
        try FileManager.default.removeItem(atPath: shop.path("out"))
        let process = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--progress", "none"])
        for _ in 0..<2000 {
          let read = try shop.sluice("status", "pipeline.yaml", "--output", "json").json["records"] as? [String: Int]
          if read?["read"] ?? 0 > 0 { break }
        }
        process.stop(SIGKILL)
        if !shop.exists(output) { break }
      }
      try #require(!shop.exists(output), "it was done before it was killed")
    }

    func write(filter: String, path: String) throws {
      try shop.write(
        "pipeline.yaml",
        """
        pipeline: p
        fetch: {from: '*.csv'}
        parse: {fields: {n: bigint not null, x: double}}
        transform: [{filter: \(filter)}]
        write: {path: '\(path)', checkpoint: {every: 20ms}}
        limits: {dead_letters: 1%}
        """)
    }

    var output: String { part.replacingOccurrences(of: "/.", with: "/").replacingOccurrences(of: ".sluice-part", with: "") }

    func resume() throws -> Outcome { try shop.sluice("resume", "pipeline.yaml", "--output", "json", "--progress", "none") }

    func sql(_ text: String) throws {
      _ = try shop.python(
        "import sqlite3,sys\ndb=sqlite3.connect('.sluice/ledger.sqlite')\ndb.executescript(sys.argv[1])\ndb.close()", text)
    }
  }

  @Test("nothing changed: resume goes on from the checkpoint")
  func unchanged() throws {
    let run = try Interrupted()
    let resumed = try run.resume()
    #expect(resumed.status == 0 && !resumed.stderr.contains("starts over"), "\(resumed.stderr)")
    #expect((run.shop.read(run.output) == run.want) as Bool)
  }

  @Test("an edited definition: resume keeps the old one, run starts over with the new one, and nothing mixes them")
  func edited() throws {
    let run = try Interrupted()
    try run.write(filter: "n % 2 = 0", path: "out/{item.stem}.jsonl")
    #expect(try run.resume().status == 0)
    #expect((run.shop.read(run.output) == run.want) as Bool)
    let again = try Interrupted()
    try again.write(filter: "n % 2 = 0", path: "out/{item.stem}.jsonl")
    let outcome = try again.shop.runPipeline()
    #expect(outcome.status == 0 && outcome.json["run"] as? Int == 2)
    let records = again.shop.read(again.output)
    #expect(records.hasPrefix("{\"n\":2,") && !records.contains("\"n\":1,"))
    #expect(try again.shop.sluice("resume", "pipeline.yaml").status == 64)
    #expect(try again.shop.sluice("runs", "pipeline.yaml").stdout.contains("1  p  failed"))
  }

  @Test("a source that was replaced or shortened starts over and says so; one that is gone fails and stays resumable")
  func sources() throws {
    let run = try Interrupted()
    let whole = try #require(run.shop.data("big.csv"))
    try run.shop.write("big.csv", "n,x\n1,1\n2,2\n3,3\n")
    let resumed = try run.resume()
    #expect(resumed.status == 0 && resumed.stderr.contains("big.csv: starts over: changed since it was begun"), "\(resumed.stderr)")
    #expect(run.shop.read(run.output) == "{\"n\":1,\"x\":1}\n{\"n\":2,\"x\":2}\n")

    let other = try Interrupted()
    try FileManager.default.removeItem(atPath: other.shop.path("big.csv"))
    let failed = try other.resume()
    #expect(failed.status == 69 && failed.stderr.contains("No such file"), "\(failed.stderr)")
    #expect(!other.shop.exists(other.output))
    try other.shop.write("big.csv", whole)
    #expect(try other.resume().status == 0)
    #expect((other.shop.read(other.output) == other.want) as Bool)
  }

  @Test("a part that was taken away, shortened or altered starts its item over", arguments: [true, false], ["gone", "short", "altered"])
  func parts(_ each: Bool, _ harm: String) throws {
    let run = try Interrupted(each: each)
    let path = run.shop.path(run.part)
    switch harm {
    case "gone": try FileManager.default.removeItem(atPath: path)
    case "short": #expect(truncate(path, 1000) == 0)
    default:
      let handle = try #require(FileHandle(forUpdatingAtPath: path))
      try handle.seek(toOffset: 500)
      try handle.write(contentsOf: Data("?".utf8))
      try handle.close()
    }
    let resumed = try run.resume()
    #expect(resumed.status == 0 && resumed.stderr.contains("starts over"), "\(resumed.stderr)")
    #expect((run.shop.read(run.output) == run.want) as Bool)
    #expect(!run.shop.exists(run.part))
  }

  @Test("outputs that somebody took away after they were in place are not made again, and are told of")
  func taken() throws {
    let run = try Interrupted()
    try run.shop.write("aaa.csv", "n,x\n1,1\n")
    #expect(try run.resume().status == 0)
    try run.shop.write("bad.csv", "wrong header\n1\n")
    #expect(try run.shop.runPipeline().status == 69)
    try FileManager.default.removeItem(atPath: run.shop.path("out/aaa.jsonl"))
    try run.shop.write("bad.csv", "n,x\n1,1\n")
    let resumed = try run.resume()
    #expect(resumed.status == 0, "\(resumed.stderr)")
    #expect(resumed.stderr.contains("1 output of items that are done is no longer there"), "\(resumed.stderr)")
    #expect(!run.shop.exists("out/aaa.jsonl") && run.shop.exists("out/bad.jsonl"))
  }

  @Test("a ledger of a newer version is refused and left alone; one of version 1 is brought up and gone on with")
  func versions() throws {
    let run = try Interrupted()
    try run.sql(
      """
      DROP TABLE events; DROP INDEX items_open; DROP TABLE committables; DROP TABLE dead_letter_attempts;
      DROP TABLE replays; DROP TABLE replay_outputs; DROP TABLE source_schemas; DROP TABLE timelines;
      DROP TABLE outputs; DROP TABLE unlisted_outputs; DROP TABLE item_sinks; DROP TABLE refused_records;
      ALTER TABLE items DROP COLUMN location; ALTER TABLE items DROP COLUMN source_schema; ALTER TABLE items DROP COLUMN seconds;
      ALTER TABLE checkpoints ADD COLUMN part_length INTEGER NOT NULL DEFAULT 0;
      UPDATE checkpoints SET part_length = CAST(substr(position, 1, instr(position || ':', ':') - 1) AS INTEGER);
      ALTER TABLE checkpoints DROP COLUMN position; ALTER TABLE checkpoints DROP COLUMN continuation;
      ALTER TABLE dead_letters DROP COLUMN replay;
      ALTER TABLE checkpoints DROP COLUMN blank_lines; ALTER TABLE runs DROP COLUMN blank_lines;
      ALTER TABLE items DROP COLUMN header; ALTER TABLE dead_letters DROP COLUMN previous; ALTER TABLE dead_letters DROP COLUMN next;
      DELETE FROM grdb_migrations WHERE identifier <> '1';
      """)
    try run.sql("INSERT INTO grdb_migrations VALUES ('99')")
    let refused = try run.resume()
    #expect(refused.status == 74 && refused.stderr.contains("written by a newer sluice"), "\(refused.stderr)")
    try run.sql("DELETE FROM grdb_migrations WHERE identifier = '99'")
    let resumed = try run.resume()
    #expect(resumed.status == 0 && !resumed.stderr.contains("starts over"), "\(resumed.stderr)")
    #expect((run.shop.read(run.output) == run.want) as Bool)
  }

  @Test(
    "a disk that fills up while the ledger is made leaves no half of one, and with room again the run begins",
    .enabled(if: getuid() == 0, "mounting needs root"), arguments: [150, 200, 250, 300, 350, 400])
  func filling(_ kilobytes: Int) throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n,x\n1,1\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: out/a.jsonl}\n")
    try FileManager.default.createDirectory(atPath: shop.path("small"), withIntermediateDirectories: true)
    let mounted = try shop.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", shop.path("small")])
    try #require(mounted.status == 0, "\(mounted.stderr)")
    defer { _ = try? shop.run("/bin/umount", [shop.path("small")]) }
    let full = try shop.runPipeline("pipeline.yaml", "--state", "small/state")
    #expect(full.status == 74 && full.stderr.contains("full; make room, then resume"), "\(full.stderr)")
    _ = try shop.run("/bin/mount", ["-o", "remount,size=64m", shop.path("small")])
    let again = try shop.runPipeline("pipeline.yaml", "--state", "small/state")
    #expect(again.status == 0 && shop.read("out/a.jsonl") == "{\"n\":1,\"x\":1}\n", "\(again.stderr)")
  }

  @Test(
    "a state folder on a full or a read-only disk exits 74 and says what to do; with room again all goes on",
    .enabled(if: getuid() == 0, "mounting needs root"))
  func disks() throws {
    let run = try Interrupted()
    let shop = run.shop
    try FileManager.default.createDirectory(atPath: shop.path("small"), withIntermediateDirectories: true)
    let mounted = try shop.run("/bin/mount", ["-t", "tmpfs", "-o", "size=400k", "tmpfs", shop.path("small")])
    try #require(mounted.status == 0, "\(mounted.stderr)")
    defer { _ = try? shop.run("/bin/umount", [shop.path("small")]) }
    let full = try shop.runPipeline("pipeline.yaml", "--state", "small/state")
    #expect(full.status == 74 && full.stderr.contains("full; make room, then resume"), "\(full.stderr)")
    #expect(!shop.exists(run.output))
    _ = try shop.run("/bin/mount", ["-o", "remount,ro", shop.path("small")])
    let readOnly = try shop.runPipeline("pipeline.yaml", "--state", "small/state")
    #expect(readOnly.status == 74 && readOnly.stderr.contains("make it writable, or give another --state"), "\(readOnly.stderr)")
    _ = try shop.run("/bin/mount", ["-o", "remount,rw,size=64m", shop.path("small")])
    #expect(try shop.runPipeline("pipeline.yaml", "--state", "small/state").status == 0)
    #expect((shop.read(run.output) == run.want) as Bool)
  }

  @Test("of runs that start at the same instant one runs and the others exit 75, fifty times over")
  func simultaneous() throws {
    let shop = try Workshop()
    for i in 0..<20 { try shop.write("in/\(i).csv", "n\n\(i)\n") }
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in/*.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: out.csv}\n")
    let want = "n\n" + (0..<20).map { "in/\($0).csv" }.sorted().map { $0.filter(\.isNumber) + "\n" }.joined()
    var refused = 0
    for _ in 0..<50 {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try? FileManager.default.removeItem(atPath: shop.path("out.csv"))
      let children = try (0..<3).map { _ in try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--quiet"]) }
      let statuses = children.map { $0.wait() }
      #expect(statuses.contains(0) && statuses.allSatisfy { $0 == 0 || $0 == 75 }, "\(statuses)")
      refused += statuses.filter { $0 == 75 }.count
      #expect(shop.read("out.csv") == want)
      #expect(try shop.sluice("runs", "pipeline.yaml").stdout.split(separator: "\n").count == 1)
    }
    #expect(refused > 0)
  }

  @Test("a run while resume runs exits 75; a pid in the lock's file that is another process's by now is no lock")
  func locks() throws {
    let run = try Interrupted()
    // It would be done before the second begins.
    let resuming = try run.shop.start(
      Workshop.failpointBinary, ["resume", "pipeline.yaml", "--progress", "none"], environment: ["SLUICE_FAILPOINTS": "part.write=stall@*"])
    let engine = try resuming.engine()
    for _ in 0..<120_000 where !run.shop.read(".sluice/p.lock").hasPrefix("\(resuming.pid)\n") { usleep(500) }
    let second = try run.shop.runPipeline()
    #expect(second.status == 75 && second.stderr.contains("pid \(resuming.pid)"), "\(second.stderr)")
    resuming.stop(SIGKILL)
    kill(engine, SIGKILL)
    for _ in 0..<24_000 where FileManager.default.fileExists(atPath: "/proc/\(engine)") { usleep(5000) }
    #expect(try run.shop.sluice("resume", "pipeline.yaml", "--quiet").status == 0)
    #expect((run.shop.read(run.output) == run.want) as Bool)
    try run.shop.write(".sluice/p.lock", "\(getpid())\n2020-01-01T00:00:00Z\n")
    #expect(try run.shop.runPipeline().status == 0)
  }
}
