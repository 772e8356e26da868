import Foundation
import Testing

@Suite("Members of archives")
struct MemberTests {
  /// Writes a zip archive of members by Python: their names, and their texts or what makes them.
  private func zip(_ shop: Workshop, _ path: String, _ members: String, after: String = "") throws {
    _ = try shop.python(
      """
      import gzip, os, random, zipfile
      random.seed(7)
      os.makedirs(os.path.dirname('\(path)') or '.', exist_ok=True)
      with zipfile.ZipFile('\(path)', 'w', zipfile.ZIP_DEFLATED) as z:
        for name, text in \(members):
          info = zipfile.ZipInfo(name); info.filename = name; info.compress_type = zipfile.ZIP_DEFLATED
          z.writestr(info, text)
      data = bytearray(open('\(path)', 'rb').read())
      \(after)
      open('\(path)', 'wb').write(data)
      """)
  }

  @Test("each member is an item with a key, a version and an output of its own; only what changed is read again")
  func membersAreItems() throws {
    let shop = try Workshop()
    try zip(
      shop, "in/a.zip",
      "[('one.csv', 'n\\n1\\n'), ('deep/er/two.csv', 'n\\n2\\n'), ('three.csv.gz', gzip.compress(b'n\\n3\\n')), ('Übung.csv', 'n\\n4\\n')]")
    try shop.write("in/plain.csv", "n\n5\n")
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: 'in/*'}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    let plan = try shop.sluice("run", "pipeline.yaml", "--dry-run")
    #expect(plan.stdout.contains("in/a.zip!/deep/er/two.csv"), "\(plan.stdout)\(plan.stderr)")
    let first = try shop.runPipeline()
    #expect(first.status == 0 && first.items == ["total": 5, "done": 5, "skipped": 0, "failed": 0], "\(first.stderr)")
    for (stem, n) in [("one", 1), ("two", 2), ("three", 3), ("Übung", 4), ("plain", 5)] {
      #expect(shop.read("out/\(stem).jsonl") == "{\"n\":\(n)}\n", "\(stem)")
    }
    #expect(try shop.runPipeline().items["skipped"] == 5)
    try zip(
      shop, "in/a.zip",
      "[('one.csv', 'n\\n1\\n'), ('deep/er/two.csv', 'n\\n22\\n'), ('three.csv.gz', gzip.compress(b'n\\n3\\n', mtime=1)), ('new.csv', 'n\\n6\\n')]"
    )
    let second = try shop.runPipeline()
    #expect(second.status == 0 && second.items["skipped"] == 2 && second.items["done"] == 3, "\(second.stderr)\(second.stdout)")
    #expect(shop.read("out/two.jsonl") == "{\"n\":22}\n" && shop.read("out/new.jsonl") == "{\"n\":6}\n")
  }

  @Test("decompress.members takes some of them; where none is taken the run says so; archive says of which names")
  func patterns() throws {
    let shop = try Workshop()
    let members = "[('x/a.csv', 'n\\n1\\n'), ('b.csv', 'n\\n2\\n'), ('read.me', 'hello')]"
    try zip(shop, "a.zip", members)
    try zip(shop, "b.export", members)
    func run(_ decompress: String, from: String = "a.zip") throws -> (Outcome, [String]) {
      try? FileManager.default.removeItem(atPath: shop.path("out"))
      try shop.write(
        "pipeline.yaml",
        "pipeline: p\nfetch: {from: \(from)}\ndecompress: \(decompress)\nparse: {format: csv, fields: {n: bigint}}\nwrite: {path: 'out/{item.name}.jsonl'}\n"
      )
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      return (outcome, ((try? FileManager.default.contentsOfDirectory(atPath: shop.path("out"))) ?? []).sorted())
    }
    for (decompress, files) in [
      ("{members: '*.csv'}", ["a.csv.jsonl", "b.csv.jsonl"]), ("{members: [x/*, '*.zip']}", ["a.csv.jsonl"]),
      ("{members: /b.csv}", ["b.csv.jsonl"]),
    ] {
      let (outcome, found) = try run(decompress)
      #expect(outcome.status == 0 && found == files, "\(decompress): \(found) \(outcome.stderr)")
    }
    let (none, _) = try run("{members: '*.cvs'}")
    #expect(none.status == 66 && none.stderr.contains("decompress.members among the members of a.zip"), "\(none.stderr)")
    let (named, found) = try run("{archive: zip, members: '*.csv'}", from: "b.export")
    #expect(named.status == 0 && found == ["a.csv.jsonl", "b.csv.jsonl"], "\(named.stderr)")
    for (decompress, from) in [("{}", "b.export"), ("{archive: none}", "a.zip"), ("{format: none}", "a.zip")] {
      let (plain, _) = try run(decompress, from: from)
      #expect(plain.status == 69 && plain.stderr.contains("its content is a zip archive: its members are items where"), "\(plain.stderr)")
    }
  }

  @Test("a member that leads out, is encrypted or damaged fails alone; an archive that is cut fails as an item, and the rest is read")
  func badMembers() throws {
    let shop = try Workshop()
    try zip(
      shop, "in/a.zip",
      "[('../out.csv', 'n\\n1\\n'), ('secret.csv', 'n\\n2\\n'), ('broken.csv', 'n\\n' + ''.join('%d\\n' % random.getrandbits(30) for i in range(9))), ('good.csv', 'n\\n4\\n')]",
      after: "data[data.rindex(b'secret.csv') - 46 + 8] |= 1; data[data.index(b'broken.csv') + 20] ^= 4")
    try zip(shop, "in/cut.zip", "[('a.csv', 'n\\n1\\n')]", after: "data = data[:-20]")
    try shop.write("in/no.zip", "n\n7\n")
    try zip(shop, "in/good.zip", "[('fine.csv', 'n\\n5\\n')]")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: 'in/*.zip', retry: {attempts: 1}}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.name}.jsonl'}\n"
    )
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && outcome.items == ["total": 7, "done": 2, "skipped": 0, "failed": 5], "\(outcome.stderr)")
    for (key, words) in [
      ("in/a.zip!/../out.csv", "leads out of the archive by “..”"), ("in/a.zip!/secret.csv", "the member “secret.csv” is encrypted"),
      ("in/a.zip!/broken.csv", "the zip archive is damaged: a member can't be unpacked"),
      ("in/cut.zip", "the zip archive is not whole: it ends without its directory"),
      ("in/no.zip", "the zip archive is not whole: it ends without its directory"),
    ] {
      let line = outcome.stderr.split(separator: "\n").first { $0.contains("\(key): ") } ?? ""
      #expect(
        line.contains("failed in decompress: ") && line.contains(words) && line.contains("[SL-30"), "\(key): \(line)\n\(outcome.stderr)")
    }
    #expect(shop.read("out/good.csv.jsonl") == "{\"n\":4}\n" && shop.read("out/fine.csv.jsonl") == "{\"n\":5}\n")
    #expect(!shop.exists("out.csv.jsonl"))
    // Mended, they are read by a resume.
    try zip(shop, "in/cut.zip", "[('a.csv', 'n\\n1\\n')]")
    let next = try shop.runPipeline()
    #expect(shop.read("out/a.csv.jsonl") == "{\"n\":1}\n", "\(next.stderr)")
  }

  @Test("keep_records keeps a damaged member's records up to the damage, on a disk and on a server", arguments: [false, true])
  func damagedMember(_ isOnServer: Bool) throws {
    let shop = try Workshop()
    try zip(
      shop, "in/a.zip",
      "[('broken.csv', 'n\\n' + ''.join('%d\\n' % random.getrandbits(30) for i in range(400_000))), ('good.csv', 'n\\n4\\n')]",
      after: "data[len(data) // 2 : len(data) // 2 + 4096] = b'\\xFF' * 4096")
    let server = isOnServer ? try Nginx(shop, serving: shop.path("in")) : nil
    let from = server.map { "'\($0.url)/a.zip'" } ?? "in/a.zip"
    func run(_ decompress: String) throws -> Outcome {
      try shop.write(
        "pipeline.yaml",
        """
        pipeline: p
        fetch: {from: \(from), retry: {attempts: 2, backoff: 1ms..2ms}}
        decompress: \(decompress)
        parse: {fields: {n: bigint}}
        write: {path: 'out/{item.stem}.csv'}
        limits: {dead_letters: 10%}
        """)
      return try shop.runPipeline()
    }
    let failed = try run("{on_error: fail_item}")
    #expect(failed.status == 69 && failed.items["failed"] == 1 && failed.items["done"] == 1, "\(failed.stderr)")
    #expect(!shop.exists("out/broken.csv") && shop.read("out/good.csv") == "n\n4\n")
    let kept = try run("{on_error: keep_records}")
    #expect(kept.status == 0 && kept.items["failed"] == 0, "\(kept.stderr)")
    let same = try shop.python(
      """
      import random
      random.seed(7)
      rows = open('out/broken.csv').read().split()[1:150_001]
      print(len(rows), rows == ['%d' % random.getrandbits(30) for row in rows])
      """)
    #expect(same.stdout == "150000 True\n")
    #expect((150_000..<400_000).contains(kept.records["written"] ?? 0) && kept.json["damaged_items"] as? Int == 1, "\(kept.stdout)")
    let letters = try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout
    #expect(letters.contains("a.zip!/broken.csv") && letters.contains("damaged_item"), "\(letters)")
    #expect(try shop.runPipeline().items["skipped"] == 2)
  }

  @Test("an archive that could not be read is an item until it can be; then its members are", arguments: ["fail_item", "keep_records"])
  func mendedArchive(_ onError: String) throws {
    let shop = try Workshop()
    try zip(shop, "whole.zip", "[('a.csv', 'n\\n1\\n'), ('b.csv', 'n\\n2\\n')]")
    try shop.write("x.zip", try #require(shop.data("whole.zip")).prefix(150))
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: x.zip}\ndecompress: {on_error: \(onError)}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.csv'}\n"
    )
    let cut = try shop.runPipeline()
    #expect(cut.status == 69 && cut.items["failed"] == 1 && cut.stderr.contains("it ends without its directory"), "\(cut.stderr)")
    #expect(!shop.exists("out/x.csv"))
    try shop.write("x.zip", try #require(shop.data("whole.zip")))
    let resumed = try shop.sluice("resume", "1")
    #expect(resumed.status == 69 && resumed.stderr.contains("they are items of a new run"), "\(resumed.stderr)")
    let mended = try shop.runPipeline()
    #expect(mended.status == 0 && mended.items["done"] == 2, "\(mended.stderr)")
    #expect(mended.stderr.contains("x.zip: was not done before, and is no longer found"), "\(mended.stderr)")
    #expect(try !shop.runPipeline().stderr.contains("not finished"))
    #expect(try shop.sluice("dead-letters", "list", "pipeline.yaml").stdout.isEmpty)
  }

  @Test("an archive on a server is asked for as often as any item, and one that can't be had holds up no other item")
  func archivesOfBadServers() throws {
    let shop = try Workshop()
    try zip(shop, "files/x.zip", "[('a.csv', 'n\\n1\\n'), ('b.csv', 'n\\n2\\n')]")
    try shop.write("files/y.zip", try #require(shop.data("files/x.zip")))
    try shop.write("files/ok.csv", "n\n3\n")
    let server = try ScriptServer(shop, "misbehaving.py", shop.path("files"))
    let paths = ["flaky/x.zip", "down/y.zip", "missing/z.zip", "plain/ok.csv"].map { "'\(server.url)/\($0)'" }
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: p
      fetch: {from: [\(paths.joined(separator: ", "))], retry: {attempts: 4, backoff: 1ms..2ms}}
      parse: {fields: {n: bigint}}
      write: {path: 'out/{item.stem}.csv'}
      """)
    let outcome = try shop.runPipeline()
    #expect(
      outcome.status == 69 && outcome.items == ["total": 5, "done": 3, "skipped": 0, "failed": 2], "\(outcome.stdout)\(outcome.stderr)")
    for (name, n) in [("a", 1), ("b", 2), ("ok", 3)] { #expect(shop.read("out/\(name).csv") == "n\n\(n)\n") }
    #expect(outcome.stderr.contains("\(server.url)/down/y.zip: failed in fetch: the server answers 503"), "\(outcome.stderr)")
    #expect(outcome.stderr.contains("\(server.url)/missing/z.zip: failed in fetch: the server answers 404"), "\(outcome.stderr)")
  }

  @Test("numbers of a directory that lead beyond all bounds cost their member, or nothing at all")
  func numbersOfADirectory() throws {
    let shop = try Workshop()
    _ = try shop.python(
      """
      import struct, zlib
      most, data, out, directory = (1 << 63) - 1, b'n\\n1\\n', b'#!/bin/sh\\n', b''
      for name, offset, size in [(b'good.csv', None, None), (b'far.csv', most, None), (b'farther.csv', (1 << 64) - 1, None), (b'large.csv', None, most), (b'larger.csv', None, most)]:
        if offset is None: offset = len(out) - 10
        crc = zlib.crc32(data)
        out += struct.pack('<IHHHHHIIIHH', 0x04034b50, 45, 0, 0, 0, 0, crc, len(data), len(data), len(name), 0) + name + data
        extra = struct.pack('<HHQQQ', 1, 24, len(data) if size is None else size, len(data), offset)
        directory += struct.pack('<IHHHHHHIIIHHHHHII', 0x02014b50, 45, 45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF) + name + extra
      end = struct.pack('<IHHHHIIH', 0x06054b50, 0, 0, 5, 5, len(directory), len(out) - 10, 0)
      open('a.zip', 'wb').write(out + directory + end)
      # Of a zip64 archive: where the directory is, and how long.
      for name, size, offset, count in [('size', most, 0, 5), ('offset', 0, most, 5), ('both', most, most, most), ('count', len(directory), len(out), most)]:
        long = struct.pack('<IQHHIIQQQQ', 0x06064b50, 44, 45, 45, 0, 0, count, count, size, offset)
        locator = struct.pack('<IIQI', 0x07064b50, 0, most if name == 'both' else len(out) + len(directory), 1)
        last = struct.pack('<IHHHHIIH', 0x06054b50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        open(name + '.zip', 'wb').write(out + directory + long + locator + last)
      """)
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: '*.zip', retry: {attempts: 1}}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.name}.jsonl'}\n")
    try shop.write(
      "large.yaml", "pipeline: large\nfetch: {from: a.zip}\ndecompress: {members: [good.csv, 'large*.csv']}\nwrite: {path: large.jsonl}\n")
    let plan = try shop.sluice("run", "large.yaml", "--dry-run")
    #expect(plan.stdout.contains("to fetch 3 ("), "\(plan.stdout)\(plan.stderr)")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && outcome.items == ["total": 9, "done": 1, "skipped": 0, "failed": 8], "\(outcome.stderr)")
    #expect(shop.read("out/good.csv.jsonl") == "{\"n\":1}\n")
    for words in ["“far.csv” lies outside of it", "“farther.csv” lies outside of it"] {
      #expect(outcome.stderr.contains(words), "\(words): \(outcome.stderr)")
    }
  }

  @Test("killed within a member, and among a thousand, a run goes on to the same bytes", arguments: ["large", "many"])
  func killed(_ kind: String) throws {
    let shop = try Workshop()
    try zip(
      shop, "a.zip",
      kind == "large"
        ? "[('first.csv', 'n\\n1\\n'), ('large.csv', 'n\\n' + ''.join('%d\\n' % random.getrandbits(50) for i in range(900000))), ('last.csv', 'n\\n2\\n')]"
        : "[('%04d.csv' % i, 'n\\n' + ''.join('%d\\n' % (i * 100 + k) for k in range(100))) for i in range(1000)]")
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: a.zip}\nparse: {fields: {n: bigint}}\nwrite: {path: out.jsonl, checkpoint: {bytes: 1MB}}\n")
    let whole = try shop.runPipeline()
    #expect(whole.status == 0 && whole.records["written"] == (kind == "large" ? 900_002 : 100_000), "\(whole.stderr)")
    let want = shop.read("out.jsonl")
    let places =
      kind == "large"
      ? ["ledger.checkpoint/after=kill@2", "ledger.checkpoint/after=kill@5"] : ["ledger.finish_item=kill@1", "ledger.finish_item=kill@3"]
    for place in places {
      try FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
      let killed = try shop.run(
        Workshop.failpointBinary, ["run", "pipeline.yaml", "--no-supervisor", "--quiet"], environment: ["SLUICE_FAILPOINTS": place])
      // So few commits may do for many small items that there is no third.
      guard killed.status == SIGKILL else {
        #expect(kind == "many" && place.hasSuffix("3") && killed.status == 0, "\(killed.stderr)")
        continue
      }
      let resumed = try shop.sluice("resume", "pipeline.yaml", "--output", "json", "--progress", "none")
      #expect(resumed.status == 0, "\(resumed.stderr)")
      #expect((shop.read("out.jsonl") == want) as Bool, "\(place)")
    }
  }

  @Test("members of an archive on a server are read by ranges; a server without ranges is told of, and a wrong sum")
  func overHTTP() throws {
    let shop = try Workshop()
    // Over a mebibyte, which is read at a time.
    try zip(
      shop, "served/a.zip",
      "[('pad%d.csv' % k, 'n\\n' + ''.join('%d\\n' % random.getrandbits(60) for i in range(200000))) for k in range(3)] + [('good.csv', 'n\\n4\\n')]"
    )
    let nginx = try Nginx(shop, serving: shop.path("served"))
    func define(_ from: String) throws {
      try shop.write(
        "pipeline.yaml",
        "pipeline: p\nfetch: {from: \(from), retry: {attempts: 1}}\ndecompress: {members: 'good.*'}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
      )
    }
    try define(nginx.url + "/a.zip")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0 && shop.read("out/good.jsonl") == "{\"n\":4}\n", "\(outcome.stderr)")
    #expect(nginx.statuses.contains(206), "\(nginx.statuses)")
    #expect(try shop.runPipeline().items["skipped"] == 1)
    let server = try ScriptServer(shop, "plain.py", shop.path("served"))
    try define(server.url + "/a.zip")
    let refused = try shop.runPipeline("pipeline.yaml", "--state", "plain")
    #expect(refused.status == 69 && refused.stderr.contains("the server does not send parts of a file"), "\(refused.stderr)")
    try shop.write("a.zip", try #require(shop.data("served/a.zip")))
    try define("{url: a.zip, sha256: \(String(repeating: "0", count: 64))}")
    let wrong = try shop.runPipeline("pipeline.yaml", "--state", "sums")
    #expect(wrong.status == 69 && wrong.stderr.contains("a.zip: ") && wrong.stderr.contains("[SL-206]"), "\(wrong.stderr)")
  }
}
