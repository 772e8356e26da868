import Foundation
import Testing

@Suite("Bad input")
struct BadInputTests {
  @Test("the hand-made file: each listed defect is a dead letter with its place, the good records are all there, exit 65")
  func messy() throws {
    let shop = try Workshop()
    try FileManager.default.copyItem(atPath: Workshop.sampleData, toPath: shop.path("sample-data"))
    try FileManager.default.createDirectory(atPath: shop.path("pipelines"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: Workshop.root + "/pipelines/messy.yaml", toPath: shop.path("pipelines/messy.yaml"))
    let outcome = try shop.runPipeline("pipelines/messy.yaml")
    #expect(outcome.status == 65)
    #expect(outcome.records == ["read": 13, "written": 5, "filtered": 0, "dead_lettered": 8])
    #expect(shop.records("out/messy/messy.jsonl").map { $0["id"] as? Int } == [1, 10, 11, 12, 13])
    let letters = try shop.sluice("dead-letters", "export", "pipelines/messy.yaml").stdout.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
    }
    try #require(
      letters.map { $0["code"] as? String } == [
        "ragged_record", "ragged_record", "invalid_value", "invalid_value", "broken_quote", "broken_quote", "invalid_encoding",
        "missing_value",
      ])
    #expect(letters.map { $0["record"] as? Int } == [2, 3, 4, 5, 6, 7, 8, 9])
    #expect(letters.map { $0["line"] as? Int } == [3, 4, 5, 6, 7, 8, 9, 10])
    let text = try #require(shop.data("sample-data/messy.csv"))
    for letter in letters {
      let raw = (letter["raw"] as? String).map { Data($0.utf8) } ?? (letter["raw_base64"] as? String).flatMap { Data(base64Encoded: $0) }
      let offset = try #require(letter["offset"] as? Int)
      #expect(raw == text[offset..<(offset + (raw?.count ?? 0))])
    }
    #expect(letters[2]["field"] as? String == "distance")
    let keys: Set = [
      "id", "run", "pipeline", "item", "stage", "record", "line", "offset", "field", "code", "reason", "attempts", "at", "raw", "resolved",
    ]
    #expect(Set(letters[0].keys) == keys)
  }

  @Test("hundreds of thousands of short bad records take little memory, and each is a dead letter with its place")
  func tinyLetters() throws {
    let shop = try Workshop()
    _ = try shop.python("open('x.csv', 'w').write('id,v\\n' + 'x\\n' * 399999 + 'bad,1\\n')")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: x.csv}\nparse: {fields: {id: bigint, v: text}}\nwrite: {path: out.jsonl}\nlimits: {dead_letters: 1000000}\n"
    )
    let (outcome, kilobytes) = try shop.runMeasured()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(kilobytes < 160_000)
    let letters = try shop.python(
      """
      import sqlite3
      db = sqlite3.connect('.sluice/ledger.sqlite')
      print(*db.execute('SELECT count(*), count(DISTINCT record), sum(line - record), sum(offset - 2 * record) FROM dead_letters').fetchone())
      print(*db.execute('SELECT record, line, code, field, CAST(raw AS text), next FROM dead_letters ORDER BY record DESC LIMIT 1').fetchone())
      """)
    #expect(letters.stdout == "400000 400000 400000 1200000\n400000 400001 invalid_value id bad,1 None\n")
  }

  @Test("a truncated, a damaged and a trailed gzip fail their item, and none is passed off as whole; keep_records keeps what was whole")
  func damaged() throws {
    let shop = try Workshop()
    let lines = "n\n" + (0..<200_000).map { "\($0)" }.joined(separator: "\n") + "\n"
    try shop.write("whole.csv", lines)
    _ = try shop.run("/bin/gzip", ["-k", "whole.csv"])
    let whole = try #require(shop.data("whole.csv.gz"))
    try shop.write("in/truncated.csv.gz", whole.prefix(whole.count / 2))
    var damaged = whole
    damaged[whole.count - 6] ^= 0xFF
    try shop.write("in/damaged.csv.gz", damaged)
    try shop.write("in/trailed.csv.gz", whole + Data("garbage".utf8))
    try shop.write("in/twice.csv.gz", whole + whole)
    let definition =
      "pipeline: p\nfetch: {from: in/*.gz}\ndecompress: {on_error: WHAT}\nparse: {fields: {n: text}}\nwrite: {path: 'out/{item.stem}.csv'}\n"
    try shop.write("pipeline.yaml", definition.replacingOccurrences(of: "WHAT", with: "fail_item"))
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69)
    #expect(outcome.items == ["total": 4, "done": 1, "skipped": 0, "failed": 3])
    #expect(!shop.exists("out/truncated.csv") && !shop.exists("out/damaged.csv") && !shop.exists("out/trailed.csv"))
    #expect((shop.read("out/twice.csv") == lines + lines) as Bool)
    try shop.write(
      "keep.yaml",
      definition.replacingOccurrences(of: "WHAT", with: "keep_records").replacingOccurrences(of: "in/*.gz", with: "in/truncated.csv.gz")
        + "limits: {dead_letters: '${LIMIT:-0}'}\n")
    let kept = try shop.runPipeline("keep.yaml", "--state", "kept")
    // The damaged rest counts as one record: read, and a dead letter.
    #expect(kept.status == 65 && kept.records["dead_lettered"] == 1 && kept.json["damaged_items"] as? Int == 1, "\(kept.stdout)")
    #expect(kept.records["read"] == (kept.records["written"] ?? 0) + 1)
    let metrics = try shop.sluice(
      "run", "keep.yaml", "--state", "allowed", "--metrics-file", shop.path("m.prom"), "--var", "LIMIT=1", "--progress", "none")
    #expect(metrics.status == 0 && metrics.stdout.contains("1 dead-lettered (1 of them the damaged rest of an item"), "\(metrics.stdout)")
    #expect(shop.read("m.prom").contains("dead_lettered") && shop.read("m.prom").contains(" 1\n"), "\(shop.read("m.prom"))")
    #expect(lines.hasPrefix(shop.read("out/truncated.csv")) && shop.read("out/truncated.csv").count > 100_000)
    #expect(try shop.sluice("dead-letters", "export", "p", "--state", "kept").stdout.contains("damaged_item"))
  }

  @Test("damage that only a checksum shows costs no record before it", arguments: ["gz", "zst", "zip", "utf16.gz"])
  func onlyTheChecksum(_ ending: String) throws {
    let shop = try Workshop()
    _ = try shop.python(
      """
      import gzip, random, subprocess, sys, zipfile
      random.seed(3)
      text = 'n,v\\n' + ''.join('%d,%d\\n' % (i, random.getrandbits(40)) for i in range(90_000))
      open('want.csv', 'w').write(text)
      if '\(ending)' == 'zip':
          with zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED) as archive: archive.writestr('a.csv', text)
          data = bytearray(open('a.zip', 'rb').read())
          at = data.rindex(b'PK\\x01\\x02')
          data[14] ^= 1; data[at + 16] ^= 1
      else:
          data = text.encode('utf-16' if 'utf16' in '\(ending)' else 'utf-8')
          if '\(ending)' == 'zst': data = bytearray(subprocess.run(['zstd', '-c', '--check'], input=data, capture_output=True, check=True).stdout); data[-1] ^= 1
          else: data = bytearray(gzip.compress(data)); data[-8] ^= 1
      open('a.\(ending == "zip" ? "zip" : "csv." + ending)', 'wb').write(data)
      """)
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: 'a.*'}\ndecompress: {on_error: keep_records}\nparse: {\(ending == "utf16.gz" ? "encoding: utf-16, " : "")fields: {n: bigint, v: bigint}}\nwrite: {path: out.csv}\nlimits: {dead_letters: 1}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && outcome.json["damaged_items"] as? Int == 1, "\(outcome.stdout)\(outcome.stderr)")
    #expect(outcome.records["written"] == 90_000 && outcome.records["dead_lettered"] == 1, "\(outcome.stdout)")
    #expect((shop.read("out.csv") == shop.read("want.csv")) as Bool)
  }

  @Test("a full disk exits 74 with the ledger whole; with room again, resume finishes", .enabled(if: getuid() == 0, "mounting needs root"))
  func fullDisk() throws {
    let shop = try Workshop()
    let lines = "n\n" + (0..<800_000).map { "\($0)" }.joined(separator: "\n") + "\n"
    try shop.write("in.csv", lines)
    try FileManager.default.createDirectory(atPath: shop.path("small"), withIntermediateDirectories: true)
    let mounted = try shop.run("/bin/mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", shop.path("small")])
    try #require(mounted.status == 0, "\(mounted.stderr)")
    defer { _ = try? shop.run("/bin/umount", [shop.path("small")]) }
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: in.csv}\nparse: {fields: {n: text}}\nwrite: {path: small/out.csv}\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 74)
    #expect(outcome.stderr.contains("No space left on device; make room, then resume"), "\(outcome.stderr)")
    _ = try shop.run("/bin/mount", ["-o", "remount,size=64m", shop.path("small")])
    let resumed = try shop.sluice("resume", "pipeline.yaml")
    #expect(resumed.status == 0, "\(resumed.stderr)")
    #expect((shop.read("small/out.csv") == lines) as Bool)
  }

  @Test("encodings, dialects and byte order marks read as they are")
  func dialects() throws {
    let shop = try Workshop()
    let text = "name;n\r\nMüller;1\r\n'Ein; Zwei';2\r\n"
    try shop.write("utf16.csv", try #require(text.data(using: .utf16LittleEndian)).reduce(into: Data([0xFF, 0xFE])) { $0.append($1) })
    try shop.write("latin.csv", try #require(text.data(using: .isoLatin1)))
    try shop.write("bom.csv", Data([0xEF, 0xBB, 0xBF]) + Data(text.utf8))
    try shop.write("cr.csv", text.replacingOccurrences(of: "\r\n", with: "\r"))
    for (name, encoding) in [("utf16", "utf-16"), ("latin", "latin-1"), ("bom", "utf-8"), ("cr", "utf-8")] {
      try shop.write(
        "\(name).yaml",
        "pipeline: \(name)\nfetch: {from: \(name).csv}\nparse: {delimiter: ';', quote: \"'\", encoding: \(encoding)}\nwrite: {path: \(name).jsonl}\n"
      )
      #expect(try shop.runPipeline("\(name).yaml").status == 0)
      #expect(shop.read("\(name).jsonl") == "{\"name\":\"Müller\",\"n\":1}\n{\"name\":\"Ein; Zwei\",\"n\":2}\n", "\(name)")
    }
  }
}
