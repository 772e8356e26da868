import Foundation
import Testing

@Suite("zstd")
struct ZstdTests {
  /// Compresses a file of the workshop's by the zstd program, which makes a frame of it.
  private func compress(_ shop: Workshop, _ name: String, to target: String, _ options: String = "-3") throws {
    let outcome = try shop.run("/bin/sh", ["-c", "zstd -q \(options) -c '\(name)' > '\(target)'"])
    try #require(outcome.status == 0, "\(outcome.stderr)")
  }

  private func content(_ shop: Workshop, _ name: String) throws -> String {
    let outcome = try shop.run("/usr/bin/env", ["zstd", "-dcq", shop.path(name)])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return outcome.stdout
  }

  @Test("frames, skippable frames and long windows are read; outputs are frames that zstd reads, and that are read again")
  func reading() throws {
    let shop = try Workshop()
    // A repetition that only a long window finds: 9 MB of random bytes, twice.
    _ = try shop.python(
      """
      import random
      random.seed(5)
      half = ''.join('%d,%d\\n' % (i, random.getrandbits(60)) for i in range(400000))
      open('long.csv', 'w').write('n,x\\n' + half + half)
      open('a.csv', 'w').write('n,x\\n' + ''.join('%d,%d\\n' % (i, i * 7) for i in range(70000)))
      open('b.csv', 'w').write(''.join('%d,%d\\n' % (i, i * 3) for i in range(90000)))
      """)
    try FileManager.default.createDirectory(atPath: shop.path("in"), withIntermediateDirectories: true)
    try compress(shop, "long.csv", to: "in/long.csv.zst", "--long=27")
    for name in ["a", "b"] { try compress(shop, "\(name).csv", to: "\(name).zst") }
    // A skippable frame holds nothing, and an empty frame neither.
    try shop.write("empty", "")
    try compress(shop, "empty", to: "empty.zst")
    let skippable = Data([0x5A, 0x2A, 0x4D, 0x18, 5, 0, 0, 0]) + Data("a,b,c".utf8)
    let parts = try ["a", "empty", "b"].map { try #require(shop.data("\($0).zst")) }
    try shop.write("in/frames.csv.zst", skippable + parts[0] + skippable + parts[1] + parts[2] + skippable)
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: 'in/*'}\nparse: {fields: {n: bigint, x: text}}\nwrite: {path: 'out/{item.stem}.csv.zst'}\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.records["written"] == 960_000, "\(outcome.stderr)")
    #expect((try content(shop, "out/long.csv.zst") == shop.read("long.csv")) as Bool)
    #expect((try content(shop, "out/frames.csv.zst") == shop.read("a.csv") + shop.read("b.csv")) as Bool)
    // `init` reads it, and a run reads its own output.
    let drafted = try shop.sluice("init", "out/frames.csv.zst", "--to", "again.yaml", "--name", "again")
    #expect(drafted.status == 0 && drafted.stdout.contains("compression  zstd"), "\(drafted.stdout)\(drafted.stderr)")
    let again = try shop.runPipeline("again.yaml")
    #expect(again.records["written"] == 160_000, "\(again.stderr)")
  }

  @Test("a window beyond decompress.limits.window fails its item and says what to raise; within it, it is read")
  func windows() throws {
    let shop = try Workshop()
    // A frame without checksum or size, whose header asks for a window of 256 MiB: one block, stored.
    let text = Data("n\n1\n2\n".utf8)
    let block = UInt32(text.count << 3 | 1)
    let frame = Data([0x28, 0xB5, 0x2F, 0xFD, 0x00, 18 << 3]) + Data((0..<3).map { UInt8(truncatingIfNeeded: block >> ($0 * 8)) }) + text
    try shop.write("a.csv.zst", frame)
    func run(_ limits: String) throws -> Outcome {
      try shop.write(
        "pipeline.yaml", "pipeline: p\nfetch: {from: a.csv.zst}\n\(limits)parse: {fields: {n: bigint}}\nwrite: {path: out.csv}\n")
      return try shop.runPipeline()
    }
    for damage in ["", "decompress: {on_error: keep_records}\n"] {
      let refused = try run(damage)
      #expect(refused.status == 69 && refused.stderr.contains("[SL-303]"), "\(refused.stderr)")
      #expect(
        refused.stderr.contains(
          "the zstd stream at compressed byte 0 wants a window of more than 134217728 bytes in memory; raise decompress.limits.window"),
        "\(refused.stderr)")
    }
    let read = try run("decompress: {limits: {window: 256MiB}}\n")
    #expect(read.status == 0 && shop.read("out.csv") == "n\n1\n2\n", "\(read.stderr)")
  }

  @Test("a truncated, a damaged and a trailed item fail, and none is passed off as whole; keep_records keeps what was whole")
  func damagedFrames() throws {
    let shop = try Workshop()
    let lines = "n\n" + (0..<200_000).map { "\($0)" }.joined(separator: "\n") + "\n"
    try shop.write("whole.csv", lines)
    try compress(shop, "whole.csv", to: "whole.zst")
    let whole = try #require(shop.data("whole.zst"))
    try shop.write("in/truncated.csv.zst", whole.prefix(whole.count / 2))
    var damaged = whole
    damaged[whole.count - 2] ^= 0xFF
    try shop.write("in/damaged.csv.zst", damaged)
    try shop.write("in/trailed.csv.zst", whole + Data("garbage".utf8))
    try shop.write("in/empty.csv.zst", "")
    try shop.write("in/plain.csv.zst", "n\n1\n")
    try shop.write("in/twice.csv.zst", whole + whole)
    let definition =
      "pipeline: p\nfetch: {from: in/*.zst}\ndecompress: {on_error: WHAT}\nparse: {fields: {n: text}}\nwrite: {path: 'out/{item.stem}.csv'}\n"
    try shop.write("pipeline.yaml", definition.replacingOccurrences(of: "WHAT", with: "fail_item"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69)
    #expect(outcome.items == ["total": 6, "done": 1, "skipped": 0, "failed": 5], "\(outcome.stderr)")
    for (name, words) in [
      ("truncated", "the zstd stream ends too early, at compressed byte \(whole.count / 2) [SL-301]"),
      ("damaged", "the zstd stream is damaged near compressed byte"),
      ("trailed", "bytes that are no zstd frame follow the last one [SL-302]"),
      ("empty", "the zstd stream ends too early, at compressed byte 0 [SL-301]"),
      ("plain", "the item is not zstd, as its name says; if it is not compressed, say decompress.format: none [SL-304]"),
    ] {
      let line = outcome.stderr.split(separator: "\n").first { $0.contains("in/\(name).csv.zst: ") } ?? ""
      #expect(line.contains(words), "\(name): \(line)")
      #expect(!shop.exists("out/\(name).csv"))
    }
    #expect((shop.read("out/twice.csv") == lines + lines) as Bool)
    try shop.write(
      "keep.yaml",
      definition.replacingOccurrences(of: "WHAT", with: "keep_records").replacingOccurrences(of: "in/*.zst", with: "in/truncated.csv.zst"))
    let kept = try shop.runPipeline("keep.yaml", "--state", "kept")
    #expect(kept.status == 65 && kept.records["dead_lettered"] == 1 && kept.json["damaged_items"] as? Int == 1, "\(kept.stdout)")
    let left = shop.read("out/truncated.csv")
    #expect(lines.hasPrefix(left) && left.count > 100_000 && left.hasSuffix("\n"))
    try shop.write("wrong.yaml", "pipeline: w\nfetch: {from: whole.csv}\ndecompress: {format: zstd}\nwrite: {path: w.csv}\n")
    let wrong = try shop.runPipeline("wrong.yaml")
    #expect(wrong.status == 69 && wrong.stderr.contains("the item is not zstd; if it is not compressed"), "\(wrong.stderr)")
  }

  @Test("a bomb stops at its limits")
  func bombs() throws {
    let shop = try Workshop()
    _ = try shop.run("/bin/sh", ["-c", "head -c 300000000 /dev/zero | tr '\\0' '\\n' | zstd -q -c > bomb.csv.zst"])
    for (limits, words) in [
      ("{bytes: 50MB, ratio: 100000}", "inflates to more than 50000000 bytes"),
      ("{ratio: 100}", "inflates to more than 100 times its size"),
    ] {
      try shop.write(
        "pipeline.yaml",
        "pipeline: p\nfetch: {from: bomb.csv.zst}\ndecompress: {limits: \(limits)}\nparse: {header: false, fields: {n: text}}\nwrite: {path: out.csv}\n"
      )
      let outcome = try shop.runPipeline()
      #expect(outcome.status == 69 && outcome.stderr.contains(words) && outcome.stderr.contains("[SL-303]"), "\(outcome.stderr)")
    }
  }

  @Test(
    "killed behind a checkpoint, a run goes on to the same bytes: from the last frame's beginning, or the item's where it is one frame",
    arguments: [false, true])
  func killed(_ hasFrames: Bool) throws {
    let shop = try Workshop()
    _ = try shop.python(
      """
      import random, subprocess
      random.seed(3)
      with open('big.csv.zst', 'wb') as out:
        for i in range(24 if \(hasFrames ? 1 : 0) else 1):
          rows = range(i * 40000, (i + 1) * 40000) if \(hasFrames ? 1 : 0) else range(960000)
          text = ('n,x\\n' if i == 0 else '') + ''.join('%d,%d\\n' % (n, random.getrandbits(40)) for n in rows)
          out.write(subprocess.run(['zstd', '-1', '-c', '-q'], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout)
      """)
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: big.csv.zst}\nparse: {fields: {n: bigint, x: bigint}}\ntransform: [{filter: n % 5 <> 0}]\nwrite: {path: out.jsonl.zst, checkpoint: {bytes: 1MB}}\n"
    )
    let source = try #require(shop.data("big.csv.zst"))
    let whole = try shop.runPipeline()
    #expect(whole.status == 0 && whole.records["written"] == 768_000, "\(whole.stderr)")
    let want = try content(shop, "out.jsonl.zst")
    for passage in [2, 4] {
      try FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try FileManager.default.removeItem(atPath: shop.path("out.jsonl.zst"))
      let killed = try shop.run(
        Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--quiet"],
        environment: ["SLUICE_FAILPOINTS": "ledger.checkpoint/after=kill@\(passage)"])
      #expect(killed.status == SIGKILL, "\(killed.stderr)")
      // Bytes that the run does not read again may be anything by now.
      if hasFrames {
        _ = try shop.python(
          "import os\ntimes = os.stat('big.csv.zst')\nopen('big.csv.zst', 'r+b').write(bytes(200000))\nos.utime('big.csv.zst', ns=(times.st_atime_ns, times.st_mtime_ns))"
        )
      }
      let resumed = try shop.sluice("resume", "pipeline.yaml", "--output", "json", "--progress", "none")
      #expect(resumed.status == 0 && resumed.records == whole.records, "\(resumed.stderr)\(resumed.stdout)")
      #expect((try content(shop, "out.jsonl.zst") == want) as Bool, "killed at checkpoint \(passage)")
      if hasFrames { try shop.write("big.csv.zst", source) }
    }
  }

  @Test("what a replay writes is compressed as the output is, and its name says so")
  func replays() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\n1\nx\n")
    func define(_ type: String) throws {
      try shop.write(
        "pipeline.yaml",
        "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {n: \(type)}}\nwrite: {path: out.jsonl.zst}\nlimits: {dead_letters: 1}\n")
    }
    try define("bigint")
    #expect(try shop.runPipeline().records["dead_lettered"] == 1)
    try define("text")
    let replayed = try shop.sluice("dead-letters", "replay", "pipeline.yaml")
    #expect(replayed.status == 0, "\(replayed.stderr)")
    #expect(try content(shop, "out.replay-1.jsonl.zst") == "{\"n\":\"x\"}\n")
  }
}
